package serf

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/swim"
	"serf/wire"
)

// noHandler is a Listener that wants no query.
type noHandler struct{}

func (noHandler) WantsQuery([]byte) bool { return false }

// handlerOf is a Listener that wants queries of one name.
type handlerOf string

func (o handlerOf) WantsQuery(name []byte) bool { return string(name) == string(o) }

// wantRepeats claims the members that queries were repeated to since the last time.
func (tn *conversation) wantRepeats(reason string, want ...string) {
	tn.t.Helper()
	if !slices.Equal(tn.repeats, want) {
		tn.t.Fatalf("%s: repeated to %q, want %q", reason, tn.repeats, want)
	}
	tn.repeats = nil
}

func TestQueryIsRepeatedToPendingMembers(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	q := tn.ask(QueryParams{Timeout: time.Hour})
	tn.recv("b", answerMsg("b", 1, q.id, "yes"))
	tn.recv("c", ackMsg("c", 1, q.id))
	tn.recv("d", flaggedAck("d", 1, q.id, 0))
	first := q.repeat.gap
	tn.advance(first - 1)
	tn.wantRepeats("gossip first")
	tn.advance(1)
	tn.wantRepeats("b responded, c ignores repetitions, d's response and e's query may be lost",
		"d", "e")
	tn.recv("d", flaggedAck("d", 1, q.id, wire.ResponseDeclined))
	tn.advance(first)
	tn.wantRepeats("d has nothing to say", "e")
	tn.advance(2*first - 1)
	tn.wantRepeats("at doubled intervals")
	tn.advance(1)
	tn.wantRepeats("then again", "e")
}

func TestRepeatsGoOnUntilTheDeadline(t *testing.T) {
	for _, timeout := range []time.Duration{time.Second, 0, 30 * time.Second, QueryTimeoutMax} {
		tn := converse(t, "b")
		q := tn.ask(QueryParams{Timeout: timeout})
		tn.advance(q.deadline.Sub(tn.now))
		if got := len(tn.repeats); got < repeatShare-1 || got > repliesMax {
			t.Errorf("timeout %v: repeated %d times", timeout, got)
		}
		tn.repeats = nil
		tn.advance(time.Hour)
		tn.wantRepeats("it is over")
	}
}

func TestRepeatsComeInBursts(t *testing.T) {
	tn := converse(t)
	for i := range repeatBurst + 1 {
		name := fmt.Sprintf("m%03d", i)
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), 7946)
		tn.member("b", aliveWith(name, 1, addr, nil))
	}
	q := tn.ask(QueryParams{Timeout: time.Hour})
	tn.advance(q.repeat.gap)
	if len(tn.repeats) != repeatBurst {
		t.Errorf("%d at once", len(tn.repeats))
	}
	tn.advance(repeatPause)
	if len(tn.repeats) != repeatBurst+1 {
		t.Errorf("%d in the first round", len(tn.repeats))
	}
}

func TestQueryTooLargeToGossipIsSentToEach(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.QuerySizeMax = 4000 }, "b", "c")
	tn.ask(QueryParams{Payload: make([]byte, 3000), Nodes: []string{"b", "c"}, Timeout: time.Hour})
	tn.advance(0)
	tn.want("by stream, at once", "b: stream query q 3000", "c: stream query q 3000")
	if tn.n.Counters().TooLargeToGossip != 0 {
		t.Error("told to get nowhere")
	}
}

func TestAckSaysThatThereIsNoHandler(t *testing.T) {
	for _, tt := range []struct {
		name     string
		listener Listener
		query    func(*wire.Query)
		ack      string
	}{
		{"nobody listens", noHandler{}, extended, "b: ack id 7, repeats, declines"},
		{"to others only", handlerOf("r"), extended, "b: ack id 7, repeats, declines"},
		{"to this one", handlerOf("q"), extended, "b: ack id 7, repeats"},
		{"unknown", nil, extended, "b: ack id 7, repeats"},
		{"the asker is a stock member", noHandler{}, func(m *wire.Query) {
			m.Flags = wire.QueryWantAck
		}, "b: ack id 7"},
	} {
		tn := converseWith(t, func(c *Config) { c.Listener = tt.listener }, "b")
		tn.recv("b", queryFrom("b", 4, 7, tt.query))
		tn.want(tt.name+": acked, and delivered all the same", tt.ack, "event query q=@4")
		if err := tn.respond("yes"); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		tn.want(tt.name+": an answer is an answer", "b: answer yes id 7")
	}
}

func TestDecline(t *testing.T) {
	decline := func(tn *conversation) error {
		err := tn.n.Decline(tn.now, tn.lastOp, &tn.out)
		tn.collect()
		return err
	}
	tn := converse(t, "b")
	tn.recv("b", queryFrom("b", 4, 7, extended))
	tn.want("not yet", "event query q=@4", "b: ack id 7, repeats")
	if err := decline(tn); err != nil {
		t.Fatal(err)
	}
	tn.want("the asker needn't wait", "b: ack id 7, repeats, declines")
	decline(tn)
	tn.advance(time.Second)
	tn.want("passed on", "says query q@4")
	tn.wantIdle("said once")
	if err := tn.respond("yes"); err != nil {
		t.Fatal(err)
	}
	tn.want("it may still respond", "b: answer yes id 7")
	if err := decline(tn); err != ErrNoQuery {
		t.Errorf("after the answer: %v", err)
	}

	tn = converse(t, "b")
	tn.recv("b", queryFrom("b", 4, 7, nil))
	decline(tn)
	tn.want("delivered", "event query q=@4")
	tn.advance(time.Second)
	tn.want("passed on", "says query q@4")
	tn.wantIdle("an asker of the original doesn't want to know")
}

func TestRepeatedQueryGetsTheReplyAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps func(tn *conversation)
		want  string
	}{
		{"a handler is at it", func(*conversation) {}, "b: ack id 7, repeats"},
		{"it has answered", func(tn *conversation) { tn.respond("yes") }, "b: answer yes id 7"},
		{"it has nothing to say", func(tn *conversation) {
			tn.n.Decline(tn.now, tn.lastOp, &tn.out)
		}, "b: ack id 7, repeats, declines"},
	} {
		tn := converse(t, "b", "c")
		tn.recv("c", queryFrom("b", 4, 7, extended))
		tt.steps(tn)
		tn.advance(time.Second)
		tn.did = nil
		tn.recv("c", queryFrom("b", 4, 7, extended))
		tn.wantIdle(tt.name + ": gossip brings it often")
		tn.recv("b", queryFrom("b", 4, 7, again))
		tn.want(tt.name, tt.want)
		tn.wantIdle(tt.name + ": once, and it isn't a new query")
	}
}

func TestRepeatedQueryThatNeverCame(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.recv("b", queryFrom("b", 4, 7, again))
	tn.want("fresh here", "event query q=@4", "b: ack id 7, repeats")
	tn.wantIdle("and not to be passed on")
}

func TestRepeatedRepliesAreBounded(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", queryFrom("b", 4, 7, extended))
	tn.respond("yes")
	tn.did = nil
	for range repliesMax + 1 {
		tn.recv("b", queryFrom("b", 4, 7, again))
	}
	if len(tn.did) != repliesMax {
		t.Errorf("%d replies", len(tn.did))
	}
}

func TestKeptResponsesAreBounded(t *testing.T) {
	const size = 50_000
	tn := converseWith(t, func(c *Config) { c.QueryResponseSizeMax = messageCeiling }, "b")
	for i := range keptResponsesMax/size + 1 {
		tn.recv("b", queryFrom("b", uint64(i+1), 7, func(m *wire.Query) {
			extended(m)
			m.Timeout = int64(time.Hour)
		}))
		if err := tn.respond(strings.Repeat("y", size)); err != nil {
			t.Fatal(err)
		}
	}
	tn.did = nil
	tn.recv("b", queryFrom("b", 1, 7, again))
	tn.want("the first response was dropped", "b: ack id 7, repeats, declines")
	tn.recv("b", queryFrom("b", 2, 7, again))
	tn.want("the others are kept", fmt.Sprintf("b: stream answer %d", size))
}

func TestDoneQueriesAreDroppedFirst(t *testing.T) {
	tn := converse(t, "b")
	var first swim.OpID
	for i := range inboundMax + 1 {
		tn.recv("b", queryFrom("b", uint64(i/4+1), uint32(i), func(m *wire.Query) {
			extended(m)
			m.Timeout = int64(time.Hour)
		}))
		switch i {
		case 0:
			first = tn.lastOp
		case 1:
			tn.respond("yes")
		}
	}
	if err := tn.n.Respond(tn.now, first, nil, &tn.out); err != nil ||
		tn.notes[NoteInboundQueriesFull] > 0 {
		t.Errorf("the first can't be answered: %v", err)
	}
}

func TestClusterQueryEndsWithoutHandlers(t *testing.T) {
	c := newCluster(t, func(c *Config) { c.Listener = noHandler{} }, "a", "b", "c", "d", "e")
	a := c.node("a")
	a.forget()
	start := c.now
	if _, err := a.Query(c.now, QueryParams{Name: "q", Timeout: 30 * time.Second}, &a.out); err != nil {
		t.Fatal(err)
	}
	c.flush(a)
	for len(a.events) == 0 && c.now.Sub(start) < 30*time.Second {
		c.run(10 * time.Millisecond)
	}
	c.wantEvents("no acks were asked for", a, "done 0")
	if took := c.now.Sub(start); took > 500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

// With 30% of all packets lost, 99% of the responses arrive in time.
func TestClusterQueryWithLoss(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("200 queries")
	}
	for _, tt := range []struct {
		name    string
		timeout time.Duration
	}{{"default time-out", 0}, {"30 s", 30 * time.Second}} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, plain, "a", "b", "c", "d", "e")
			rng := rand.New(rand.NewPCG(24, uint64(tt.timeout)))
			for _, n := range c.order {
				n.answer = "I am " + n.name
			}
			const queries = 100
			a, answers, asked := c.node("a"), 0, 0
			for range queries {
				for _, n := range c.order { // members that failed because of losses are back first
					n.forget()
				}
				c.drop = nil
				c.run(20 * time.Second)
				c.drop = func(from, to netip.AddrPort) bool { return rng.Float64() < 0.3 }
				a.forget()
				if _, err := a.Query(c.now, QueryParams{Name: "who", Timeout: tt.timeout}, &a.out); err != nil {
					t.Fatal(err)
				}
				c.flush(a)
				for deadline := c.now.Add(time.Minute); !slices.ContainsFunc(a.events, isDone) &&
					c.now < deadline; {
					c.run(50 * time.Millisecond)
				}
				asked += len(c.order)
				for _, e := range a.events {
					if strings.HasPrefix(e, "answer") {
						answers++
					}
				}
			}
			t.Logf("%d of %d answers; repeated %d queries", answers, asked,
				a.Counters().QueriesRepeated)
			if answers*100 < asked*99 {
				t.Errorf("%d of %d responses arrived", answers, asked)
			}
		})
	}
}

func isDone(e string) bool { return strings.HasPrefix(e, "done") }
