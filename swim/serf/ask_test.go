package serf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/swim"
	"serf/swim/history"
	"serf/swim/internal/swimtest"
	"serf/swim/serf/coord"
	"serf/wire"
)

// question starts a query about views and returns it.
func (tn *conversation) question(q Question) *query {
	tn.t.Helper()
	op, err := tn.n.Ask(tn.now, q, &tn.out)
	if err != nil {
		tn.t.Fatal(err)
	}
	tn.collect()
	own := tn.n.queries[len(tn.n.queries)-1]
	if own.op != op {
		tn.t.Fatal("the query doesn't run")
	}
	return own
}

// report claims the first report that is an answer to a member, "b: answer ", or came from one,
// "event answer b=", and reads it.
func (tn *conversation) report(reason, prefix string) Report {
	tn.t.Helper()
	for i, line := range tn.did {
		rest, ok := strings.CutPrefix(line, prefix)
		if !ok {
			continue
		}
		if id := strings.LastIndex(rest, " id "); id >= 0 {
			rest = rest[:id]
		}
		tn.did = append(tn.did[:i:i], tn.did[i+1:]...)
		r, err := ParseReport([]byte(rest))
		if err != nil {
			tn.t.Fatalf("%s: %v", reason, err)
		}
		return r
	}
	tn.t.Fatalf("%s: no line begins with %q in %q", reason, prefix, tn.did)
	return Report{}
}

func asks(m *wire.Ask) func(*wire.Query) {
	return func(q *wire.Query) {
		q.Name, q.Payload, q.Flags = []byte(askQuery), m.Append(nil), wire.QueryExtended
		q.Filters.AddTag(askTag, askVersions)
	}
}

func TestMembersSayWhatTheySee(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	tn.fails("c", "b", 1)
	tn.recv("b", leaveIntent("d", 10))
	tn.did = nil
	tn.recv("b", queryFrom("b", 2, 7, asks(&wire.Ask{})))
	r := tn.report("asked by b", "b: answer ")
	want := Report{Clock: r.Clock, Digest: tn.n.Digest(), Alive: 3, Leaving: 1, Failed: 1}
	if r.answer.Differ != nil || r.Clock < 5*time.Second {
		t.Errorf("answered %+v", r.answer)
	}
	if r.answer = (wire.AskAnswer{}); fmt.Sprint(r) != fmt.Sprint(want) {
		t.Errorf("reported %+v, want %+v", r, want)
	}
	tn.advance(time.Second)
	tn.want("it is gossiped", "says leave d@10", "says query _serf_ask@2")
	tn.wantIdle("nobody else hears of it, and there is no ack")
	tn.recv("b", queryFrom("b", 3, 8, func(q *wire.Query) { q.Payload = []byte("four") }))
	if c := tn.n.Counters(); c.Queries != 2 || c.InternalQueries != 1 || c.QueryBytes != 4 {
		t.Errorf("counted %d queries, %d of them internal, %d bytes of payloads; want 2, 1, 4",
			c.Queries, c.InternalQueries, c.QueryBytes)
	}
}

// Members of the original log a warning about a query that they don't know, so they must not take
// this one for theirs. They pass it on.
func TestQuestionsAreNotMeantForTheOriginal(t *testing.T) {
	tn := converse(t, "b")
	tn.question(Question{Timeout: time.Minute})
	tn.advance(time.Second)
	q := tn.n.queries[0]
	m, err := wire.ParseQuery(q.repeat.msg[1:])
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for it := m.Filters.Iter(); it.Next(); count++ {
		f, err := wire.ParseTagFilter(it.Body)
		if it.Kind != wire.FilterTag || err != nil || string(f.Tag) != askTag {
			t.Errorf("filter %d %q: %v", it.Kind, it.Body, err)
		}
		original, _, err := newQueryFilters(nil, map[string]string{"role": string(f.Expr)})
		if err != nil {
			t.Fatal(err)
		}
		if original.match("b", nil) {
			t.Errorf("%q matches a member without the tag", f.Expr)
		}
	}
	if count != 1 {
		t.Errorf("%d filters", count)
	}
}

func TestQuestionsToAll(t *testing.T) {
	tn := converse(t, "b", "c")
	q := tn.question(Question{Timeout: time.Minute})
	tn.report("this node reports, too", "event answer a=")
	tn.advance(300 * time.Millisecond)
	tn.want("gossiped", "says query _serf_ask@1")
	a := wire.AskAnswer{Digest: 5, Health: 6, Suspect: 2}
	tn.recv("b", answerMsg("b", 1, q.id, string(a.Append(nil))))
	r := tn.report("b answers", "event answer b=")
	if r.Digest != 5 || r.Health != 6 || r.Suspect != 2 {
		t.Errorf("b reported %+v", r)
	}
	ping := tn.ask(QueryParams{Name: PingQuery, WantAck: true, Timeout: time.Minute})
	tn.recv("c", flaggedAck("c", 2, ping.id, wire.ResponseExtended))
	tn.wantRuns("c is of this implementation", q)
	tn.advance(time.Second)
	tn.wantRuns("it may answer yet", q)
	tn.recv("c", answerMsg("c", 1, q.id, string(a.Append(nil))))
	tn.advance(1)
	tn.want("all have answered", "event done 3")
}

// Whoever acks a ping and isn't of this implementation won't answer.
func TestQuestionsDontWaitForTheOriginal(t *testing.T) {
	tn := converse(t, "b", "c")
	q := tn.question(Question{Timeout: time.Hour})
	ping := tn.ask(QueryParams{Name: PingQuery, WantAck: true, Timeout: time.Minute})
	a := wire.AskAnswer{}
	tn.recv("b", answerMsg("b", 1, q.id, string(a.Append(nil))))
	tn.recv("b", flaggedAck("b", 2, ping.id, wire.ResponseExtended))
	tn.wantRuns("c may answer", q)
	tn.recv("c", ackMsg("c", 2, ping.id))
	tn.did = nil
	tn.advance(1)
	tn.want("c is of the original", "event done 2", "event done 0")
}

// A direct question isn't gossiped: it goes to the members that it is meant for, and to no others.
func TestDirectQuestions(t *testing.T) {
	tn := converse(t, "b", "c", "d")
	tn.fails("d", "b", 1)
	tn.did = nil
	q := tn.question(Question{Nodes: []string{"b", "d"}, Direct: true, Timeout: time.Minute})
	tn.advance(time.Millisecond)
	if fmt.Sprint(tn.repeats) != "[b d]" {
		t.Errorf("sent to %v: those who are named, even if they failed", tn.repeats)
	}
	a := wire.AskAnswer{}
	tn.recv("b", answerMsg("b", 1, q.id, string(a.Append(nil))))
	tn.report("b answers", "event answer b=")
	tn.recv("d", answerMsg("d", 1, q.id, string(a.Append(nil))))
	tn.report("d answers", "event answer d=")
	tn.advance(1)
	tn.want("nobody else is asked", "event done 2")
	tn.wantIdle("nor does this node answer, or gossip")

	tn.repeats = nil
	tn.question(Question{Direct: true, Timeout: time.Minute})
	tn.report("this node is asked", "event answer a=")
	tn.advance(time.Millisecond)
	if fmt.Sprint(tn.repeats) != "[b c]" {
		t.Errorf("sent to %v: all who are here", tn.repeats)
	}
}

func TestComparingAMembersView(t *testing.T) {
	tn, other := converse(t, "b", "c", "d"), converse(t, "b", "d", "e")
	var c Comparison
	q := tn.question(Question{Nodes: []string{"b"}, Direct: true, Compare: &c})
	m, err := wire.ParseQuery(q.repeat.msg[1:])
	if err != nil {
		t.Fatal(err)
	}
	other.recv("b", queryFrom("b", 2, 7, func(o *wire.Query) {
		o.Name, o.Payload, o.Flags = m.Name, m.Payload, m.Flags
	}))
	r := other.report("asked by b", "b: answer ")
	tn.n.Compare(&c, &r)
	want := []Difference{{"c", StatusAlive, StatusNone}, {"e", StatusNone, StatusAlive}}
	if fmt.Sprint(c.Differences) != fmt.Sprint(want) || !c.Done() || c.More {
		t.Errorf("differ in %v, want %v", c.Differences, want)
	}
	for range compareBurst {
		other.recv("b", queryFrom("b", 3, other.n.swim.RandomID(), func(o *wire.Query) {
			o.Name, o.Payload, o.Flags = m.Name, m.Payload, m.Flags
		}))
	}
	var last Report
	for range compareBurst {
		last = other.report("asked again", "b: answer ")
	}
	if !last.Busy || last.answer.Differ != nil || last.Digest != other.n.Digest() {
		t.Errorf("asked too often: %+v", last)
	}
}

func TestQuestionsThatMakeNoSense(t *testing.T) {
	tn := converse(t, "b")
	for i, payload := range []string{"", "\x0a", "\x08\x80", "\x0a\x81\xa4Sums\x01"} {
		tn.recv("b", queryFrom("b", uint64(2+i), 7, func(q *wire.Query) {
			asks(&wire.Ask{})(q)
			q.Payload = []byte(payload)
		}))
		tn.want(fmt.Sprintf("payload %x", payload), "b: ack id 7, repeats, declines")
	}
	if n := tn.n.Counters().BadMessages; n != 4 {
		t.Errorf("%d were counted", n)
	}
	for _, data := range []string{"", "\x0b", "\x0a\x80"} {
		if r, err := ParseReport([]byte(data)); err == nil {
			t.Errorf("%x: %+v", data, r)
		}
	}
}

// A tag filter for what only this implementation has works for any query.
func TestAskTagSelectsMembersOfThisImplementation(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", queryFrom("b", 2, 7, func(q *wire.Query) { q.Filters.AddTag(askTag, "^1$") }))
	tn.want("meant for this node", "event query *")
	if _, ok := tn.n.Tags()[askTag]; ok {
		t.Error("the tag is shown")
	}
}

// A history tells how long ago changes were. As many as fit the response are sent, the newest.
func TestHistoryIsAnswered(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.QueryResponseSizeMax = 400 }, "b", "c")
	tn.n.TrackHistory(tn.now, new(history.Log))
	tn.fails("c", "b", 1)
	tn.advance(3 * time.Second)
	asked := uint64(1)
	account := func(name string) (Report, []history.Change, int) {
		t.Helper()
		asked++
		tn.recv("b", queryFrom("b", asked, 7, asks(&wire.Ask{Member: []byte(name)})))
		r := tn.report("asked by b", "b: answer ")
		changes, dropped, err := r.History()
		if err != nil {
			t.Fatal(err)
		}
		return r, changes, dropped
	}
	r, changes, dropped := account("c")
	if r.Status != StatusFailed || len(changes) != 2 || dropped != 0 {
		t.Fatalf("it is %v, after %+v", r.Status, changes)
	}
	if c := changes[0]; c.To != history.Suspect || c.Accuser != "b" || c.At != -3*time.Second {
		t.Errorf("first %+v", c)
	}
	if c := changes[1]; c.To != history.Failed || c.At != -3*time.Second {
		t.Errorf("then %+v", c)
	}
	if r, changes, _ := account("nosuch"); r.Status != StatusNone || len(changes) != 0 {
		t.Errorf("a name that isn't known: %v, %+v", r.Status, changes)
	}
	const rounds = 40
	for inc := range uint32(rounds) {
		tn.member("c", alive("c", 2+inc)) // a refutation, but for the first
		tn.member("b", swimtest.Suspect("c", 2+inc, "b"))
	}
	tn.did = nil
	_, changes, dropped = account("c")
	if len(changes) < 10 || len(changes)+dropped != 2+2*rounds {
		t.Errorf("%d changes and %d left out, want %d together", len(changes), dropped, 2+2*rounds)
	}
	if last := changes[len(changes)-1]; last.To != history.Suspect {
		t.Errorf("the last is %+v", last)
	}
	if c := tn.n.Counters(); c.RepliesRefused != 0 {
		t.Errorf("counted %+v", c)
	}
}

// What a flood of questions costs a member of 1,000, beside other queries.
func BenchmarkInboundQueries(b *testing.B) {
	members := map[string]Status{}
	for i := range 1000 {
		members[fmt.Sprintf("web-%d.eu", i)] = StatusAlive
	}
	compare := wire.Ask{Sums: make([]byte, slicesMax*wire.SumSize)}
	for name, set := range map[string]func(*wire.Query){
		"figures":    asks(&wire.Ask{}),
		"history":    asks(&wire.Ask{Member: []byte("web-7.eu")}),
		"comparison": asks(&compare),
		"conflict":   func(q *wire.Query) { q.Name, q.Payload = []byte(conflictQuery), []byte("web-7.eu") },
		"user":       func(q *wire.Query) { q.Flags = wire.QueryWantAck },
	} {
		b.Run(name, func(b *testing.B) {
			n := listing(b, "a", members)
			var out swim.Output
			n.TrackHistory(0, new(history.Log))
			for i := uint64(1); b.Loop(); i++ {
				msg := queryFrom("b", i, uint32(i), set)
				n.call.begin(&out)
				n.handleMessage(swim.Time(i)*swim.Time(time.Microsecond), addrOf("b"), msg, &out)
				out.Reset()
			}
		})
	}
}

// measure has the node know a round trip to a member.
func (tn *conversation) measure(name string, rtt time.Duration) {
	tn.t.Helper()
	id := tn.n.lookup([]byte(name))
	if err := tn.n.coords.client.Update(uint32(id), coord.Origin(), rtt, func() float64 { return 0.1 }); err != nil {
		tn.t.Fatal(err)
	}
}

func TestMembersTellTheirRoundTrips(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	tn.measure("b", 5*time.Millisecond)
	tn.measure("b", 7*time.Millisecond)
	tn.measure("c", 120*time.Millisecond)
	tn.measure("d", time.Millisecond)
	tn.fails("d", "b", 1)
	tn.did = nil
	tn.recv("b", queryFrom("b", 2, 7, asks(&wire.Ask{RoundTrips: true})))
	r := tn.report("asked by b", "b: answer ")
	got, err := r.RoundTrips()
	if err != nil {
		t.Fatal(err)
	}
	want := map[uint32]uint32{RoundTripHash("b"): 7000, RoundTripHash("c"): 120_000} // d has failed, e wasn't measured
	if len(got) != len(want) {
		t.Errorf("%d round trips, want %d", len(got), len(want))
	}
	for _, x := range got {
		if want[x.Member] != x.Micros {
			t.Errorf("%+v, want %v", x, want)
		}
	}
	tn.recv("b", queryFrom("b", 3, 8, asks(&wire.Ask{})))
	if r := tn.report("asked for nothing in particular", "b: answer "); r.answer.RoundTrips != nil {
		t.Error("it tells its round trips unasked")
	}
}

func TestRoundTripsFitTheResponse(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	var least []uint32
	for _, name := range []string{"b", "c", "d", "e"} {
		tn.measure(name, time.Second)
		least = append(least, RoundTripHash(name))
	}
	slices.Sort(least)
	const each = 4 + 3 // bytes: a second is 1,000,000 µs
	for room, want := range map[int]int{0: 0, wire.RoundTripMax - 1: 0, wire.RoundTripMax: 1, each + wire.RoundTripMax: 2, 1000: 4} {
		list, err := wire.ParseRoundTrips(tn.n.appendRoundTrips(nil, room))
		if err != nil || len(list) != want {
			t.Errorf("in %d bytes: %v, %v, want %d", room, list, err, want)
		}
		for i, x := range list {
			if x.Member != least[i] {
				t.Errorf("in %d bytes, number %d: %x, want %x", room, i, x.Member, least[i])
			}
		}
	}
}

// Listing takes time, so it is bounded as comparing is.
func TestRoundTripsAreToldAtALimitedRate(t *testing.T) {
	tn := converse(t, "b")
	tn.measure("b", time.Second)
	told := 0
	for i := range compareBurst + 3 {
		tn.recv("b", queryFrom("b", uint64(i+2), uint32(i+7), asks(&wire.Ask{RoundTrips: true})))
		r := tn.report("asked", "b: answer ")
		if list, _ := r.RoundTrips(); len(list) > 0 {
			told++
		} else if !r.Busy {
			t.Error("no round trips, and not busy")
		}
	}
	if told != compareBurst {
		t.Errorf("told %d times, want %d", told, compareBurst)
	}
}
