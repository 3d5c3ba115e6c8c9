package interop

import (
	"fmt"
	"testing"
	"time"
)

func TestFailure(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{}, other, actor, other, actor)
		victim, rest := all[1], []member{all[0], all[2], all[3]}
		victim.kill()
		wantStatus(t, victim.name(), "failed", rest...)
		wantEvent(t, "member-failed "+victim.name(), rest...)
	})
}

func TestLeave(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{}, other, actor, other, actor)
		goer, rest := all[1], []member{all[0], all[2], all[3]}
		must(t, goer.leave())
		wantStatus(t, goer.name(), "left", rest...)
		wantEvent(t, "member-leave "+goer.name(), rest...)
		for _, m := range rest {
			if heard(m, "member-failed "+goer.name()) != 0 {
				t.Errorf("%s took the leave for a failure", m.name())
			}
		}
	})
}

func TestForceLeave(t *testing.T) {
	t.Parallel()
	for name, prune := range map[string]bool{"keep": false, "prune": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, actor, other kind) {
				all := cluster(t, options{}, actor, other, other, actor, other)
				victim, rest := all[4], all[:4]
				victim.kill()
				wantStatus(t, victim.name(), "failed", rest...)
				must(t, all[0].forceLeave(victim.name(), prune))
				want := "left"
				if prune {
					want = "gone"
				}
				wantStatus(t, victim.name(), want, rest...)
			})
		})
	}
}

// TestForceLeaveOfTheLiving checks that a live member refutes a force-leave.
func TestForceLeaveOfTheLiving(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{}, actor, other, other, actor)
		must(t, all[0].forceLeave(all[1].name(), false))
		must(t, all[0].event("after", nil, false)) // an event after the intent
		wantEvent(t, "user after ", all...)
		wantAgreement(t, all...)
	})
}

// TestReconnect restarts a member at its address that joins nobody. The others still gossip to it,
// so that it refutes its failure, or try to reconnect; it learns of them by push/pull.
func TestReconnect(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{reconnects: true, exchanges: true}, actor, actor, other)
		victim, rest := all[2], all[:2]
		victim.kill()
		wantStatus(t, victim.name(), "failed", rest...)
		back := other.start(t, options{name: victim.name(), ip: victim.addr().Addr(), reconnects: true, exchanges: true})
		wantAgreement(t, rest[0], rest[1], back)
	})
}

// settled bounds how long after its start everybody considers a member alive again.
const settled = 5 * time.Second

// TestRestart kills a member of ours in a mixed cluster and restarts it. The others may still
// consider it dead, know it at an outdated address, or not have noticed.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct{ noticed, moved bool }{
		"noticed, same address":    {noticed: true},
		"unnoticed, same address":  {},
		"noticed, other address":   {noticed: true, moved: true},
		"unnoticed, other address": {moved: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := cluster(t, options{}, original, ours, original, ours)
			victim, rest := all[3], all[:3]
			victim.kill()
			if story.noticed {
				wantStatus(t, victim.name(), "failed", rest...)
			}
			o := options{name: victim.name(), tags: map[string]string{"life": "second"}}
			if !story.moved {
				o.ip = victim.addr().Addr()
			}
			back := ours.start(t, o)
			begun := time.Now()
			must(t, back.join(false, rest...))
			wantAgreement(t, append(rest, back)...)
			bound := settled
			if story.moved {
				bound += suspicionBound
			}
			if took := time.Since(begun); took > bound {
				t.Errorf("alive again everywhere after %v, want %v at most", took, bound)
			}
		})
	}
}

// suspicionBound is how long the original can take to declare a dead member failed: a round of
// probes and the longest suspicion.
const suspicionBound = 4*probeInterval + 6*suspicionMult*probeInterval

// TestRestartOfOriginal is the same with a member of the original, at the same address: at another
// one it can't return as long as anybody considers it failed.
func TestRestartOfOriginal(t *testing.T) {
	t.Parallel()
	for name, noticed := range map[string]bool{"noticed": true, "unnoticed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := cluster(t, options{}, ours, original, ours, original)
			victim, rest := all[3], all[:3]
			victim.kill()
			if noticed {
				wantStatus(t, victim.name(), "failed", rest...)
			}
			o := options{name: victim.name(), ip: victim.addr().Addr(), tags: map[string]string{"life": "second"}}
			back := original.start(t, o)
			must(t, back.join(false, rest...))
			wantAgreement(t, append(rest, back)...)
		})
	}
}

// TestReturnAfterLeave has members leave and return at another address, which all accept.
func TestReturnAfterLeave(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{}, other, actor, other, actor)
		goer, rest := all[1], []member{all[0], all[2], all[3]}
		must(t, goer.leave())
		wantStatus(t, goer.name(), "left", rest...)
		back := actor.start(t, options{name: goer.name()})
		must(t, back.join(false, rest[0]))
		wantAgreement(t, append(rest, back)...)
	})
}

// TestNameConflict starts a second member with a name in use: the majority knows the first, so the
// second stops. A lone first member, of the other implementation, wins as well.
func TestNameConflict(t *testing.T) {
	t.Parallel()
	for members, via := range map[int]int{1: 0, 2: 0, 4: 1, 9: 8} {
		t.Run(fmt.Sprint("among ", members), func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, actor, other kind) {
				kinds := []kind{other, actor, other, actor, other, actor, other, actor, other}[:members]
				all := cluster(t, options{}, kinds...)
				impostor := actor.start(t, options{name: all[0].name()})
				impostor.join(false, all[via]) // may fail; it must only end
				wantStopped(t, impostor)
				wantAgreement(t, all...)
			})
		})
	}
}

// wantStopped waits until a member has stopped by itself.
func wantStopped(t *testing.T, m member) {
	t.Helper()
	stopped := func() <-chan struct{} {
		if m, ok := m.(*own); ok {
			return m.agent.Done()
		}
		return m.(*originalMember).serf.ShutdownCh()
	}()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-stopped:
	case <-timeout.C:
		t.Fatalf("%s of the disputed name goes on", m.name())
	}
}
