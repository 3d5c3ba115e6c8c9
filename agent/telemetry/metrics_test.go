package telemetry

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/driver"
)

// dumped is a dump with times relative to the start of a synctest bubble.
func dumped(m *Metrics) string {
	return strings.NewReplacer("[2000-01-01 00:0", "[", "LastUpdated: 2000-01-01 00:0", "at ", " +0000 UTC", "").Replace(string(m.Dump()))
}

func newTestMetrics(t *testing.T, o Options) *Metrics {
	m := New(o)
	t.Cleanup(m.Close)
	return m
}

// TestMain sets the time zone of dumps.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

func TestDump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newTestMetrics(t, Options{Host: "ignored.without.a.server"})
		m.Gauge("memberlist.health.score", 1)
		m.Gauge("memberlist.health.score", 2)
		time.Sleep(3 * time.Second)
		m.Count("memberlist.udp.sent", 2, 300)
		m.Count("serf.events", 0, 0)
		m.Time("serf.snapshot.compact", 1500*time.Microsecond)
		m.Times("memberlist.gossip", driver.Durations{N: 4, Took: 8 * time.Millisecond})
		m.Times("memberlist.gossip", driver.Durations{N: 1, Took: 7 * time.Millisecond})
		m.Times("memberlist.pushPullNode", driver.Durations{})
		m.Script("./deploy.sh -x", time.Second)
		want := `[0:00][G] 'serf-agent.memberlist.health.score': 2.000
[0:00][C] 'serf-agent.memberlist.udp.sent': Count: 2 Sum: 300.000 at 0:03
[0:00][S] 'serf-agent.agent.invoke../deploy.sh_-x': Count: 1 Sum: 1000.000 at 0:03
[0:00][S] 'serf-agent.memberlist.gossip': Count: 5 Min: 2.000 Mean: 3.000 Max: 7.000 Stddev: 2.236 Sum: 15.000 at 0:03
[0:00][S] 'serf-agent.serf.snapshot.compact': Count: 1 Sum: 1.500 at 0:03
`
		if d := cmp.Diff(want, dumped(m)); d != "" {
			t.Error("-want +got:\n", d)
		}
	})
}

func TestLastMinuteIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newTestMetrics(t, Options{})
		intervals := func() (begins []string) {
			for _, found := range regexp.MustCompile(`\[(\d:\d\d)\]`).FindAllStringSubmatch(dumped(m), -1) {
				begins = append(begins, found[1])
			}
			return begins
		}
		for range 8 {
			m.Count("x", 1, 1)
			time.Sleep(Interval)
		}
		// It is 1:20 now.
		if d := cmp.Diff([]string{"0:20", "0:30", "0:40", "0:50", "1:00", "1:10"}, intervals()); d != "" {
			t.Error("ten seconds each, the last minute: ", d)
		}
		time.Sleep(Kept)
		if got := intervals(); got != nil {
			t.Errorf("after a minute of silence there is still %v", got)
		}
	})
}

func TestNamesAreLimited(t *testing.T) {
	m := newTestMetrics(t, Options{})
	for i := range namesMax {
		m.Count(fmt.Sprint("name", i), 1, 1)
	}
	m.Count("name0", 1, 1) // known
	m.Flush()
	if text := string(m.Dump()); strings.Contains(text, droppedName) {
		t.Error("dropped at the limit")
	}
	m.Sample("one more", 1)
	m.Gauge("and another", 1)
	m.Flush()
	m.Flush()
	text := string(m.Dump())
	if strings.Contains(text, "one_more") || !strings.Contains(text, "'serf-agent.telemetry.dropped': Count: 2 Sum: 2.000") {
		t.Errorf("beyond the limit:\n%s", text[strings.LastIndex(text, "name"):])
	}
}

func TestNamesAreHarmless(t *testing.T) {
	for name, want := range map[string]string{
		"serf.events.de ploy:1|c\nx": "serf.events.de_ploy_1_c_x",
		"\x1b[31m\u202e\u0085ü":      "_[31m__ü",
		strings.Repeat("x", 300):     strings.Repeat("x", nameMax),
		"":                           "",
	} {
		if got := safeName(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func TestClockSetBack(t *testing.T) {
	m := newTestMetrics(t, Options{})
	now := time.Now()
	later := m.current(now.Add(time.Hour))
	if got := m.current(now); got != later || len(m.kept) != 1 {
		t.Error("a clock that is set back begins an interval before the last")
	}
}
