package swim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"serf/swim/history"
)

// recorded is converseWith whose node records why members change.
func recorded(t *testing.T, set func(*Config), others ...string) (*conversation, *history.Log) {
	t.Helper()
	log := new(history.Log)
	tn := converseWith(t, set)
	tn.n.TrackHistory(tn.now, log)
	for _, name := range others {
		tn.recv(name, alive(name, 1))
	}
	tn.forget()
	return tn, log
}

// wantStory checks the changes of a member, beginning with the last that isn't its join.
func wantStory(t *testing.T, log *history.Log, name string, want ...string) {
	t.Helper()
	changes, _ := log.Member(name)
	var got []string
	for i := range changes {
		c := &changes[i]
		got = append(got, fmt.Sprintf("%v > %v: %s", c.From, c.To, c.Words(name, "a")))
	}
	if len(got) > 0 {
		got = got[1:]
	}
	if !slices.Equal(got, want) {
		t.Errorf("history of %s:\n", name)
		for _, s := range got {
			t.Errorf("  got  %q,\n", s)
		}
		for _, s := range want {
			t.Errorf("  want %q,\n", s)
		}
	}
}

func TestHistoryOfAProbeThatFailed(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c", "d", "e", "f")
	id, _ := tn.n.Lookup([]byte("b"))
	tn.n.inquire(tn.now, &tn.n.probe.inquiry, id, &tn.out)
	tn.collect()
	tn.advance(500 * time.Millisecond)
	tn.fail("b: stream ping b")
	tn.recv("c", nack(tn.seqs["ping-req b"]))
	tn.recv("d", nack(tn.seqs["ping-req b"]))
	tn.advance(500 * time.Millisecond)
	wantStory(t, log, "b",
		"alive > suspect: a suspected b: no answer to a ping, none to pings by d, f and e (2 of 3 relays said so), and TCP failed; it had up to 24s to refute; health of a: 1 (0 is good)")
}

func TestHistoryOfAnAccusation(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c", "d", "e", "f")
	tn.n.probe.next = Never
	tn.recv("d", suspect("b", 1, "c"))
	tn.recv("e", suspect("b", 1, "e"))
	tn.advance(time.Second)
	tn.recv("e", suspect("b", 1, "f"))
	tn.advance(4 * time.Second)
	tn.recv("b", alive("b", 2))
	wantStory(t, log, "b",
		"alive > suspect: c accused b (gossip from d); it had up to 4s to refute in the end, confirmed by e and f; health of a: 0 (good)",
		"suspect > failed: a called b failed: it didn't refute the accusation by c in 4s, confirmed by e and f, and didn't answer a last ping; health of a: 0 (good)",
		"failed > alive: b came back after it had failed (gossip from b)")
}

func TestHistoryOfAnExchange(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c", "d", "e", "f")
	tn.n.probe.next = Never
	tn.request("c", pushPullMsg(false, "", entry{name: "b", state: Dead, inc: 1},
		entry{name: "d", state: Left, inc: 1}, entry{name: "a", state: Suspect, inc: 1}))
	tn.recv("f", suspect("b", 1, "e"))
	wantStory(t, log, "b",
		"alive > suspect: b was accused, it isn't known by whom (exchange of states with c); it had up to 24s to refute in the end, confirmed by e; health of a: 0 (good)")
	wantStory(t, log, "d",
		"alive > left: d left (exchange of states with c)")
	wantStory(t, log, "a",
		"alive > suspect: a was accused, it isn't known by whom (exchange of states with c); health of a: 0 (good)",
		"suspect > alive: a refuted the accusation: its incarnation is now 2")
}

func TestHistoryOfDeaths(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c", "d", "e", "f")
	tn.n.probe.next = Never
	tn.recv("c", dead("b", 1, "c"))
	tn.recv("d", suspect("c", 1, "d"), dead("c", 1, "d"))
	tn.advance(2 * time.Second)
	tn.recv("b", alive("b", 2))
	wantStory(t, log, "b",
		"alive > suspect: c called b dead (gossip from c); a hadn't suspected it and asks it first; health of a: 0 (good)",
		"suspect > failed: a called b failed: it didn't refute the accusation by c in 500ms, and didn't answer a last ping; health of a: 0 (good)",
		"failed > alive: b came back after it had failed (gossip from b)")
	wantStory(t, log, "c",
		"alive > suspect: d accused c (gossip from d); it had up to 24s to refute; health of a: 0 (good)",
		"suspect > failed: d called c dead (gossip from d), 0s after the suspicion began, which nobody confirmed; health of a: 0 (good)")
}

func TestHistoryOfOwnRefutation(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c")
	tn.recv("b", suspect("a", 1, "c"))
	tn.recv("b", aliveAt("a", 7, addrOf("a"), "before"))
	wantStory(t, log, "a",
		"alive > suspect: c accused a (gossip from b); health of a: 0 (good)",
		"suspect > alive: a refuted the accusation by c: its incarnation is now 2",
		"alive > alive: a raised its incarnation to 8: others know one from before a restart")
}

func TestHistoryOfAMoveAndAConflict(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c")
	tn.n.probe.next = Never
	tn.recv("x", aliveAt("b", 2, addrOf("x"), ""))
	tn.advance(time.Second)
	tn.recv("y", aliveAt("c", 2, addrOf("y"), ""))
	tn.recv("c", ack(tn.seqs["ping c"]))
	wantStory(t, log, "b",
		"alive > alive: b moved to 10.0.0.120:7946")
	wantStory(t, log, "c",
		"alive > alive: a member at 10.0.0.121:7946 claims the name c, too")
}
