package swim

import (
	"bytes"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/wire"
)

// admitting returns a node that admits the members whose metadata don't say "bad", and what it was
// asked so far.
func admitting(t *testing.T, others ...string) (*conversation, *[]string) {
	questions := new([]string)
	tn := converseWith(t, func(c *Config) {
		c.Admit = func(p Peer) error {
			*questions = append(*questions, fmt.Sprintf("%s@%d %q at %s", p.Name, p.Inc, p.Meta, nameOf(p.Addr)))
			if strings.Contains(string(p.Meta), "bad") {
				return errTest
			}
			return nil
		}
	}, others...)
	*questions = nil
	return tn, questions
}

func wantQuestions(t *testing.T, questions *[]string, why string, want ...string) {
	t.Helper()
	if !slices.Equal(*questions, want) {
		t.Errorf("%s: asked %q, want %q", why, *questions, want)
	}
	*questions = nil
}

func TestMembersAreAdmitted(t *testing.T) {
	tn, questions := admitting(t)
	tn.recv("b", aliveAt("b", 1, addrOf("b"), "good"))
	tn.want("admitted", "event joined b")
	wantQuestions(t, questions, "once", `b@1 "good" at b`)
	tn.recv("b", aliveAt("b", 1, addrOf("b"), "good"))
	wantQuestions(t, questions, "gossip repeats itself")
	tn.recv("b", aliveAt("a", 1, addrOf("a"), "bad"))
	wantQuestions(t, questions, "what this node is isn't the others' to decide")
}

// Somebody who isn't admitted isn't known: not told to others, not probed, and nothing said about
// it counts.
func TestRefusedMemberIsNotKnown(t *testing.T) {
	tn, questions := admitting(t, "b")
	tn.recv("x", aliveAt("x", 1, addrOf("x"), "bad"))
	tn.want("noted", "note not-admitted ")
	tn.recv("b", suspect("x", 1, "b"), dead("x", 1, "b"))
	tn.request("b", pushPullMsg(false, "", entry{name: "b", inc: 1}, entry{name: "x", inc: 1, state: Dead}))
	tn.want("the exchange is answered", "answer push/pull")
	if got := tn.answered(); len(got) != 2 {
		t.Errorf("others are told of %v, want a and b", got)
	}
	tn.advance(tn.n.cfg.GossipInterval)
	tn.wantIdle("nothing is gossiped")
	if tn.n.Len() != 2 || tn.n.Counters().RefusedMembers != 1 {
		t.Errorf("%d members, %d refusals counted", tn.n.Len(), tn.n.Counters().RefusedMembers)
	}
	*questions = nil
	tn.recv("x", aliveAt("x", 2, addrOf("x"), "good"))
	tn.want("it may change its mind", "event joined x")
	wantQuestions(t, questions, "asked again", `x@2 "good" at x`)
}

// What a member says anew is refused, the member stays.
func TestRefusedUpdateIsNotTaken(t *testing.T) {
	tn, _ := admitting(t, "b")
	tn.recv("b", aliveAt("b", 2, addrOf("b"), "bad"))
	tn.want("noted", "note not-admitted ")
	tn.wantState("as before", "b", Alive, 1)
	tn.recv("b", aliveAt("b", 1, elsewhere, "bad"))
	tn.want("noted", "note not-admitted ")
	tn.wantIdle("no conflict with somebody who isn't admitted, and no claim")
}

// A member that restarts elsewhere is asked for before its old address is.
func TestMovesAndReturnsAreAdmitted(t *testing.T) {
	tn, questions := admitting(t, "b", "c")
	tn.believeDeaths()
	tn.recv("c", suspect("b", 1, "c"), dead("b", 1, "c"))
	tn.forget()
	tn.recv("b", aliveAt("b", 2, addrOf("b"), "bad"))
	tn.want("noted", "note not-admitted ")
	tn.wantState("it stays dead", "b", Dead, 1)
	*questions = nil
	tn.recv("c", aliveAt("c", 2, elsewhere, "bad"))
	tn.want("noted", "note not-admitted ")
	tn.wantNone("the old address isn't asked", "c: ping c")
}

// A state of a join is refused as a whole: members, and what the layer above sends along.
func TestMergesAreRefused(t *testing.T) {
	var seen []string
	refuse := func(c *Config) {
		c.AdmitMerge = func(peers iter.Seq[Peer]) error {
			for p := range peers {
				seen = append(seen, fmt.Sprintf("%s@%d %v at %s", p.Name, p.Inc, p.State, nameOf(p.Addr)))
			}
			return errTest
		}
	}
	state := func(join bool) []byte {
		return pushPullMsg(join, "x", entry{name: "b", inc: 3}, entry{name: "c", inc: 1, state: Left})
	}
	want := []string{"b@3 alive at b", "c@1 left at c"}
	t.Run("of another's join", func(t *testing.T) {
		tn := converseWith(t, refuse)
		seen = nil
		tn.request("b", state(true))
		tn.want("answered, as memberlist does: the other side decides for itself", "answer push/pull join", "note merge-refused ")
		tn.wantIdle("nothing is taken")
		if !slices.Equal(seen, want) {
			t.Errorf("asked about %q, want %q", seen, want)
		}
		if tn.n.Len() != 1 || tn.n.Counters().RefusedMerges != 1 {
			t.Errorf("%d members, %d refusals counted", tn.n.Len(), tn.n.Counters().RefusedMerges)
		}
	})
	t.Run("of its own join", func(t *testing.T) {
		tn := converseWith(t, refuse)
		seen = nil
		tn.n.Join(tn.now, []netip.AddrPort{addrOf("b")}, &tn.out)
		tn.collect()
		tn.reply("b: stream push/pull join", state(false))
		tn.want("with the reason", "event join-done 0 *: merge refused: test", "note merge-refused ", "note join-failed ")
		tn.wantNone("nothing is taken", "event joined *")
		tn.wantNone("or", "event state *")
		if !slices.Equal(seen, want) {
			t.Errorf("asked about %q, want %q", seen, want)
		}
	})
	t.Run("regular exchanges aren't asked about", func(t *testing.T) {
		tn := converseWith(t, refuse, "b")
		tn.request("b", state(false))
		tn.want("merged", `event state "x"`)
		b, _ := tn.n.Lookup([]byte("b"))
		tn.n.PushPull(tn.now, b, &tn.out)
		tn.collect()
		tn.reply("b: stream push/pull", state(false))
		tn.want("merged", `event state "x"`)
	})
}

// Another key doesn't change a refusal.
func TestRefusedJoinIsNotRepeatedWithOtherKeys(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		ring, err := wire.NewKeyring(bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 16))
		if err != nil {
			t.Fatal(err)
		}
		c.Sealer = &wire.Sealer{Keys: ring, EncryptVersion: 1, Nonce: func(b []byte) { clear(b) }}
		c.AdmitMerge = func(iter.Seq[Peer]) error { return errTest }
	})
	tn.n.Join(tn.now, []netip.AddrPort{addrOf("b")}, &tn.out)
	tn.collect()
	tn.want("tried", "b: stream push/pull join")
	tn.reply("b: stream push/pull join", pushPullMsg(false, "", entry{name: "b", inc: 1}))
	tn.want("over", "event join-done 0 *")
	tn.wantNone("once", "b: stream push/pull join")
}

// Somebody who was refused knows us, and pings us. It remains a stranger, and the exchange with it
// is refused like the join, more and more rarely.
func TestRefusedStrangersAreMetRarely(t *testing.T) {
	for name, refuse := range map[string]func(*Config){
		"merge":  func(c *Config) { c.AdmitMerge = func(iter.Seq[Peer]) error { return errTest } },
		"member": func(c *Config) { c.Admit = func(Peer) error { return errTest } },
	} {
		t.Run(name, func(t *testing.T) {
			tn := converseWith(t, refuse)
			met := 0
			for range int(time.Hour / time.Second) {
				tn.recv("s", ping(1, "a", "s"))
				if slices.Contains(tn.did, "s: stream push/pull") {
					met++
					tn.reply("s: stream push/pull", pushPullMsg(false, "", entry{name: "s", inc: 1}))
				}
				tn.advance(time.Second)
				tn.forget()
			}
			if met < 12 || met > 24 || tn.n.Len() != 1 {
				t.Errorf("%d exchanges in an hour, %d members; want one in five minutes, and this one", met, tn.n.Len())
			}
			tn.n.cfg.Admit, tn.n.cfg.AdmitMerge = nil, nil
			tn.advance(strangerPauseMax)
			tn.recv("s", ping(1, "a", "s"))
			tn.reply("s: stream push/pull", pushPullMsg(false, "", entry{name: "s", inc: 1}))
			tn.want("admitted after all", "event joined s")
			tn.advance(strangerPause)
			tn.recv("r", ping(1, "a", "r"))
			tn.want("and the pause is the usual one", "r: stream push/pull")
		})
	}
}

func TestAdmittingDoesntAllocate(t *testing.T) {
	node, out := crowd(t, 100, nil)
	node.cfg.Admit = func(Peer) error { return nil }
	for _, path := range []string{"stale alive", "fresh alive, gossiped"} {
		run := hotPaths(t, node, out)[path]
		for range 50 {
			run()
		}
		if got := testing.AllocsPerRun(200, run); got != 0 {
			t.Errorf("%s: %.1f allocations, want none", path, got)
		}
	}
}
