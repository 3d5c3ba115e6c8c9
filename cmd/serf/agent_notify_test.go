package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/swim/serf"
)

// keeping runs a keeper for d, and returns when it gave signs of life, and what it told.
func keeping(t *testing.T, k keeper, d time.Duration) (alive []time.Duration, told []string) {
	t.Helper()
	start := time.Now()
	k.alive = func() { alive = append(alive, time.Since(start)) }
	k.tell = func(status string) { told = append(told, status) }
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	k.run(ctx)
	return alive, told
}

func TestSignsOfLifeComeTwiceInTheTimeOfTheWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keeper{watchdog: 10 * time.Second, check: func(context.Context) error { return nil }, status: func() string { return "s" }}
		alive, _ := keeping(t, k, 16*time.Second)
		if d := cmp.Diff([]time.Duration{5 * time.Second, 10 * time.Second, 15 * time.Second}, alive); d != "" {
			t.Error(d)
		}
		k.watchdog = 0
		if alive, _ = keeping(t, k, time.Minute); len(alive) > 0 {
			t.Error("signs of life that nobody asked for")
		}
		k.watchdog = 1 // shorter than any agent can be
		if alive, _ = keeping(t, k, 5*time.Millisecond); len(alive) < 3 {
			t.Errorf("%d signs of life", len(alive))
		}
	})
}

// A loop that is stuck gives none, until it answers again.
func TestNoSignOfLifeFromALoopThatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		k := keeper{watchdog: 10 * time.Second, status: func() string { return "s" }, check: func(ctx context.Context) error {
			if d := time.Since(start); d < 7*time.Second || d > 17*time.Second {
				return nil
			}
			<-ctx.Done()
			return errors.New("stuck")
		}}
		alive, _ := keeping(t, k, 26*time.Second)
		if d := cmp.Diff([]time.Duration{5 * time.Second, 20 * time.Second, 25 * time.Second}, alive); d != "" {
			t.Error(d)
		}
	})
}

func TestStatusIsToldWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		k := keeper{status: func() string {
			if time.Since(start) < 25*time.Second {
				return "before"
			}
			return "after"
		}}
		_, told := keeping(t, k, time.Minute)
		if d := cmp.Diff([]string{"before", "after"}, told); d != "" {
			t.Error(d)
		}
	})
}

func TestMemberStatus(t *testing.T) {
	alive, left, failed := &serf.Member{Status: serf.StatusAlive}, &serf.Member{Status: serf.StatusLeft}, &serf.Member{Status: serf.StatusFailed}
	for want, all := range map[string][]*serf.Member{
		"members: 2 alive": {alive, left, alive}, "members: 1 alive, 2 failed": {failed, alive, failed},
	} {
		if got := memberStatus(len(all), slices.Values(all)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
