package swim

import (
	"testing"
	"time"
)

// without returns a conversation with a node that leaves out m.
func without(t *testing.T, m Mechanism, others ...string) *conversation {
	return converseWith(t, func(c *Config) { c.sim.Without = m }, others...)
}

func TestMechanismsAreFoundByNewAndOldNames(t *testing.T) {
	for m := Mechanism(1); m != 0; m <<= 1 {
		if m&WithoutAny != 0 && ParseMechanism(m.String()) != m {
			t.Errorf("mechanism %b: %q is mechanism %b", m, m, ParseMechanism(m.String()))
		}
	}
	old := map[string]Mechanism{
		"standstill": PauseCompensation, "last-ask": FinalProbe, "frank-ack": DeferredAck, "prompt": PromptGossip,
		"knock": ProbeDead, "correct": Correction, "bridge": Relay, "heard": PreferResponsive, "sweep": WideProbe,
		"proof": RejoinCheck, "raft": 0, "": 0,
	}
	for name, want := range old {
		if got := ParseMechanism(name); got != want {
			t.Errorf("%q: mechanism %b, want %b", name, got, want)
		}
	}
}

func TestWithoutLocalHealth(t *testing.T) {
	tn := without(t, LocalHealth, "b", "c", "d", "e")
	tn.advance(1500 * time.Millisecond)
	tn.want("nobody is asked to say no", "?: ping-req "+tn.lastPinged())
	tn.advance(500 * time.Millisecond)
	if got := tn.n.Health(); got != 0 {
		t.Errorf("health %d after a failed probe", got)
	}
}

func TestWithoutConfirmation(t *testing.T) {
	tn := without(t, Confirmation, "b", "c", "d", "e")
	tn.recv("c", suspect("b", 1, "c"))
	tn.forget()
	tn.recv("d", suspect("b", 1, "d"))
	tn.wantIdle("a further accusation isn't passed on")
	tn.n.probe.next = Never
	tn.advance(4*time.Second - 1)
	tn.wantNone("it has the least time", "event failed b")
	tn.advance(1)
	tn.want("from the first", "event failed b")
}

func TestWithoutBuddy(t *testing.T) {
	tn := without(t, Buddy, "b")
	tn.recv("c", suspect("b", 1, "c"))
	tn.n.gossip.queue = Queue{}
	tn.advance(time.Second)
	tn.want("the probe", "b: ping b")
	tn.wantNone("and nothing with it", "b: suspect *")
}

func TestWithoutDeferredAck(t *testing.T) {
	tn := without(t, DeferredAck, "b")
	tn.recv("c", suspect("b", 1, "c"))
	tn.n.gossip.queue = Queue{}
	tn.forget()
	tn.recv("b", ping(7, "a", "b"), suspect("a", 1, "b"))
	tn.want("the answer to the ping comes first", "b: ack 7")
	tn.wantNone("without what else there is to say", "b: *")
}

func TestWithoutPromptGossip(t *testing.T) {
	tn := without(t, PromptGossip, "b", "c")
	tn.advance(time.Second)
	tn.forget()
	tn.n.gossip.last, tn.n.gossip.gap = tn.now, tn.n.cfg.GossipInterval
	tn.advance(50 * time.Millisecond)
	tn.recv("c", suspect("b", 1, "c"))
	tn.advance(tn.n.cfg.GossipInterval - 50*time.Millisecond - 1)
	tn.wantNone("rounds have their time", "?: suspect *")
	tn.advance(1)
	tn.want("whatever there is to say", "c: suspect *")
	tn.forget()
	tn.pause(3*tn.n.cfg.GossipInterval + 10*time.Millisecond)
	tn.recv("c", alive("b", 2))
	tn.advance(tn.n.cfg.GossipInterval - 10*time.Millisecond - 1)
	tn.wantNone("and stay in step", "?: alive *")
	tn.advance(1)
	tn.want("when some were missed", "c: alive b@2*")
}

func TestWithoutProbeDead(t *testing.T) {
	tn := without(t, ProbeDead, "b", "c")
	tn.recv("c", suspect("b", 1, "c"), dead("b", 1, "c"))
	tn.n.gossip.queue = Queue{}
	tn.forget()
	for range 100 {
		tn.n.maybeProbeDead(tn.now, &tn.out)
	}
	tn.collect()
	tn.wantIdle("who failed is left alone")
}

func TestWithoutPauseCompensation(t *testing.T) {
	tn := without(t, PauseCompensation, "b", "c", "d", "e", "f")
	tn.advance(time.Second)
	target := tn.lastPinged()
	tn.pause(16 * time.Second)
	tn.want("its own standstill is the other's fault", "event suspected "+target)
	tn.wantNone("there's no time left for a stream", "*: stream *")
	if got := tn.n.Health(); got != 3 {
		t.Errorf("health %d, want 3: three were asked when it was too late for their answers", got)
	}
}

func TestMechanismsHaveNames(t *testing.T) {
	seen := make(map[string]bool)
	for m := Mechanism(1); m != 0; m <<= 1 {
		if name := m.String(); WithoutAny&m != 0 {
			if name == "" || seen[name] {
				t.Errorf("mechanism %b is called %q", m, name)
			}
			seen[name] = true
		}
	}
}
