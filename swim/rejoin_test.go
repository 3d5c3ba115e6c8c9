package swim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// declareDead makes c suspect a member and declare it dead.
func (tn *conversation) declareDead(name string, inc uint32) {
	tn.t.Helper()
	tn.believeDeaths()
	tn.recv("c", suspect(name, inc, "c"), dead(name, inc, "c"))
	tn.want("failed", "event failed "+name)
	tn.forget()
}

// unanswering returns a conversation with a node that knows four members, of which b has failed,
// come back and failed again.
func unanswering(t *testing.T) *conversation {
	tn := converse(t, "b", "c", "d", "e")
	tn.n.probe.next = Never
	tn.declareDead("b", 1)
	tn.recv("c", alive("b", 2))
	tn.want("the first claim to be back is believed at once", "event joined b")
	tn.declareDead("b", 2)
	return tn
}

func TestSecondReturnHasToAnswer(t *testing.T) {
	tn := unanswering(t)
	tn.request("c", pushPullMsg(false, "", entry{"b", Alive, 3, modern, addrOf("b")}))
	tn.want("asked where it says that it lives, both ways", "b: ping b", "b: stream ping b")
	tn.wantState("not believed yet", "b", Dead, 2)
	tn.recv("b", ack(tn.seqs["ping b"]))
	tn.want("it answered", "event joined b")
	tn.wantState("believed", "b", Alive, 3)
	tn.declareDead("b", 3)
	tn.recv("c", alive("b", 4))
	tn.want("and is as credible as any other then", "event joined b")
}

func TestWithoutRejoinCheck(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.sim.Without = RejoinCheck }, "b", "c", "d", "e")
	tn.n.probe.next = Never
	for inc := uint32(1); inc < 5; inc++ {
		tn.declareDead("b", inc)
		tn.recv("c", alive("b", inc+1))
		tn.want("believed each time", "event joined b")
	}
}

func TestSecondReturnMayAnswerByStream(t *testing.T) {
	tn := unanswering(t)
	tn.request("c", pushPullMsg(false, "", entry{"b", Alive, 3, modern, addrOf("b")}))
	tn.reply("b: stream ping b", ack(tn.seqs["ping b"]))
	tn.want("it answered", "event joined b")
}

// One, two, four minutes and so on, up to 32, after each failure.
func TestSilentReturnsAreBelievedMoreAndMoreSlowly(t *testing.T) {
	tn := unanswering(t)
	inc := uint32(3)
	for _, minutes := range []time.Duration{1, 2, 4, 8, 16, 32, 32, 32} {
		tn.recv("c", alive("b", inc))
		tn.advance(time.Second)
		tn.want("said, with what to look at", "note unreachable b")
		tn.advance(minutes*time.Minute - time.Second - 1)
		tn.recv("c", alive("b", inc))
		tn.wantState("not yet", "b", Dead, inc-1)
		tn.advance(1)
		tn.recv("c", alive("b", inc))
		tn.wantState("given another chance", "b", Alive, inc)
		tn.forget()
		tn.declareDead("b", inc)
		inc++
	}
}

// Any answer will do, not only that to a rejoin check.
func TestReturnedMemberThatAnswersAnyPingIsBelieved(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	tn.n.probe.next = Never
	tn.declareDead("b", 1)
	tn.recv("c", alive("b", 2))
	b, _ := tn.n.Lookup([]byte("b"))
	tn.n.inquire(tn.now, &tn.n.probe.inquiry, b, &tn.out)
	tn.collect()
	tn.recv("b", ack(tn.seqs["ping b"]))
	tn.declareDead("b", 2)
	tn.recv("c", alive("b", 3))
	tn.wantState("at once", "b", Alive, 3)
}

func TestClaimsThatAreCheckedAreBounded(t *testing.T) {
	tn := unanswering(t)
	tn.recv("c", alive("b", 3), alive("b", 4))
	tn.want("once at a time", "b: ping b")
	tn.wantNone("once at a time", "b: ping b")
	for len(tn.n.pings.list) < maxDeferrable {
		tn.n.pings.add(pendingPing{nackAt: Never, deadline: Never})
	}
	tn.declareDead("d", 1)
	tn.recv("c", alive("d", 2))
	tn.declareDead("d", 2)
	stale := tn.n.Counters().DroppedStale
	tn.recv("c", alive("d", 3))
	tn.wantNone("no room", "d: ping d")
	if got := tn.n.Counters().DroppedStale - stale; got != 1 {
		t.Errorf("%d claims dropped, want 1 counted", got)
	}
}

// A packet may be forged, and name one address in many claims.
func TestClaimsOfOnePacketAreBounded(t *testing.T) {
	tn := converse(t, "c", "d")
	tn.n.probe.next = Never
	var claims [][]byte
	for i := range maxForwards + 4 {
		name := fmt.Sprintf("m%02d", i)
		claims = append(claims, aliveAt(name, 1, addrOf("z"), ""))
		tn.n.rejoins.addTombstone([]byte(name), 1, Never)
	}
	tn.recv("d", claims...)
	pings := 0
	for _, line := range tn.did {
		if strings.HasPrefix(line, "z: ping ") {
			pings++
		}
	}
	if got := tn.n.Counters().DroppedForwards; pings != maxForwards || got != 4 {
		t.Errorf("%d pings, %d claims dropped, want %d and 4", pings, got, maxForwards)
	}
}

// The member has returned at another address meanwhile.
func TestLateAnswerOfAMovedMember(t *testing.T) {
	tn := unanswering(t)
	tn.recv("c", aliveAt("b", 9, addrOf("z"), ""))
	tn.want("asked where it's said to be", "z: ping b")
	b, _ := tn.n.Lookup([]byte("b"))
	tn.n.rejoins.proven(b)
	tn.recv("b", alive("b", 3))
	tn.recvFrom(addrOf("z"), ack(tn.seqs["ping b"]))
	tn.wantAddr("its own address is asked first", "b", addrOf("b"))
}

func TestWatchedReturnsAreBounded(t *testing.T) {
	var c rejoins
	for id := range MemberID(maxRejoins + 1) {
		c.watch(id)
		c.failed(0, id)
	}
	if len(c.returned) != maxRejoins || c.wait(0, 0) > 0 || c.wait(0, 1) <= 0 ||
		c.wait(0, maxRejoins) <= 0 {
		t.Errorf("%d watched, want the last %d", len(c.returned), maxRejoins)
	}
}

func TestTombstonesAreBounded(t *testing.T) {
	var c rejoins
	name := func(i int) []byte { return fmt.Appendf(nil, "m%d", i) }
	for i := range maxTombstones + 1 {
		c.addTombstone(name(i), 1, 10)
	}
	if len(c.forgotten) != maxTombstones ||
		c.hasTombstone(0, name(0), 1) || !c.hasTombstone(0, name(1), 1) {
		t.Errorf("%d remembered, want the last %d", len(c.forgotten), maxTombstones)
	}
}

// forgetful returns a conversation with a node among three that has forgotten b, which had failed at
// incarnation 5.
func forgetful(t *testing.T) *conversation {
	tn := converseWith(t, func(c *Config) { c.VerifyForgotten = time.Hour }, "c", "d")
	tn.n.probe.next = Never
	tn.recv("c", alive("b", 5))
	tn.declareDead("b", 5)
	b, _ := tn.n.Lookup([]byte("b"))
	tn.n.Forget(tn.now, b)
	return tn
}

// A member that slept while others forgot it still believes it is alive.
func TestForgottenMemberHasToAnswer(t *testing.T) {
	says := func(tn *conversation, s State) func(inc uint32) {
		return func(inc uint32) {
			tn.request("d", pushPullMsg(false, "", entry{"b", s, inc, modern, addrOf("b")}))
		}
	}
	for what, f := range map[string]func(tn *conversation) func(inc uint32){
		"alive in an exchange":   func(tn *conversation) func(inc uint32) { return says(tn, Alive) },
		"suspect in an exchange": func(tn *conversation) func(inc uint32) { return says(tn, Suspect) },
		"by gossip": func(tn *conversation) func(inc uint32) {
			return func(inc uint32) { tn.recv("d", alive("b", inc)) }
		},
	} {
		t.Run(what, func(t *testing.T) {
			tn := forgetful(t)
			hear := f(tn)
			hear(5)
			tn.want("asked whether it's there", "b: ping b")
			if what == "by gossip" {
				tn.wantNone("who could be anybody doesn't make us connect", "b: stream ping b")
			}
			tn.wantNone("not believed", "event joined b")
			tn.advance(time.Hour - 1)
			hear(5)
			tn.wantNone("for as long as configured", "event joined b")
			tn.advance(1)
			hear(5)
			tn.want("no longer", "event joined b")
		})
	}
}

func TestForgottenMemberThatAnswersIsBack(t *testing.T) {
	tn := forgetful(t)
	tn.recv("d", alive("b", 5))
	tn.recv("b", ack(tn.seqs["ping b"]))
	tn.want("it's there", "event joined b")
	tn.wantState("as claimed", "b", Alive, 5)
}

func TestForgottenMemberThatRefutedIsBack(t *testing.T) {
	tn := forgetful(t)
	tn.recv("d", alive("b", 6))
	tn.want("it lived to say so", "event joined b")
}

func TestForgottenMemberMayIntroduceItself(t *testing.T) {
	tn := forgetful(t)
	tn.recv("b", alive("b", 1))
	tn.want("restarted, it begins anew", "event joined b")
}

// The member hears nothing but what others say about it.
func TestMemberThatNobodyPingsIsNoted(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.n.probe.next = Never
	accuse := func(times int) {
		for range times {
			tn.request("b", pushPullMsg(false, "", entry{"a", Dead, tn.n.inc, modern, addrOf("a")}))
		}
	}
	accuse(unpingedMax - 1)
	tn.wantNone("it may be chance", "note not-pinged *")
	tn.recv("b", ping(1, "a", "b"))
	accuse(unpingedMax - 1)
	tn.wantNone("one reached it meanwhile", "note not-pinged *")
	accuse(1)
	tn.want("nobody reaches it", "note not-pinged *")
	accuse(100)
	tn.wantNone("once", "note not-pinged *")
}
