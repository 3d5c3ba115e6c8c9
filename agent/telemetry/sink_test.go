package telemetry

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/agent"
	"serf/driver"
)

func TestStatsd(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	m := newTestMetrics(t, Options{Statsd: server.LocalAddr().String(), Host: "a.example"})
	m.Count("memberlist.udp.sent", 3, 450)
	m.Gauge("memberlist.health.score", 1)
	m.Times("memberlist.gossip", driver.Durations{N: 2, Took: 5 * time.Millisecond})
	m.Flush()
	b := make([]byte, 2*packetMax)
	n, _, err := server.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	want := "serf-agent.memberlist.udp.sent:450.000000|c\nserf-agent.a.example.memberlist.health.score:1.000000|g\nserf-agent.memberlist.gossip:2.500000|ms\n"
	if d := cmp.Diff(want, string(b[:n])); d != "" {
		t.Error("-want +got:\n", d)
	}
}

func TestStatsite(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	m := newTestMetrics(t, Options{Statsite: server.Addr().String()})
	m.Count("serf.events", 1, 1)
	m.Flush()
	conn, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "serf-agent.serf.events:1.000000|c\n" {
		t.Errorf("statsite got %q, error %v", line, err)
	}
}

// pipes are dialled connections, from the server's side.
type pipes struct {
	accepted chan net.Conn
	err      error // if set, dialling fails
	dials    int
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	p.dials++
	if p.err != nil {
		return nil, p.err
	}
	here, there := net.Pipe()
	p.accepted <- there
	return here, nil
}

// newTestSink runs a sink in a synctest bubble.
func newTestSink(t *testing.T, network string) (*sink, *pipes) {
	p := &pipes{accepted: make(chan net.Conn, 100)}
	s := newSink("test", network, "", nil)
	s.dial = p.dial
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		for len(p.accepted) > 0 {
			(<-p.accepted).Close()
		}
	})
	return s, p
}

func TestSinkConnectsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newTestSink(t, "tcp")
		(<-p.accepted).Close() // the server goes, while there is nothing to send
		synctest.Wait()
		s.queue([]byte("kept:1|c\n"))
		s.flush()
		began := time.Now()
		again := <-p.accepted
		defer again.Close()
		line, err := bufio.NewReader(again).ReadString('\n')
		if line != "kept:1|c\n" || err != nil {
			t.Errorf("%q, error %v", line, err)
		}
		if took := time.Since(began); took != retryWait {
			t.Errorf("connected again after %v, want %v", took, retryWait)
		}
	})
}

func TestSinkKeepsTryingWithoutServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := agent.NewLog(io.Discard, slog.LevelError)
		defer log.Close()
		monitor := log.Monitor(slog.LevelWarn, 10, "")
		s := newSink("statsd", "udp", "", log)
		p := &pipes{err: errors.New("no such host")}
		s.dial = p.dial
		ctx, cancel := context.WithTimeout(t.Context(), 2*retryWait+time.Second)
		defer cancel()
		s.run(ctx)
		if p.dials != 3 {
			t.Errorf("%d attempts, want 3: one per %v", p.dials, retryWait)
		}
		if got := monitor.Len(); got != 1 {
			t.Errorf("%d lines in the log, want one for the same failure", got)
		}
		if line, _ := monitor.Next(); !strings.Contains(line.Text, "Failed to send metrics to statsd, trying again every 5s: no such host") {
			t.Error(line.Text)
		}
	})
}

func TestSinkNeverWaitsAndCountsDrops(t *testing.T) {
	line := append(bytes.Repeat([]byte("x"), 1023), '\n')
	s := newSink("test", "tcp", "", nil) // nobody sends
	for range pendingMax / len(line) {
		s.queue(line)
	}
	if n := s.takeDropped(); n != 0 || len(s.pending) != pendingMax {
		t.Fatalf("at the limit: %d dropped, %d bytes wait", n, len(s.pending))
	}
	s.queue([]byte("\n"))
	if n := s.takeDropped(); n != 1 || len(s.pending) != pendingMax {
		t.Errorf("over the limit: %d dropped, %d bytes wait", n, len(s.pending))
	}
}

func TestSinkCountsWhatAServerThatHangsLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newTestSink(t, "tcp")
		hangs := <-p.accepted // and reads nothing
		defer hangs.Close()
		s.queue([]byte("a:1|c\nb:1|c\n"))
		s.flush()
		began := time.Now()
		(<-p.accepted).Close()
		if took := time.Since(began); took != writeTimeout+retryWait {
			t.Errorf("given up after %v, want %v and a pause of %v",
				took-retryWait, writeTimeout, retryWait)
		}
		if n := s.takeDropped(); n != 2 {
			t.Errorf("%d lines lost, want 2", n)
		}
	})
}

func TestSinkEndsThoughServerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{accepted: make(chan net.Conn, 1)}
		s := newSink("test", "tcp", "", nil)
		s.dial = p.dial
		s.queue([]byte("a:1|c\n"))
		s.flush()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		s.run(ctx)
		if took := time.Since(began); took != time.Second+closeWait {
			t.Errorf("ended %v after it should, want %v", took-time.Second, closeWait)
		}
		(<-p.accepted).Close()
	})
}

func TestPacketsHaveWholeLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newTestSink(t, "udp")
		server := <-p.accepted
		defer server.Close()
		line := append(bytes.Repeat([]byte("x"), 99), '\n')
		lines := bytes.Repeat(line, 15)
		s.queue(lines)
		s.flush()
		b := make([]byte, 2*packetMax)
		var sizes []int
		for range 2 {
			n, err := server.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, n)
		}
		if d := cmp.Diff([]int{1400, 100}, sizes); d != "" {
			t.Error(d)
		}
	})
}

func TestFirstLines(t *testing.T) {
	for _, tc := range []struct {
		limit int
		want  string
	}{{1, "ab\n"}, {3, "ab\n"}, {5, "ab\n"}, {6, "ab\ncd\n"}, {100, "ab\ncd\n"}} {
		if got := string(firstLines([]byte("ab\ncd\n"), tc.limit)); got != tc.want {
			t.Errorf("limit %d: %q, want %q", tc.limit, got, tc.want)
		}
	}
}
