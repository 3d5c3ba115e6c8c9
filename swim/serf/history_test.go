package serf

import (
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
		tn.member(name, alive(name, 1))
	}
	return tn, log
}

// wantStory checks the changes of a member after its join.
var wantStory = swimtest.WantStory

func TestHistoryOfADeparture(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c")
	tn.recv("c", leaveIntent("b", 5))
	tn.member("b", dead("b", "b", 1))
	tn.advance(48 * time.Hour)
	wantStory(t, log, "b",
		"alive > leaving: a message says that b leaves (gossip from c)",
		"leaving > left: b left (gossip from b)",
		"left > reaped: b is no longer listed: it had left long ago")
}

func TestHistoryOfALeavingMemberThatFails(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c")
	tn.recv("c", leaveIntent("b", 5))
	tn.fails("b", "c", 1)
	wantStory(t, log, "b",
		"alive > leaving: a message says that b leaves (gossip from c)",
		"leaving > suspect: c accused b (gossip from c); it had up to 960h to refute",
		"suspect > failed: c called b failed (gossip from c), 0s after the suspicion began",
		"failed > left: b counts as left: a message had said that it leaves")
}

func TestHistoryOfAMemberThatStays(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c")
	tn.recv("c", leaveIntent("b", 5))
	tn.recv("b", joinIntent("b", 6))
	tn.recv("c", leaveIntent("b", 7))
	tn.advance(time.Minute)
	wantStory(t, log, "b",
		"alive > leaving: a message says that b leaves (gossip from c)",
		"leaving > alive: b stays, although a message had said that it leaves (gossip from b)",
		"alive > leaving: a message says that b leaves (gossip from c)",
		"leaving > alive: b stays, although a message had said that it leaves")
}

func TestHistoryOfForcedDepartures(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b", "c")
	tn.fails("b", "c", 1)
	if err := tn.n.ForceLeave(tn.now, "b", false, &tn.out); err != nil {
		t.Fatal(err)
	}
	tn.recv("c", pruneIntent("b", 50))
	tn.member("b", alive("b", 2))
	wantStory(t, log, "b",
		"alive > suspect: c accused b (gossip from c); it had up to 960h to refute",
		"suspect > failed: c called b failed (gossip from c), 0s after the suspicion began",
		"failed > left: b counts as left: an operator said so",
		"left > reaped: b is no longer listed: an operator removed it (gossip from c)",
		"reaped > alive: b came back after it was no longer listed (gossip from b)")
}

func TestHistoryOfAReapedMember(t *testing.T) {
	tn, log := recorded(t, func(c *Config) { c.ReconnectTimeout = time.Minute }, "b", "c")
	tn.fails("b", "c", 1)
	tn.advance(10 * time.Minute)
	if _, listed := tn.n.Member("b"); listed {
		t.Fatal("b is listed")
	}
	wantStory(t, log, "b",
		"alive > suspect: c accused b (gossip from c); it had up to 960h to refute",
		"suspect > failed: c called b failed (gossip from c), 0s after the suspicion began",
		"failed > reaped: b is no longer listed: it had failed long ago")
}

// The leave intent may come before the member is known.
func TestHistoryOfAMemberThatLeavesAtOnce(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "c")
	tn.recv("c", leaveIntent("b", 5))
	tn.member("b", alive("b", 1))
	wantStory(t, log, "b",
		"alive > leaving: a message says that b leaves (gossip from b)")
}

func TestHistoryOfOwnDeparture(t *testing.T) {
	tn, log := recorded(t, func(*Config) {}, "b")
	tn.n.Leave(tn.now, &tn.out)
	tn.advance(time.Minute)
	wantStory(t, log, "a",
		"alive > leaving: a leaves",
		"leaving > left: a left")
}
