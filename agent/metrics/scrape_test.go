package metrics

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"serf/agent"
	"serf/agent/handler"
	"serf/internal/cputime"
	"serf/internal/http1"
	"serf/internal/systest"
	"serf/wire"
)

const (
	largeCluster = 10_000
	// garbageMax is how many bytes a scrape may allocate, whatever the size of the cluster.
	garbageMax = 64 << 10
)

// startLarge starts an agent that knows so many others, in an exchange of states, and has some
// handlers.
func startLarge(t testing.TB, others int) *agent.Agent {
	t.Helper()
	c := agent.Config{Name: "a", Logger: slog.New(slog.DiscardHandler), Timing: agent.Local(), Bind: netip.MustParseAddrPort("127.0.0.1:0")}
	for i := range 8 {
		c.Handlers = append(c.Handlers, mustHandler(t, fmt.Sprintf("user:e%d=exec:/usr/local/bin/deploy --step=%d", i, i)))
	}
	a, err := agent.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	conn, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(statesOf(others)); err != nil {
		t.Fatal(err)
	}
	io.ReadAll(conn) // its answer: it has merged what we said
	if n, _ := a.AllMembers(); n != others+1 {
		t.Fatalf("%d members, want %d", n, others+1)
	}
	return a
}

func mustHandler(t testing.TB, spec string) handler.Handler {
	h, err := handler.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// statesOf is an exchange of states that tells of so many members.
func statesOf(members int) []byte {
	head := wire.PushPullHeader{Nodes: members}
	b := head.Append(nil)
	for i := range members {
		s := wire.NodeState{Addr: []byte{127, 9, byte(i >> 8), byte(i)}, Inc: 1, Name: fmt.Appendf(nil, "member-%05d.rack-%d", i, i%40), Port: 7946, Vsn: []byte{1, 5, 2, 2, 5, 5}}
		b = s.Append(b)
	}
	return b
}

// noResponse is a ResponseWriter that allocates nothing.
type noResponse struct {
	http1.ResponseWriter
	header http1.Header
	bytes  int
}

func (w *noResponse) Header() http1.Header        { return w.header }
func (w *noResponse) WriteHeader(int)             {}
func (w *noResponse) Write(b []byte) (int, error) { w.bytes += len(b); return len(b), nil }

func TestScrapesOfALargeClusterAllocateLittle(t *testing.T) {
	systest.Long(t, "a table of thousands of members")
	// A string for each would be over the limit.
	e := New(startLarge(t, 3000), testOptions())
	w, r := &noResponse{header: make(http1.Header)}, &http1.Request{}
	e.Serve(w, r)
	// The least of some: the agent allocates now and then, too.
	least := uint64(math.MaxUint64)
	var before, after runtime.MemStats
	for range 5 {
		runtime.ReadMemStats(&before)
		e.Serve(w, r)
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	if least > garbageMax {
		t.Errorf("%d bytes of garbage a scrape, at most %d allowed", least, garbageMax)
	}
}

// BenchmarkScrape scrapes agents of small and large clusters. What takes time is the turn of the
// loop that reads the counters, and the system's figures of the process.
func BenchmarkScrape(b *testing.B) {
	for _, others := range []int{2, largeCluster} {
		b.Run(fmt.Sprint(others+1, " members"), func(b *testing.B) {
			e := New(startLarge(b, others), testOptions())
			w, r := &noResponse{header: make(http1.Header)}, &http1.Request{}
			b.ReportAllocs()
			cpu := cputime.Used()
			for b.Loop() {
				w.bytes = 0
				e.Serve(w, r)
			}
			b.ReportMetric(float64(cputime.Used()-cpu)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(w.bytes), "bytes/scrape")
		})
	}
}

// Names that occur twice, or in two places, are no valid exposition.
func TestEachMetricIsWrittenOnce(t *testing.T) {
	body := scraped(New(startLarge(t, 3), testOptions()), "").Body.String()
	samples := make(map[string]bool)
	var names []string
	for line := range strings.Lines(body) {
		if name, ok := strings.CutPrefix(line, "# HELP "); ok {
			names = append(names, name[:strings.Index(name, " ")])
		}
		key := line[:strings.LastIndex(line, " ")]
		if samples[key] {
			t.Errorf("twice: %s", key)
		}
		samples[key] = true
	}
	for _, list := range families {
		for _, f := range list {
			if i := slices.Index(names, f.name); i < 0 && !bySystem[f.name] || i >= 0 && slices.Contains(names[i+1:], f.name) {
				t.Errorf("%s isn't there once", f.name)
			}
		}
	}
}

// bySystem are the metrics that not all systems have.
var bySystem = map[string]bool{
	"process_resident_memory_bytes": true, "process_virtual_memory_bytes": true, "process_open_fds": true, "process_max_fds": true,
}

func TestMembersOfARealAgent(t *testing.T) {
	body := scraped(New(startLarge(t, 7), testOptions()), "").Body.String()
	if got := lines(body, "serf_members{"); got[0] != `serf_members{status="alive"} 8` {
		t.Errorf("%q, want 8 alive", got)
	}
	if digest := lines(body, "serf_view_digest "); len(digest) != 1 || digest[0] == "serf_view_digest 0" {
		t.Errorf("%q", digest)
	}
}
