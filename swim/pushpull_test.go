package swim

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"serf/wire"
)

func TestMerge(t *testing.T) {
	old := [6]byte{1, 1, 1, 0, 0, 0}
	odd := [6]byte{1, 5, 7, 0, 0, 0}
	tn := converse(t, "b", "c", "d", "e")
	tn.n.probe.next = Never
	tn.request("z", pushPullMsg(false, "",
		entry{name: "b", state: Dead, inc: 1},
		entry{name: "c", state: Left, inc: 1},
		entry{name: "d", state: Suspect, inc: 3},
		entry{name: "e", state: 9, inc: 9},
		entry{name: "f", state: Dead, inc: 1},
		entry{name: "g", state: Suspect, inc: 1},
		entry{name: "h", inc: 1, vsn: odd},
		entry{name: "i", inc: 1, vsn: old},
		entry{name: "a", state: Suspect, inc: 1},
		entry{name: "z", inc: 1}))
	tn.wantState("a death at second hand is a suspicion", "b", Suspect, 1)
	tn.wantState("that it left, it said itself", "c", Left, 1)
	tn.wantState("alive at 3, then suspect", "d", Suspect, 3)
	tn.wantState("a state that doesn't exist", "e", Alive, 1)
	tn.wantState("a suspect that we didn't know", "g", Suspect, 1)
	tn.wantState("refuted", "a", Alive, 2)
	tn.wantState("the last entry counts in spite of the bad ones (F5)", "z", Alive, 1)
	for _, name := range []string{"f", "h", "i"} {
		if _, ok := tn.n.Lookup([]byte(name)); ok {
			t.Errorf("%s was taken in", name)
		}
	}
	if got := tn.n.Counters().DroppedVersions; got != 2 {
		t.Errorf("%d entries with other versions counted, want 2", got)
	}
}

func TestPushPullRegularly(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.PushPullInterval = 30 * time.Second }, "b")
	tn.n.probe.next = Never
	tn.advance(30 * time.Second)
	tn.want("within the first interval", "b: stream push/pull")
	tn.fail("b: stream push/pull")
	tn.want("says so", "note push/pull-failed b")
	tn.advance(30 * time.Second)
	tn.want("and again", "b: stream push/pull")
}

func TestStateCarriesDeadAndLeftMembers(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.recv("c", suspect("b", 4, "c"), dead("b", 4, "c"))
	pp, err := wire.ParsePushPull(flat(tn.n.state(false, &tn.out))[1:])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for it := pp.States(); it.Next(); {
		got = append(got, string(it.State.Name)+" "+State(it.State.State).String())
	}
	if s := strings.Join(got, ", "); !strings.Contains(s, "b dead") || len(got) != 3 {
		t.Fatalf("state has %s: b must learn what to out-bid", s)
	}
}

func TestRecordsTakeNoMoreThanCounted(t *testing.T) {
	long := make([]byte, max(NameMax, MetaMax))
	s := wire.NodeState{
		Addr: long[:16], Inc: math.MaxUint32, Name: long[:NameMax], Meta: long[:MetaMax], Port: math.MaxUint16, State: uint8(Left),
		Vsn: []byte{255, 255, 255, 255, 255, 255},
	}
	if got := len(s.Append(nil)) - NameMax - MetaMax; got > stateHead {
		t.Fatalf("%d bytes besides name and metadata, want at most %d", got, stateHead)
	}
}

// No member accepts a larger one. The living come first.
func TestStateFitsABlock(t *testing.T) {
	if testing.Short() {
		t.Skip("more members than fit a state")
	}
	tn := converse(t, "b")
	meta := strings.Repeat("m", MetaMax)
	each := stateHead + NameMax + MetaMax
	for i := range statesMax/each + 10 {
		name := fmt.Sprintf("%0*d", NameMax, i)
		tn.n.Packet(tn.now, addrOf("b"), aliveAt(name, 1, addrOf("b"), meta), &tn.out)
		if i < 20 {
			tn.n.Packet(tn.now, addrOf("b"), dead(name, 1, name), &tn.out)
		}
		tn.out.Reset()
	}
	for range 2 {
		state := flat(tn.n.state(false, &tn.out))
		pp, err := wire.ParsePushPull(state[1:])
		if err != nil || len(state) > statesMax {
			t.Fatalf("%d bytes (%v), limit %d", len(state), err, statesMax)
		}
		if pp.Nodes < tn.n.Live() || pp.Nodes >= tn.n.Len() {
			t.Errorf("%d records of %d, %d live", pp.Nodes, tn.n.Len(), tn.n.Live())
		}
	}
	tn.collect()
	tn.want("said", "note state-cut *")
	tn.wantNone("once", "note state-cut *")
	if got := tn.n.Counters().StatesCut; got != 2 {
		t.Errorf("%d counted, want 2", got)
	}
}

// In a cluster that starts all at once, members know each other as soon as gossip is through,
// without waiting for the regular exchange.
func TestManyNewcomersBringThePushPullForward(t *testing.T) {
	tn, exchanges := converseCatchingUp(t)
	for i := range catchUpLeast {
		tn.wantNone("a few are no crowd", "?: stream push/pull")
		tn.recv("b", alive(string(rune('c'+i)), 1))
	}
	tn.advance(2 * tn.n.cfg.GossipInterval)
	tn.want("a crowd is", "?: stream push/pull")
	tn.advance(time.Hour - time.Minute)
	if got := exchanges(); got != 1 {
		t.Fatalf("%d further exchanges though nobody new came, want 1 to make sure", got)
	}
}

// Some members' addresses of others are outdated then.
func TestManyMovesBringThePushPullForward(t *testing.T) {
	tn, exchanges := converseCatchingUp(t)
	names := []string{"c", "d", "e", "f"}[:catchUpLeast]
	for _, name := range names {
		tn.recv("b", alive(name, 1))
	}
	tn.n.pushPull.catchUp, tn.n.pushPull.next = catchUp{}, tn.now.Add(time.Hour)
	tn.forget()
	for _, name := range names {
		tn.recv("b", aliveAt(name, 2, addrOf("z"), ""))
	}
	tn.advance(time.Minute)
	if got := exchanges(); got == 0 {
		t.Fatal("no exchange")
	}
}

// What is many in a small cluster is few in a large one.
func TestCatchUpNeedsAShareOfTheMembers(t *testing.T) {
	const crowd = 2 * catchUpLeast
	tn, exchanges := converseCatchingUp(t)
	newcomer := func(i int) { tn.recv("b", aliveAt(fmt.Sprint("n", i), 1, addrOf("c"), "")) }
	for i := range crowd*catchUpShare - 2 { // with a and b
		newcomer(i)
	}
	tn.advance(time.Minute)
	exchanges()
	for i := range crowd - 1 {
		newcomer(-i - 1)
	}
	tn.advance(time.Minute)
	if got := exchanges(); got != 0 {
		t.Fatalf("%d exchanges for less than one newcomer in %d", got, catchUpShare)
	}
	newcomer(-crowd - catchUpLeast)
	newcomer(-crowd - catchUpLeast - 1)
	tn.advance(time.Minute)
	if got := exchanges(); got == 0 {
		t.Fatalf("no exchange for one newcomer in %d", catchUpShare)
	}
}

// A few newcomers all the time, which gossip can tell of, don't make a cluster exchange states all
// the time.
func TestCatchUpGetsRarer(t *testing.T) {
	tn, exchanges := converseCatchingUp(t)
	newcomer := func(i int) { tn.recv("b", aliveAt(fmt.Sprint("n", i), 1, addrOf("c"), "")) }
	const halfMinute = 150                        // gossip intervals
	const crowd = (halfMinute + 2) * catchUpShare // so that the newcomers of half a minute are none
	for i := range crowd {
		newcomer(i)
	}
	for i := range halfMinute {
		tn.advance(tn.n.cfg.GossipInterval)
		newcomer(crowd + i)
	}
	// After 0.2 s to 0.4 s, then twice that and so on.
	if got := exchanges(); got < 5 || got > 8 {
		t.Fatalf("%d exchanges in half a minute, want one at each doubling of their distance", got)
	}
}

// When members leave, the share may fall below the number of newcomers.
func TestCatchUpWhenMembersLeave(t *testing.T) {
	tn, _ := converseCatchingUp(t)
	tn.n.pushPull.catchUp.newcomers = catchUpLeast
	tn.recv("b", alive("c", 1))
	tn.advance(2 * time.Second)
	tn.want("a crowd", "?: stream push/pull")
}

// converseCatchingUp returns a node whose push/pulls are all catching up. The returned function
// counts those since its last call.
func converseCatchingUp(t *testing.T) (*conversation, func() int) {
	tn := converseWith(t, func(c *Config) { c.PushPullInterval = time.Hour }, "b")
	tn.n.probe.next = Never
	tn.n.pushPull.next = tn.now.Add(time.Hour)
	return tn, func() (count int) {
		for _, s := range tn.did {
			if matches("?: stream push/pull", s) {
				count++
			}
		}
		tn.forget()
		return count
	}
}
