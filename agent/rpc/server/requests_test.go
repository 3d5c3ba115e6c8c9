package server

import (
	"testing"
	"testing/synctest"

	"serf/agent"
	"serf/agent/rpc/internal/protocol"
	"serf/swim/serf"
)

// Some clients send a body with every request. It is skipped, once, after a request without one.
func TestNeedlessBodiesAreSkipped(t *testing.T) {
	for _, body := range []any{map[string]string{}, map[string]string{"Name": "x"}, []string{}, nil, "text"} {
		synctest.Test(t, func(t *testing.T) { // the server lingers in the end
			_, l := startServer(t, &fakeAgent{stats: map[string]map[string]string{}}, Options{})
			r := dialRaw(t, l)
			r.greet()
			b := protocol.Append(nil, &protocol.RequestHeader{Command: protocol.CmdStats, Seq: 2}, body, &protocol.RequestHeader{Command: protocol.CmdEvent, Seq: 3}, &protocol.EventRequest{Name: "x"})
			go r.nc.Write(b)
			var stats any
			r.want(2, "")
			r.read(&stats)
			r.want(3, "")
			go r.nc.Write(protocol.Append(nil, map[string]string{}))
			r.want(0, protocol.TextUnsupportedCommand) // after a request with its body nothing is needless
		})
	}
}

// An event reaches each of very many streams.
func TestThousandsOfStreamsAndConnections(t *testing.T) {
	const streams, conns = 2000, 1200
	var feeds []*feed[agent.Event]
	subscribe := func(func(agent.Event) bool) (Feed[agent.Event], error) {
		feeds = append(feeds, newFeed[agent.Event](1))
		return feeds[len(feeds)-1], nil
	}
	s, l := startServer(t, &fakeAgent{subscribe: subscribe}, Options{})
	clients := make([]*rawClient, conns)
	for i := range clients {
		clients[i] = dialRaw(t, l)
		clients[i].greet()
	}
	r := clients[0]
	for seq := uint64(100); seq < 100+streams; seq++ {
		r.ask(protocol.CmdStream, seq, &protocol.StreamRequest{Type: "*"}, "")
	}
	for _, f := range feeds {
		f.c <- agent.UserEvent{Name: "x", LTime: 7}
	}
	told := make(map[uint64]bool)
	for range streams {
		var head protocol.ResponseHeader
		var rec userEventRecord
		r.read(&head)
		if r.read(&rec); rec.LTime != 7 {
			t.Fatalf("record %+v", rec)
		}
		told[head.Seq] = true
	}
	if len(told) != streams {
		t.Errorf("%d streams told", len(told))
	}
	clients[conns-1].ask(protocol.CmdStream, 2, &protocol.StreamRequest{Type: "*"}, "")
	if c := s.Counters(); c.Accepted != conns || c.Refused != 0 {
		t.Errorf("%d accepted, %d refused", c.Accepted, c.Refused)
	}
	for _, c := range clients {
		c.nc.Close()
	}
	s.Close()
	if n := s.streams.Load(); n != 0 {
		t.Errorf("%d streams are counted when none is left", n)
	}
}

// Clients of HashiCorp's Serf send an empty list if they mean all.
func TestQueryOfAnEmptyListIsForAll(t *testing.T) {
	var asked serf.QueryParams
	a := &fakeAgent{query: func(p serf.QueryParams) (Feed[agent.Answer], error) {
		asked = p
		return ended[agent.Answer](), nil
	}}
	synctest.Test(t, func(t *testing.T) {
		_, l := startServer(t, a, Options{})
		r := dialRaw(t, l)
		r.greet()
		r.ask(protocol.CmdQuery, 4, &protocol.QueryRequest{Name: "q", FilterNodes: []string{}}, "")
		if asked.Name != "q" || asked.Nodes != nil {
			t.Errorf("asked %+v", asked)
		}
	})
}
