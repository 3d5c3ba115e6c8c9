package swim

import (
	"testing"
	"time"

	"serf/wire"
)

// suspecting returns a conversation with a node that knows six members and doesn't probe, and to
// which c has just accused b. b has 24 s, 4 s if two others agree, and is probed half a second
// before the end, not earlier.
func suspecting(t *testing.T, set func(*Config)) *conversation {
	tn := converseWith(t, set, "b", "c", "d", "e", "f")
	tn.recv("c", suspect("b", 1, "c"))
	tn.n.probe.next = Never
	tn.askLate()
	return tn
}

// askLate turns the early pings of suspects off.
func (tn *conversation) askLate() {
	for i := range tn.n.suspicions.heap {
		tn.n.suspicions.heap[i].early = Never
		tn.n.suspicions.fix(tn.n.suspicions.heap[i].member)
	}
	tn.forget()
}

func TestSuspectIsProbedOnceMore(t *testing.T) {
	tn := suspecting(t, func(*Config) {})
	tn.advance(23500*time.Millisecond - 1)
	tn.wantNone("not yet", "b: ping *")
	tn.advance(1)
	tn.want("before it's given up, and told why", "b: ping b", "b: suspect b@1*")
	tn.advance(500*time.Millisecond - 1)
	tn.wantNone("it has time to answer", "event failed b")
	tn.advance(1)
	tn.want("and no more than it would have had anyway", "event failed b")
	tn.wantNone("once", "b: ping *")
	if got := tn.n.counters.FailuresUnconfirmed; got != 1 {
		t.Errorf("%d unconfirmed failures counted", got)
	}
}

func TestSuspectThatAnswersIsSpared(t *testing.T) {
	tn := suspecting(t, func(*Config) {})
	tn.advance(23500 * time.Millisecond)
	tn.recv("b", ack(tn.seqs["ping b"]))
	tn.forget()
	tn.advance(3500*time.Millisecond - 1)
	tn.wantIdle("its refutation may be on its way")
	tn.advance(1)
	tn.want("it still hasn't refuted: asked again", "b: ping b")
	tn.advance(500 * time.Millisecond)
	tn.want("no answer this time", "event failed b")
}

// The accusers may be cut off from it, and declare it dead soon.
func TestSuspectOfOthersIsPingedEarly(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	tn.recv("c", suspect("b", 1, "c"))
	tn.n.probe.next = Never
	tn.forget()
	tn.advance(2*time.Second - 1)
	tn.wantNone("gossip gets to it sooner, as a rule", "b: ping *")
	tn.advance(1)
	tn.want("half of the least time is over", "b: ping b", "b: suspect b@1 from a")
	tn.recv("b", ack(tn.seqs["ping b"]), alive("b", 2))
	tn.recv("c", dead("b", 1, "c"))
	tn.wantState("it has refuted", "b", Alive, 2)

	tn.n.inquire(tn.now, &tn.n.probe.inquiry, tn.n.member([]byte("d")), &tn.out)
	tn.collect()
	tn.advance(time.Second)
	tn.want("found by ourselves", "d: ping d", "event suspected d")
	tn.advance(2 * time.Second)
	tn.wantNone("then we have just asked", "d: ping d")
}

// Each of several suspects is asked, not the one that is due next.
func TestEachSuspectOfOthersIsPingedEarly(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	tn.recv("f", suspect("b", 1, "f"))
	tn.n.probe.next = Never
	tn.advance(time.Second)
	tn.recv("f", suspect("c", 1, "f"))
	tn.forget()
	for _, name := range []string{"b", "c"} {
		tn.advance(time.Second)
		tn.want("half of its least time is over", name+": ping "+name)
		tn.wantNone("the other's isn't", "*: ping [bc]")
	}
}

// All accusers may be cut off from it while this node isn't.
func TestSuspectOfManyIsProbed(t *testing.T) {
	tn := suspecting(t, func(*Config) {})
	tn.recv("d", suspect("b", 1, "d"))
	tn.recv("e", suspect("b", 1, "e"))
	tn.advance(3500*time.Millisecond - 1)
	tn.wantNone("not yet", "b: ping *")
	tn.advance(1)
	tn.want("before it's given up, and told why", "b: ping b", "b: suspect b@1*")
	tn.advance(500 * time.Millisecond)
	tn.want("and no later for that", "event failed b")
	if got := tn.n.counters.FailuresUnconfirmed; got != 0 {
		t.Errorf("%d unconfirmed failures counted, of one that two confirmed", got)
	}
}

// A push/pull doesn't name the accuser, who may be the node that receives it.
func TestPushPullConfirmsNoSuspicion(t *testing.T) {
	for _, s := range []State{Suspect, Dead} {
		tn := suspecting(t, func(*Config) {})
		tn.request("d", pushPullMsg(false, "", entry{"b", s, 1, modern, addrOf("b")}))
		tn.request("e", pushPullMsg(false, "", entry{"b", s, 1, modern, addrOf("b")}))
		tn.advance(23500*time.Millisecond - 1)
		tn.wantNone("not even asked", "b: ping *")
		tn.wantNone("nor passed on", "*: suspect b@1 from [abde]")
		tn.advance(500*time.Millisecond + 1)
		tn.want("as late as if nobody had said so", "event failed b")
	}
}

// A node that reads a suspicion in a push/pull must not gossip itself as the accuser: the first
// accuser would count it as a second one.
func TestPushPullSuspicionHasNoAccuser(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	tn.n.probe.next = Never
	tn.request("d", pushPullMsg(false, "", entry{"b", Suspect, 1, modern, addrOf("b")}))
	tn.want("a suspect all the same", "event suspected b")
	tn.advance(time.Second)
	tn.want("told to others, that it may refute", "*: suspect b@1 from b")
	tn.wantNone("this node accuses nobody", "*: suspect b@1 from a")
}

// A node that reads a suspicion in a push/pull gossips it with the suspect as the accuser. Such a
// message doesn't confirm a suspicion.
func TestGossipedPushPullSuspicionConfirmsNothing(t *testing.T) {
	tn := suspecting(t, func(*Config) {})
	tn.recv("d", suspect("b", 1, "b"))
	tn.recv("e", suspect("b", 1, "b"))
	tn.advance(23500*time.Millisecond - 1)
	tn.wantNone("as late as if nobody had said so", "b: ping *")
}

// A suspicion from a push/pull has no accuser yet. The first one confirms nothing, later ones do.
func TestFirstAccuserAfterAPushPull(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	tn.n.probe.next = Never
	tn.recv("d", suspect("b", 1, "b"))
	tn.recv("c", suspect("b", 1, "c"))
	tn.advance(time.Second)
	tn.want("others may not know", "*: suspect b@1 from c")
	tn.askLate()
	tn.advance(19 * time.Second)
	tn.wantNone("one accuser has 24 s", "b: ping *")
	tn.recv("e", suspect("b", 1, "e"))
	tn.advance(0)
	tn.want("with two its time is over", "b: ping b")
}

// A member that was cut off for long declares all others dead when it is back.
func TestDeathWithoutASuspicionIsChecked(t *testing.T) {
	tn := converse(t, "b", "c", "d")
	tn.n.probe.next = Never
	tn.recv("c", dead("b", 1, "c"))
	tn.want("asked, and told why", "b: ping b", "b: suspect b@1*", "event suspected b")
	tn.advance(500*time.Millisecond - 1)
	tn.recv("d", suspect("b", 1, "d"), dead("b", 1, "c"), dead("b", 1, "d"))
	tn.wantNone("it may answer, however often it is said", "event failed b")
	tn.advance(1)
	tn.want("or not", "event failed b")
	tn.advance(200 * time.Millisecond)
	tn.want("told to others", "*: dead b@1 from a")
}

// A member that was cut off first exchanges states, and then gossips deaths.
func TestDeathAfterAPushPullIsChecked(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	tn.n.probe.next = Never
	tn.request("b", pushPullMsg(false, "", entry{"c", Dead, 1, modern, addrOf("c")}))
	tn.recv("b", dead("c", 1, "b"))
	tn.want("asked", "c: ping c")
	tn.advance(500*time.Millisecond - 1)
	tn.wantNone("it may answer", "event failed c")
	tn.advance(1)
	tn.want("or not", "event failed c")
}

// When a partition ends, the accusations of those that were cut off arrive with the deaths.
func TestSuspectThatHadNoTimeToRefuteIsProbed(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	tn.n.probe.next = Never
	tn.recv("c", suspect("b", 1, "c"))
	tn.forget()
	tn.advance(2*time.Second - 1)
	tn.recv("c", dead("b", 1, "c"))
	tn.want("half of its least time isn't over", "b: ping b")
	tn.wantNone("it may have refuted", "event failed b")
	tn.recv("b", ack(tn.seqs["ping b"]), alive("b", 2))
	tn.wantState("it has", "b", Alive, 2)
	tn.recv("c", suspect("b", 2, "c"))
	tn.advance(2 * time.Second)
	tn.recv("c", dead("b", 2, "c"))
	tn.want("this time it could have", "event failed b")
}

// In a mass failure suspects still get their final probe.
func TestEarlyPingsLeaveRoomForFinalProbes(t *testing.T) {
	tn := suspecting(t, func(*Config) {})
	for len(tn.n.pings.list) < maxDeferrable {
		tn.n.pings.add(pendingPing{nackAt: Never, deadline: Never})
	}
	tn.advance(20 * time.Second)
	tn.wantNone("it will be asked later", "b: ping b")
	tn.advance(3500 * time.Millisecond)
	tn.want("for the last time", "b: ping b")
}

// A suspicion belongs to an incarnation: what others say of an earlier one doesn't touch a member
// that has restarted with a higher one, now or when that suspicion would have run out.
func TestStaleAccusationDoesNotTouchARestartedMember(t *testing.T) {
	for name, accusation := range map[string][]byte{
		"suspicion": suspect("b", 1, "d"), "death": dead("b", 1, "d"), "departure": dead("b", 1, "b"),
		"suspicion in a push/pull": pushPullMsg(false, "", entry{name: "b", state: Suspect, inc: 1}),
		"death in a push/pull":     pushPullMsg(false, "", entry{name: "b", state: Dead, inc: 1}),
		"departure in a push/pull": pushPullMsg(false, "", entry{name: "b", state: Left, inc: 1}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := converse(t, "b", "c", "d", "e")
			tn.n.probe.next = Never // the accusations alone decide
			tn.recv("c", suspect("b", 1, "c"))
			tn.recv("b", alive("b", 2))
			tn.want("it has restarted", "event suspected b", "event refuted b")
			for range 2 {
				if wire.Type(accusation[0]) == wire.TypePushPull {
					tn.request("d", accusation)
				} else {
					tn.recv("d", accusation)
				}
				tn.wantState("the accusation is of its earlier incarnation", "b", Alive, 2)
				tn.advance(time.Hour)
				tn.wantState("nor has a suspicion run out since", "b", Alive, 2)
			}
			tn.wantNone("nobody hears of it", "event * b")
			tn.wantNone("nor is it passed on", "*: suspect b@*")
			tn.wantNone("nor is it passed on", "*: dead b@*")
		})
	}
}

// The member refuted the accusation known here, so it was alive.
func TestDeathAtAnotherIncarnationIsChecked(t *testing.T) {
	tn := suspecting(t, func(*Config) {})
	tn.recv("c", dead("b", 2, "c"))
	tn.want("asked", "b: ping b")
	tn.wantNone("not believed yet", "event failed b")
	tn.advance(500 * time.Millisecond)
	tn.want("no answer", "event failed b")
}

func TestCheckedDeathIsRefutedByAnAnswer(t *testing.T) {
	tn := converse(t, "b", "c", "d")
	tn.n.probe.next = Never
	tn.recv("c", dead("b", 1, "c"))
	tn.recv("b", ack(tn.seqs["ping b"]), alive("b", 2))
	tn.advance(time.Minute)
	tn.wantNone("it lives", "event failed b")
	tn.wantState("it lives", "b", Alive, 2)
}

// It ends the suspect's time at once.
func TestLateConfirmationLeavesTimeToAnswer(t *testing.T) {
	tn := suspecting(t, func(*Config) {})
	tn.advance(20 * time.Second)
	tn.recv("d", suspect("b", 1, "d"))
	tn.advance(0)
	tn.want("asked", "b: ping b")
	tn.advance(500*time.Millisecond - 1)
	tn.wantNone("it may answer", "event failed b")
	tn.advance(1)
	tn.want("or not", "event failed b")
}

func TestSuspectIsNotPingedBesideTooManyPings(t *testing.T) {
	tn := suspecting(t, func(*Config) {})
	tn.advance(23 * time.Second)
	for range maxPendingPings {
		tn.n.pings.add(pendingPing{nackAt: Never, deadline: Never})
	}
	tn.advance(500 * time.Millisecond)
	tn.wantNone("there's no room", "b: ping *")
	tn.advance(500 * time.Millisecond)
	tn.want("in time all the same", "event failed b")
}

func TestWithoutFinalProbe(t *testing.T) {
	tn := suspecting(t, func(c *Config) { c.sim.Without = FinalProbe })
	tn.advance(24 * time.Second)
	tn.wantNone("unasked", "b: ping *")
	tn.want("given up", "event failed b")
}
