package swim

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"serf/swim/history"
	"serf/swim/internal/swimtest"
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

// wantStory checks the changes of a member after its join.
var wantStory = swimtest.WantStory

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
		"alive > suspect: a suspected b: no answer to a ping, none to pings by d, f and e (2 said so, 1 didn't report back), and TCP failed; it had up to 24s to refute; health of a: 1 (0 is good)")
}

// The process is gone, and its host is up: what an operator wants to know first.
func TestHistoryOfAProbeThatWasRefused(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b")
	id, _ := tn.n.Lookup([]byte("b"))
	tn.n.inquire(tn.now, &tn.n.probe.inquiry, id, &tn.out)
	tn.collect()
	tn.advance(500 * time.Millisecond)
	refused := fmt.Errorf("dial: %w", ErrStreamRefused)
	tn.n.Stream(tn.now, StreamIn{ID: tn.streams["b: stream ping b"], Kind: StreamFailed, Err: refused}, &tn.out)
	tn.advance(500 * time.Millisecond)
	wantStory(t, log, "b",
		"alive > suspect: a suspected b: no answer to a ping, and TCP was refused: its host is up, but nothing listens there; it had up to 4s to refute; health of a: 1 (0 is good)")
}

func TestHistoryOfAProbeOfASuspect(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c")
	tn.recv("c", suspect("b", 1, "c"))
	id, _ := tn.n.Lookup([]byte("b"))
	tn.n.inquire(tn.now, &tn.n.probe.inquiry, id, &tn.out)
	tn.collect()
	tn.advance(time.Second)
	wantStory(t, log, "b",
		"alive > suspect: c accused b (gossip from c); the probe of a failed, too: no answer to a ping, none to pings by c (which didn't report back), none by TCP; it had up to 4s to refute; health of a: 0 (good)")
}

func TestHistoryOfAForgottenMember(t *testing.T) {
	tn, log := recorded(t, func(c *Config) { c.DeadRetention = time.Minute }, "b", "c")
	tn.n.probe.next = Never
	tn.recv("b", dead("b", 1, "b"))
	tn.n.probe.next = tn.now
	tn.advance(2 * time.Minute)
	if _, known := tn.n.Lookup([]byte("b")); known {
		t.Fatal("b isn't forgotten")
	}
	tn.recv("b", alive("b", 2))
	wantStory(t, log, "b",
		"alive > left: b left (gossip from b)",
		"left > reaped: b is no longer listed: it had left long ago",
		"reaped > alive: b came back after it was no longer listed (gossip from b)")
}

// A member of which nobody hears any more has to answer before it is believed.
func TestHistoryOfAReturnThatWasChecked(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c", "d", "e", "f")
	tn.believeDeaths()
	tn.n.probe.next = Never
	tn.recv("c", suspect("b", 1, "c"), dead("b", 1, "c"))
	tn.recv("b", alive("b", 2))
	tn.recv("c", suspect("b", 2, "c"), dead("b", 2, "c"))
	tn.recv("c", alive("b", 3))
	tn.recv("b", ack(tn.seqs["ping b"]))
	list, _ := log.Member("b")
	if got := list[len(list)-1].Words("b", "a"); got != "b came back after it had failed (it answered a ping)" {
		t.Errorf("%q", got)
	}
}

func TestHistoryOfOwnDeparture(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b")
	tn.n.Leave(tn.now, &tn.out)
	wantStory(t, log, "a", "alive > left: a left")
}

// Gossip comes from the address of a member, a stream from any port of its host.
func TestHistoryNamesNobodyIfTheSenderIsNotKnown(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c")
	tn.n.probe.next = Never
	other := netip.AddrPortFrom(addrOf("c").Addr(), 9)
	tn.recv("c", aliveAt("d", 1, other, ""))
	tn.recvFrom(netip.AddrPortFrom(addrOf("c").Addr(), 10), suspect("b", 1, "c"))
	tn.request("c", pushPullMsg(false, "", entry{name: "d", state: Left, inc: 1, addr: other}))
	wantStory(t, log, "b", "alive > suspect: c accused b (gossip); it had up to 24s to refute")
	wantStory(t, log, "d", "alive > left: d left (exchange of states)")
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
		"alive > suspect: c accused b (gossip from d), confirmed by e and f; it had up to 4s to refute",
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
		"alive > suspect: b was accused, it isn't known by whom (exchange of states with c), confirmed by e; it had up to 24s to refute")
	wantStory(t, log, "d",
		"alive > left: d left (exchange of states with c)")
	wantStory(t, log, "a",
		"alive > suspect: a was accused, it isn't known by whom (exchange of states with c)",
		"suspect > alive: a refuted the accusation: its incarnation is now 2")
}

func TestHistoryOfDeaths(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c", "d", "e", "f")
	tn.n.probe.next = Never
	tn.recv("c", dead("b", 1, "c"))
	tn.believeDeaths()
	tn.recv("d", suspect("c", 1, "d"), dead("c", 1, "d"))
	tn.advance(2 * time.Second)
	tn.recv("b", alive("b", 2))
	wantStory(t, log, "b",
		"alive > suspect: c called b failed (gossip from c); a hadn't suspected it and asks it first",
		"suspect > failed: a called b failed: it didn't refute the accusation by c in 500ms, and didn't answer a last ping; health of a: 0 (good)",
		"failed > alive: b came back after it had failed (gossip from b)")
	wantStory(t, log, "c",
		"alive > suspect: d accused c (gossip from d); it had up to 24s to refute",
		"suspect > failed: d called c failed (gossip from d), 0s after the suspicion began, which nobody confirmed")
}

func TestHistoryOfOwnRefutation(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c")
	tn.recv("b", suspect("a", 1, "c"))
	tn.recv("b", aliveAt("a", 7, addrOf("a"), "before"))
	wantStory(t, log, "a",
		"alive > suspect: c accused a (gossip from b)",
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

// A process that is stopped: its host still takes connections. That is known when the probe ends, or
// just after.
func TestHistoryOfAProbeThatConnectedInVain(t *testing.T) {
	silent := fmt.Errorf("read: %w", ErrStreamSilent)
	for _, late := range []time.Duration{0, 500 * time.Millisecond} {
		tn, log := recorded(t, func(*Config) {}, "b")
		id, _ := tn.n.Lookup([]byte("b"))
		tn.n.inquire(tn.now, &tn.n.probe.inquiry, id, &tn.out)
		tn.collect()
		tn.advance(500*time.Millisecond + late)
		tn.n.Stream(tn.now, StreamIn{ID: tn.streams["b: stream ping b"], Kind: StreamFailed, Err: silent}, &tn.out)
		tn.advance(500*time.Millisecond - late)
		wantStory(t, log, "b",
			"alive > suspect: a suspected b: no answer to a ping, and TCP connected, but no answer came: its host is up, so its process stands still or packets get lost; it had up to 4s to refute; health of a: 1 (0 is good)")
	}
}

func TestHistoryOfOwnPause(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c")
	tn.recv("c", suspect("b", 1, "c"))
	tn.pause(20250 * time.Millisecond)
	wantStory(t, log, "a",
		"alive > alive: a stood still for 20.3s: its process was stopped, or its host slept or was overloaded")
}

// The sender is looked for among all members: once for an exchange, and again when a member at its
// address turns up, not for each of 10,000 members that it brings.
func TestSenderOfAnExchangeIsLookedForOnce(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b")
	h := tn.n.history
	h.input(history.ByExchange, addrOf("x"), NoMember)
	claims := func(name string) {
		id, _ := tn.n.Lookup([]byte(name))
		tn.n.record(tn.now, id, history.Change{To: history.Alive})
	}
	if claims("b"); !h.nobody {
		t.Error("the next member lets the sender be looked for again")
	}
	tn.n.EndInput()
	tn.request("x", pushPullMsg(true, "", entry{name: "c", inc: 1}, entry{name: "x", inc: 1}, entry{name: "d", inc: 1}))
	for name, want := range map[string]string{"c": "", "x": "x", "d": "x"} {
		if list, _ := log.Member(name); len(list) != 1 || list[0].Via != want {
			t.Errorf("%s: %+v, want it by way of %q", name, list, want)
		}
	}
}
