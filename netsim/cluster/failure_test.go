package cluster

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/netsim"
	"serf/swim"
	"serf/swim/serf"
)

var long = flag.Bool("long", false, "give the tests of failures their full size; each takes minutes")

// sized is how large a test is: short, unless -long is given.
func sized(short, full int) int {
	if *long {
		return full
	}
	return short
}

// unchecked leaves out the checkers, whose cost grows with the square of the members.
func unchecked(c *Config) { c.Check = false }

// statuses counts what the running members say about the one called name.
func (c *Cluster) statuses(name string) map[serf.Status]int {
	n := make(map[serf.Status]int)
	for i := range c.members {
		if c.Node(i) != nil && c.Name(i) != name {
			m, _ := c.Node(i).Member(name)
			n[m.Status]++
		}
	}
	return n
}

func TestLeaveAmongMany(t *testing.T) { // F11
	t.Parallel()
	systest.Long(t, "300 members")
	const members = 300
	c := runningCluster(t, members, "lan", unchecked)
	c.Leave(7)
	c.Run(10 * time.Second)
	if !c.sim.Down(7) {
		t.Fatal("it still runs")
	}
	got := c.statuses(c.Name(7))
	if got[serf.StatusLeft] < (members-1)*99/100 || got[serf.StatusFailed] > 0 {
		t.Errorf("seen as %v, want left by 99 of 100 and failed by none", got)
	}
}

func TestLeaveWithUnreachablePeersEndsInTime(t *testing.T) { // F11
	t.Parallel()
	c := bootCluster(t, 20, "lan", unchecked)
	partition(c, nil, []int{7})
	n := c.Node(7)
	c.Leave(7)
	limit := serf.DefaultConfig(c.cfg.Profile.Timing).LeaveTimeout + time.Second
	c.Run(limit)
	if !c.sim.Down(7) {
		t.Errorf("it still runs after %v, with %d broadcasts to go", limit, n.Swim().Queued())
	}
}

func TestHundredAndFiftyLeaveAndRestart(t *testing.T) { // F17
	t.Parallel()
	systest.Long(t, "160 members, of which 150 leave")
	const members, going = 160, 150
	c := runningCluster(t, members, "lan", unchecked)
	for i := 1; i <= going; i++ {
		c.Leave(i)
	}
	c.Run(5 * time.Second)
	for i := 1; i <= going; i++ {
		c.Start(i)
	}
	c.Run(30 * time.Second)
	for i := range members {
		if got := c.statuses(c.Name(i)); got[serf.StatusAlive] != members-1 {
			t.Errorf("30 s later %s is seen as %v", c.Name(i), got)
		}
	}
}

func TestEventWhileMostRestart(t *testing.T) { // F22
	t.Parallel()
	systest.Long(t, "160 members, most of which start")
	members, restarted := sized(160, 1060), sized(150, 1000)
	c := runningCluster(t, members, "lan", unchecked)
	for i := 1; i <= restarted; i++ {
		c.Start(i)
	}
	if err := c.UserEvent(members-1, "deploy", nil); err != nil {
		t.Fatal(err)
	}
	c.Run(10 * time.Second)
	missing := c.missing()
	t.Logf("after 10 s %d of %d miss it", len(missing), members)
	if len(missing) > members/1000 {
		t.Errorf("%d of %d missed it, such as %q", len(missing), members, missing[0])
	}
}

func TestPartitionOfADayHeals(t *testing.T) { // F14
	t.Parallel()
	systest.Long(t, "a day of a partition")
	for name, joinOnce := range map[string]bool{"by the seeds": false, "by what is remembered of the reaped": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := bootCluster(t, 3, "wan", unchecked, func(cfg *Config) { cfg.JoinOnce = joinOnce })
			partition(c, []int{0, 1}, []int{2})
			c.Run(25 * time.Hour)
			if got := c.statuses(c.Name(2)); got[serf.StatusNone] != 2 {
				t.Fatalf("after 25 h it is seen as %v, want the other side to have reaped it", got)
			}
			c.Heal()
			wantSettled(t, c, "healed", time.Minute)
		})
	}
}

// A member leaves, and two others force it to at that very time: each of these four messages is
// told as often as any, and no more.
func TestIntentsAboutOneMemberDieDown(t *testing.T) { // F18
	t.Parallel()
	systest.Long(t, "200 members for two minutes")
	const messages = 4 // its leave, in both layers, and two that force it
	members := sized(200, 20_000)
	c := runningCluster(t, members, "lan", unchecked)
	quiet := c.packetsIn(time.Minute)
	c.Leave(7)
	for _, i := range []int{20, 150} {
		if err := c.ForceLeave(i, c.Name(7), false); err != nil {
			t.Fatal(err)
		}
	}
	times := c.cfg.Profile.Timing.RetransmitMult * int(math.Ceil(math.Log10(float64(members+1))))
	got, limit := c.packetsIn(time.Minute)-quiet, messages*members*times
	t.Logf("%d more packets than in a quiet minute, limit %d", got, limit)
	if got > limit {
		t.Error("that is over the limit")
	}
	if !c.Idle() {
		t.Error("members still have news to tell a minute later")
	}
	for i := range members {
		if n := c.Node(i); n != nil && n.Stats().IntentQueue > 0 {
			t.Fatalf("%d intents are still queued at %s", n.Stats().IntentQueue, c.Name(i))
		}
	}
	if got := c.statuses(c.Name(7)); got[serf.StatusLeft] != members-1 {
		t.Errorf("seen as %v, want left", got)
	}
}

// packetsIn lets d pass and returns how many packets were sent.
func (c *Cluster) packetsIn(d time.Duration) int {
	before := c.sim.Stats().Sent
	c.Run(d)
	return int(c.sim.Stats().Sent - before)
}

func TestThePrunedStayAway(t *testing.T) { // F18
	t.Parallel()
	systest.Long(t, "150 members for seven minutes")
	members, pruned := sized(150, 2200), sized(100, 2000)
	c := runningCluster(t, members, "lan", unchecked)
	for i := members - pruned; i < members; i++ {
		c.Crash(i)
	}
	c.Run(time.Minute)
	for i := members - pruned; i < members; i++ {
		if err := c.ForceLeave(0, c.Name(i), true); err != nil {
			t.Fatal(err)
		}
	}
	extra := func() (list []int) { // listed by each member, and gone
		for i := range members - pruned {
			list = append(list, c.Node(i).Len()-(members-pruned))
		}
		return list
	}
	c.Run(time.Minute)
	before, missed := extra(), 0
	for _, n := range before {
		missed += n
	}
	// Of many more at once, the first lose their echo: see swim.RebroadcastsMax.
	if most := (pruned - 100) * (members - pruned) / 500; missed > most {
		t.Errorf("%d prunes were missed, want %d at most", missed, most)
	}
	c.Run(5 * time.Minute)
	for i, n := range extra() {
		if n > before[i] {
			t.Errorf("%s lists %d of the pruned again", c.Name(i), n-before[i])
		}
	}
}

// Members come and go, packets get lost, and one can't send any: what the nodes hold stays the
// same.
func TestChurnLeavesMemoryFlat(t *testing.T) { // F10
	systest.Long(t, "an hour of churn")
	const members, churning = 20, 5
	c := bootCluster(t, members, "lan", unchecked, withLoss(0.05))
	c.Impair([]int{members - 1}, nil, netsim.BothWays, netsim.Impairment{BlockUDP: true})
	rng := rand.New(rand.NewPCG(10, 0))
	cycle := func() {
		for range 10 {
			i := 1 + rng.IntN(churning)
			if rng.IntN(2) == 0 {
				c.Leave(i)
				c.Run(3 * time.Second)
			}
			c.Start(i)
			c.Run(time.Duration(rng.IntN(20)) * time.Second)
		}
		c.Run(time.Minute)
	}
	for range 3 { // until buffers have their size
		cycle()
	}
	before := heap()
	for range 5 {
		cycle()
	}
	if grown := heap() - before; grown > 1<<18 {
		t.Errorf("%d KiB more after 50 restarts", grown>>10)
	}
	runtime.KeepAlive(c)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A third of a hundred are slow: for 16 s at a time, again and again, they do nothing. -long goes
// on for ten minutes.
func TestManyPausedMembersDoNotMakeHealthyOnesLookFailed(t *testing.T) { // F13
	t.Parallel()
	systest.Long(t, "100 members with many pauses")
	numbers := []int{8, 32}
	if *long {
		numbers = []int{1, 2, 4, 8, 16, 32}
	}
	for _, slow := range numbers {
		t.Run(fmt.Sprint(slow), func(t *testing.T) {
			t.Parallel()
			const members = 100
			c := runningCluster(t, members, "lan", unchecked)
			healthy := &falseAlarms{c: c, slow: slow}
			c.sim.Observe(healthy)
			for range sized(3, 30) {
				for i := range slow {
					c.Pause(members-1-i, 16*time.Second)
				}
				c.Run(20 * time.Second)
			}
			t.Logf("%d false alarms", healthy.n)
			if healthy.n > 0 {
				t.Errorf("healthy members were said by healthy ones to have failed %d times", healthy.n)
			}
		})
	}
}

// departures counts what members say of others' ends.
type departures struct{ left, failed int }

func (d *departures) Event(_ swim.Time, _ int, e *swim.Event) {
	switch e.Kind {
	case serf.EventMemberLeave:
		d.left += len(e.Members)
	case serf.EventMemberFailed:
		d.failed += len(e.Members)
	}
}

// Half of a cluster restarts at new addresses at once, on a network that loses packets. Everybody
// knows everybody there within seconds, and nobody is told that any of them had gone.
func TestManyWhoRestartElsewhereAreKnownThereSoon(t *testing.T) { // F34
	t.Parallel()
	systest.Long(t, "100 members under check")
	for _, loss := range []int{0, 20} { // percent
		t.Run(fmt.Sprintf("%d%%", loss), func(t *testing.T) {
			t.Parallel()
			p, _ := ProfileByName("lan")
			link := p.Link
			link.Loss = netsim.Probability(float64(loss) / 100)
			gone := &departures{}
			c, err := New(Config{Members: 100, Profile: p, Link: link, Seed: 1, Check: true})
			if err != nil {
				t.Fatal(err)
			}
			c.sim.Observe(gone)
			if err := c.BootWarm(); err != nil {
				t.Fatal(err)
			}
			c.Run(time.Second)
			for i := 50; i < c.Len(); i++ {
				c.Crash(i)
			}
			c.Run(2 * time.Second)
			for i := 50; i < c.Len(); i++ {
				c.Move(i)
			}
			if c.Settled() || !c.RunUntilSettled(10*time.Second) {
				t.Errorf("10 s later %d views are wrong", c.views.wrong)
			}
			c.Run(10 * time.Second)
			if gone.left > loss || gone.failed > 0 || !c.Settled() {
				t.Errorf("told that they left: %d times, that they failed: %d times; settled %v", gone.left, gone.failed, c.Settled())
			}
			for _, v := range c.Violations() {
				t.Error(v)
			}
		})
	}
}

// A member stands still while others reap one that crashed, and wakes up with the belief that it
// lives.
func TestWokenMemberBringsNobodyBack(t *testing.T) {
	t.Parallel()
	f := &flips{}
	c := bootCluster(t, 8, "lan", unchecked, func(cfg *Config) {
		cfg.Tune = func(_ int, c *serf.Config) {
			c.ReconnectTimeout, c.TombstoneTimeout, c.ReapInterval = 20*time.Second, time.Hour, time.Second
		}
	})
	c.sim.Observe(f)
	c.Pause(7, 8*time.Minute)
	c.Run(2 * time.Minute) // nobody tells it anything any more
	c.Crash(6)
	c.Run(5*time.Minute + 50*time.Second)
	if got := c.statuses(c.Name(6)); got[serf.StatusNone] != 6 {
		t.Fatalf("seen as %v, want it reaped by six", got)
	}
	*f = flips{}
	c.Run(5 * time.Minute)
	// The woken is said to be back to the six others, and finds by itself that the other crashed.
	if f.joined > 6 || f.failed > 1 {
		t.Errorf("%d joins and %d failures after it woke up, want 6 and 1", f.joined, f.failed)
	}
}
