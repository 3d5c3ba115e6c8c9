package mdns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/agent"
)

// fakeNetwork is a network in a synctest bubble; the test decides what is found, and when.
type fakeNetwork struct {
	mu          sync.Mutex
	hosts       func(report func(addr string)) // what a query by IPv4 finds
	asked       []family
	err4, err6  error
	announceErr error
	announced   int
	stopped     int
}

func (f *fakeNetwork) announce() (func(), error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.announceErr != nil {
		return nil, f.announceErr
	}
	f.announced++
	return func() { f.stopped++ }, nil
}

func (f *fakeNetwork) query(_ context.Context, by family, found func(netip.AddrPort)) error {
	f.mu.Lock()
	f.asked = append(f.asked, by)
	f.mu.Unlock()
	if by == v6 {
		return f.err6
	}
	if f.hosts != nil {
		f.hosts(func(addr string) { found(netip.MustParseAddrPort(addr)) })
	}
	return f.err4
}

// joins remembers what was joined and when.
type joins struct {
	mu    sync.Mutex
	began time.Time
	texts []string
	n     int
	err   error
}

// result sets what joins return.
func (j *joins) result(n int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.n, j.err = n, err
}

// told returns what was joined so far.
func (j *joins) told() []string {
	synctest.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.texts
}

func (j *joins) join(_ context.Context, addrs []string) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.texts = append(j.texts, fmt.Sprintf("%v: %s", time.Since(j.began), strings.Join(addrs, " ")))
	return j.n, j.err
}

// startTest starts the service of member 127.0.33.1:1 in a bubble.
func startTest(t *testing.T, c Config, n *fakeNetwork) (*Service, *joins) {
	t.Helper()
	j := &joins{began: time.Now(), n: 1}
	c.Cluster, c.Node, c.Addr, c.network = "test", "a", netip.MustParseAddrPort("127.0.33.1:1"), n
	c.Join = j.join
	s, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, j
}

func TestJoinsTogetherEachOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNetwork{hosts: func(report func(string)) {
			report("127.0.33.1:1") // this member itself
			report("127.0.33.2:1")
			report("0.0.0.0:1")
			report("224.0.0.1:1")
			report("127.0.33.9:0")
			time.Sleep(quiet - 1)
			report("127.0.33.2:2")
			report("127.0.33.2:1")
			time.Sleep(quiet + 1)
			report("127.0.33.3:1")
		}}
		_, j := startTest(t, Config{}, n)
		time.Sleep(3 * pollEvery)
		want := []string{"199.999999ms: 127.0.33.2:1 127.0.33.2:2", "300ms: 127.0.33.3:1"}
		if d := cmp.Diff(want, j.told()); d != "" {
			t.Error(d)
		}
	})
}

func TestFailedJoinIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNetwork{hosts: func(report func(string)) { report("127.0.33.2:1") }}
		_, j := startTest(t, Config{}, n)
		j.result(0, errors.New("nobody"))
		time.Sleep(pollEvery + time.Second)
		j.result(1, nil)
		time.Sleep(2 * pollEvery)
		var want []string // soon again, then ever later
		for _, at := range []string{"100ms", "2.1s", "6.1s", "14.1s", "30.1s", "1m2.1s"} {
			want = append(want, at+": 127.0.33.2:1")
		}
		if d := cmp.Diff(want, j.told()); d != "" {
			t.Error(d)
		}
	})
}

func TestBatchIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNetwork{hosts: func(report func(string)) {
			for i := range batchMax + 1 {
				report(fmt.Sprint("127.0.33.2:", i+1))
				synctest.Wait()
			}
		}}
		_, j := startTest(t, Config{}, n)
		time.Sleep(pollEvery + time.Second)
		if got := j.told(); len(got) != 2 || strings.Count(got[0], "127.0.33.2:") != batchMax || got[1] != "2.1s: 127.0.33.2:65" {
			t.Errorf("joined %v", got)
		}
	})
}

func TestSeenIsLimited(t *testing.T) {
	s := &Service{c: Config{Join: func(context.Context, []string) (int, error) { return 1, nil }}, seen: make(map[netip.AddrPort]bool)}
	for i := range seenMax + 1 {
		if i == seenMax && len(s.seen) != seenMax {
			t.Fatalf("%d remembered, want %d", len(s.seen), seenMax)
		}
		s.note(netip.AddrPortFrom(netip.MustParseAddr("127.0.33.2"), uint16(i+1)))
		s.join(t.Context())
	}
	if len(s.seen) != 1 {
		t.Errorf("%d remembered, want 1: beyond the limit all are forgotten", len(s.seen))
	}
}

func TestAnswersUntilClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNetwork{announceErr: errors.New("no multicast")}
		log := agent.NewLog(io.Discard, slog.LevelError)
		defer log.Close()
		monitor := log.Monitor(slog.LevelWarn, 10, "")
		s, _ := startTest(t, Config{Log: log}, n)
		synctest.Wait()
		if line, _ := monitor.Next(); !strings.Contains(line.Text, "[WARN] agent.mdns: Can't be found by others, trying again every 1m0s: no multicast") {
			t.Error(line.Text)
		}
		n.mu.Lock()
		n.announceErr = nil
		n.mu.Unlock()
		time.Sleep(2*pollEvery + time.Second)
		s.Close()
		if n.announced != 1 || n.stopped != 1 {
			t.Errorf("announced %d times, stopped %d, want once", n.announced, n.stopped)
		}
	})
}

func TestOneFamilyIsEnough(t *testing.T) {
	for _, tc := range []struct {
		name       string
		c          Config
		err4, err6 error
		asked      int
		want       string // in the log, warnings only
	}{
		{name: "both work", asked: 2},
		{name: "IPv6 doesn't", asked: 2, err6: errors.New("unreachable")},
		{name: "none does", asked: 2, err4: errors.New("off"), err6: errors.New("unreachable"), want: "Can't look for others by IPv4, trying again every 1m0s: off"},
		{name: "IPv4 alone", asked: 1, c: Config{DisableIPv6: true}, err4: errors.New("off"), want: "by IPv4"},
		{name: "IPv6 alone", asked: 1, c: Config{DisableIPv4: true}, err6: errors.New("off"), want: "by IPv6"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := agent.NewLog(io.Discard, slog.LevelError)
				defer log.Close()
				monitor := log.Monitor(slog.LevelWarn, 10, "")
				n := &fakeNetwork{err4: tc.err4, err6: tc.err6}
				tc.c.Log = log
				startTest(t, tc.c, n)
				synctest.Wait()
				monitor.Close()
				var text string
				for line, ok := monitor.Next(); ok; line, ok = monitor.Next() {
					text += line.Text
				}
				if len(n.asked) != tc.asked || !strings.Contains(text, tc.want) || (text == "") != (tc.want == "") {
					t.Errorf("asked by %v, log %q", n.asked, text)
				}
			})
		})
	}
}

func TestCheck(t *testing.T) {
	label := strings.Repeat("x", labelMax)
	for _, tc := range []struct {
		cluster, node string
		want          string // part of the error; empty if there is none
	}{
		{"prod", "web-1.example.com", ""},
		{"eu.prod_2", "web 1", ""},
		{strings.Repeat("x", labelMax-len("_serf_")), label, ""},
		{strings.Repeat("x", labelMax-len("_serf_")+1), "a", "no part between dots empty or over 63 bytes"},
		{"a b", "a", `discover: "a b": only letters, digits, dots, dashes and underscores`},
		{"a..b", "a", "no part between dots empty"},
		{"prod", label + "x", `node name "` + label + `x"`},
		{"prod", "a.", "no part between dots may be empty"},
		{"prod", "", "no part between dots may be empty"},
		{"prod", label + "." + label + "." + label + "." + label, "245 with that of the cluster"},
	} {
		err := Check(tc.cluster, tc.node)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("cluster %q, node %q: %v, want %q", tc.cluster, tc.node, err, tc.want)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	c := Config{Cluster: "x", Node: "a", Addr: netip.MustParseAddrPort("127.0.33.1:1"), Interface: "no-such-interface"}
	if _, err := Start(c); err == nil || err.Error() != `mdns interface "no-such-interface": there is no such interface` {
		t.Error(err)
	}
	c.Cluster = "?"
	if _, err := Start(c); err == nil || !strings.Contains(err.Error(), `discover: "?"`) {
		t.Error(err)
	}
}
