package cluster

import (
	"strings"
	"testing"
	"time"

	"serf/netsim"
	"serf/swim"
	"serf/swim/serf"
)

// broken is a small cluster whose checkers a test is going to offend.
func broken(t *testing.T) *Cluster {
	t.Helper()
	c, err := New(Config{Members: 3, Profile: profiles[0], Link: profiles[0].Link, Seed: 1, Check: true})
	if err != nil {
		t.Fatal(err)
	}
	c.Boot(0)
	c.Run(10 * time.Second)
	if len(c.Violations()) != 0 || !c.Settled() {
		t.Fatalf("broken from the start: %v", c.Violations())
	}
	return c
}

func wantViolation(t *testing.T, c *Cluster, check, text string) {
	t.Helper()
	for _, v := range c.Violations() {
		if v.Check == check && strings.Contains(v.Text, text) {
			return
		}
	}
	t.Errorf("no violation of %s with %q in %v", check, text, c.Violations())
}

func TestIncarnationThatDecreasesIsFound(t *testing.T) {
	t.Parallel()
	c := broken(t)
	k := newViewCheck(passive{c})
	view := func(inc uint32, move int) *swim.Member { return &swim.Member{Inc: inc, Addr: addr(1, move)} }
	k.look(0, 1, view(4, 0))
	k.look(0, 1, view(5, 0))
	k.look(0, 1, view(1, 1)) // moved: begins anew
	k.look(2, 1, view(4, 0)) // another's view
	k.restarted(2)
	k.look(2, 1, view(3, 0)) // knew nothing any more
	if len(c.Violations()) != 0 {
		t.Fatalf("found %v", c.Violations())
	}
	k.look(0, 1, view(0, 1))
	wantViolation(t, c, "incarnation", "m1 knew m2 at incarnation 1 and now at 0")
}

// An observer that was paused may forget a member and hear of it again before the next sweep.
func TestMemberThatWasForgottenMayBeMetAtTheSameIncarnation(t *testing.T) {
	t.Parallel()
	c := broken(t)
	k := newViewCheck(passive{c})
	k.look(0, 1, &swim.Member{Inc: 5, State: swim.Dead, Addr: addr(1, 0)})
	k.event(c.Now(), 0, &swim.Event{Kind: swim.EventForgotten, Member: id(1)})
	k.look(0, 1, &swim.Member{Inc: 5, Addr: addr(1, 0)})
	if v := c.Violations(); len(v) != 0 {
		t.Fatalf("found %v", v)
	}
	k.look(0, 1, &swim.Member{Inc: 5, State: swim.Dead, Addr: addr(1, 0)})
	k.event(c.Now(), 2, &swim.Event{Kind: swim.EventForgotten, Member: id(1)})
	k.look(0, 1, &swim.Member{Inc: 5, Addr: addr(1, 0)})
	wantViolation(t, c, "revival", "m1 had m2 dead at incarnation 5") // it was another that forgot
}

func TestRevivalAtTheSameIncarnationIsFound(t *testing.T) {
	t.Parallel()
	for _, dead := range []swim.State{swim.Dead, swim.Left} {
		c := broken(t)
		k := newViewCheck(passive{c})
		view := func(s swim.State, inc uint32, move int) *swim.Member {
			return &swim.Member{State: s, Inc: inc, Addr: addr(1, move)}
		}
		k.look(0, 1, view(swim.Suspect, 4, 0))
		k.look(0, 1, view(swim.Alive, 4, 0))
		k.look(0, 1, view(dead, 4, 0))
		k.look(0, 1, view(swim.Alive, 5, 0))
		k.look(0, 1, view(dead, 5, 0))
		k.look(0, 1, view(swim.Alive, 5, 1)) // elsewhere
		if len(c.Violations()) != 0 {
			t.Fatalf("found %v", c.Violations())
		}
		k.look(0, 1, view(dead, 5, 1))
		k.look(0, 1, view(swim.Alive, 5, 1))
		wantViolation(t, c, "revival", "m1 had m2 "+dead.String()+" at incarnation 5")
	}
}

func TestConnectedMemberTakenForFailedIsFound(t *testing.T) {
	t.Parallel()
	c := broken(t)
	c.views.learn(0, 1, false)
	c.Run(c.HealBound() - 20*time.Second)
	if len(c.Violations()) != 0 {
		t.Fatalf("found within the bound: %v", c.Violations())
	}
	c.Run(20 * time.Second)
	wantViolation(t, c, "connected", "m1 still doesn't take m2 for alive")
}

// failed has member o of a cluster report s as failed.
func failed(c *Cluster, o, s int) {
	c.Event(c.Now(), o, &swim.Event{Kind: serf.EventMemberFailed, Members: []swim.MemberID{id(s)}})
}

func TestHealthyMemberCalledFailedByAHealthyOneIsFound(t *testing.T) {
	t.Parallel()
	for why, trouble := range map[string]func(c *Cluster){
		"the observer": func(c *Cluster) { c.Drift([]int{0}, netsim.RightRate/10) },
		"the subject":  func(c *Cluster) { c.Throttle([]int{1}, time.Millisecond, time.Second) },
		"just over":    func(c *Cluster) { c.Leap([]int{1}, time.Second) },
		"between":      func(c *Cluster) { cut(c, 0, 1) },
		"all lossy":    func(c *Cluster) { c.SetLink(netsim.Link{Loss: soundLoss + 1}) },
		"moved":        func(c *Cluster) { c.Move(1); c.members[1].changed = 0 },
		"down":         func(c *Cluster) { c.Crash(1) },
	} {
		c := broken(t)
		c.Run(c.lag())
		trouble(c)
		failed(c, 0, 1)
		if v := c.Violations(); len(v) > 0 {
			t.Errorf("%s is excused, found %v", why, v)
		}
	}
	c := broken(t)
	c.Run(c.lag())
	c.Drift([]int{2}, netsim.RightRate/10) // others don't matter
	failed(c, 0, 1)
	wantViolation(t, c, "healthy", "m1 calls m2 failed: both have run")
}

func TestMemberInTroubleIsExcused(t *testing.T) {
	t.Parallel()
	c := broken(t)
	c.views.learn(0, 1, false)
	c.Impair([]int{1}, nil, netsim.BothWays, netsim.Impairment{Delay: netsim.Constant(time.Millisecond)})
	c.Run(2 * c.HealBound())
	if len(c.Violations()) != 0 {
		t.Errorf("found %v", c.Violations())
	}
}

func TestDisagreementAtTheEndIsFound(t *testing.T) {
	t.Parallel()
	c := broken(t)
	c.CheckQuiet()
	if len(c.Violations()) != 0 {
		t.Fatalf("found %v", c.Violations())
	}
	cut(c, 1, 0)
	cut(c, 1, 2)
	if err := c.SetTags(1, map[string]string{"only": "here"}); err != nil {
		t.Fatal(err)
	}
	c.CheckQuiet()
	wantViolation(t, c, "agreement", "m2 sees [m1 10.0.0.1:7946 ][m2 10.0.0.2:7946 only=here]")
	c.views.setTruth(2, false)
	c.CheckQuiet()
	wantViolation(t, c, "agreement", `the truth is ["m1 10.0.0.1:7946" "m2 10.0.0.2:7946"]`)
}

func TestUntoldNewsAtTheEndIsFound(t *testing.T) {
	t.Parallel()
	c := broken(t)
	if err := c.SetTags(1, map[string]string{"a": "b"}); err != nil {
		t.Fatal(err)
	}
	c.CheckQuiet()
	wantViolation(t, c, "limit", "news that nobody was told of m2: 1, limit 0")
}

func TestQueueOverItsLimitIsFound(t *testing.T) {
	t.Parallel()
	c := broken(t)
	k := &limitCheck{passive{c}}
	k.bound(0, "queue", 7, 7)
	if len(c.Violations()) != 0 {
		t.Fatalf("found %v", c.Violations())
	}
	k.bound(0, "queue", 8, 7)
	wantViolation(t, c, "limit", "queue of m1: 8, limit 7")
}

func TestClockThatGoesBackIsFound(t *testing.T) {
	t.Parallel()
	c := broken(t)
	k := newClockCheck(passive{c})
	k.sweep()
	k.last[1][2]++
	k.restarted(1)
	k.sweep()
	if len(c.Violations()) != 0 {
		t.Fatalf("found %v", c.Violations())
	}
	k.last[1][2]++
	k.sweep()
	wantViolation(t, c, "clock", "query clock of m2 went from")
}

func TestEventDeliveredTwiceOrNotAtAllIsFound(t *testing.T) {
	t.Parallel()
	c := broken(t)
	e := &swim.Event{Kind: serf.EventUserEvent, Name: []byte("e"), Data: []byte("1"), LTime: 1 << 40}
	c.Event(c.Now(), 0, e)
	c.Event(c.Now(), 1, e)
	c.CheckQuiet()
	wantViolation(t, c, "delivery", `m3 never got event e "1"`)
	c.Event(c.Now(), 1, e)
	wantViolation(t, c, "delivery", `m2 delivered event e "1" at time 1099511627776 twice`)
}

func TestEventThatDiedWithItsMembersIsExcused(t *testing.T) {
	t.Parallel()
	c := broken(t)
	c.Event(c.Now(), 0, &swim.Event{Kind: serf.EventUserEvent, Name: []byte("e"), LTime: 1 << 40})
	c.Crash(0)
	if got := c.missing(); len(got) != 0 {
		t.Errorf("missing %q", got)
	}
}

func TestViolationsAreLimited(t *testing.T) {
	t.Parallel()
	c := broken(t)
	for range MaxViolations + 1 {
		c.Violate("test", "again")
	}
	if n := len(c.Violations()); n != MaxViolations {
		t.Errorf("%d kept, limit %d", n, MaxViolations)
	}
}

func TestAnswerThatComesTwiceIsFound(t *testing.T) {
	t.Parallel()
	c := broken(t)
	q, err := c.Query(0, serf.QueryParams{Name: "who"})
	if err != nil {
		t.Fatal(err)
	}
	for key := range c.queries { // there is one
		e := &swim.Event{Kind: serf.EventQueryResponse, Op: key.op, Name: []byte("m9"), Data: []byte("x")}
		c.Event(c.Now(), 0, e)
		c.Event(c.Now(), 0, e)
	}
	if len(q.Answers) < 2 {
		t.Fatalf("answers %q", q.Answers)
	}
	wantViolation(t, c, "query", `"m9: x" came twice`)
}
