package swim

import (
	"testing"
	"time"
)

// pause lets time pass without a call into the node.
func (tn *conversation) pause(d time.Duration) {
	tn.t.Helper()
	tn.now = tn.now.Add(d)
	tn.n.Tick(tn.now, &tn.out)
	tn.collect()
}

// The answer waits to be read, or came when nobody could read it.
func TestOwnPauseAccusesNobody(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	tn.advance(time.Second)
	target := tn.lastPinged()
	tn.forget()
	tn.pause(16 * time.Second)
	tn.want("says so", "note paused *")
	tn.wantNone("judges nobody", "event suspected *")
	tn.recv(target, ack(tn.seqs["ping "+target]))
	tn.wantNone("how long the answer took says nothing of the round trip", "event acked *")
	tn.advance(900 * time.Millisecond)
	tn.wantNone("it was there in time", "event suspected *")
	if got := tn.n.Counters().Pauses; got != 1 {
		t.Errorf("%d pauses counted", got)
	}
}

func TestOwnPauseExtendsSuspicions(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	tn.recv("c", suspect("b", 1, "c"))
	tn.pause(time.Minute)
	tn.wantNone("its refutation may wait to be read", "event failed b")
	tn.n.probe.next, tn.n.probe.target = Never, NoMember
	tn.advance(24*time.Second + 499*time.Millisecond)
	tn.wantNone("it has all of its time", "event failed b")
	tn.advance(time.Millisecond)
	tn.want("and then no more", "event failed b")
}

// It doesn't matter which input comes first.
func TestPauseEndsWithAPacket(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	tn.recv("c", suspect("b", 1, "c"))
	tn.now = tn.now.Add(time.Minute)
	tn.recv("d", ping(1, "a", "d"))
	tn.want("noticed", "note paused *")
	tn.n.Tick(tn.now, &tn.out)
	tn.collect()
	tn.wantNone("the suspect's time is shifted all the same", "event failed b")
}

func TestOwnPauseGivesNoNameAway(t *testing.T) {
	tn := converse(t, "b")
	tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
	tn.advance(400 * time.Millisecond) // its final probe was sent
	tn.pause(10 * time.Second)
	tn.advance(0) // other deadlines have passed, too
	tn.recv("b", ack(tn.seqs["ping b"]))
	tn.want("its answer was there in time", "event conflict b")
}

// Timers are never exact; and a node that knows nobody has none.
func TestSmallDelayIsNoPause(t *testing.T) {
	tn := converse(t, "b")
	tn.pause(time.Second + tn.n.cfg.ProbeInterval)
	tn.wantNone("at the limit", "note paused *")
	tn = converse(t, "b")
	tn.n.probe.next = Never
	tn.pause(time.Hour)
	tn.recv("b", alive("c", 1))
	tn.wantNone("nothing was due", "note paused *")
}

// In bad health a probe takes longer than an interval, and the next is overdue when it ends.
func TestSlowProbeIsNoPause(t *testing.T) {
	tn := converse(t, "b")
	tn.n.health = 7
	tn.advance(time.Second + 6*time.Second)
	tn.recv("b", ack(tn.seqs["ping b"]))
	tn.advance(time.Second)
	tn.wantNone("it was called all the time", "note paused *")
}

// Half a second is enough for an answer to come too late, but too little for a note.
func TestShortPause(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	tn.advance(1900 * time.Millisecond)
	target := tn.lastPinged()
	tn.forget()
	tn.pause(700 * time.Millisecond)
	tn.wantIdle("the probe's time is over, but this node wasn't there")
	tn.recv("c", ack(tn.seqs["ping "+target]))
	tn.advance(900 * time.Millisecond)
	tn.wantNone("the answer waited to be read", "event suspected "+target)
	if got := tn.n.Counters().Pauses; got != 0 {
		t.Errorf("%d pauses counted", got)
	}
}

func TestShortPauseIsCompensatedTwice(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	tn.recv("c", suspect("b", 1, "c"))
	tn.n.probe.next, tn.n.suspicions.heap[0].lead = Never, 0
	tn.n.suspicions.order(0)
	tn.advance(24*time.Second - 1)
	tn.pause(200*time.Millisecond + 1)
	tn.advance(400*time.Millisecond - 200*time.Millisecond - 1)
	tn.wantNone("once for what was lost, once to read what waits", "event failed b")
	tn.advance(1)
	tn.want("and no more", "event failed b")
}

// On a busy host every timer may be late.
func TestNodeThatIsAlwaysLateGoesOn(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	tn.recv("c", suspect("b", 1, "c"))
	began := tn.now
	for tn.now.Sub(began) < 24*time.Second*2 {
		tn.pause(tn.n.Deadline().Sub(tn.now) + 200*time.Millisecond)
	}
	tn.want("it takes longer, but not for ever", "event failed b")
}
