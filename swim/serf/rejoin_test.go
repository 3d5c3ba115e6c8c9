package serf

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"serf/swim"
	"serf/wire"
)

// returning is a node that has just started, and knows others from an earlier run.
func returning(t *testing.T, previous ...string) *conversation {
	t.Helper()
	c := testConfig("a")
	for _, name := range previous {
		c.Previous = append(c.Previous, Previous{name, addrOf(name)})
	}
	tn := &conversation{t: t, now: swim.Time(time.Hour), said: map[string]bool{},
		notes: map[swim.NoteCode]int{}}
	n, err := New(tn.now, c, &tn.out)
	if err != nil {
		t.Fatal(err)
	}
	tn.n = n
	tn.collect()
	tn.did = nil
	tn.advance(0)
	return tn
}

// tried returns the members that were tried since the last call.
func (tn *conversation) tried() (names []string) {
	for _, line := range tn.did {
		var name string
		if n, err := fmt.Sscanf(line, "%1s: push/pull", &name); n == 1 && err == nil {
			names = append(names, name)
		}
	}
	tn.did = nil
	slices.Sort(names)
	return names
}

// answerStreams answers all open streams as members that know nobody.
func (tn *conversation) answerStreams() {
	tn.t.Helper()
	user := (&state{}).append(nil)
	head := wire.PushPullHeader{UserStateLen: len(user)}
	answer := append(head.Append(nil), user...)
	for _, id := range tn.opened {
		tn.n.Stream(tn.now, swim.StreamIn{ID: id, Kind: swim.StreamReply, Data: answer}, &tn.out)
	}
	tn.opened = nil
	tn.collect()
}

func TestRejoinTriesOneAfterTheOther(t *testing.T) {
	tn := returning(t, "b", "c", "d")
	var all []string
	for range 3 {
		got := tn.tried()
		if len(got) != 1 {
			t.Fatalf("%v tried at once, want one", got)
		}
		all = append(all, got...)
		tn.failStreams()
	}
	slices.Sort(all)
	if !slices.Equal(all, []string{"b", "c", "d"}) {
		t.Errorf("tried %v, want each", all)
	}
	tn.wantNote("noted once", NoteRejoinFailed)
	if got := tn.tried(); len(got) != 0 {
		t.Errorf("tried %v without a pause", got)
	}
	tn.advance(rejoinPauseMin)
	if got := tn.tried(); len(got) != 1 {
		t.Errorf("tried %v, want another attempt: all may be starting", got)
	}
}

// A member that answers may know as little as this node did: the others are looked for as well.
func TestRejoinLooksForAll(t *testing.T) {
	tn := returning(t, "b", "c", "d")
	first := tn.tried()[0]
	tn.member(first, alive(first, 1))
	tn.answerStreams()
	tn.wantNote("noted", NoteRejoined)
	tn.advance(2 * tn.n.cfg.GossipInterval)
	second := tn.tried()
	if len(second) != 1 || second[0] == first {
		t.Fatalf("tried %v after %s, want one of the others", second, first)
	}
	for _, name := range []string{"b", "c", "d"} { // the second knows them
		tn.member(second[0], alive(name, 1))
	}
	tn.answerStreams()
	tn.advance(time.Minute)
	if got := tn.tried(); len(got) != 0 || len(tn.n.rejoin.missing) != 0 {
		t.Errorf("tried %v, %v are missing, though all are found", got, tn.n.rejoin.missing)
	}
}

// A node that is alone for long doesn't fill the log.
func TestRejoinIsQuiet(t *testing.T) {
	tn := returning(t, "b")
	loud := 0
	for range 100 {
		tn.failStreams()
		tn.now = tn.now.Add(rejoinPauseMax)
		tn.n.Tick(tn.now, &tn.out)
		for _, note := range tn.out.Notes {
			if note.Level >= swim.Info {
				loud++
			}
		}
		tn.collect()
	}
	if loud > 0 {
		t.Errorf("%d notes in 100 attempts after the first", loud)
	}
}

// Members that aren't found soon are left to reconnect, unless the node is alone.
func TestRejoinGoesOnWhileAlone(t *testing.T) {
	tn := returning(t, "b", "c")
	for range 1000 {
		tn.failStreams()
		tn.advance(time.Second)
	}
	if len(tn.tried()) < 100 || len(tn.n.rejoin.missing) != 2 {
		t.Errorf("alone, gave up after a quarter of an hour, %v are missing", tn.n.rejoin.missing)
	}
	tn.member("b", alive("b", 1))
	for range 60 {
		tn.failStreams()
		tn.advance(time.Second)
	}
	if l := &tn.n.lost; len(tn.n.rejoin.missing) != 0 || len(l.list) != 1 || l.list[0].name != "c" {
		t.Errorf("not alone, %v are missing, reconnect has %v", tn.n.rejoin.missing, l.list)
	}
}

func TestRejoinIsBounded(t *testing.T) {
	tn := returning(t)
	tn.n.rejoin.pause = rejoinPauseMax
	for i := range 3 * rejoinAddrsMax {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i), 1}), 7946)
		tn.n.rejoin.missing = append(tn.n.rejoin.missing, Previous{fmt.Sprint(i), addr})
	}
	tn.n.arm(timerRejoin, tn.now)
	tn.advance(0)
	tries := 0
	for len(tn.opened) > 0 {
		tries += len(tn.opened)
		tn.failStreams()
	}
	if tries != rejoinAddrsMax {
		t.Errorf("%d addresses in an attempt, want %d", tries, rejoinAddrsMax)
	}
}

// Members that are known by now are like any other member.
func TestRejoinDropsKnownMembers(t *testing.T) {
	tn := returning(t, "b", "c", "d", "a")
	tn.journal = true
	tn.failStreams()
	tn.failStreams()
	tn.failStreams()
	tn.did = nil
	tn.member("b", alive("b", 1))
	tn.member("b", dead("b", "b", 1))
	tn.member("c", aliveWith("e", 1, addrOf("c"), nil)) // c has another name now
	tn.did = nil
	tn.advance(rejoinPauseMin)
	tn.want("b left and c has another name: the next run needn't look for them",
		"line not-alive: b", "line not-alive: c")
	tn.failStreams()
	if left := tn.n.rejoin.missing; len(left) != 1 || left[0].Name != "d" {
		t.Errorf("%v are missing, want d", left)
	}
}

func TestRejoinEndsWithALeave(t *testing.T) {
	tn := returning(t, "b")
	tn.failStreams()
	tn.n.Leave(tn.now, &tn.out)
	tn.collect()
	tn.did = nil
	tn.advance(time.Minute)
	if got := tn.tried(); len(got) != 0 {
		t.Errorf("tried %v while leaving", got)
	}
}

// The snapshot has the addresses of failed members, which may return, but not of members that left.
func TestJournalOfFailedMembers(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.journal = true
	tn.fails("b", "c", 1)
	tn.want("failed", "line not-alive: b", "line # failed: b 10.0.0.98:7946")
	tn.recv("c", leaveIntent("b", 9))
	tn.want("it left, as becomes known later", "line not-alive: b")
	tn.member("c", dead("c", "c", 1))
	for _, line := range tn.did {
		if line == "line # failed: c 10.0.0.99:7946" {
			t.Errorf("%q about a member that left", line)
		}
	}
}

// The process at a previous address may have another name and advertise another address: a second
// address of a known member, say. Then nobody else will ever be found there.
func TestPreviousAddressOfAnotherIsTriedOnce(t *testing.T) {
	tn := returning(t, "b", "c")
	tn.member("b", alive("b", 1)) // and b answers at c's address, too
	tried := tn.tried()
	for range 600 {
		tn.answerStreams()
		tn.advance(time.Second)
		tried = append(tried, tn.tried()...)
	}
	times := 0
	for _, name := range tried {
		if name == "c" {
			times++
		}
	}
	if times != 1 || len(tn.n.rejoin.missing) != 0 {
		t.Errorf("c's address was tried %d times, %d are missing", times, len(tn.n.rejoin.missing))
	}
}
