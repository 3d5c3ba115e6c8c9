package server

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"serf/agent/rpc"
	"serf/agent/rpc/internal/protocol"
)

func FuzzRequests(f *testing.F) {
	greeting := protocol.Append(nil, &protocol.RequestHeader{Command: protocol.CmdHandshake, Seq: 1}, &protocol.HandshakeRequest{Version: 1})
	for name, cmd := range commandTable {
		b := protocol.Append(greeting, &protocol.RequestHeader{Command: name, Seq: 2})
		if cmd.body {
			b = protocol.Append(b, map[string]string{})
		}
		f.Add(b)
	}
	f.Add(protocol.Append(greeting, &protocol.RequestHeader{Command: protocol.CmdEvent, Seq: 2}, &protocol.EventRequest{Name: "x", Payload: []byte("y")}))
	f.Add([]byte("\xdf\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &Server{agent: &fakeAgent{}, o: Options{Log: discard{}, conns: 1, streams: 64}, conns: map[*conn]struct{}{}, requests: newRequests()}
		s.ctx, s.cancel = t.Context(), func() {}
		nc := &scriptedConn{Reader: bytes.NewReader(b)}
		c := newConn(s, nc)
		c.serve()
		// Every answer consists of complete values.
		values := splitValues(nc.out.Bytes())
		if n := len(slices.Concat(values...)); n != nc.out.Len() {
			t.Errorf("%d bytes of values in an answer of %d", n, nc.out.Len())
		}
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte("\x82\xa5Error\xa0\xa3Seq\x01\x82\xa5Error\xa0\xa3Seq\x02\x81\xa7Members\x91\x8b"))
	f.Add([]byte(strings.Repeat("\x82\xa5Error\xa0\xa3Seq\x01", 3)))
	f.Fuzz(func(t *testing.T, b []byte) {
		nc := &scriptedConn{Reader: bytes.NewReader(b)}
		c, err := rpc.NewClient(t.Context(), nc, rpc.Options{})
		if err != nil {
			return
		}
		defer c.Close()
		c.Members(t.Context()) // fails or not; the stream of bytes ends, so it doesn't wait
	})
}
