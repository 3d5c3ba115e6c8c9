package lamport

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// at returns a clock that reads t.
func at(t Time) *Clock { return &Clock{passed: t - 1, synced: true} }

func TestClockStampsThenAdvances(t *testing.T) {
	var c Clock
	for want := Time(1); want <= 3; want++ {
		if got := c.Now(); got != want {
			t.Errorf("Now() = %d, want %d", got, want)
		}
		if got := c.Next(); got != want {
			t.Errorf("Next() = %d, want %d", got, want)
		}
	}
}

func TestClockStandsStillAtMax(t *testing.T) {
	c := at(Max - 1)
	for _, want := range []Time{Max - 1, Max, Max} {
		if got := c.Next(); got != want {
			t.Errorf("Next() = %d, want %d", got, want)
		}
	}
}

func TestWitness(t *testing.T) {
	for _, tc := range []struct {
		name      string
		now, seen Time
		ok        bool
		then      Time
	}{
		{"never stamped", 1, 0, true, 1},
		{"past", 10, 9, true, 10},
		{"present", 10, 10, true, 11},
		{"ahead", 10, 500, true, 501},
		{"at the limit", 10, 9 + jumpMax, true, 10 + jumpMax},
		{"beyond the limit", 10, 10 + jumpMax, false, 10},
		{"last before Max", Max - 5, Max - 1, true, Max},
		{"Max", Max - 5, Max, false, Max - 5},
		{"at Max", Max, Max, false, Max},
		{"top bit", 10, 1 << 63, false, 10},
		{"would wrap", 10, math.MaxUint64, false, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := at(tc.now)
			if ok := c.Witness(tc.seen); ok != tc.ok || c.Now() != tc.then {
				t.Errorf("Witness(%d) at %d: %v, then %d; want %v, then %d", tc.seen, tc.now, ok,
					c.Now(), tc.ok, tc.then)
			}
		})
	}
}

func TestSync(t *testing.T) {
	for _, tc := range []struct {
		name       string
		c          Clock
		other      Time
		ok         bool
		then       Time
		allowsMore bool // a jump of any distance
	}{
		{"newcomer to an old cluster", Clock{}, 5 * jumpMax, true, 5 * jumpMax, false},
		{"newcomer, at the limit", Clock{}, firstSyncMax, true, firstSyncMax, false},
		{"newcomer, beyond", Clock{}, firstSyncMax + 1, false, 1, true},
		{"newcomer, would wrap", Clock{}, math.MaxUint64, false, 1, true},
		{"two newcomers", Clock{}, 1, true, 1, false},
		{"a reading of 0", Clock{}, 0, true, 1, false},
		{"restored", Clock{passed: 99}, 5 * jumpMax, true, 5 * jumpMax, false},
		{"later: behind", *at(10), 9, true, 10, false},
		{"later: ahead", *at(10), 500, true, 500, false},
		{"later: at the limit", *at(10), 10 + jumpMax, true, 10 + jumpMax, false},
		{"later: beyond", *at(10), 11 + jumpMax, false, 10, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := tc.c
			if ok := c.Sync(tc.other); ok != tc.ok || c.Now() != tc.then {
				t.Errorf("Sync(%d): %v, then %d; want %v, then %d", tc.other, ok, c.Now(), tc.ok,
					tc.then)
			}
			if got := !c.synced; got != tc.allowsMore {
				t.Errorf("a jump of any distance is still allowed: %v, want %v", got, tc.allowsMore)
			}
		})
	}
}

func TestRestore(t *testing.T) {
	for _, tc := range []struct {
		name      string
		now, last Time
		ok        bool
		then      Time
	}{
		{"nothing seen", 1, 0, true, 1},
		{"earlier run", 1, 5 * jumpMax, true, 5*jumpMax + 1},
		{"older than now", 10, 3, true, 10},
		{"at the limit", 1, firstSyncMax, true, firstSyncMax + 1},
		{"damaged", 1, firstSyncMax + 1, false, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := Clock{passed: tc.now - 1}
			if ok := c.Restore(tc.last); ok != tc.ok || c.Now() != tc.then || c.synced {
				t.Errorf("Restore(%d): %v, then %+v; want %v, then %d, not synced", tc.last, ok, c,
					tc.ok, tc.then)
			}
		})
	}
}

// Whatever others send, a clock never goes back, and never beyond Max.
func TestClockIsMonotonicUnderAttack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Clock{passed: Time(rapid.Uint64Range(0, uint64(Max-1)).Draw(t, "passed"))}
		step := func(f func(Time)) func(*rapid.T) {
			return func(t *rapid.T) {
				before := c.Now()
				f(Time(rapid.Uint64().Draw(t, "t")))
				if now := c.Now(); now < before || now > Max || now == 0 {
					t.Fatalf("%d became %d", before, now)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"witness": step(func(u Time) { c.Witness(u) }),
			"near":    step(func(u Time) { c.Witness(c.Now() + u%jumpMax) }),
			"sync":    step(func(u Time) { c.Sync(u) }),
			"restore": step(func(u Time) { c.Restore(u) }),
			"next":    step(func(Time) { c.Next() }),
		})
	})
}
