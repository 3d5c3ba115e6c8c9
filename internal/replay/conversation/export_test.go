package conversation

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"serf/agent/recording"
	"serf/swim"
	"serf/wire"
)

// A key that no keyring given has, such as another member's in its answer, is hidden as the others.
func TestKeyOfAnotherMemberIsHidden(t *testing.T) {
	key := []byte("0123456789abcdef")
	encoded := base64.StdEncoding.EncodeToString(key)
	answer := (&wire.KeyAnswer{Keys: wire.NewList(encoded), Result: true}).Append(nil)
	response := (&wire.QueryResponse{From: []byte("web-2"), Payload: answer}).Append(nil)
	e := &recording.Entry{Kind: recording.KindStream, Stream: swim.StreamIn{
		Data: append((&wire.UserMsgHeader{Len: len(response)}).Append(nil), response...)}}
	x := exporter{keys: recording.Keys{}}
	in := x.input(nil, e)
	if data := in.Entry.Stream.Data; len(data) != len(e.Stream.Data) || bytes.Contains(data, []byte(encoded)) {
		t.Errorf("%q in the file has the key %s", data, encoded)
	}
	if line := "key " + wire.FingerprintOf(key).String(); x.keys[wire.FingerprintOf(key)] == nil {
		t.Errorf("it isn't among the keys in the head: want %q", line)
	}
	if strings.Contains(strings.Join(in.Lines, ""), encoded) {
		t.Errorf("%q has the key", in.Lines)
	}
}
