package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/agent"
	"serf/agent/config"
	"serf/agent/recording"
	"serf/agent/rpc"
	"serf/swim/serf"
)

// testPatience is more than anything here takes; it only bounds failing tests.
const testPatience = 10 * time.Second

// screen collects output and lets tests wait for it.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed and replaced by each write
}

func newScreen() *screen { return &screen{changed: make(chan struct{})} }

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(b)
	close(s.changed)
	s.changed = make(chan struct{})
	return len(b), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until the output matches the pattern, and returns its groups.
func (s *screen) await(t *testing.T, pattern string) []string {
	t.Helper()
	expr := regexp.MustCompile(pattern)
	late := time.After(testPatience)
	for {
		s.mu.Lock()
		groups, changed := expr.FindStringSubmatch(s.text.String()), s.changed
		s.mu.Unlock()
		if groups != nil {
			return groups
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("no %q in:\n%s", pattern, s)
		}
	}
}

// running is an agent under test.
type running struct {
	t            *testing.T
	stdout, errs *screen
	signals      chan os.Signal
	exit         chan int
}

// runTestAgent starts an agent on loopback with ports of the system's choice.
func runTestAgent(t *testing.T, args ...string) *running {
	t.Helper()
	return runTestAgentIn(t, nil, args...)
}

// runTestAgentIn is runTestAgent with variables of the environment.
func runTestAgentIn(t *testing.T, vars map[string]string, args ...string) *running {
	t.Helper()
	r := &running{t: t, stdout: newScreen(), errs: newScreen(), signals: make(chan os.Signal), exit: make(chan int, 1)}
	args = append([]string{"-node=a", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0", "-profile=local"}, args...)
	e := env{Stdout: r.stdout, Stderr: r.errs, LookupEnv: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.exit <- serveAgent(ctx, args, e, r.signals)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return r
}

// started waits until the agent is up.
func (r *running) started() *running {
	r.t.Helper()
	r.stdout.await(r.t, `agent: Serf agent starting`)
	return r
}

// addr is the address after a name in the start-up output.
func (r *running) addr(name string) string {
	r.t.Helper()
	return r.stdout.await(r.t, name+` addr: '(.*)'`)[1]
}

func (r *running) send(s os.Signal) {
	r.t.Helper()
	select {
	case r.signals <- s:
	case <-time.After(testPatience):
		r.t.Fatalf("nobody took signal %v", s)
	}
}

func (r *running) wantExit(code int) {
	r.t.Helper()
	select {
	case got := <-r.exit:
		if got != code {
			r.t.Errorf("exit code %d, want %d; output:\n%s%s", got, code, r.stdout, r.errs)
		}
	case <-time.After(testPatience):
		r.t.Fatalf("still running; output:\n%s%s", r.stdout, r.errs)
	}
}

// stop stops agents without a leave, which would take a second.
func stop(agents ...*running) {
	for _, r := range agents {
		r.t.Helper()
		r.send(syscall.SIGTERM)
		r.wantExit(exitError)
	}
}

// client connects to the agent's RPC port.
func (r *running) client() *rpc.Client {
	r.t.Helper()
	c, err := rpc.Dial(r.t.Context(), r.addr("RPC"), rpc.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

func TestAgentOutput(t *testing.T) {
	t.Parallel()
	r := runTestAgent(t).started()
	r.stdout.await(t, `EventMemberJoin: a .*\n`) // the log has a writer of its own
	stop(r)
	ports := regexp.MustCompile(`(127\.0\.0\.1):\d+`)
	times := regexp.MustCompile(`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d`)
	got := times.ReplaceAllString(ports.ReplaceAllString(r.stdout.String(), "$1:PORT"), "TIME")
	want := `==> Starting Serf agent...
==> Starting Serf agent RPC...
==> Serf agent running!
                      Node name: 'a'
                      Bind addr: '127.0.0.1:PORT'
                       RPC addr: '127.0.0.1:PORT'
                      Encrypted: false
                       Snapshot: false
                        Profile: local
    Message Compression Enabled: true

==> Log data will now stream in as it occurs:

    TIME [INFO] agent: Serf agent starting
    TIME [INFO] serf: EventMemberJoin: a 127.0.0.1
==> Caught signal: terminated
    TIME [INFO] agent: requesting serf shutdown
    TIME [INFO] agent: Received event: member-join
    TIME [WARN] serf: Shutdown without a Leave
    TIME [INFO] agent: shutdown complete
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error("-want +got:\n", d)
	}
	if errs := r.errs.String(); errs != "" {
		t.Errorf("complaints: %s", errs)
	}
}

func TestAgentShowsWhatIsSet(t *testing.T) {
	t.Parallel()
	r := runTestAgent(t, "-encrypt=MDEyMzQ1Njc4OWFiY2RlZg==", "-disable-compression", "-advertise=127.0.31.9:5", "-role=web", "-event-handler=", "-event-handler=user=")
	r.started()
	for _, line := range []string{
		"==> Warning: -role is deprecated, use -tag role=web\n",
		"==> Warning: -event-handler: given, but empty: it does nothing\n",
		"==> Warning: -event-handler: event handler \"user=\" has no script: want [filter=]script: it does nothing\n",
		"                 Advertise addr: '127.0.31.9:5'\n",
		"                      Encrypted: true\n",
		"    Message Compression Enabled: false\n",
	} {
		if !strings.Contains(r.stdout.String(), line) {
			t.Errorf("no %q in:\n%s", line, r.stdout)
		}
	}
}

func TestAgentInterruptLeaves(t *testing.T) {
	t.Parallel()
	r := runTestAgent(t).started()
	r.send(os.Interrupt)
	r.stdout.await(t, `==> Caught signal: interrupt\n(    .*\n)*==> Gracefully shutting down agent...\n`)
	r.wantExit(exitOK)
	r.stdout.await(t, `\[INFO\] agent: requesting graceful leave from Serf`)
}

func TestAgentSecondSignalEndsLeave(t *testing.T) {
	errs := newScreen()
	signals := make(chan os.Signal, 3)
	d := &daemon{out: newConsole(errs, errs), signals: signals}
	signals <- reloadSignal
	signals <- dumpSignal
	signals <- syscall.SIGTERM
	never := make(chan error)
	if code := d.awaitLeave(never); code != exitError {
		t.Errorf("exit code %d", code)
	}
	d.out.close()
	if got, want := errs.String(), "==> Caught signal: terminated, ending at once\n"; got != want {
		t.Errorf("output %q, want %q: the first two end nothing", got, want)
	}
}

func TestAgentFailedLeave(t *testing.T) {
	errs := newScreen()
	d := &daemon{out: newConsole(errs, errs)}
	done := make(chan error, 1)
	done <- context.DeadlineExceeded
	if code := d.awaitLeave(done); code != exitError {
		t.Errorf("exit code %d", code)
	}
	d.out.close()
	errs.await(t, "==> Error leaving the cluster: context deadline exceeded\n")
}

func TestAgentEndOfContextLeaves(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out := newScreen()
	exit := make(chan int, 1)
	go func() {
		exit <- serveAgent(ctx, []string{"-node=a", "-bind=127.0.0.1:0", "-rpc-addr=127.0.0.1:0"}, env{Stdout: out, Stderr: out, LookupEnv: func(string) (string, bool) { return "", false }}, nil)
	}()
	out.await(t, "Serf agent starting")
	cancel()
	if code := <-exit; code != exitOK {
		t.Errorf("exit code %d; output:\n%s", code, out)
	}
}

// configFile writes a configuration file and returns its path.
func configFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.json")
	rewrite(t, path, content)
	return path
}

func rewrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAgentSignalsAsConfigured(t *testing.T) {
	t.Parallel()
	path := configFile(t, `{"leave_on_terminate": true, "skip_leave_on_interrupt": true}`)
	t.Run("terminate leaves", func(t *testing.T) {
		t.Parallel()
		r := runTestAgent(t, "-config-file", path).started()
		r.send(syscall.SIGTERM)
		r.wantExit(exitOK)
	})
	t.Run("interrupt doesn't", func(t *testing.T) {
		t.Parallel()
		r := runTestAgent(t, "-config-file", path).started()
		r.send(os.Interrupt)
		r.wantExit(exitError)
		if strings.Contains(r.stdout.String(), "Gracefully") {
			t.Error("it left:\n", r.stdout)
		}
	})
}

func TestAgentRPCLeaveEndsIt(t *testing.T) {
	t.Parallel()
	r := runTestAgent(t).started()
	if err := r.client().Leave(t.Context()); err != nil {
		t.Error(err)
	}
	r.wantExit(exitOK)
}

func TestAgentReload(t *testing.T) {
	t.Parallel()
	path := configFile(t, `{"tags": {"kept": "1", "changed": "1", "gone": "1", "mine": "1"}}`)
	r := runTestAgent(t, "-config-file", path).started()
	c := r.client()
	if err := c.SetTags(t.Context(), map[string]string{"mine": "run time", "new": "run time"}, nil); err != nil {
		t.Fatal(err)
	}

	rewrite(t, path, `{"tags": {"kept": "1", "changed": "2", "mine": "1", "added": "2"}, "log_level": "debug",
		"event_handlers": ["user:x=true"], "start_join": ["127.0.31.2"]}`)
	r.send(reloadSignal)
	r.stdout.await(t, `==> Caught signal: (hangup|reload)\n(    .*\n)*==> Reloading configuration...\n`)
	// Lines of the log may come between.
	r.stdout.await(t, `==> Configuration reloaded: event_handlers is "user:x=true", was empty; log_level is debug, was info; `+
		`tags set: added=2,changed=2; tags deleted: gone\n(    .*\n)*==> Warning: changes of these take a restart: start_join \(-join\)\n`)
	r.send(reloadSignal) // is taken when the first has been dealt with
	r.stdout.await(t, `==> Configuration reloaded: nothing has changed that a reload applies\n`+
		`(    .*\n)*==> Warning: changes of these take a restart: start_join \(-join\)\n`) // still

	members, err := c.Members(t.Context())
	if err != nil || len(members) != 1 {
		t.Fatal(members, err)
	}
	want := map[string]string{"kept": "1", "changed": "2", "mine": "run time", "new": "run time", "added": "2"}
	if d := cmp.Diff(want, members[0].Tags); d != "" {
		t.Error("tags of the file over those set at run time: -want +got:\n", d)
	}
	stats, err := c.Stats(t.Context())
	if d := cmp.Diff(map[string]string{"user:x": "true"}, stats["event_handlers"]); d != "" || err != nil {
		t.Error(err, d)
	}
	if err := c.UserEvent(t.Context(), "noise", nil, false); err != nil {
		t.Fatal(err)
	}
	r.stdout.await(t, `\[DEBUG\] agent: Requesting user event send: noise`)
}

// Zones can be turned on in a running cluster, one agent after the other.
func TestAgentReloadsZones(t *testing.T) {
	t.Parallel()
	path := configFile(t, `{"tags": {"az": "eu-1"}}`)
	r := runTestAgent(t, "-config-file", path).started()
	zones := func() map[string]string {
		stats, err := r.client().Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return stats["zones"]
	}
	if z := zones(); z != nil {
		t.Errorf("without zones: %v", z)
	}
	rewrite(t, path, `{"tags": {"az": "eu-1"}, "zone_tag": "az", "zone_share": 20}`)
	r.send(reloadSignal)
	r.stdout.await(t, `==> Configuration reloaded: zone_tag is az, was empty; zone_share is 20, was 10\n`)
	if d := cmp.Diff(map[string]string{"tag": "az", "own": "eu-1", "own_alive": "1", "count": "1"}, zones()); d != "" {
		t.Error(d)
	}
	rewrite(t, path, `{"tags": {"az": "eu-1"}}`)
	r.send(reloadSignal)
	r.stdout.await(t, `==> Configuration reloaded: zone_tag is empty, was az; zone_share is 10, was 20\n`)
	if z := zones(); z != nil {
		t.Errorf("turned off: %v", z)
	}
}

func TestAgentReloadOfBrokenFileChangesNothing(t *testing.T) {
	t.Parallel()
	path := configFile(t, `{"tags": {"a": "1"}}`)
	r := runTestAgent(t, "-config-file", path).started()
	rewrite(t, path, `{"tags": {"a": "2"}, "nope": 1}`)
	r.send(reloadSignal)
	r.errs.await(t, `agent.json:1:22: nope: is no key here; .*\n==> Failed to reload configs, nothing was changed\n`)
	members, err := r.client().Members(t.Context())
	if err != nil || len(members) != 1 || members[0].Tags["a"] != "1" {
		t.Errorf("members %v, error %v", members, err)
	}
}

func TestAgentJoins(t *testing.T) {
	t.Parallel()
	first := runTestAgent(t).started()
	second := runTestAgent(t, "-node=b", "-bind=127.0.0.1:0", "-join", first.addr("Bind")).started()
	second.stdout.await(t, `    Message Compression Enabled: true
==> Joining cluster...\(replay: false\)
    Join completed. Synced with 1 initial agents

==> Log data`)
	first.stdout.await(t, `\[INFO\] serf: EventMemberJoin: b 127\.0\.0\.1\n`)
	stop(first, second)
}

func TestAgentFailingJoinEndsIt(t *testing.T) {
	t.Parallel()
	gone := unusedAddr(t)
	r := runTestAgent(t, "-replay", "-join", gone)
	r.wantExit(exitError)
	r.stdout.await(t, `==> Joining cluster...\(replay: true\)\n`)
	r.errs.await(t, `==> Error joining the cluster: .*`+regexp.QuoteMeta(gone))
	if strings.Contains(r.stdout.String(), "[INFO]") {
		t.Errorf("the log hides the error:\n%s", r.stdout)
	}
}

// unusedAddr is an address at which nobody listens.
func unusedAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestAgentInterruptDuringJoin(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r := runTestAgent(t, "-profile=wan", "-join", ln.Addr().String())
	r.stdout.await(t, "Joining cluster")
	stop(r)
}

func TestAgentPortsTaken(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken := ln.Addr().String()
	for option, want := range map[string]string{
		"-rpc-addr": "==> Error starting RPC listener: " + taken + ": address already in use: .*-rpc-addr\n$",
		"-bind":     "==> Error starting Serf agent: bind " + taken + ": address already in use: .*-bind\n$",
	} {
		r := runTestAgent(t, option+"="+taken)
		r.wantExit(exitError)
		r.errs.await(t, want)
		if strings.Contains(r.stdout.String(), "running") {
			t.Errorf("%s: it says that it runs:\n%s", option, r.stdout)
		}
	}
}

// An agent that takes its own port says so.
func TestOwnPortIsTold(t *testing.T) {
	for _, tt := range []struct {
		bind, rpc string
		same      bool
	}{
		{"127.0.0.1:7", "127.0.0.1:7", true}, {"127.0.0.1:7", "127.0.0.1:8", false}, {"127.0.0.1:7", "127.0.0.2:7", false},
		{"0.0.0.0:7", "127.0.0.1:7", true}, {"127.0.0.1:7", "[::]:7", true}, {"127.0.0.1:0", "127.0.0.1:7", false}, {"[::1]:7", "[::1]:7", true},
	} {
		s := setup{addrs: agent.Addresses{Bind: netip.MustParseAddrPort(tt.bind)}}
		err := s.checkPorts([]rpcListener{listenerAtSocket(), listenerAt(t, tt.rpc, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(tt.rpc)))})
		if (err != nil) != tt.same || err != nil && !strings.Contains(err.Error(), "is in use for RPC, by rpc_addr (-rpc-addr) of this agent") {
			t.Errorf("gossip at %s, RPC at %s: %v", tt.bind, tt.rpc, err)
		}
	}
}

func TestAgentTellsAllProblems(t *testing.T) {
	t.Parallel()
	r := runTestAgent(t, "-profile=moon", "-discover=?", "-event-handler=nope=x", "-event-handler=user:=y", "-advertise=0.0.0.0")
	r.wantExit(exitError)
	want := `==> 'serf agent -h' lists the options and keys.
==> Error: -profile: "moon", allowed lan, wan, local
==> Error: -event-handler: event handler "nope=x": event filter "nope": allowed are member-join, member-leave, member-failed, member-update, member-reap, user, query, *, user:NAME, query:NAME, timeout:TIME
==> Error: -event-handler: event handler "user:=y": event filter "user:" has no name; for all of them it's "user"
==> Error: -advertise: 0.0.0.0: the others can't send to the unspecified address
==> Error: -discover: "?": only letters, digits, dots, dashes and underscores, no part between dots empty or over 63 bytes
`
	if d := cmp.Diff(want, r.errs.String()); d != "" {
		t.Error("-want +got:\n", d)
	}
	if out := r.stdout.String(); out != "" {
		t.Errorf("it began to start: %s", out)
	}
}

func TestAgentHelp(t *testing.T) {
	t.Parallel()
	r := runTestAgent(t, "-h")
	r.wantExit(exitOK)
	r.stdout.await(t, `^Usage: serf agent \[options\]\n(?s:.*)-bind=addr `)
}

func TestAgentRetryJoinGivesUp(t *testing.T) {
	t.Parallel()
	r := runTestAgent(t, "-retry-join", unusedAddr(t), "-retry-max=1")
	r.wantExit(exitError)
	r.errs.await(t, `==> The agent has stopped: maximum retry join attempts made\n`)
	r.stdout.await(t, `\[ERR\] agent: maximum retry join attempts made, exiting`)
}

func TestAgentKeepsTagsInFile(t *testing.T) {
	t.Parallel()
	path := configFile(t, `{"a": "1"}`)
	r := runTestAgent(t, "-tags-file", path).started()
	if err := r.client().SetTags(t.Context(), map[string]string{"b": "2"}, nil); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tags, err := config.ParseTags("", data)
	if d := cmp.Diff(map[string]string{"a": "1", "b": "2"}, tags); d != "" || err != nil {
		t.Error(err, d)
	}
}

// What couldn't be written is tried again, when the agent ends at the latest.
func TestAgentSavesTagsAtItsEnd(t *testing.T) {
	t.Parallel()
	path := configFile(t, `{"a": "1"}`)
	r := runTestAgent(t, "-tags-file", path).started()
	os.Remove(path)
	os.Mkdir(path, 0o700) // in the way
	err := r.client().SetTags(t.Context(), map[string]string{"b": "2"}, nil)
	os.Remove(path)
	if err == nil || !strings.Contains(err.Error(), "lost with a restart") {
		t.Errorf("error %v", err)
	}
	stop(r)
	if data, err := os.ReadFile(path); !strings.Contains(string(data), `"b"`) {
		t.Errorf("%s, %v", data, err)
	}
}

func TestAgentDumps(t *testing.T) {
	t.Parallel()
	if dumpSignal == nil {
		t.Skip("this system has no signal for it")
	}
	r := runTestAgent(t).started()
	r.send(dumpSignal)
	r.errs.await(t, `\]\[G\] 'serf-agent\.runtime\.num_goroutines': \d(?s:.*)\]\[C\] 'serf-agent\.serf\.member\.join': Count: 1 Sum: 1\.000 LastUpdated: `)
}

var errRefused = errors.New("refused")

// refuseTags is an agent's SetTags that refuses.
func refuseTags(context.Context, map[string]string, []string) error { return errRefused }

func TestTagKeeperKeepsNothingRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tags.json")
	k := &tagKeeper{set: refuseTags, path: path, tags: func() map[string]string { return nil }}
	if err := k.SetTags(t.Context(), map[string]string{"a": "b"}, nil); !errors.Is(err, errRefused) {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file was written: %v", err)
	}
}

// stuck is an output that blocks until it is freed.
type stuck struct{ free chan struct{} }

func (s stuck) Write(b []byte) (int, error) {
	<-s.free
	return len(b), nil
}

func TestConsoleNeverWaitsForOutput(t *testing.T) {
	out := stuck{make(chan struct{})}
	c := newConsole(out, out)
	c.open()
	for i := range 10 * consoleQueue {
		c.step("message %d", i)
	}
	close(out.free)
	c.close()
}

func TestConsoleOrder(t *testing.T) {
	out := newScreen()
	c := newConsole(out, out)
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		fmt.Fprint(c, "one\ntwo\n")
	}()
	c.step("first")
	c.value("Name", "'x'")
	c.open()
	<-logged
	c.detail("last")
	c.close()
	want := "==> first\n                           Name: 'x'\n    one\n    two\n    last\n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

func TestConsoleMuted(t *testing.T) {
	out := newScreen()
	c := newConsole(out, out)
	c.mute()
	c.open() // too late
	fmt.Fprint(c, "log\n")
	c.fail("why")
	c.close()
	if got := out.String(); got != "==> why\n" {
		t.Errorf("output %q", got)
	}
}

func TestSetupReachesTheNode(t *testing.T) {
	path := configFile(t, `{"query_size_limit": 1001, "query_response_size_limit": 1002, "user_event_size_limit": 1003,
		"disable_coordinates": true, "disable_name_resolution": true, "validate_node_names": true,
		"reconnect_interval": "11s", "reconnect_timeout": "12s", "tombstone_timeout": "13s"}`)
	s, err := loadSetup([]string{"-config-file", path, "-node=n", "-bind=127.0.31.1:5", "-profile=wan", "-protocol=4", "-tag=a=b",
		"-encrypt=MDEyMzQ1Njc4OWFiY2RlZg==", "-broadcast-timeout=14s", "-gossip-rate=17", "-retry-join=x", "-retry-interval=15s", "-retry-max=16", "-replay",
		"-zone-tag=a", "-zone-share=18", "-zone-probes", "-record=d", "-record-limit=19MiB"})
	if err != nil {
		t.Fatal(err)
	}
	c := s.agentConfig()
	got := []any{c.Name, c.Advertise.String(), c.Bind.String(), c.Timing.ProbeInterval, c.Protocol, c.Tags, c.Keys, c.Compress,
		c.QuerySizeMax, c.QueryResponseSizeMax, c.EventSizeMax, c.DisableCoordinates, c.DisableConflictResolution, c.CheckNames,
		c.ReconnectInterval, c.ReconnectTimeout, c.TombstoneTimeout, c.BroadcastTimeout, c.Timing.GossipRate,
		c.Join.Retry, c.Join.Interval, c.Join.Max, c.Join.Replay, c.Zones, c.Record}
	want := []any{"n", "127.0.31.1:5", "127.0.31.1:5", 5 * time.Second, uint8(4), map[string]string{"a": "b"}, [][]byte{[]byte("0123456789abcdef")}, true,
		1001, 1002, 1003, true, true, true,
		11 * time.Second, 12 * time.Second, 13 * time.Second, 14 * time.Second, 17,
		[]string{"x"}, 15 * time.Second, 16, true, serf.Zones{Tag: "a", Share: 18, Probes: true},
		recording.Config{Dir: "d", Limit: 19 << 20, Build: build()}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Host names stand for addresses, by option and by key.
func TestHostNamesAreResolved(t *testing.T) {
	for _, args := range [][]string{
		{"-bind=localhost:5"},
		{"-bind=127.0.0.1:5", "-advertise=localhost"},
		{"-config-file=" + configFile(t, `{"bind": "localhost:5", "advertise": "localhost:5"}`)},
	} {
		s, err := loadSetup(append(args, "-node=n"))
		if err != nil || s.addrs.Bind.String() != "127.0.0.1:5" || s.addrs.Advertise != s.addrs.Bind || s.addrs.Reason == "" {
			t.Errorf("%q: %v, %+v", args, err, s.addrs)
		}
	}
	_, err := loadSetup([]string{"-config-file=" + configFile(t, `{"bind": "300.1.1.1"}`), "-node=n"})
	if err == nil || !strings.HasSuffix(err.Error(), `agent.json:1:2: bind: "300.1.1.1": want IP, IP:port, [v6]:port, :port or the name of a host`) {
		t.Error(err)
	}
}

func TestTagChanges(t *testing.T) {
	set, gone := tagChanges(map[string]string{"same": "1", "new value": "1", "z": "", "a": ""},
		map[string]string{"same": "1", "new value": "2", "empty": ""})
	if d := cmp.Diff(map[string]string{"new value": "2", "empty": ""}, set); d != "" {
		t.Error("to set:", d)
	}
	if d := cmp.Diff([]string{"a", "z"}, gone); d != "" {
		t.Error("to delete:", d)
	}
}

func TestSetupSavesKeyring(t *testing.T) {
	path := configFile(t, `["MDEyMzQ1Njc4OWFiY2RlZg=="]`)
	s, err := loadSetup([]string{"-keyring-file", path, "-node=n", "-bind=127.0.31.1"})
	if err != nil {
		t.Fatal(err)
	}
	c := s.agentConfig()
	keys := append([][]byte{make([]byte, 32)}, c.Keys...)
	if err := c.KeyringChanged(keys); err != nil {
		t.Fatal(err)
	}
	again, err := loadSetup([]string{"-keyring-file", path, "-node=n", "-bind=127.0.31.1"})
	if d := cmp.Diff(keys, again.conf.Keys); d != "" || err != nil {
		t.Error(err, d)
	}
}

// The limits of the configuration and of the node must agree.
func TestLimitsOfConfigurationAndNodeAgree(t *testing.T) {
	for _, content := range []string{
		`{"query_size_limit": 61440, "query_response_size_limit": 61440, "user_event_size_limit": 9216, "protocol": 5}`,
		`{"query_size_limit": 1, "query_response_size_limit": 1, "user_event_size_limit": 1, "protocol": 2}`,
	} {
		s, err := loadSetup([]string{"-config-file", configFile(t, content), "-node=n", "-bind=127.0.31.1"})
		if err != nil {
			t.Fatal(err)
		}
		c := s.agentConfig()
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", content, err)
		}
	}
}

func TestAgentShowsHowFarEncryptionIs(t *testing.T) {
	for _, tc := range []struct {
		args, want string
	}{
		{"", "false"},
		{"-verify-incoming=false -verify-outgoing=false", "false"},
		{"-encrypt=MDEyMzQ1Njc4OWFiY2RlZg==", "true"},
		{"-encrypt=MDEyMzQ1Njc4OWFiY2RlZg== -verify-incoming=false", "true (plain text is accepted)"},
		{"-encrypt=MDEyMzQ1Njc4OWFiY2RlZg== -verify-incoming=false -verify-outgoing=false", "true (plain text is sent and accepted)"},
	} {
		s, err := loadSetup(append(strings.Fields(tc.args), "-bind=127.0.31.1"))
		if err != nil {
			t.Fatal(err)
		}
		if got := encryption(&s.conf); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.args, got, tc.want)
		}
		if c := s.agentConfig(); c.AcceptPlain == s.conf.VerifyIncoming || c.SendPlain == s.conf.VerifyOutgoing {
			t.Errorf("%s: plain in %v, plain out %v", tc.args, c.AcceptPlain, c.SendPlain)
		}
	}
}

func TestAgentsOfOtherLabelsDoNotMeet(t *testing.T) {
	t.Parallel()
	blue := runTestAgent(t, "-label=blue").started()
	blue.stdout.await(t, `Label: "blue"`)
	green := runTestAgent(t, "-label=green", "-join="+blue.addr("Bind"))
	green.wantExit(exitError)
	blue.stdout.await(t, `Dropped a stream from 127\.0\.0\.1:\d+: labelled, and not as this cluster`)
}

func TestAgentsOverIPv6(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 loopback here:", err)
	}
	ln.Close()
	a := runTestAgent(t, "-bind=[::1]:0", "-rpc-addr=[::1]:0").started()
	b := runTestAgent(t, "-bind=[::1]:0", "-rpc-addr=[::1]:0", "-node=b", "-join="+a.addr("Bind")).started()
	b.stdout.await(t, `Join completed. Synced with 1 initial agents`)
	a.stdout.await(t, `EventMemberJoin: b ::1\n`)
	members, err := a.client().Members(t.Context())
	if err != nil || len(members) != 2 {
		t.Errorf("RPC over IPv6: %d members, %v", len(members), err)
	}
	stop(a, b)
}
