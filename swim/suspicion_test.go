package swim

import (
	"testing"
	"time"
)

// suspecting returns a conversation with a node among six that doesn't probe, and to which c has
// just accused b: that has 24 s, 4 s if two others agree, and is asked half a second before.
func suspecting(t *testing.T, set func(*Config)) *conversation {
	tn := converseWith(t, set, "b", "c", "d", "e", "f")
	tn.recv("c", suspect("b", 1, "c"))
	tn.n.probe.next = Never
	tn.forget()
	return tn
}

func TestSuspectIsAskedOnceMore(t *testing.T) {
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

// TestSuspectOfManyIsNotAsked: a crash of one costs no packet of each other.
func TestSuspectOfManyIsNotAsked(t *testing.T) {
	tn := suspecting(t, func(*Config) {})
	tn.recv("d", suspect("b", 1, "d"))
	tn.recv("e", suspect("b", 1, "e"))
	tn.advance(4 * time.Second)
	tn.wantNone("others got no answer either", "b: ping *")
	tn.want("in time", "event failed b")
}

// TestLateConfirmationLeavesTimeToAnswer: with it the suspect's time is over at once.
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

func TestSuspectIsNotAskedBesideTooManyPings(t *testing.T) {
	tn := suspecting(t, func(*Config) {})
	tn.advance(23 * time.Second)
	for range maxErrands {
		tn.n.errands.list = append(tn.n.errands.list, errand{nackAt: Never, deadline: Never})
	}
	tn.advance(500 * time.Millisecond)
	tn.wantNone("there's no room", "b: ping *")
	tn.advance(500 * time.Millisecond)
	tn.want("in time all the same", "event failed b")
}

func TestWithoutLastAsk(t *testing.T) {
	tn := suspecting(t, func(c *Config) { c.Without = LastAsk })
	tn.advance(24 * time.Second)
	tn.wantNone("unasked", "b: ping *")
	tn.want("given up", "event failed b")
}
