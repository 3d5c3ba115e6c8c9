package cluster

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/netsim"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// bootTime is within what a small set-up tool takes.
const bootTime = time.Second

// newCluster prepares a cluster under check, with the network of its profile.
func newCluster(t testing.TB, members int, profile string, tune ...func(*Config)) *Cluster {
	t.Helper()
	p, err := ProfileByName(profile)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Members: members, Profile: p, Link: p.Link, Seed: 1, Check: true}
	for _, f := range tune {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, v := range c.Violations() {
			t.Errorf("seed %d: %v", cfg.Seed, v)
		}
	})
	return c
}

// bootCluster is newCluster, started and settled, with no gossip left.
func bootCluster(t testing.TB, members int, profile string, tune ...func(*Config)) *Cluster {
	t.Helper()
	c := newCluster(t, members, profile, tune...)
	c.Boot(bootTime)
	c.Run(bootTime)
	wantSettled(t, c, "cold start", 2*c.cfg.Profile.pushPull(members))
	c.Run(2 * c.cfg.Profile.Spread(members))
	return c
}

// runningCluster is newCluster, started as if it had been running for long: what a test asks of it isn't
// about the start, which in a large cluster takes most of the time.
func runningCluster(t testing.TB, members int, profile string, tune ...func(*Config)) *Cluster {
	t.Helper()
	c := newCluster(t, members, profile, tune...)
	if err := c.BootWarm(); err != nil {
		t.Fatal(err)
	}
	c.Run(bootTime)
	return c
}

func withSeed(seed uint64) func(*Config) { return func(c *Config) { c.Seed = seed } }

func withLoss(p float64) func(*Config) {
	return func(c *Config) { c.Link.Loss = netsim.Probability(p) }
}

// wantSettled lets time pass until all views are right, and fails if that takes longer than within.
func wantSettled(t testing.TB, c *Cluster, why string, within time.Duration) {
	t.Helper()
	from := c.Now()
	if !c.RunUntilSettled(within) {
		t.Fatalf("%s: after %v %s", why, within, c.Disagreement())
	}
	t.Logf("%s: all views agree after %v", why, c.Now().Sub(from))
}

// sizes are the clusters that a property is tested on in each profile.
var sizes = []struct {
	profile string
	members int
}{
	{"lan", 2}, {"lan", 3}, {"lan", 5}, {"lan", 20}, {"lan", 60},
	{"wan", 3}, {"wan", 20},
	{"local", 3}, {"local", 20},
}

func eachSize(t *testing.T, f func(t *testing.T, members int, profile string)) {
	for _, s := range sizes {
		t.Run(fmt.Sprintf("%s %d", s.profile, s.members), func(t *testing.T) {
			t.Parallel()
			if s.members > 20 {
				systest.Long(t, "a cold start, under check")
			}
			f(t, s.members, s.profile)
		})
	}
}

func TestColdStartConverges(t *testing.T) {
	t.Parallel()
	eachSize(t, func(t *testing.T, members int, profile string) {
		c := newCluster(t, members, profile)
		c.Boot(bootTime)
		c.Run(bootTime)
		// What gossip misses, full exchanges bring.
		wantSettled(t, c, "all started", 2*c.cfg.Profile.pushPull(members))
	})
}

func TestNoFailureWithoutAFault(t *testing.T) {
	t.Parallel()
	for _, loss := range []float64{0, 0.02} {
		eachSize(t, func(t *testing.T, members int, profile string) {
			c := runningCluster(t, members, profile, withLoss(loss))
			c.Run(60 * c.cfg.Profile.Timing.ProbeInterval)
			if n := c.metrics.falseFailures.All; n != 0 {
				t.Errorf("loss %v: %d members were said to have failed, and all run", loss, n)
			}
			if loss == 0 && c.metrics.suspicions != 0 {
				t.Errorf("%d suspicions, though each ping got its ack", c.metrics.suspicions)
			}
		})
	}
}

// The bounds follow from the formulas of the specification, not from what the code does.
func TestCrashIsDetectedWithinTheBoundsOfTheProfile(t *testing.T) {
	t.Parallel()
	eachSize(t, func(t *testing.T, members int, profile string) {
		for seed := range uint64(3) {
			c := runningCluster(t, members, profile, withSeed(seed+1))
			c.Crash(members - 1)
			least, most := c.cfg.Profile.DetectionBounds(members)
			spread := c.cfg.Profile.Spread(members)
			c.Run(most + spread)
			d := c.metrics.detections[0]
			if d.First == swim.Never || d.All == swim.Never {
				t.Fatalf("seed %d: not noticed by all within %v: %s", seed+1, most+spread, c.Disagreement())
			}
			if first := d.First.Sub(d.At); first < least || first > most {
				t.Errorf("seed %d: first noticed after %v, want %v to %v", seed+1, first, least, most)
			}
			if all := d.All.Sub(d.First); all > spread {
				t.Errorf("seed %d: the last learned %v after the first, want at most %v", seed+1, all, spread)
			}
		}
	})
}

func TestUserEventReachesEachOnce(t *testing.T) {
	t.Parallel()
	eachSize(t, func(t *testing.T, members int, profile string) {
		c := runningCluster(t, members, profile)
		const events = 5
		for k := range events {
			if err := c.UserEvent(k%members, "e", fmt.Append(nil, k)); err != nil {
				t.Fatal(err)
			}
		}
		want := uint64(events * members)
		c.Run(c.cfg.Profile.Spread(members))
		if got := c.deliveries.total; got < want*9/10 {
			t.Errorf("%d deliveries of %d while gossip lasts, want nine tenths at least", got, want)
		}
		// What gossip misses, full exchanges bring.
		c.Run(2 * c.cfg.Profile.pushPull(members))
		if missing := c.missing(); len(missing) > 0 {
			t.Errorf("%q", missing)
		}
		if got := c.deliveries.total; got != want {
			t.Errorf("%d deliveries, want %d", got, want)
		}
	})
}

func TestMovedMemberIsKnownEverywhereWithinFiveSeconds(t *testing.T) { // F15
	t.Parallel()
	for _, away := range []time.Duration{time.Second, 5 * time.Second, time.Minute} {
		t.Run(away.String(), func(t *testing.T) {
			t.Parallel()
			c := bootCluster(t, 10, "lan")
			c.Crash(4)
			c.Run(away)
			c.Move(4)
			c.Run(5 * time.Second)
			for i := range c.Len() {
				m, _ := c.Node(i).Member(c.Name(4))
				if m.Addr != c.sim.Addr(4) || m.Status != serf.StatusAlive {
					t.Errorf("%s has it as %v at %v, it is at %v", c.Name(i), m.Status, m.Addr, c.sim.Addr(4))
				}
			}
			if !c.Settled() {
				t.Error(c.Disagreement())
			}
		})
	}
}

// Its old address is as wrong as its end: nobody gets to it.
func TestViewsThatHaveAMemberAtItsOldAddressAreWrong(t *testing.T) {
	t.Parallel()
	c := bootCluster(t, 10, "lan")
	c.Move(4)
	if got := c.views.wrongAbout(4); got != 9 {
		t.Errorf("%d views of it are wrong when it starts elsewhere, want 9", got)
	}
	c.Run(5 * time.Second)
	r := c.Report()
	if got := r.Changes(); !c.Settled() || got[len(got)-1].What != "restart" || got[len(got)-1].AgreedSeconds.Worst < 0.5 {
		t.Errorf("settled %v, changes %+v: want a restart that took as long as its old address was asked", c.Settled(), got)
	}
}

func TestRestartedMemberIsAliveEverywhereWithinTenSeconds(t *testing.T) { // F3
	t.Parallel()
	for _, away := range []time.Duration{0, time.Second, 20 * time.Second, 10 * time.Minute} {
		t.Run(away.String(), func(t *testing.T) {
			t.Parallel()
			c := bootCluster(t, 10, "lan")
			c.Crash(4)
			c.Run(away)
			c.Start(4)
			c.Run(10 * time.Second)
			if !c.Settled() {
				t.Error(c.Disagreement())
			}
			c.Run(2 * time.Minute)
			if !c.Settled() {
				t.Errorf("lost again: %s", c.Disagreement())
			}
		})
	}
}

func TestPartitionHeals(t *testing.T) { // F14
	t.Parallel()
	tests := []struct {
		name     string
		cut      time.Duration
		joinOnce bool
		within   time.Duration
	}{
		{"2m by reconnecting", 2 * time.Minute, true, reconnectInterval + 5*time.Second},
		{"10m by reconnecting", 10 * time.Minute, true, reconnectInterval + 5*time.Second},
		{"2m with seeds", 2 * time.Minute, false, time.Minute},
		{"12m with seeds: the failed are forgotten after 10m", 12 * time.Minute, false, time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := bootCluster(t, 6, "lan", func(cfg *Config) {
				cfg.JoinOnce = tt.joinOnce
				if !tt.joinOnce {
					cfg.Tune = func(_ int, c *serf.Config) { c.ReconnectTimeout = 10 * time.Minute }
				}
			})
			partition(c, []int{0, 1, 2}, []int{3, 4, 5})
			c.Run(tt.cut)
			if c.views.wrong != 18 {
				t.Fatalf("%d views of others are wrong, want the 9 pairs that are cut, both ways", c.views.wrong)
			}
			c.Heal()
			wantSettled(t, c, "healed", tt.within)
			c.Run(2 * time.Minute)
			if !c.Settled() {
				t.Errorf("apart again: %s", c.Disagreement())
			}
		})
	}
}

func TestBothSidesOfACutAgreeInASmallCluster(t *testing.T) { // F20
	t.Parallel()
	c := bootCluster(t, 3, "lan", func(cfg *Config) { cfg.Check = false })
	partition(c, []int{0, 1}, []int{2})
	c.Run(time.Minute)
	for o, want := range [][]bool{{true, true, false}, {true, true, false}, {false, false, true}} {
		for s := range want {
			if got := c.views.sees(o, s); got != want[s] {
				t.Errorf("%s takes %s for alive: %v", c.Name(o), c.Name(s), got)
			}
		}
	}
}

func TestMemberThatReachesOneOtherChangesNobodyElse(t *testing.T) { // F13
	t.Parallel()
	const lonely, friend = 9, 8
	c := bootCluster(t, 10, "lan")
	for i := range c.Len() {
		if i != lonely && i != friend {
			cut(c, lonely, i)
			cut(c, i, lonely)
		}
	}
	c.Run(5 * time.Minute)
	for o := range c.Len() {
		for s := range c.Len() {
			if o != lonely && s != lonely && !c.views.sees(o, s) {
				t.Errorf("%s doesn't take %s for alive", c.Name(o), c.Name(s))
			}
		}
	}
	if n := failuresAmong(c, func(i int) bool { return i != lonely }); n != 0 {
		t.Errorf("%d failures of healthy members seen by healthy members", n)
	}
}

// failuresAmong counts the failures told so far by members of a group about others of it.
func failuresAmong(c *Cluster, in func(int) bool) int {
	n := 0
	for i := range c.members {
		if in(i) && c.Node(i) != nil {
			for _, m := range c.Node(i).Members(nil) {
				if m.Status == serf.StatusFailed && in(numberOf(m.Name)) {
					n++
				}
			}
		}
	}
	return n
}

// numberOf is the member with a name.
func numberOf(name string) int {
	var n int
	if _, err := fmt.Sscanf(name, "m%d", &n); err != nil {
		panic(err)
	}
	return n - 1
}

// flips counts how often members were said to fail or to be back.
type flips struct{ failed, joined int }

func (f *flips) Event(_ swim.Time, _ int, e *swim.Event) {
	switch e.Kind {
	case serf.EventMemberFailed:
		f.failed++
	case serf.EventMemberJoin:
		f.joined++
	}
}

func TestBlockedUDPDoesNotFlap(t *testing.T) { // F13
	t.Parallel()
	f := &flips{}
	c := bootCluster(t, 6, "lan")
	c.sim.Observe(f)
	c.Impair([]int{5}, nil, netsim.BothWays, netsim.Impairment{BlockUDP: true})
	c.Run(5 * time.Minute)
	// By stream it is reachable. If some do take it for failed, or it them, they do so once.
	if f.failed > 2*(c.Len()-1) || f.joined > 0 {
		t.Errorf("%d failures and %d returns: more than one change of mind a member", f.failed, f.joined)
	}
}

func TestPausedMembersDoNotMakeHealthyOnesLookFailed(t *testing.T) { // F13
	t.Parallel()
	const members, slow = 40, 12
	c := bootCluster(t, members, "lan", func(cfg *Config) { cfg.Check = false })
	healthy := &falseAlarms{c: c, slow: slow}
	c.sim.Observe(healthy)
	for range 8 {
		for i := range slow {
			c.Pause(members-1-i, 16*time.Second)
		}
		c.Run(20 * time.Second)
	}
	// Gossip is a matter of chance: once in a great while it doesn't bring one member a refutation
	// in time.
	if healthy.n > 1 {
		t.Errorf("healthy members were said by healthy ones to have failed %d times", healthy.n)
	}
	c.Run(time.Minute)
	wantSettled(t, c, "all resumed", time.Minute)
}

// falseAlarms counts failures of members other than the last slow ones, told by such members.
type falseAlarms struct {
	c       *Cluster
	slow, n int
}

func (f *falseAlarms) Event(_ swim.Time, host int, e *swim.Event) {
	if e.Kind != serf.EventMemberFailed || host >= f.c.Len()-f.slow {
		return
	}
	for _, id := range e.Members {
		if s, _ := f.c.Index(id); s < f.c.Len()-f.slow {
			f.n++
		}
	}
}

func TestLeaveAndRestartOfManyLeavesNoneLeaving(t *testing.T) { // F17
	t.Parallel()
	c := bootCluster(t, 40, "lan")
	for i := 1; i < 20; i++ {
		c.Leave(i)
	}
	c.Run(10 * time.Second)
	for i := 1; i < 20; i++ {
		c.Start(i)
	}
	c.Run(30 * time.Second)
	for i := range c.Len() {
		for _, m := range c.Node(i).Members(nil) {
			if m.Status != serf.StatusAlive {
				t.Errorf("%s has %s as %v", c.Name(i), m.Name, m.Status)
			}
		}
	}
}

func TestLeaveIsSeenAsSuchByAll(t *testing.T) { // F11
	t.Parallel()
	c := bootCluster(t, 20, "lan")
	c.Leave(7)
	c.Run(10 * time.Second)
	if !c.sim.Down(7) {
		t.Fatal("it still runs")
	}
	for i := range c.Len() {
		if i == 7 {
			continue
		}
		if m, _ := c.Node(i).Member(c.Name(7)); m.Status != serf.StatusLeft {
			t.Errorf("%s has it as %v", c.Name(i), m.Status)
		}
	}
}

func TestEventDuringRestartsReachesAll(t *testing.T) { // F22
	t.Parallel()
	c := bootCluster(t, 60, "lan")
	for i := 1; i < 30; i++ {
		c.Start(i)
	}
	if err := c.UserEvent(40, "deploy", nil); err != nil {
		t.Fatal(err)
	}
	c.Run(10 * time.Second)
	if missing := c.missing(); len(missing) > 0 {
		t.Errorf("%q", missing)
	}
}

func TestBurstOfEventsIsDeliveredOnceEach(t *testing.T) { // F23
	t.Parallel()
	c := bootCluster(t, 3, "lan")
	const events = 200
	for k := range events {
		if err := c.UserEvent(k%3, "burst", fmt.Append(nil, k)); err != nil {
			t.Fatalf("event %d: %v", k, err)
		}
	}
	c.Run(time.Minute)
	if missing := c.missing(); len(missing) > 0 {
		t.Errorf("%d deliveries are missing, such as %q", len(missing), missing[0])
	}
}

func TestQueryIsAnsweredByAllAndEndsEarly(t *testing.T) { // F24
	t.Parallel()
	c := bootCluster(t, 5, "lan")
	q, err := c.Query(2, serf.QueryParams{Name: "who", WantAck: true, Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	from := c.Now()
	c.Run(5 * time.Second)
	if want := []string{"m1", "m2", "m3", "m4", "m5"}; !slices.Equal(q.Acks, want) {
		t.Errorf("acks of %q, want %q", q.Acks, want)
	}
	if want := []string{"m1: m1", "m2: m2", "m3: m3", "m4: m4", "m5: m5"}; !slices.Equal(q.Answers, want) {
		t.Errorf("answers %q, want %q", q.Answers, want)
	}
	if took := q.DoneAt.Sub(from); !q.Done || took > time.Second {
		t.Errorf("done %v after %v: all have answered, there is nothing to wait for", q.Done, took)
	}
}

func TestSealedClusterConvergesAndKeepsOthersOut(t *testing.T) {
	t.Parallel()
	sealed := func(key byte) *wire.Sealer {
		ring, err := wire.NewKeyring(slices.Repeat([]byte{key}, 16))
		if err != nil {
			t.Fatal(err)
		}
		nonce := netsim.NewDraws(uint64(key), 0, 0)
		return &wire.Sealer{Keys: ring, Compress: true, Label: "blue", EncryptVersion: 1, Nonce: func(b []byte) {
			for i := range b {
				b[i] = byte(nonce.Next())
			}
		}}
	}
	right, wrong := sealed(1), sealed(2)
	c := newCluster(t, 5, "lan", func(cfg *Config) {
		cfg.Check = false
		cfg.Tune = func(member int, c *serf.Config) {
			c.Sealer = right
			if member == 4 {
				c.Sealer = wrong
			}
		}
	})
	c.Boot(0)
	c.Run(time.Minute)
	for o := range c.Len() {
		for s := range c.Len() {
			if want := o == s || o != 4 && s != 4; c.views.sees(o, s) != want {
				t.Errorf("%s takes %s for alive: %v", c.Name(o), c.Name(s), !want)
			}
		}
	}
	if c.sim.Stats().StreamsUnreadable == 0 {
		t.Error("no stream was refused: streams aren't sealed")
	}
}

func TestSharedRosterDoesNotGrowWithRestarts(t *testing.T) {
	t.Parallel()
	c := bootCluster(t, 5, "lan")
	for range 10 {
		c.Move(3)
		c.Run(10 * time.Second)
	}
	if n := c.roster(0).Len(); n != 5 {
		t.Errorf("%d names, want 5", n)
	}
	wantSettled(t, c, "last move", 10*time.Second)
}

func TestMembersHaveDistinctAddressesWhereverTheyMove(t *testing.T) {
	t.Parallel()
	seen := make(map[netip.AddrPort]bool)
	for _, i := range []int{0, 1, 255, 256, MaxMembers - 1} {
		for k := range movesMax + 1 {
			a := addr(i, k)
			if seen[a] || !a.Addr().IsPrivate() {
				t.Errorf("member %d, move %d: %v", i, k, a)
			}
			seen[a] = true
		}
	}
}

func TestClusterRefusesSizesOutOfRange(t *testing.T) {
	t.Parallel()
	for members, ok := range map[int]bool{0: false, 1: true, MaxMembers + 1: false} {
		_, err := New(Config{Members: members, Profile: profiles[0]})
		if (err == nil) != ok {
			t.Errorf("%d members: %v", members, err)
		}
	}
	if _, err := New(Config{Members: MaxChecked + 1, Profile: profiles[0], Check: true}); err == nil {
		t.Error("more members under check than checkers have memory for")
	}
}

func TestWarmMembersKnowEachOther(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 30, "lan")
	if err := c.BootWarm(); err != nil {
		t.Fatal(err)
	}
	if !c.Settled() {
		t.Fatalf("at once: %s", c.Disagreement())
	}
	c.Run(time.Minute)
	if !c.Settled() || c.metrics.suspicions > 0 {
		t.Errorf("after a minute: %d suspicions, %s", c.metrics.suspicions, c.Disagreement())
	}
	c.CheckQuiet()
	c.Crash(3)
	c.Run(time.Minute)
	wantSettled(t, c, "crash", 0)
	c.Move(3)
	wantSettled(t, c, "return", 10*time.Second)
}

func TestWarmStartTellsWhatTuneGotWrong(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, "lan", func(cfg *Config) {
		cfg.Tune = func(_ int, c *serf.Config) { c.Tags = map[string]string{"much": strings.Repeat("x", 1000)} }
	})
	if err := c.BootWarm(); err == nil {
		t.Error("no error for tags that are too large")
	}
}

// Digests are equal where members agree, and only there. All who can be reached say theirs.
func TestDigestsOfAPartition(t *testing.T) {
	t.Parallel()
	c := bootCluster(t, 8, "lan")
	digests := func(members ...int) (list []serf.Digest) {
		for _, i := range members {
			list = append(list, c.Node(i).Digest())
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	asked := func(by int) (answers uint64) {
		before := c.Node(by).Counters().Responses
		c.do(by, func(n *serf.Node, now swim.Time, out *swim.Output) {
			if _, err := n.Ask(now, serf.Question{}, out); err != nil {
				t.Error(err)
			}
		})
		c.Run(10 * time.Second)
		return c.Node(by).Counters().Responses - before
	}
	if got := digests(0, 1, 2, 3, 4, 5, 6, 7); len(got) != 1 {
		t.Fatalf("before the partition: %v", got)
	}
	partition(c, []int{0, 1, 2}, []int{3, 4, 5, 6, 7})
	c.Run(2 * time.Minute)
	if a, b := digests(0, 1, 2), digests(3, 4, 5, 6, 7); len(a) != 1 || len(b) != 1 || a[0] == b[0] {
		t.Errorf("apart: %v and %v", a, b)
	}
	if a, b := asked(0), asked(4); a != 3 || b != 5 {
		t.Errorf("apart: %d and %d answer", a, b)
	}
	c.Heal()
	wantSettled(t, c, "healed", reconnectInterval+5*time.Second)
	if got := digests(0, 1, 2, 3, 4, 5, 6, 7); len(got) != 1 {
		t.Errorf("healed: %v", got)
	}
	if got := asked(0); got != 8 {
		t.Errorf("healed: %d answer", got)
	}
}
