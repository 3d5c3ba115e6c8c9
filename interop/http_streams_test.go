package interop

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// httpStreams is how many streams of events an agent serves at once.
const httpStreams = 64

// TestEventStreamsByHTTP has all streams of an agent follow events, with -ratios 20,000 of them, a
// thousand a second, and a client among them that has stopped reading. The others get every event
// in order. How long the loop's turns take meanwhile is printed.
func TestEventStreamsByHTTP(t *testing.T) {
	t.Parallel()
	events, pause := 500, time.Duration(0)
	if *ratios {
		events, pause = 20_000, time.Millisecond
	}
	ip := ownIP(t)
	addr := net.JoinHostPort(ip.String(), "7374")
	a := ownProgram.start(t, options{name: "agent", ip: ip}, dialOwn, "-log-level=warn", "-http-addr="+addr)
	mate := ownProgram.start(t, options{name: "mate"}, dialOwn, "-log-level=warn")
	must(t, a.join(false, mate))

	scrape := func() map[string]*dto.MetricFamily { return parsed(t, get(t, "http://"+addr+"/metrics")) }
	if *ratios { // what the machine and the events alone cost
		before := scrape()
		fireNumbered(t, a, "unread", events, pause)
		eventually(t, time.Minute, "all events on their way", func() error {
			if n := valueOf(scrape(), "serf_queue_messages", "queue", "backlog"); n > 0 {
				return fmt.Errorf("%v wait", n)
			}
			return nil
		})
		t.Logf("without streams: %v", newTurns(before, scrape()))
	}
	var readers sync.WaitGroup
	var got [httpStreams - 1]atomic.Int64
	for i := range got {
		follow := followEvents(t, addr)
		readers.Go(func() {
			if err := readNumbered(follow, events, &got[i]); err != nil {
				t.Errorf("stream %d, after %d events: %v", i, got[i].Load(), err)
			}
		})
	}
	stopReading(t, addr)
	before := scrape()
	began := time.Now()
	fireNumbered(t, a, "numbered", events, pause)
	fired := time.Since(began)
	readers.Wait()
	t.Logf("%d events in %v to %d streams, one of which isn't read; all delivered after %v", events, fired.Round(time.Millisecond), httpStreams, time.Since(began).Round(time.Millisecond))
	t.Logf("with streams: %v", newTurns(before, scrape()))
	if *ratios { // fewer events would fit into the connection's buffers
		eventually(t, time.Minute, "the client that doesn't read is cut off", func() error {
			stats, err := a.stats()
			if n := stats["http"]["streams_cut_off"]; err == nil && n != "1" {
				return fmt.Errorf("streams_cut_off is %s", n)
			}
			return err
		})
	}
}

// fireNumbered fires so many events of a name, with a pause after each.
func fireNumbered(t *testing.T, a *running, name string, events int, pause time.Duration) {
	t.Helper()
	began := time.Now()
	for i := range events {
		must(t, a.event(name, fmt.Appendf(nil, "%-150d", i), false))
		time.Sleep(time.Duration(i+1)*pause - time.Since(began))
	}
}

// stopReading is a client that begins a stream of events and reads nothing of it.
func stopReading(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	must(t, c.(*net.TCPConn).SetReadBuffer(4<<10))
	_, err = fmt.Fprintf(c, "GET /v1/events HTTP/1.1\r\nHost: %s\r\n\r\n", addr)
	must(t, err)
}

// followEvents begins a stream of user events.
func followEvents(t *testing.T, addr string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/v1/events?type=user:numbered", nil)
	must(t, err)
	r.Header.Set("Accept", "application/x-ndjson")
	answer, err := http.DefaultTransport.RoundTrip(r)
	must(t, err)
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	return answer
}

// readNumbered reads so many events, which come in the order in which they were fired.
func readNumbered(from *http.Response, events int, got *atomic.Int64) error {
	lines := bufio.NewScanner(from.Body)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue // a heartbeat
		}
		want := base64.StdEncoding.AppendEncode(nil, fmt.Appendf(nil, "%-150d", got.Load()))
		if !bytes.Contains(lines.Bytes(), want) || !bytes.Contains(lines.Bytes(), []byte(`"event":"user"`)) {
			return fmt.Errorf("%s, want number %d", lines.Bytes(), got.Load())
		}
		if got.Add(1) == int64(events) {
			return nil
		}
	}
	return fmt.Errorf("the stream has ended: %w", lines.Err())
}

// turns are the turns of an agent's loop between two scrapes.
type turns struct {
	count, mean float64
	buckets     map[float64]float64 // how many took up to so many seconds
}

func newTurns(before, after map[string]*dto.MetricFamily) (t turns) {
	h := func(f map[string]*dto.MetricFamily) *dto.Histogram {
		return f["serf_loop_turn_seconds"].GetMetric()[0].GetHistogram()
	}
	was, is := h(before), h(after)
	t.count = float64(is.GetSampleCount() - was.GetSampleCount())
	t.mean = (is.GetSampleSum() - was.GetSampleSum()) / t.count
	t.buckets = make(map[float64]float64)
	for i, b := range is.GetBucket() {
		t.buckets[b.GetUpperBound()] = float64(b.GetCumulativeCount() - was.GetBucket()[i].GetCumulativeCount())
	}
	return t
}

func (t turns) String() string {
	share := func(seconds float64) float64 { return 100 * t.buckets[seconds] / t.count }
	return fmt.Sprintf("%.0f turns of the loop of %.0f µs on average; %.2f %% within 250 µs, %.2f %% within 1 ms, %.3f %% within 10 ms",
		t.count, t.mean*1e6, share(0.00025), share(0.001), share(0.01))
}
