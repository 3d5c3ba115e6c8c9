package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/agent/rpc"
	"serf/agent/rpc/server"
	"serf/internal/systest"
	"serf/internal/watch"
)

// watched are the updates of a short life, with a connection that is lost and made again.
func watched() []watchUpdate {
	at := netip.MustParseAddrPort("127.0.0.1:7946")
	a, b := rpc.Member{Name: "a", Addr: at, Status: "alive"}, rpc.Member{Name: "b\x1b", Addr: at, Status: "alive"}
	left, failed := b, b
	left.Status, failed.Status = "left", "failed"
	return []watchUpdate{
		{connected: true, agent: "a", members: []rpc.Member{b, a}},
		{figures: map[string]map[string]string{"serf": {}}},
		{event: &rpc.Event{Type: rpc.MemberFailed, Members: []rpc.Member{failed}}},
		{event: &rpc.Event{Type: rpc.UserEvent, Name: "deploy", LTime: 7, Payload: []byte("v\n2")}},
		{members: []rpc.Member{a, failed}},
		{lost: errors.New("gone")}, {lost: errors.New("refused")},
		{connected: true, agent: "a", members: []rpc.Member{a, left}},
		{event: &rpc.Event{Type: rpc.MemberReap, Members: []rpc.Member{left}}},
		{members: []rpc.Member{a}}, {members: []rpc.Member{}},
	}
}

func TestWatchPrintsALineForEachChange(t *testing.T) {
	t.Parallel()
	const text = `1970-01-01T00:00:00Z connected a
1970-01-01T00:00:00Z member a 127.0.0.1:7946 alive
1970-01-01T00:00:00Z member b\x1b 127.0.0.1:7946 alive
1970-01-01T00:00:00Z member-failed b\x1b 127.0.0.1:7946
1970-01-01T00:00:00Z user deploy ltime=7 "v\n2"
1970-01-01T00:00:00Z disconnected gone
1970-01-01T00:00:00Z connected a
1970-01-01T00:00:00Z changed b\x1b 127.0.0.1:7946 left
1970-01-01T00:00:00Z member-reap b\x1b 127.0.0.1:7946
1970-01-01T00:00:00Z changed a none
`
	var out strings.Builder
	p := &watchPrinter{w: &out, status: make(map[string]string)}
	for _, u := range watched() {
		p.print(time.Unix(0, 0), &u)
	}
	if diff := cmp.Diff(text, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out.Reset()
	p = &watchPrinter{w: &out, json: true, status: make(map[string]string)}
	for _, u := range watched()[2:4] {
		p.print(time.Unix(0, 0), &u)
	}
	const want = `{"time":"1970-01-01T00:00:00.000Z","event":"member-failed","member":{"name":"b\u001b","addr":"127.0.0.1:7946","port":7946,"tags":null,"status":"failed","protocol":{"max":0,"min":0,"version":0}}}
{"time":"1970-01-01T00:00:00.000Z","event":"user","name":"deploy","ltime":7,"payload_b64":"dgoy"}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// watchInto runs a watch that isn't on a terminal, and returns its lines as they come.
func watchInto(ctx context.Context, t *testing.T, addr string) (lines <-chan string, code <-chan int) {
	t.Helper()
	c, ended := make(chan string, 100), make(chan int, 1)
	go func() {
		ended <- dispatch(ctx, []string{"watch", "-rpc-addr", addr}, env{
			Stdout:    writerFunc(func(line string) { c <- line }),
			Stderr:    writerFunc(func(s string) { t.Errorf("standard error: %q", s) }),
			LookupEnv: func(string) (string, bool) { return "", false },
		})
	}()
	return c, ended
}

// An agent that is restarted is followed again. An interrupt is the usual end, and no error.
func TestWatchReconnects(t *testing.T) {
	t.Parallel()
	// Nobody else takes the path while the agent is down, as might happen to a port.
	path := systest.SocketPath(t)
	s := listenRPC(t, path, &knownCluster{})
	ctx, cancel := context.WithCancel(t.Context())
	lines, code := watchInto(ctx, t, "unix://"+path)
	await := func(part string) {
		t.Helper()
		for line := range lines {
			if strings.Contains(line, part) {
				return
			}
		}
	}
	await(" connected n1")
	await(" member node-two ")
	s.Close()
	await(" disconnected ")
	listenRPC(t, path, &knownCluster{})
	await(" connected n1")
	cancel()
	if got := <-code; got != exitOK {
		t.Errorf("exit %d, want %d", got, exitOK)
	}
}

// What never worked may be a slip: it is an error, not waited for.
func TestWatchOfNoAgent(t *testing.T) {
	t.Parallel()
	got := runLine(t.Context(), nil, "watch", "-rpc-addr=127.0.0.1:1")
	if got.code != exitError || !strings.HasPrefix(got.stderr, "Error connecting to Serf agent: ") {
		t.Errorf("%+v", got)
	}
}

// Only the lines that changed are written, and colours only where they are wanted.
func TestWatchDrawsWhatChanged(t *testing.T) {
	t.Parallel()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	term := &watchTerminal{out: out}
	shown := func(lines ...watch.Line) string {
		if err := term.show(append(lines, watch.Line{{Style: watch.Bold, Text: "end"}})); err != nil {
			t.Fatal(err)
		}
		out.WriteString("|")
		b := make([]byte, 1000)
		n, err := in.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	red := watch.Line{{Style: watch.Red, Text: "x"}}
	steps := []struct{ got, want string }{
		{shown(red), "\x1b[2J\x1b[1;1H\x1b[0m\x1b[Kx\x1b[2;1H\x1b[0m\x1b[K\x1b[1mend\x1b[0m|"},
		{shown(red), "|"},
		{shown(watch.Line{{Text: "y"}}), "\x1b[1;1H\x1b[0m\x1b[Ky|"},
	}
	term.colours = true
	steps = append(steps, struct{ got, want string }{shown(red), "\x1b[1;1H\x1b[0m\x1b[K\x1b[31mx\x1b[0m|"})
	for i, s := range steps {
		if s.got != s.want {
			t.Errorf("%d: %q, want %q", i, s.got, s.want)
		}
	}
}

// listenRPC serves a cluster on a Unix socket.
func listenRPC(t *testing.T, path string, a server.Agent) *server.Server {
	t.Helper()
	ln, err := server.ListenUnix(path, 0o600, server.NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	s := server.Serve(ln, a, server.Options{})
	t.Cleanup(func() { s.Close() })
	return s
}
