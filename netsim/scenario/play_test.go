package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/netsim/report"
	"serf/swim"
	"serf/swim/serf"
)

// playing is a scenario under way, for tests that look at it in between.
type playing struct {
	*scenarioRun
	t *testing.T
}

// playOut starts the scenario that is written in text, which begins warm.
func playOut(t *testing.T, text string, adjust ...func(s *Scenario)) *playing {
	t.Helper()
	s, _, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s.Start.Warm, s.Events = true, 0
	for _, f := range adjust {
		f(&s)
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	run, err := newRun(&s)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.c.BootWarm(); err != nil {
		t.Fatal(err)
	}
	if !run.c.Settled() {
		t.Fatal("not settled")
	}
	run.begin()
	return &playing{run, t}
}

// at lets time pass until d after the beginning.
func (p *playing) at(d time.Duration) { p.c.Sim().Run(swim.Time(d)) }

// moves is how often a member has moved, as its address tells.
func (p *playing) moves(i int) int { return int(p.c.Sim().Addr(i).Addr().As4()[1] >> 4) }

// up lists the members that run, by number from 1.
func (p *playing) up() []int {
	var list []int
	for i := range p.c.Len() {
		if p.c.Sim().Running(i) {
			list = append(list, i+1)
		}
	}
	return list
}

func (p *playing) wantUp(why string, want ...int) {
	p.t.Helper()
	if got := p.up(); !slices.Equal(got, want) {
		p.t.Errorf("at %v %s: up are %v, want %v", time.Duration(p.c.Now()), why, got, want)
	}
}

// wantReach checks that packets pass for the pairs in yes, and for none of those in no. Pairs are
// digits of members, sender first, as "12 21".
func (p *playing) wantReach(why string, yes, no string) {
	p.t.Helper()
	for pairs, want := range map[string]bool{yes: true, no: false} {
		for i := 0; i+1 < len(pairs); i += 3 {
			from, to := int(pairs[i]-'1'), int(pairs[i+1]-'1')
			if p.c.Sim().Reaches(from, to) != want {
				p.t.Errorf("at %v %s: m%d reaches m%d: %v", time.Duration(p.c.Now()), why, from+1, to+1, !want)
			}
		}
	}
}

func TestCrashedMembersComeBackAfterLength(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 5, "faults": [{"kind": "crash", "start": "10s", "length": "5s", "members": ["m2..m3", "m5"]}]}`)
	p.at(9999 * time.Millisecond)
	p.wantUp("before", 1, 2, 3, 4, 5)
	p.at(10 * time.Second)
	p.wantUp("crashed", 1, 4)
	p.at(14999 * time.Millisecond)
	p.wantUp("still down", 1, 4)
	p.at(15 * time.Second)
	p.wantUp("back", 1, 2, 3, 4, 5)
	if p.moves(1) != 0 {
		t.Error("m2 has moved")
	}
	p.at(30 * time.Second)
	if !p.c.Settled() {
		t.Error(p.c.Disagreement())
	}
}

func TestCrashForGoodIsForGood(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 4, "faults": [{"kind": "crash", "start": "1s", "count": 2}]}`)
	p.at(time.Minute)
	if n := len(p.up()); n != 2 {
		t.Errorf("%d up, want 2", n)
	}
}

func TestSomeOfARegionAreDrawnFromTheSeed(t *testing.T) {
	t.Parallel()
	drawn := make(map[string]bool)
	for seed := range 8 {
		p := playOut(t, fmt.Sprintf(`{"nodes": 9, "seed": %d, "regions": [{"name": "a", "nodes": 3}, {"name": "b"}],
			"faults": [{"kind": "crash", "start": "1s", "count": 2, "region": "b"}]}`, seed+1))
		p.at(2 * time.Second)
		up := p.up()
		if len(up) != 7 || !slices.Equal(up[:3], []int{1, 2, 3}) {
			t.Errorf("seed %d: up are %v, want 1, 2, 3 and four more", seed, up)
		}
		drawn[fmt.Sprint(up)] = true
	}
	if len(drawn) < 3 {
		t.Errorf("eight seeds hit only %v", drawn)
	}
}

func TestAnotherFaultLeavesTheFirstOnesVictims(t *testing.T) {
	t.Parallel()
	const one = `{"nodes": 20, "faults": [{"kind": "crash", "start": "2s", "count": 3}%s]}`
	first := playOut(t, fmt.Sprintf(one, ""))
	second := playOut(t, fmt.Sprintf(one, `, {"kind": "pause", "start": "1s", "length": "500ms", "count": 2}`))
	first.at(3 * time.Second)
	second.at(3 * time.Second)
	if a, b := first.up(), second.up(); !slices.Equal(a, b) {
		t.Errorf("up are %v, and with another fault %v", a, b)
	}
}

func TestLeaverComesBackWhenItHasLeft(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 4, "faults": [{"kind": "leave", "start": "1s", "length": "2s", "members": ["m3"], "move": true}]}`)
	p.at(1100 * time.Millisecond)
	if p.c.Alive(2) {
		t.Error("m3 hasn't begun to leave")
	}
	p.at(20 * time.Second)
	p.wantUp("back", 1, 2, 3, 4)
	if !p.c.Alive(2) || p.moves(2) != 1 || !p.c.Settled() {
		t.Errorf("alive %v, moved %d times; %s", p.c.Alive(2), p.moves(2), p.c.Disagreement())
	}
}

func TestRollingRestartTakesOneAfterTheOther(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 3, "faults": [{"kind": "crash", "start": "10s", "length": "4s", "every": "5s", "share": "100%"}]}`)
	for i, want := range [][]int{{2, 3}, {1, 3}, {1, 2}} {
		p.at(time.Duration(10+5*i) * time.Second)
		p.wantUp("one is down", want...)
		p.at(time.Duration(14+5*i) * time.Second)
		p.wantUp("it is back", 1, 2, 3)
	}
}

func TestRepeatedFaultHitsTheSameMembers(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 6, "faults": [{"kind": "pause", "start": "10s", "length": "1s", "repeat": 3, "gap": "2s", "count": 2}]}`)
	var first []int
	for i := range 3 {
		p.at(time.Duration(10+3*i) * time.Second)
		if i == 0 {
			first = p.up()
		}
		if len(first) != 4 {
			t.Fatalf("up are %v, want 4", first)
		}
		p.wantUp("paused", first...)
		p.at(time.Duration(11+3*i) * time.Second)
		p.wantUp("run on", 1, 2, 3, 4, 5, 6)
	}
	p.at(20 * time.Second)
	p.wantUp("three times", 1, 2, 3, 4, 5, 6)
}

// Where a process is stopped, and what it finds first when it runs on, shows in all that follows.
func TestKindsOfPausesDiffer(t *testing.T) {
	t.Parallel()
	traces := make(map[uint64]string)
	for _, text := range []string{"", "when sending", "timers first", "reads slowly"} {
		s := Default()
		s.Faults = []Fault{{Kind: FaultPause, Start: Duration(10 * time.Second), Length: Duration(20 * time.Second), Who: Who{Count: 3}}}
		s.TimersFirst, s.Faults[0].WhenSending = strings.Contains(text, "timers"), strings.Contains(text, "sending")
		if strings.Contains(text, "slowly") {
			s.Faults[0].ReadTime = Duration(time.Millisecond)
		}
		r, err := s.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if other, same := traces[r.Trace]; same || len(r.Pauses) != 3 {
			t.Errorf("%s: same as %s; %d of 3 pauses were noticed", text, other, len(r.Pauses))
		}
		traces[r.Trace] = text
	}
}

func TestLaterMembersWaitForAJoin(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 6, "start": {"later": 3}, "faults": [{"kind": "join", "start": "5s", "count": 2}]}`)
	p.at(4 * time.Second)
	p.wantUp("three are later", 1, 2, 3)
	p.at(20 * time.Second)
	if up := p.up(); len(up) != 5 || !p.c.Settled() {
		t.Errorf("up are %v, want five; %s", up, p.c.Disagreement())
	}
}

func TestChurnComesAndGoesAtItsRatesUntilItsEnd(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 30, "for": "10m", "start": {"seeds": 2, "later": 5},
		"faults": [{"kind": "churn", "start": "1m", "length": "5m", "joins": 12, "leaves": 6, "crashes": 6}]}`)
	p.at(59 * time.Second)
	if n := len(p.up()); n != 25 {
		t.Errorf("%d up before, want 25", n)
	}
	p.at(6*time.Minute + 10*time.Second) // and who leaves has left
	starts, r := 0, p.c.Report()
	for i := range p.c.Len() {
		starts += p.c.Starts(i)
	}
	joins, crashes := starts-25, len(r.Detections)
	if joins < 40 || joins > 80 || crashes < 15 || crashes > 45 {
		t.Errorf("%d joins and %d crashes in five minutes at 12 and 6 a minute", joins, crashes)
	}
	if p.c.Starts(0) != 1 || p.c.Starts(1) != 1 || p.c.Sim().Down(0) || p.c.Sim().Down(1) {
		t.Error("a seed has gone")
	}
	p.at(8 * time.Minute)
	after := 0
	for i := range p.c.Len() {
		after += p.c.Starts(i)
	}
	if after != starts || !p.c.Settled() {
		t.Errorf("%d more starts after the end; %s", after-starts, p.c.Disagreement())
	}
}

func TestPartitionsCutWhatTheySayAndHeal(t *testing.T) {
	t.Parallel()
	regions := `"nodes": 5, "regions": [{"name": "a", "nodes": 2}, {"name": "b", "nodes": 2}, {"name": "c"}]`
	tests := []struct{ fault, yes, no string }{
		{`"region": "a"`, "12 21 34 35", "13 31 25 52"},
		{`"region": "a", "way": "out"`, "12 31 52 34", "13 14 25"},
		{`"region": "a", "way": "in"`, "12 13 25 34", "31 41 52"},
		{`"region": "a", "to": {"region": "b"}`, "12 15 52 35", "13 31 24 42"},
		{`"region": "a", "to": {"members": ["m3"]}, "way": "out"`, "14 31 32 15", "13 23"},
	}
	for _, tt := range tests {
		p := playOut(t, `{`+regions+`, "faults": [{"kind": "partition", "start": "5s", "length": "10s", `+tt.fault+`}]}`)
		p.at(4999 * time.Millisecond)
		p.wantReach("before", "12 13 31 25 52", "")
		p.at(10 * time.Second)
		p.wantReach(tt.fault, tt.yes, tt.no)
		p.at(15 * time.Second)
		p.wantReach("healed", "12 13 31 25 52 24 42", "")
		p.c.RunUntilSettled(2 * time.Minute)
		if !p.c.Settled() {
			t.Error(p.c.Disagreement())
		}
	}
}

func TestBlockedUDPLeavesTCP(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 4, "faults": [{"kind": "block-udp", "start": "5s", "length": "10s", "members": ["m2"], "way": "in"}]}`)
	p.at(10 * time.Second)
	p.wantReach("blocked", "13 21 31", "12 32 42")
	before := p.c.Sim().Stats()
	p.c.Join(0, 1)
	p.at(11 * time.Second)
	if s := p.c.Sim().Stats().Since(before); s.Streams == 0 || s.StreamsFailed > 0 {
		t.Errorf("%d of %d streams failed", s.StreamsFailed, s.Streams)
	}
	p.at(15 * time.Second)
	p.wantReach("ended", "12 32 42", "")
}

// A region's switch doesn't care which of its machines run.
func TestNetworkFaultOfARegionConcernsWhoComesBackMeanwhile(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 4, "regions": [{"name": "a", "nodes": 2}, {"name": "b"}], "faults": [
		{"kind": "crash", "start": "5s", "length": "10s", "members": ["m4"]}, {"kind": "partition", "start": "10s", "region": "b"}]}`)
	p.at(20 * time.Second)
	p.wantUp("back", 1, 2, 3, 4)
	p.wantReach("cut off", "12 34 43", "14 41 13")
}

func TestWorseNetworkLosesAndDelaysWhileItLasts(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 10, "faults": [{"kind": "network", "start": "10s", "length": "20s", "share": "50%", "loss": "50%", "duplicate": "10%"}]}`)
	counted := func(until time.Duration) (lost, duplicated uint64) {
		before := p.c.Sim().Stats()
		p.at(until)
		s := p.c.Sim().Stats().Since(before)
		return s.Lost, s.Duplicated
	}
	if lost, dup := counted(10 * time.Second); lost+dup != 0 {
		t.Errorf("before: %d lost, %d twice", lost, dup)
	}
	if lost, dup := counted(30 * time.Second); lost < 50 || dup < 5 {
		t.Errorf("while it lasts: %d lost, %d twice", lost, dup)
	}
	if lost, dup := counted(60 * time.Second); lost+dup != 0 {
		t.Errorf("after: %d lost, %d twice", lost, dup)
	}
}

func TestBandwidthOfTheNetworkIsThatOfEachMember(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 20, "network": {"bandwidth": "2kbit", "queue": "20ms"}}`)
	p.at(30 * time.Second)
	if s := p.c.Sim().Stats(); s.Choked == 0 {
		t.Error("nothing was dropped at 2 kbit/s")
	}
}

// What a member remembers is what it had heard: it isn't told old events again, nor asks the seeds
// alone.
func TestSnapshotKeepsAMemberFromHearingOldEventsAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		snapshot string
		again    int
	}{{"false", 1}, {"true", 0}} {
		var heard eventCount
		p := playOut(t, `{"nodes": 5, "work": [{"kind": "event", "start": "1s", "members": ["m1"]}],
			"faults": [{"kind": "crash", "start": "10s", "length": "10s", "members": ["m4"], "snapshot": `+tt.snapshot+`}]}`)
		p.at(9 * time.Second)
		heard.host = 3
		p.c.Sim().Observe(&heard)
		p.at(40 * time.Second)
		if heard.n != tt.again || !p.c.Settled() {
			t.Errorf("snapshot %s: heard %d old events, want %d; %s", tt.snapshot, heard.n, tt.again, p.c.Disagreement())
		}
	}
}

// eventCount counts the user events that one host delivers.
type eventCount struct{ host, n int }

func (c *eventCount) Event(_ swim.Time, host int, e *swim.Event) {
	if host == c.host && e.Kind == serf.EventUserEvent {
		c.n++
	}
}

func TestWorkIsDoneAtItsRateByWhomItSays(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 5, "work": [
		{"kind": "event", "start": "10s", "every": "2s", "length": "20s", "size": 100, "name": "deploy"},
		{"kind": "query", "start": "40s", "every": "5s", "members": ["m2..m3"]},
		{"kind": "tags", "start": "30s", "members": ["m4"]}]}`)
	p.at(9 * time.Second)
	if r := p.c.Report(); r.UserEvents+len(r.Queries) != 0 {
		t.Errorf("%d events and %d queries before the start", r.UserEvents, len(r.Queries))
	}
	p.at(time.Minute)
	r := p.c.Report()
	if r.UserEvents != 10 || report.Share(r.Events) != 1 {
		t.Errorf("%d events of which %v%% reached all, want 10", r.UserEvents, 100*report.Share(r.Events))
	}
	if len(r.Queries) != 8 { // at 40, 45, 50 and 55 s, by two
		t.Errorf("%d queries, want 8", len(r.Queries))
	}
	for _, m := range p.c.Node(0).Members(nil) {
		if (m.Tags["n"] != "") != (m.Name == "m4") {
			t.Errorf("%s has tags %v", m.Name, m.Tags)
		}
	}
}

func TestRotationChangesTheKeyOfAll(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 6, "encrypt": true, "compress": true, "for": "3m", "work": [{"kind": "rotate-key", "start": "10s", "every": "20s"}],
		"faults": [{"kind": "crash", "start": "70s", "length": "10s", "members": ["m3"]}]}`)
	wantKeys := func(why string, d time.Duration, want ...int) {
		t.Helper()
		p.at(d)
		for i := range p.c.Len() {
			ring := p.c.Node(i).Swim().Sealer().Keys.Keys()
			var have [][]byte
			for _, k := range want {
				have = append(have, p.s.key(k))
			}
			if !slices.EqualFunc(ring, have, slices.Equal[[]byte]) {
				t.Errorf("%s: m%d has %x, want %x", why, i+1, ring, have)
			}
		}
	}
	wantKeys("at first", 9*time.Second, 0)
	wantKeys("installed", 29*time.Second, 0, 1)
	wantKeys("used", 49*time.Second, 1, 0)
	wantKeys("old one removed", 69*time.Second, 1)
	wantKeys("restarted with its keyring", 100*time.Second, 1)
	if !p.c.Settled() {
		t.Error(p.c.Disagreement())
	}
}

func TestTimingReplacesThatOfTheProfile(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 10, "timing": {"probe_interval": "100ms", "probe_timeout": "50ms"}}`)
	before := p.c.Sim().Stats()
	p.at(10 * time.Second)
	// A ping and an ack each, ten times a second.
	if n := p.c.Sim().Stats().Since(before).Sent; n < 1900 || n > 2500 {
		t.Errorf("%d packets in 10 s at ten probes a second", n)
	}
}
