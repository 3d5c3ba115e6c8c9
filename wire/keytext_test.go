package wire_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"serf/wire"
)

func TestKeysIn(t *testing.T) {
	a, b := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 32)
	encoded := base64.StdEncoding.EncodeToString
	request := (&wire.KeyRequest{Key: a}).Append(nil)
	answer := (&wire.KeyAnswer{Keys: wire.NewList(encoded(a), encoded(b)), PrimaryKey: []byte(encoded(b))}).Append(nil)
	query := (&wire.Query{Name: []byte("_serf_use-key"), Payload: request}).Append(nil)
	response := (&wire.QueryResponse{From: []byte("n1"), Payload: answer}).Append(nil)
	relay := (&wire.Relay{DestIP: []byte{127, 0, 0, 1}, DestName: []byte("n1"), Msg: response}).Append(nil)
	short := (&wire.KeyRequest{Key: a[:5]}).Append(nil)
	for name, c := range map[string]struct {
		msg  []byte
		want [][]byte
	}{
		"query":         {query, [][]byte{a}},
		"user message":  {wire.AppendUser(nil, query), [][]byte{a}},
		"response":      {response, [][]byte{a, b, b}},
		"relay":         {wire.AppendUser(nil, relay), [][]byte{a, b, b}},
		"no key's size": {(&wire.Query{Payload: short}).Append(nil), nil},
		"an event":      {(&wire.UserEvent{Name: []byte("deploy"), Payload: request}).Append(nil), nil},
		"nothing":       {nil, nil},
	} {
		list := wire.KeysIn(c.msg)
		if len(list) != len(c.want) {
			t.Errorf("%s: %d keys, want %d", name, len(list), len(c.want))
			continue
		}
		for i, k := range list {
			if !bytes.Equal(k.Key, c.want[i]) || !bytes.Contains(c.msg, k.Text) {
				t.Errorf("%s: key %x as %q, want %x", name, k.Key, k.Text, c.want[i])
			}
		}
		for n := range c.msg {
			wire.KeysIn(c.msg[:n]) // does not panic
		}
	}
}
