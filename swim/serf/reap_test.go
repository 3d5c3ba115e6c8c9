package serf

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReconnect(t *testing.T) {
	on := func(c *Config) { c.ReconnectInterval = 30 * time.Second }
	tn := converseWith(t, on, "b", "c")
	tn.wantIdleFor("nobody has failed", time.Minute)
	tn.fails("b", "c", 1)
	tn.fails("c", "b", 1)
	tn.did = nil
	tn.advance(30 * time.Second)
	if len(tn.did) != 1 || tn.did[0] != "b: push/pull" && tn.did[0] != "c: push/pull" {
		t.Errorf("with more failed than live, one is tried each interval: %q", tn.did)
	}
	tn.wantNote("noted", NoteReconnect)
	tn.recv("b", leaveIntent("b", 5))
	tn.recv("b", leaveIntent("c", 5))
	tn.did = nil
	tn.wantIdleFor("members that left aren't tried", 5*time.Minute)
}

func TestReconnectIsRareAmongMany(t *testing.T) {
	others := strings.Split("bcdefghijklmnopqrstuvwxy", "")
	tn := converseWith(t, func(c *Config) { c.ReconnectInterval = 30 * time.Second }, others...)
	tn.fails("b", "c", 1)
	tn.did = nil
	tn.advance(24 * 50 * 30 * time.Second)
	tries := len(slices.DeleteFunc(slices.Clone(tn.did), func(s string) bool {
		return s != "b: push/pull"
	}))
	if tries < 25 || tries > 100 {
		t.Errorf("%d tries in 1200 intervals by one of 24 members, want about 50", tries)
	}
}

func TestReapedMembersAreStillTried(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		c.ReconnectInterval, c.ReconnectTimeout = 30*time.Second, time.Minute
	}, "b")
	tn.fails("b", "c", 1)
	tn.advance(10 * time.Minute)
	tn.failStreams()
	tn.did = nil
	tn.wantStatus("long reaped", "b", StatusNone)
	tn.advance(5 * time.Minute)
	tn.want("a partition may last longer", "b: push/pull")
	tn.failStreams()
	tn.advance(lostKeep)
	tn.failStreams()
	tn.did = nil
	tn.wantIdleFor("but not for ever: another process may have the address", 5*time.Minute)
}

func TestLostMembersAreBounded(t *testing.T) {
	var l lost
	for i := range lostMax + 1 {
		l.add(lostMember{name: string(rune('0' + i))})
	}
	if len(l.list) != lostMax || l.list[0].name != "1" {
		t.Errorf("%d kept, the first is %q", len(l.list), l.list[0].name)
	}
	l.add(lostMember{name: "5"})
	if len(l.list) != lostMax || l.list[lostMax-1].name != "5" {
		t.Error("the same member twice")
	}
}

// How long a member is listed may be decided for each by itself, as by a tag of its own.
func TestEachMemberIsListedForItsOwnTime(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		c.ReconnectTimeout, c.TombstoneTimeout = time.Hour, 2*time.Hour
		c.ListedFor = func(m Member, d time.Duration) time.Duration {
			switch {
			case m.Name == "b" && m.Status == StatusFailed && d == time.Hour:
				return time.Minute
			case m.Name == "c" && m.Status == StatusLeft && d == 2*time.Hour:
				return 10 * time.Minute
			}
			return d
		}
	}, "b", "c", "d")
	tn.fails("b", "c", 1)
	tn.fails("c", "d", 1)
	tn.fails("d", "b", 1)
	tn.recv("d", leaveIntent("c", 5))
	tn.advance(2 * time.Minute)
	tn.wantStatus("its minute is over", "b", StatusNone)
	tn.wantStatus("it has ten", "c", StatusLeft)
	tn.advance(10 * time.Minute)
	tn.wantStatus("they are over", "c", StatusNone)
	tn.wantStatus("it has the hour that all have", "d", StatusFailed)
}
