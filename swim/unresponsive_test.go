package swim

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/wire"
)

// silent returns a conversation in which most members have just stopped answering, and those in
// heard were heard from since. No usual probe interferes.
func silent(t *testing.T, others, heard string) *conversation {
	t.Helper()
	tn := converse(t, strings.Split(others, "")...)
	tn.n.probe.next = Never
	tn.n.unresponsive.on, tn.n.unresponsive.last, tn.n.unresponsive.next = true, 1<<unresponsiveOf-1, Never
	for _, name := range strings.Split(heard, "") {
		tn.hear(name)
	}
	return tn
}

func (tn *conversation) hear(name string) {
	if name != "" {
		tn.recv(name, ping(1, "a", name))
	}
	tn.forget()
}

// heard lists the members that count as heard from.
func (tn *conversation) heard() string {
	var s []string
	for _, h := range tn.n.unresponsive.heard {
		s = append(s, tn.n.roster.Name(h.id))
	}
	slices.Sort(s)
	return strings.Join(s, "")
}

// It begins when two of four probes fail, and ends when four have succeeded.
func TestUnresponsiveBeginsAndEnds(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	tn.n.cfg.sim.Without = LocalHealth // probes of one second each
	probe := func(answered bool) {
		tn.advance(time.Second)
		if answered {
			tn.recv("x", ack(tn.n.probe.seq))
		}
	}
	at := func(reason string, on bool) {
		t.Helper()
		if tn.n.unresponsive.on != on {
			t.Fatalf("%s: silence is %v", reason, tn.n.unresponsive.on)
		}
	}
	for _, answered := range []bool{false, true, true, true, false, true, true} {
		probe(answered)
	}
	at("one of four failed", false)
	probe(false)
	probe(true)
	at("two of four failed", true)
	tn.hear("b")
	if got := tn.heard(); !strings.Contains(got, "b") {
		t.Fatalf("heard %q, want b, too", got)
	}
	probe(true)
	probe(true)
	at("one of the last four failed", true)
	probe(true)
	at("none did", false)
	if tn.n.unresponsive.heard != nil {
		t.Error("memory for those heard is kept")
	}
}

// Where packets are blocked, members still respond.
func TestStreamAnswersCountAsResponses(t *testing.T) {
	tn := converse(t, "b")
	for range 2 * unresponsiveOf {
		tn.advance(1500 * time.Millisecond)
		tn.reply("b: stream ping b", ack(tn.n.probe.seq))
		tn.advance(500 * time.Millisecond)
	}
	if tn.n.unresponsive.on {
		t.Error("b answers each time, by a stream")
	}
}

func TestGossipPrefersResponsiveMembers(t *testing.T) {
	tn := silent(t, "bcdefgh", "bcde")
	tn.recv("b", alive("z", 1))
	tn.forget()
	tn.n.gossip.gap = 0
	tn.advance(0)
	told, others := 0, 0
	for _, s := range tn.did {
		switch name, what, _ := strings.Cut(s, ": "); {
		case what != "alive z@1":
		case strings.Contains("bcde", name):
			told++
		default:
			others++
		}
	}
	if told < 3 || told+others != 4 {
		t.Errorf("a round told %d of those heard and %d others, want three of those heard, and one of all", told, others)
	}
	if got := tn.sends(); got != 3 {
		t.Errorf("it counts as told %d times, want 3", got)
	}
}

// sends is how often the only broadcast in the queue was sent.
func (tn *conversation) sends() int {
	tn.t.Helper()
	if tn.n.gossip.queue.n != 1 {
		tn.t.Fatalf("%d broadcasts wait, want one", tn.n.gossip.queue.n)
	}
	return tn.n.gossip.queue.lists[0].sends()
}

// Gossip to a member that is probably down would be wasted.
func TestPingsOfSilentMembersCarryNoGossip(t *testing.T) {
	tn := silent(t, "bcdefgh", "b")
	tn.n.gossip.gap = time.Hour
	tn.recv("b", alive("z", 1))
	for sent, name := range []string{"c", "b"} {
		tn.n.inquire(tn.now, &tn.n.probe.inquiry, tn.n.member([]byte(name)), &tn.out)
		tn.n.probe.target = NoMember
		if got := tn.sends(); got != sent {
			t.Errorf("after a ping of %s gossip was told %d times, want %d", name, got, sent)
		}
	}
}

func TestPushPullsPreferResponsiveMembers(t *testing.T) {
	tn := silent(t, "bcdefghijklmnop", "b")
	for range 5 {
		tn.n.tickPushPull(tn.now, &tn.out)
		tn.collect()
		tn.want("who was heard will answer", "b: stream push/pull")
		if got := tn.n.RandomLive(nil, 1, nil); len(got) != 1 || got[0] != tn.n.member([]byte("b")) {
			t.Errorf("drawn is %v, want b", got)
		}
	}
}

// Other helpers may be down like the target, so their missing nacks say nothing about us.
func TestResponsiveMembersHelpAndJudge(t *testing.T) {
	tn := silent(t, "bcdefghijk", "bc")
	tn.n.inquire(tn.now, &tn.n.probe.inquiry, tn.n.member([]byte("k")), &tn.out)
	tn.forget()
	tn.advance(tn.n.cfg.ProbeTimeout)
	tn.want("those heard are asked", "b: ping-req k nack", "c: ping-req k nack")
	tn.want("and another, who need not say no", "?: ping-req k nack")
	if got := tn.n.probe.nacksHoped; got != 2 {
		t.Errorf("%d nacks hoped for, want 2", got)
	}
	for range 2 {
		tn.recv("b", nack(tn.n.probe.seq))
	}
	tn.advance(tn.n.cfg.ProbeInterval)
	if tn.n.Health() != 0 {
		t.Errorf("health %d, want 0: those who would say no did", tn.n.Health())
	}
}

func TestNackComesBeforeTheProbeIsOver(t *testing.T) {
	ask := wire.IndirectPing{Seq: 7, Target: []byte{10, 0, 0, 'c'}, Port: 7946, Node: []byte("c"), Nack: true, SourceNode: []byte("b")}
	for on, after := range map[bool]time.Duration{false: 500 * time.Millisecond, true: 250 * time.Millisecond} {
		tn := silent(t, "bc", "b")
		tn.n.unresponsive.on = on
		tn.recv("b", ask.Append(nil))
		tn.forget()
		tn.advance(after - 1)
		tn.wantNone("it may answer yet", "b: nack *")
		tn.advance(1)
		tn.want("no answer", "b: nack 7")
	}
}

// They would answer if this node were well.
func TestNodeThatDoubtsItselfPingsResponsiveMembers(t *testing.T) {
	tn := silent(t, "bcdefghijklmnopqrstuvwxyz", "bc")
	tn.n.health = 3 // of 26 members, one check at a time
	begin := func() {
		tn.n.unresponsive.next = tn.now
		tn.advance(0)
		tn.n.unresponsive.next = Never
	}
	begin()
	tn.want("one of those heard is pinged", "[bc]: ping [bc]")
	tn.wantNone("and nobody else", "*: ping *")
	name := "b"
	if tn.seqs["ping b"] == 0 {
		name = "c"
	}
	tn.recv(name, ack(tn.seqs["ping "+name]))
	if got := tn.n.Health(); got != 2 {
		t.Errorf("health %d after an answer, want 2", got)
	}
	begin()
	tn.advance(tn.n.cfg.ProbeInterval)
	if got := tn.n.Health(); got != 3 {
		t.Errorf("health %d without one, want 3", got)
	}
	if got := tn.heard(); len(got) != 1 {
		t.Errorf("heard are %q, want the other one only", got)
	}
	tn.n.unresponsive.heard = nil
	tn.forget()
	begin()
	tn.want("nobody was heard: somebody is pinged", "?: ping ?")
	tn.advance(tn.n.cfg.ProbeInterval)
	if got := tn.n.Health(); got != 3 {
		t.Errorf("health %d, want 3: from a stranger silence means nothing", got)
	}
	tn.wantNone("a check accuses nobody", "*suspect*")
}

// sweeping returns a node that knows many others, most of which have just stopped answering.
func sweeping(t *testing.T, members int) (*Node, *Output) {
	node, out := crowd(t, members, nil)
	node.probe.next = Never
	node.unresponsive.on, node.unresponsive.next = true, 0
	return node, out
}

func TestManyAreProbedAtATime(t *testing.T) {
	node, out := sweeping(t, 1000)
	now := Time(time.Hour)
	node.pause.lastInput = now
	node.tickUnresponsive(now, out)
	if got := len(node.unresponsive.extra); got != extraMax || len(out.Packets) != extraMax {
		t.Fatalf("%d probes in %d packets, want %d", got, len(out.Packets), extraMax)
	}
	node.tickUnresponsive(now.Add(node.cfg.ProbeTimeout), out)
	if got := len(out.Packets); got != extraMax*(2+node.cfg.IndirectProbes)-extraMax {
		t.Errorf("%d packets, want that each of %d asks %d others, as usual",
			got, extraMax, node.cfg.IndirectProbes)
	}
	node.health = 1 // so no more begin
	node.tickUnresponsive(now.Add(node.cfg.ProbeInterval), out)
	if got := len(node.suspicions.heap); got != extraMax || node.unresponsive.extra == nil {
		t.Errorf("%d suspects, want %d", got, extraMax)
	}
	if len(node.unresponsive.extra) > 0 {
		t.Errorf("%d probes go on", len(node.unresponsive.extra))
	}
}

func TestFewMembersAreProbedOneByOne(t *testing.T) {
	for members, want := range map[int]int{14: 0, 15: 1, 63: 4} { // besides the node itself
		node, out := sweeping(t, members)
		node.tickUnresponsive(Time(time.Hour), out)
		if got := len(node.unresponsive.extra); got != want {
			t.Errorf("of %d, %d are probed besides, want %d", members, got, want)
		}
	}
}

// It may be the one that is at fault.
func TestNodeThatDoubtsItselfProbesNoMore(t *testing.T) {
	node, out := sweeping(t, 1000)
	node.health = 1
	node.tickUnresponsive(Time(time.Hour), out)
	if got := len(node.unresponsive.extra); got > 0 {
		t.Errorf("%d are probed", got)
	}
	if got := len(node.pings.list); got != extraMax {
		t.Errorf("%d are asked for a sign, want %d: nobody was heard", got, extraMax)
	}
}

// Not of members that are already accused by this node, or by as many as are hoped for.
func TestExtraProbesAreOfMembersWorthProbing(t *testing.T) {
	node, out := sweeping(t, 100)
	for i := range 100 {
		name, id := crowdName(i), node.member([]byte(crowdName(i)))
		switch {
		case i < 50:
			node.applySuspect(0, id, node.view.at(id), accusation{inc: 1, from: []byte("self")}, out)
		case i < 98:
			for _, from := range []string{"x", "y", "z"} {
				node.handleSuspect(0, suspect(name, 1, from)[1:], out)
			}
		case i == 98:
			node.handleSuspect(0, suspect(name, 1, "x")[1:], out)
		}
	}
	want := []MemberID{node.member([]byte(crowdName(98))), node.member([]byte(crowdName(99)))}
	var got []MemberID
	for at := Time(time.Hour); len(got) < 2 && at < Time(2*time.Hour); at = at.Add(time.Second) {
		node.unresponsive.restUntil = 0
		node.tickUnresponsive(at, out)
		for _, q := range node.unresponsive.extra {
			if !slices.Contains(got, q.target) && q.target != NoMember {
				got = append(got, q.target)
			}
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("probed are %v, want %v", got, want)
	}
}

// Where many members can't reach each other for good, nearly everything stays as usual.
func TestUnresponsiveHasAnEnd(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	on, began := 0, 0
	const hours = 6
	for range hours * 3600 {
		was := tn.n.unresponsive.on
		tn.n.sample(tn.now, &tn.n.probe.inquiry, true)
		tn.n.pause.lastInput = tn.now
		tn.n.tickUnresponsive(tn.now, &tn.out)
		if tn.n.unresponsive.on {
			if on++; !was {
				began++
			}
		}
		tn.out.Reset()
		tn.now = tn.now.Add(time.Second)
	}
	if most := unresponsiveMost + hours*3600/unresponsiveRest; on < most/2 || on > most {
		t.Errorf("on for %d s of %d hours, want %d to %d", on, hours, most/2, most)
	}
	if on/began < unresponsiveMost/2 {
		t.Errorf("on for %d s in %d parts, want it to rest before it begins again", on, began)
	}
}

// Each node remembers others, and it doesn't depend on who is heard most or last.
func TestLastHeardIsBoundedAndFair(t *testing.T) {
	node, _ := sweeping(t, 4*heardMax)
	remembered := func(seed uint64, backwards bool) []MemberID {
		node.unresponsive.heard, node.cfg.Seed = nil, seed
		for i := range 4 * heardMax {
			k := i
			if backwards {
				k = 4*heardMax - 1 - i
			}
			node.noteHeard(0, node.member([]byte(crowdName(k))))
			node.noteHeard(0, node.member([]byte(crowdName(7))))
		}
		var ids []MemberID
		for _, h := range node.unresponsive.heard {
			ids = append(ids, h.id)
		}
		slices.Sort(ids)
		return ids
	}
	counts := make(map[MemberID]int)
	const nodes = 200
	for seed := range uint64(nodes) {
		a, b := remembered(seed, false), remembered(seed, true)
		if len(a) != heardMax || !slices.Equal(a, b) {
			t.Fatalf("%v are remembered, or %v, want %d whatever the order", a, b, heardMax)
		}
		for _, id := range a {
			counts[id]++
		}
	}
	for i := range 4 * heardMax { // a quarter of the nodes each, give or take five deviations
		if got := counts[node.member([]byte(crowdName(i)))]; got < nodes/4-31 || got > nodes/4+31 {
			t.Errorf("%s is remembered by %d of %d nodes, want about %d",
				crowdName(i), got, nodes, nodes/4)
		}
	}
}

func TestSuspectsAreNotPreferred(t *testing.T) {
	tn := silent(t, "bc", "b")
	tn.recv("c", suspect("b", 1, "c"))
	ok := func(MemberID, record) bool { return true }
	if got := tn.n.pickResponsive(nil, 2, ok); len(got) != 1 || got[0] != tn.n.member([]byte("c")) {
		t.Errorf("drawn are %v, want c only", got)
	}
}

func TestLastHeardGrowsStale(t *testing.T) {
	tn := silent(t, "bc", "b")
	ok := func(MemberID, record) bool { return true }
	tn.advance(heardFor*tn.n.cfg.ProbeInterval - 1)
	tn.recv("c", nack(1)) // inputs move time on
	if got := tn.n.pickResponsive(nil, 2, ok); len(got) != 1 {
		t.Fatalf("%d are drawn, want b", len(got))
	}
	tn.advance(1)
	tn.recv("c", nack(1))
	if got := tn.n.pickResponsive(nil, 2, ok); len(got) != 0 {
		t.Error("b still counts as heard")
	}
}

// Every sign of life counts.
func TestSignsOfLife(t *testing.T) {
	ask := wire.IndirectPing{Seq: 7, Target: []byte{10, 0, 0, 'c'}, Port: 7946, Node: []byte("c"), SourceNode: []byte("b")}
	for name, x := range map[string]struct {
		do   func(tn *conversation)
		want string
	}{
		"a ping":                {func(tn *conversation) { tn.recv("b", ping(1, "a", "b")) }, "b"},
		"a ping from elsewhere": {func(tn *conversation) { tn.recv("x", ping(1, "a", "b")) }, ""},
		"a plea for help":       {func(tn *conversation) { tn.recv("b", ask.Append(nil)) }, "b"},
		"an accusation":         {func(tn *conversation) { tn.recv("x", suspect("c", 1, "d")) }, "d"},
		"an old accusation":     {func(tn *conversation) { tn.recv("x", suspect("c", 0, "d")) }, ""},
		"a death":               {func(tn *conversation) { tn.recv("x", suspect("c", 1, "e"), dead("c", 1, "d")) }, "de"},
		"a departure":           {func(tn *conversation) { tn.recv("x", dead("c", 1, "c")) }, ""},
		"what a full exchange says": {func(tn *conversation) {
			tn.request("x", pushPullMsg(false, "", entry{name: "c", state: Suspect, inc: 1}))
		}, ""},
		"an ack": {func(tn *conversation) {
			tn.n.inquire(tn.now, &tn.n.probe.inquiry, tn.n.member([]byte("c")), &tn.out)
			tn.recv("c", ack(tn.n.probe.seq))
		}, "c"},
		"an ack by stream": {func(tn *conversation) {
			tn.n.inquire(tn.now, &tn.n.probe.inquiry, tn.n.member([]byte("c")), &tn.out)
			tn.collect()
			tn.advance(tn.n.cfg.ProbeTimeout)
			tn.reply("c: stream ping c", ack(tn.n.probe.seq))
			tn.advance(tn.n.cfg.ProbeInterval)
		}, "c"},
		"an answer to another": {func(tn *conversation) {
			tn.recv("b", ask.Append(nil))
			tn.recv("c", ack(tn.seqs["ping c"]))
		}, "bc"},
		"nothing, forgotten": {func(tn *conversation) {
			tn.recv("b", ping(1, "a", "b"))
			tn.recv("x", dead("b", 1, "b"))
			tn.n.Forget(tn.now, tn.n.member([]byte("b")))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tn := silent(t, "bcde", "")
			tn.believeDeaths()
			x.do(tn)
			if got := tn.heard(); got != x.want {
				t.Errorf("heard are %q, want %q", got, x.want)
			}
		})
	}
}

// See noticePause.
func TestPauseExtendsAllProbes(t *testing.T) {
	node, out := sweeping(t, 100)
	node.tickUnresponsive(Time(time.Hour), out)
	end := node.unresponsive.extra[0].end
	node.extendDeadlines(time.Minute)
	if q := &node.unresponsive.extra[0]; q.end != end.Add(time.Minute) || !q.untimed {
		t.Errorf("it ends %v later, untimed %v", q.end.Sub(end), q.untimed)
	}
}

// Their answers go to the old address.
func TestNewAddressEndsAllProbes(t *testing.T) {
	node, out := sweeping(t, 100)
	node.tickUnresponsive(Time(time.Hour), out)
	if err := node.SetAddr(Time(time.Hour), crowdAddr(5000), out); err != nil {
		t.Fatal(err)
	}
	if q := node.inquiryFor(func(*inquiry) bool { return true }); q != nil {
		t.Errorf("%d is still probed", q.target)
	}
}

func TestUnresponsiveDoesntAllocate(t *testing.T) {
	node, out := sweeping(t, 1000)
	now := Time(time.Hour)
	var sc wire.Scratch
	addr := crowdAddr(3).Addr().As4()
	p := wire.Ping{Seq: 9, Node: []byte("self"), SourceAddr: addr[:], SourcePort: 7946, SourceNode: []byte(crowdName(3))}
	packet := bytes.Clone(node.Sealer().SealPacket(nil, p.Append(nil), true, &sc))
	run := func() {
		now = now.Add(time.Second)
		node.Packet(now, crowdAddr(3), packet, out)
		node.announceAlive(node.self, out)
		node.tickGossip(now, out)
		node.unresponsive.on, node.unresponsive.restUntil = true, 0
		node.tickUnresponsive(now, out)
		for i := range node.unresponsive.extra {
			node.sample(now, &node.unresponsive.extra[i], true)
			node.endProbe(now, &node.unresponsive.extra[i])
		}
		out.Reset()
	}
	for range 50 {
		run()
	}
	if got := testing.AllocsPerRun(200, run); got != 0 {
		t.Errorf("%.1f allocations, want none", got)
	}
}
