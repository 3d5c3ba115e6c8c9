package scenario

import (
	"slices"
	"strings"
	"testing"
	"time"

	"serf/netsim/cluster"
	"serf/netsim/report"
	"serf/swim/serf"
)

func parsed(t *testing.T, text string) Scenario {
	t.Helper()
	s, _, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Everything that is wrong at the end of the run: all of it is mended.
const allWrong = `{"nodes": 12, "for": "1m", "seed": 1, "settle": true, "check": true, "encrypt": true, "events": 2,
	"start": {"later": 2}, "network": {"loss": "8%", "duplicate": "10%", "bandwidth": "32kbit"},
	"faults": [
		{"kind": "partition", "members": ["m1..m5"], "start": "10s"}, {"kind": "block-udp", "members": ["m6"], "start": "15s"},
		{"kind": "nat", "members": ["m2"], "start": "15s"}, {"kind": "network", "members": ["m7"], "loss": "90%", "start": "20s"},
		{"kind": "pause", "members": ["m3"], "start": "20s"}, {"kind": "crash", "members": ["m4"], "start": "20s"},
		{"kind": "leave", "members": ["m8"], "start": "25s"}, {"kind": "leave", "members": ["m9"], "start": "59990ms", "length": "1m"},
		{"kind": "crash", "members": ["m10"], "start": "55s", "length": "30s", "every": "10s"}
	],
	"work": [{"kind": "event", "every": "20s"}, {"kind": "rotate-key", "every": "4s", "keep_old": true}]}`

func TestSettlingMendsEverything(t *testing.T) {
	t.Parallel()
	s := parsed(t, allWrong)
	run, err := newRun(&s)
	if err != nil {
		t.Fatal(err)
	}
	c := run.c
	c.Boot(s.Start.over())
	run.begin()
	p := &pacer{ctx: t.Context(), c: c, rec: cluster.NewRecorder(c, run.longest())}
	p.pass(time.Duration(s.For), never)
	if c.Settled() || c.Sim().Running(2) || run.key == 0 {
		t.Fatal("nothing is wrong that could be mended")
	}
	choked := c.Sim().Stats().Choked
	run.settle(p)
	for i := range s.Members {
		if later := i >= 10; c.Sim().Running(i) == later {
			t.Errorf("m%d runs: %v", i+1, !later)
		}
		if n := c.Node(i); n != nil && len(c.Keyring(i).Keys()) != 1 {
			t.Errorf("m%d has %d keys", i+1, len(c.Keyring(i).Keys()))
		}
	}
	if !c.Settled() || len(c.Violations()) > 0 {
		t.Errorf("settled %v, broken rules %v", c.Settled(), c.Violations())
	}
	if after := c.Sim().Stats().Choked; choked == 0 || after > choked {
		t.Errorf("bandwidth dropped %d packets in the run, and %d after it", choked, after-choked)
	}
}

// What was begun in the run does not go on when all is mended.
func TestNoFaultBeginsInAMendedCluster(t *testing.T) {
	t.Parallel()
	s := parsed(t, `{"nodes": 8, "for": "30s", "settle": true, "check": true, "events": 0, "faults": [
		{"kind": "crash", "members": ["m2..m6"], "start": "20s", "every": "10s", "length": "5s"}]}`)
	r := play(t, s)
	if n := len(r.Detections); n != 2 || r.Running != 8 || len(r.Violations) > 0 {
		t.Errorf("%d crashes, %d run, broken rules %v", n, r.Running, r.Violations)
	}
	if i := slices.IndexFunc(r.Bands, func(b report.Band) bool { return b.What == "all mended" && b.From == 30*time.Second }); i < 0 {
		t.Errorf("bands %v", r.Bands)
	}
	if last := r.Series.Samples[len(r.Series.Samples)-1]; last.At < 31*time.Second {
		t.Errorf("the last sample is at %v", last.At)
	}
}

// Two halves that have forgotten each other, and no seeds to meet at.
func TestViewsThatDoNotAgreeInTimeAreABrokenRule(t *testing.T) {
	t.Parallel()
	s := parsed(t, `{"nodes": 8, "for": "4m", "settle": true, "events": 0, "start": {"warm": true, "apart": true},
		"faults": [{"kind": "partition", "members": ["m1..m4"], "start": "10s"}],
		"work": [{"kind": "force-leave", "members": ["m1"], "to": {"members": ["m5..m8"]}, "prune": true, "start": "2m"},
			{"kind": "force-leave", "members": ["m5"], "to": {"members": ["m1..m4"]}, "prune": true, "start": "2m"}]}`)
	r := play(t, s)
	if len(r.Violations) == 0 || r.Violations[0].Check != "convergence" || !strings.Contains(r.Violations[0].Text, "views still differ") {
		t.Errorf("broken rules %v", r.Violations)
	}
}

func TestRotationThatCannotBeFinishedIsABrokenRule(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 4, "encrypt": true}`)
	pace := &pacer{ctx: t.Context(), c: p.c, rec: cluster.NewRecorder(p.c, time.Hour)}
	if !p.askedAll(pace, serf.InstallKey, 1) || len(p.c.Violations()) > 0 {
		t.Fatalf("a key isn't installed: %v", p.c.Violations())
	}
	if p.askedAll(pace, serf.RemoveKey, 0) { // the one in use
		t.Error("all removed it")
	}
	if v := p.c.Violations(); len(v) != 1 || v[0].Check != "keys" || !strings.HasPrefix(v[0].Text, "0 of 4 members agreed") {
		t.Errorf("broken rules %v", v)
	}
}

func TestRotationThatKeepsOldKeysWaitsForEverybody(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 5, "encrypt": true, "for": "5m",
		"work": [{"kind": "rotate-key", "every": "10s", "keep_old": true, "count": 2}],
		"faults": [{"kind": "crash", "members": ["m3"], "start": "5s", "length": "2m"}]}`)
	p.at(100 * time.Second)
	if p.key != 1 || len(p.c.Keyring(0).Keys()) != 2 {
		t.Errorf("key %d, m1 has %d keys: m3 hasn't the last one", p.key, len(p.c.Keyring(0).Keys()))
	}
	p.at(5 * time.Minute)
	if p.key != maxKeptKeys-1 || len(p.c.Keyring(2).Keys()) != maxKeptKeys {
		t.Errorf("key %d, m3 has %d keys, want all %d", p.key, len(p.c.Keyring(2).Keys()), maxKeptKeys)
	}
}

func TestForcedLeaves(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 5, "for": "5m", "faults": [{"kind": "crash", "members": ["m4", "m5"], "start": "1s"}],
		"work": [{"kind": "force-leave", "members": ["m1"], "to": {"members": ["m4"]}, "start": "1m"},
			{"kind": "force-leave", "members": ["m2"], "to": {"members": ["m5"]}, "prune": true, "start": "1m"}]}`)
	status := func(name string) serf.Status {
		m, _ := p.c.Node(2).Member(name)
		return m.Status
	}
	p.at(50 * time.Second)
	if a, b := status("m4"), status("m5"); a != serf.StatusFailed || b != serf.StatusFailed {
		t.Fatalf("m4 %v, m5 %v", a, b)
	}
	p.at(70 * time.Second)
	if a, b := status("m4"), status("m5"); a != serf.StatusLeft || b != serf.StatusNone {
		t.Errorf("m4 %v, want left; m5 %v, want forgotten", a, b)
	}
}

func TestBurstsAndLargeEvents(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 4, "for": "5m", "work": [{"kind": "event", "burst": 30, "size": 3000, "members": ["m2", "m3"], "start": "1s"}]}`)
	p.at(90 * time.Second)
	r := p.c.Report()
	if r.UserEvents != 60 || r.EventDeliveries != 60*4 {
		t.Errorf("%d events fired, %d deliveries", r.UserEvents, r.EventDeliveries)
	}
	if b := r.Network.SentBytes + r.Network.StreamBytes; b < 60*3*3000 {
		t.Errorf("%d bytes sent", b)
	}
}

func TestRelayedAnswers(t *testing.T) {
	t.Parallel()
	sent := func(relay string) uint64 {
		p := playOut(t, `{"nodes": 4, "for": "5m", "work": [{"kind": "query", "relay": `+relay+`, "members": ["m1"], "start": "1s"}]}`)
		p.at(time.Second - 1)
		before := p.c.Sim().Stats()
		p.at(1500 * time.Millisecond)
		return p.c.Sim().Stats().Since(before).Sent
	}
	// Each of the others sends an acknowledgement and an answer to two more, who pass them on.
	if none, two := sent("0"), sent("2"); two < none+3*2*2 {
		t.Errorf("%d packets without relays, %d with two", none, two)
	}
}

// TestRunEndsWhenSettled: as soon as all members know all others, and not before the last fault, event
// or work.
func TestRunEndsWhenSettled(t *testing.T) {
	t.Parallel()
	run := func(change func(*Scenario)) report.Report {
		s := Default()
		s.Members, s.For, s.Events, s.UntilSettled = 20, Duration(10*time.Minute), 0, true
		change(&s)
		r, err := s.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for name, x := range map[string]struct {
		change      func(*Scenario)
		least, most time.Duration
	}{
		"a cold start": {func(*Scenario) {}, time.Second, 10 * time.Second},
		"a cold start at one instant": {func(s *Scenario) {
			s.Start.Over = new(Duration)
		}, 20 * time.Millisecond, 10 * time.Second},
		"a crash that must be noticed": {func(s *Scenario) {
			s.Faults = []Fault{{Kind: FaultCrash, Who: Who{Count: 1}, Start: Duration(20 * time.Second)}}
		}, 23 * time.Second, time.Minute},
		"a fault that lasts": {func(s *Scenario) {
			s.Faults = []Fault{{
				Kind: FaultPause, Who: Who{Count: 1}, Start: Duration(20 * time.Second), Repeat: 3,
				Length: Duration(10 * time.Second), Gap: Duration(10 * time.Second),
			}}
		}, 70 * time.Second, 2 * time.Minute},
		"events over the whole time": {func(s *Scenario) { s.Events = 1 }, 5 * time.Minute, 5*time.Minute + 10*time.Second},
		"work":                       {func(s *Scenario) { s.Work = []Work{{Kind: WorkTags, Start: Duration(time.Minute)}} }, time.Minute, 70 * time.Second},
		"a rotation of keys": {func(s *Scenario) {
			s.Encrypt = true
			s.Work = []Work{{Kind: WorkRotateKey, Start: Duration(time.Minute), Every: Duration(10 * time.Second)}}
		}, 90 * time.Second, 2 * time.Minute},
		"what never settles": {func(s *Scenario) {
			s.Faults = []Fault{{Kind: FaultPartition, Who: Who{Count: 5}, Start: Duration(10 * time.Second)}}
		}, 10 * time.Minute, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r := run(x.change); r.Time < x.least || r.Time > x.most || (r.Time < 10*time.Minute) != r.Settled {
				t.Errorf("it ended after %v, settled %t; want %v to %v", r.Time, r.Settled, x.least, x.most)
			}
		})
	}
}
