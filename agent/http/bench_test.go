package http

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"serf/agent"
	"serf/internal/http1"
	"serf/internal/memberfilter"
	"serf/swim/serf"
)

// How long a turn of the agent's loop makes callers wait while as many streams as there may be get
// 1,000 events a second, and while there is none: nothing of a stream runs on the loop.
func BenchmarkLoopBesideStreams(b *testing.B) {
	for _, streams := range []int{0, streamsMax} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			a := startAgent(b)
			h, err := New(a, Options{})
			if err != nil {
				b.Fatal(err)
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			s := Serve(ln, h, a.Log())
			defer s.Close()
			var readers sync.WaitGroup
			defer readers.Wait()
			var bodies []io.Closer
			defer func() {
				for _, body := range bodies {
					body.Close()
				}
			}()
			for range streams {
				r, err := http.Get("http://" + ln.Addr().String() + "/v1/events")
				if err != nil {
					b.Fatal(err)
				}
				bodies = append(bodies, r.Body)
				readers.Go(func() { io.Copy(io.Discard, r.Body) })
			}
			const rate = 1000
			var waits []time.Duration
			for b.Loop() { // a second of events each
				for range rate {
					next := time.Now().Add(time.Second / rate)
					h.log.add(encode(agent.UserEvent{Name: "deploy", Payload: make([]byte, 100)}, next)...)
					asked := time.Now()
					if err := a.Check(b.Context()); err != nil {
						b.Fatal(err)
					}
					waits = append(waits, time.Since(asked))
					<-time.After(time.Until(next))
				}
			}
			slices.Sort(waits)
			b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "µs-loop-99th")
			b.ReportMetric(float64(h.counts.gaps.Load()+h.counts.cut.Load()), "cut")
		})
	}
}

// What an event costs that all streams get, without sockets: it is encoded once.
func BenchmarkEvent(b *testing.B) {
	l := newEventLog()
	e := agent.UserEvent{Name: "deploy", Payload: make([]byte, 100)}
	b.ReportAllocs()
	text := make([]byte, 0, 2*batchMax)
	all, _ := parseTypes("")
	for b.Loop() {
		l.add(encode(e, time.Unix(0, 0))...)
		_, last := l.kept()
		for range streamsMax {
			l.take(last-1, all, text[:0], frameSSE)
		}
	}
}

// discard is a ResponseWriter that counts.
type discard struct {
	http1.ResponseWriter
	header http1.Header
	n      int
}

func (d *discard) Header() http1.Header        { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { d.n += len(b); return len(b), nil }

// A list of 10,000 members.
func BenchmarkMembers(b *testing.B) {
	h := newHandler(b, startAgent(b), Options{})
	all, _ := memberfilter.New("", "", nil)
	one := h.choose(&all)[0]
	chosen := make([]listed, 10000)
	for i := range chosen {
		m := *one.member
		m.Name = fmt.Sprintf("member-%d", i)
		chosen[i] = listed{&m, &serf.Location{RTT: time.Millisecond}}
	}
	b.ReportAllocs()
	for b.Loop() {
		d := &discard{header: make(http1.Header)}
		h.answerMembers(d, "0123456789abcdef-1", chosen)
		b.SetBytes(int64(d.n))
	}
}
