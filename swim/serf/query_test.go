package serf

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// ask starts a query and returns it.
func (tn *conversation) ask(p QueryParams) *query {
	tn.t.Helper()
	if p.Name == "" {
		p.Name = "q"
	}
	op, err := tn.n.Query(tn.now, p, &tn.out)
	if err != nil {
		tn.t.Fatal(err)
	}
	tn.collect()
	q := tn.n.queries[len(tn.n.queries)-1]
	if q.op != op {
		tn.t.Fatal("the query doesn't run")
	}
	return q
}

func (tn *conversation) wantRuns(reason string, q *query) {
	tn.t.Helper()
	if q.ends != q.deadline && tn.now >= q.ends {
		tn.t.Fatalf("%s: the query is over", reason)
	}
}

func (tn *conversation) respond(payload string) error {
	err := tn.n.Respond(tn.now, tn.lastOp, []byte(payload), &tn.out)
	tn.collect()
	return err
}

func TestOwnQuery(t *testing.T) {
	tn := converse(t, "b", "c")
	q := tn.ask(QueryParams{Payload: []byte("p"), WantAck: true, Timeout: 10 * time.Second})
	tn.want("this node is asked too", "event query q=p@1", "event ack a")
	tn.advance(time.Second)
	tn.want("gossiped", "says query q@1")
	tn.recv("b", ackMsg("b", 1, q.id))
	tn.recv("b", ackMsg("b", 1, q.id)) // relayed
	tn.recv("b", answerMsg("b", 1, q.id, "yes"))
	tn.recv("c", answerMsg("b", 1, q.id, "again"))
	tn.want("one ack and one response of each", "event ack b", "event answer b=yes")
	tn.wantIdle("duplicates are ignored")
	tn.advance(10 * time.Second)
	tn.want("neither this node nor c ever responded", "event done 1 a c")
	tn.recv("c", answerMsg("c", 1, q.id, "late"))
	tn.wantNote("the query is over", NoteResponseStray)
	tn.wantIdle("it is over")
	if c := tn.n.Counters(); c.AckDuplicates != 1 || c.ResponseDuplicates != 1 || c.Acks != 2 ||
		c.Responses != 1 || c.ResponsesStray != 1 {
		t.Errorf("counted %+v", c)
	}
}

func TestQueryEndsWhenAllHaveAnswered(t *testing.T) {
	for _, tt := range []struct {
		name   string
		params QueryParams
		steps  func(tn *conversation, q *query)
	}{
		{"everybody", QueryParams{}, func(tn *conversation, q *query) {
			tn.respond("me")
			tn.recv("b", answerMsg("b", 1, q.id, ""))
			tn.recv("c", answerMsg("c", 1, q.id, ""))
		}},
		{"those with that name", QueryParams{Nodes: []string{"b"}},
			func(tn *conversation, q *query) {
				tn.recv("b", answerMsg("b", 1, q.id, ""))
			}},
		{"those with that tag", QueryParams{Tags: map[string]string{"role": "^db"}},
			func(tn *conversation, q *query) {
				tn.recv("d", answerMsg("c", 1, q.id, ""))
			}},
		{"those that are left", QueryParams{Nodes: []string{"b", "c"}},
			func(tn *conversation, q *query) {
				tn.recv("b", answerMsg("b", 1, q.id, ""))
				tn.fails("c", "b", 1)
			}},
		{"acks don't count as answers", QueryParams{Nodes: []string{"b"}, WantAck: true},
			func(tn *conversation, q *query) {
				tn.recv("b", ackMsg("b", 1, q.id))
				tn.recv("b", flaggedAck("b", 1, q.id, 0))
				tn.wantRuns("the response is due", q)
				tn.recv("b", answerMsg("b", 1, q.id, ""))
			}},
		{"or have said that they won't", QueryParams{}, func(tn *conversation, q *query) {
			tn.respond("me")
			tn.recv("b", flaggedAck("b", 1, q.id, wire.ResponseDeclined))
			tn.recv("c", flaggedAck("c", 1, q.id, 0))
			tn.wantRuns("c has a handler", q)
			tn.recv("c", flaggedAck("c", 1, q.id, wire.ResponseDeclined)) // the handler had nothing to say
		}},
		{"including ourselves", QueryParams{Nodes: []string{"a"}},
			func(tn *conversation, q *query) {
				tn.wantRuns("this node may respond", q)
				tn.do(func(now swim.Time, out *swim.Output) error {
					return tn.n.Decline(now, tn.lastOp, out)
				})
			}},
		{"nobody is asked, and nobody answers soon", QueryParams{Nodes: []string{"x"}},
			func(tn *conversation, q *query) {
				tn.advance(q.repeat.gap - 1)
				tn.wantRuns("x may be a member that isn't known here", q)
				tn.advance(1)
			}},
		{"a ping needs acks alone", QueryParams{Name: PingQuery, WantAck: true},
			func(tn *conversation, q *query) {
				tn.recv("b", ackMsg("b", 1, q.id))
				tn.recv("c", ackMsg("c", 1, q.id))
			}},
		{"also who came later", QueryParams{}, func(tn *conversation, q *query) {
			tn.member("e", alive("e", 1))
			tn.respond("me")
			for _, name := range []string{"b", "c"} {
				tn.recv(name, answerMsg(name, 1, q.id, ""))
			}
			tn.wantRuns("e may answer", q)
			tn.recv("e", answerMsg("e", 1, q.id, ""))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tn := converse(t, "b")
			tn.member("c", aliveWith("c", 1, addrOf("c"), map[string]string{"role": "db1"}))
			tt.params.Timeout = time.Hour
			q := tn.ask(tt.params)
			tt.steps(tn, q)
			tn.advance(0)
			if len(tn.n.queries) != 0 {
				t.Errorf("it still runs; pending %b, replies %v", q.pending.bits, q.replies)
			}
		})
	}
}

func TestConcurrentQueriesKeepApart(t *testing.T) {
	tn := converse(t, "b")
	one := tn.ask(QueryParams{Name: "one", Timeout: time.Minute})
	two := tn.ask(QueryParams{Name: "two", Timeout: time.Minute})
	if one.time == two.time {
		t.Fatal("both have the same time")
	}
	tn.advance(time.Second)
	tn.did = nil
	tn.recv("b", answerMsg("b", uint64(one.time), two.id, "mixed up"))
	tn.wantIdle("time and ID have to match")
	tn.recv("b", answerMsg("b", uint64(two.time), two.id, "2"))
	if one.responses != 0 || two.responses != 1 {
		t.Errorf("answers %d and %d", one.responses, two.responses)
	}
}

func TestQueryIsRefused(t *testing.T) {
	tn := converse(t, "b")
	for _, tt := range []struct {
		name string
		p    QueryParams
		want error
	}{
		{"internal", QueryParams{Name: "_serf_conflict"}, ErrInternalName},
		{"too large", QueryParams{Name: "q", Payload: make([]byte, 1024)}, swim.ErrTooLarge},
		{"for a list of nobody", QueryParams{Name: "q", Nodes: []string{}}, ErrNoNodes},
		{"bad expression", QueryParams{Name: "q", Tags: map[string]string{"a": "("}}, nil},
		{"time before now", QueryParams{Name: "q", Timeout: -1}, nil},
		{"time without end", QueryParams{Name: "q", Timeout: QueryTimeoutMax + 1}, nil},
	} {
		_, err := tn.n.Query(tn.now, tt.p, &tn.out)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	tn.collect()
	tn.wantIdle("no query began")
	if tn.n.Stats().QueryTime != 1 {
		t.Error("the clock has moved")
	}
}

func TestQueriesAreBounded(t *testing.T) {
	tn := converse(t)
	for range queriesMax {
		tn.ask(QueryParams{Timeout: time.Hour, Nodes: []string{"x"}})
	}
	if _, err := tn.n.Query(tn.now, QueryParams{Name: "q"}, &tn.out); !errors.Is(err, ErrBusy) {
		t.Errorf("one more: %v", err)
	}
}

func TestResponsesOfUnknownMembersAreBounded(t *testing.T) {
	tn := converse(t, "b")
	q := tn.ask(QueryParams{Timeout: time.Minute})
	for i := range unknownRespondersMax + 1 {
		tn.recv("b", answerMsg(fmt.Sprint("s", i), 1, q.id, ""))
	}
	if q.responses != unknownRespondersMax {
		t.Errorf("%d responses of unknown members", q.responses)
	}
	tn.wantNote("over the limit", NoteUnknownResponders)
	tn.recv("b", answerMsg("b", 1, q.id, ""))
	if q.responses != unknownRespondersMax+1 {
		t.Error("they keep a member out")
	}
}

func TestDefaultQueryTimeout(t *testing.T) {
	tn := converse(t, "b", "c")
	if got := tn.n.DefaultQueryTimeout(); got != 16*200*time.Millisecond {
		t.Errorf("%v", got)
	}
}

func TestIncomingQuery(t *testing.T) {
	tn := converse(t, "b", "c")
	msg := queryFrom("b", 4, 7, func(m *wire.Query) {
		m.Flags, m.Payload = wire.QueryWantAck, []byte("p")
	})
	tn.recv("c", msg)
	tn.want("acked and delivered at once", "b: ack id 7", "event query q=p@4")
	tn.recv("b", msg)
	tn.advance(time.Second)
	tn.want("passed on, a duplicate isn't", "says query q@4")
	if err := tn.respond("yes"); err != nil {
		t.Fatal(err)
	}
	tn.want("to the asker", "b: answer yes id 7")
	if err := tn.respond("yes"); err != ErrNoQuery {
		t.Errorf("a second answer: %v", err)
	}
	tn.wantIdle("nothing else")
}

func TestQueryThatIsNotToBePassedOn(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", queryFrom("b", 4, 7, func(m *wire.Query) { m.Flags = wire.QueryNoBroadcast }))
	tn.want("delivered", "event query q=@4")
	tn.wantIdle("only here")
}

func TestQueryFilters(t *testing.T) {
	type tags map[string]string
	for _, tt := range []struct {
		name  string
		nodes []string
		tags  tags
		match bool
	}{
		{"none", nil, nil, true},
		{"own name", []string{"x", "a"}, nil, true},
		{"other names", []string{"x", "b"}, nil, false},
		{"a tag", nil, tags{"role": "^w.b$"}, true},
		{"a tag that differs", nil, tags{"role": "^db$"}, false},
		{"a tag that is missing", nil, tags{"zone": "1"}, false},
		{"a missing tag that may be empty", nil, tags{"zone": "^$"}, true},
		{"both match", []string{"a"}, tags{"role": "web"}, true},
		{"one of two matches", []string{"b"}, tags{"role": "web"}, false},
		{"a bad expression", nil, tags{"role": "("}, false},
	} {
		tn := converseWith(t, func(c *Config) { c.Tags = map[string]string{"role": "web"} }, "b")
		tn.recv("b", queryFrom("b", 4, 7, func(m *wire.Query) {
			if tt.nodes != nil {
				m.Filters.AddNodes(tt.nodes...)
			}
			for tag, expr := range tt.tags {
				m.Filters.AddTag(tag, expr)
			}
		}))
		got := len(tn.did) > 0 && tn.did[0] == "event query q=@4"
		if got != tt.match {
			t.Errorf("%s: match %v", tt.name, got)
		}
		tn.advance(time.Second)
		tn.want(tt.name+": passed on anyway", "says query q@4")
	}
}

func TestAnswersGoToMembersOnly(t *testing.T) {
	stranger := netip.MustParseAddrPort("10.9.9.9:53")
	to := func(addr netip.AddrPort, name string) func(*wire.Query) {
		return func(m *wire.Query) {
			m.Addr, m.Port, m.SourceNode = addr.Addr().AsSlice(), addr.Port(), []byte(name)
			m.Flags = wire.QueryWantAck
		}
	}
	for _, tt := range []struct {
		name  string
		from  netip.AddrPort
		query func(*wire.Query)
		acked string
	}{
		{"a member", addrOf("c"), to(addrOf("b"), "b"), "b"},
		{"an old member that doesn't say its name", addrOf("c"), to(addrOf("b"), ""), "b"},
		{"somebody unknown, directly", stranger, to(stranger, "z"), stranger.String()},
		{"a member at another address", addrOf("c"), to(stranger, "b"), ""},
		{"somebody unknown", addrOf("c"), to(stranger, "z"), ""},
		{"nobody's name and address", addrOf("c"), to(stranger, ""), ""},
		{"no address", addrOf("c"), func(m *wire.Query) {
			m.Addr, m.Flags = nil, wire.QueryWantAck
		}, ""},
	} {
		tn := converse(t, "b", "c")
		tn.recvFrom(tt.from, queryFrom("b", 4, 7, tt.query))
		tn.want(tt.name+": delivered", "event query q=@4")
		err := tn.respond("x")
		if tt.acked != "" {
			tn.want(tt.name, tt.acked+": ack id 7", tt.acked+": answer x id 7")
		} else if err != ErrUnreachable {
			t.Errorf("%s: %v", tt.name, err)
		}
		tn.advance(time.Second)
		tn.want(tt.name, "says query q@4")
		tn.wantIdle(tt.name)
	}
}

func TestWithKeysTheAddressOfAQueryIsTrusted(t *testing.T) {
	tn := converseWith(t, withKeys(1), "b")
	stranger := netip.MustParseAddrPort("10.9.9.9:53")
	tn.recv("b", queryFrom("z", 4, 7, func(m *wire.Query) {
		m.Addr, m.Port, m.Flags = stranger.Addr().AsSlice(), stranger.Port(), wire.QueryWantAck
	}))
	tn.want("a sender with a key is trusted", stranger.String()+": ack id 7")
}

func TestAnswersAreRelayed(t *testing.T) {
	relays := func(factor uint8) func(*wire.Query) {
		return func(m *wire.Query) { m.RelayFactor = factor }
	}
	tn := converse(t, "b", "c", "d")
	tn.recv("b", queryFrom("b", 4, 7, relays(2)))
	tn.want("delivered", "event query q=@4")
	tn.respond("yes")
	tn.want("directly and through all but the asker", "b: answer yes id 7",
		"c: relay to b: answer yes id 7", "d: relay to b: answer yes id 7")

	tn.advance(time.Second)
	tn.did = nil
	tn.recv("b", queryFrom("b", 5, 7, relays(3)))
	tn.respond("yes")
	tn.want("the asker doesn't relay to itself", "event query q=@5", "b: answer yes id 7",
		"c: relay to b: answer yes id 7", "d: relay to b: answer yes id 7")
	tn.advance(time.Second)
	tn.want("passed on", "says query q@5")
	tn.wantIdle("nothing else")

	tn = converse(t, "b", "c")
	tn.recv("b", queryFrom("b", 4, 7, relays(3)))
	tn.respond("yes")
	tn.want("too few members for a relay factor of 3", "event query q=@4", "b: answer yes id 7")
	tn.advance(time.Second)
	tn.want("passed on", "says query q@4")
	tn.wantIdle("only directly")
}

func TestRelayPassesAnswersToMembersOnly(t *testing.T) {
	relay := func(to netip.AddrPort, name string, msg []byte) []byte {
		m := wire.Relay{DestIP: to.Addr().AsSlice(), DestPort: to.Port(), DestName: []byte(name),
			Msg: msg}
		return m.Append(nil)
	}
	answer := answerMsg("c", 4, 7, "yes")
	stranger := netip.MustParseAddrPort("10.9.9.9:53")
	tn := converse(t, "b", "c")
	tn.recv("c", relay(addrOf("b"), "b", answer))
	tn.want("b is a member", "b: answer yes id 7")
	tn.recv("c", relay(addrOf("b"), "", answer))
	tn.want("a member is at that address", "b: answer yes id 7")
	tn.recv("c", relay(stranger, "b", answer))
	tn.recv("c", relay(stranger, "z", answer))
	tn.recv("c", relay(stranger, "", answer))
	tn.recv("c", relay(netip.AddrPortFrom(addrOf("b").Addr(), 0), "b", answer))
	tn.recv("c", relay(addrOf("b"), "b", leaveIntent("c", 9)))
	tn.wantIdle("nothing is sent to third parties")
	if c := tn.n.Counters(); c.RelaysRefused != 5 || c.Relays != 2 {
		t.Errorf("%d refused, %d relayed", c.RelaysRefused, c.Relays)
	}
	q := tn.ask(QueryParams{Timeout: time.Minute})
	tn.recv("c", relay(addrOf("a"), "a", answerMsg("b", 1, q.id, "mine")))
	tn.want("one for this node", "event answer b=mine")
}

func TestRespondLimits(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", queryFrom("b", 4, 7, nil))
	if err := tn.respond(strings.Repeat("x", 1024)); !errors.Is(err, swim.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	tn.advance(10 * time.Second)
	if err := tn.respond("x"); err != ErrNoQuery {
		t.Errorf("after the deadline: %v", err)
	}
	if err := tn.n.Respond(tn.now, 12345, nil, &tn.out); err != ErrNoQuery {
		t.Errorf("never asked: %v", err)
	}
}

func TestLargeAnswersGoByStream(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.QueryResponseSizeMax = 4000 }, "b")
	tn.recv("b", queryFrom("b", 4, 7, nil))
	if err := tn.n.Respond(tn.now, tn.lastOp, make([]byte, 3000), &tn.out); err != nil {
		t.Fatal(err)
	}
	if len(tn.out.Streams) != 1 || tn.out.Streams[0].Kind != swim.StreamSend ||
		tn.out.Streams[0].To != addrOf("b") {
		t.Errorf("streams %v", tn.out.Streams)
	}
}

func TestInboundQueriesAreBounded(t *testing.T) {
	tn := converse(t, "b")
	var first swim.OpID
	for i := range inboundMax + 1 {
		tn.recv("b", queryFrom("b", uint64(i/4+1), uint32(i), func(m *wire.Query) {
			m.Timeout = int64(time.Hour)
		}))
		if i == 0 {
			first = tn.lastOp
		}
	}
	if got := len(tn.n.inbound.open); got != inboundMax {
		t.Errorf("%d open", got)
	}
	tn.wantNote("noted", NoteInboundQueriesFull)
	if err := tn.n.Respond(tn.now, first, nil, &tn.out); err != ErrNoQuery {
		t.Errorf("the oldest: %v", err)
	}
	if err := tn.respond("x"); err != nil {
		t.Errorf("the newest: %v", err)
	}
}

// What becomes of queries while the list is full decides which one makes room for the next.
func TestRoomForInboundQueries(t *testing.T) {
	tn := converse(t, "b")
	var ops []swim.OpID
	query := func(timeout time.Duration) {
		i := len(ops)
		tn.recv("b", queryFrom("b", uint64(i/4+1), uint32(i), func(m *wire.Query) {
			m.Timeout = int64(timeout)
		}))
		ops = append(ops, tn.lastOp)
	}
	open := func(i int) bool {
		_, ok := slices.BinarySearchFunc(tn.n.inbound.open, ops[i],
			func(q *inboundQuery, op swim.OpID) int { return cmp.Compare(q.op, op) })
		return ok
	}
	claim := func(why string, i int, notes int) {
		t.Helper()
		query(time.Hour)
		if got := tn.notes[NoteInboundQueriesFull]; open(i) || got != notes {
			t.Errorf("%s: query %d is open: %v; %d notes, want %d", why, i, open(i), got, notes)
		}
		if got := len(tn.n.inbound.open); got != inboundMax || !open(len(ops)-1) {
			t.Errorf("%s: %d are open", why, got)
		}
	}
	for i := range inboundMax {
		query(time.Hour - time.Duration(i/700)*time.Minute)
	}
	claim("all wait: the oldest goes", 0, 1)
	tn.n.Respond(tn.now, ops[500], nil, &tn.out)
	tn.n.Decline(tn.now, ops[20], &tn.out)
	claim("two are done: the older of them goes", 20, 1)
	claim("then the other", 500, 1)
	claim("then the oldest again", 1, 2)
	tn.n.Decline(tn.now, ops[600], &tn.out)
	claim("one more is done", 600, 2)
	tn.n.Respond(tn.now, ops[400], nil, &tn.out)
	claim("and another", 400, 2)
	tn.now = tn.now.Add(time.Hour - time.Minute)
	tn.n.Decline(tn.now, ops[30], &tn.out)
	query(time.Hour)
	if open(700) || open(inboundMax-1) || !open(30) || !open(699) ||
		tn.notes[NoteInboundQueriesFull] != 2 {
		t.Error("those that are over go before those that are done")
	}
}

func TestQueryWindow(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", queryFrom("b", 1000, 1, nil))
	tn.recv("b", queryFrom("b", 1001-lamport.WindowTimes-1, 1, nil))
	tn.wantNote("too old", NoteQueryOld)
	tn.want("the other one", "event query q=@1000")
	tn.advance(time.Second)
	tn.want("passed on", "says query q@1000")
	tn.wantIdle("the old one isn't delivered")
}

func TestQueryTimeoutsOfOthersAreClamped(t *testing.T) {
	tn := converse(t, "b")
	for i, timeout := range []time.Duration{-1, -1 << 63} {
		tn.recv("b", queryFrom("b", uint64(i+1), 1, func(m *wire.Query) {
			m.Timeout = int64(timeout)
		}))
		if err := tn.respond("x"); err != ErrNoQuery {
			t.Errorf("%v: %v", timeout, err)
		}
	}
	tn.recv("b", queryFrom("b", 3, 1, func(m *wire.Query) { m.Timeout = 1<<63 - 1 }))
	if q := tn.n.inbound.open[len(tn.n.inbound.open)-1]; q.deadline != tn.now.Add(QueryTimeoutMax) {
		t.Errorf("deadline %v", q.deadline)
	}
}

func TestUnknownInternalQueryIsNotDelivered(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", queryFrom("b", 4, 7, func(m *wire.Query) { m.Name = []byte("_serf_new-thing") }))
	tn.wantNote("noted", NoteQueryUnknown)
	tn.advance(time.Second)
	tn.want("others may know it", "says query _serf_new-thing@4")
	tn.wantIdle("handlers don't see it")
}

// After a pause of the process responses still wait to be read.
func TestQueryOutlastsAPause(t *testing.T) {
	tn := converse(t, "b", "c")
	q := tn.ask(QueryParams{Timeout: 10 * time.Second})
	tn.advance(time.Second)
	tn.now = tn.now.Add(time.Minute)
	tn.n.Tick(tn.now, &tn.out)
	tn.collect()
	tn.recv("b", answerMsg("b", 1, q.id, "yes"))
	tn.want("in time, as far as this node can tell", "event answer b=yes")
	tn.advance(queryExtension - 1)
	tn.recv("c", answerMsg("c", 1, q.id, "no"))
	tn.want("there is time to read it", "event answer c=no")
	tn.advance(1)
	tn.want("once", "event done 2 a")
}
