package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"serf/agent"
	"serf/agent/rpc"
	"serf/agent/rpc/server"
	"serf/agent/survey"
	"serf/internal/textwrap"
	"serf/swim/history"
	"serf/swim/serf"
	"serf/swim/serf/coord"
)

var update = flag.Bool("update", false, "rewrite the golden outputs")

// result is the result of a command line.
type result struct {
	code           int
	stdout, stderr string
}

// runLine runs a command line with environment variables.
func runLine(ctx context.Context, vars map[string]string, args ...string) result {
	var out, errOut bytes.Buffer
	code := dispatch(ctx, args, env{
		Stdin:     strings.NewReader("input"),
		Stdout:    &out,
		Stderr:    &errOut,
		LookupEnv: func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
	})
	return result{code, out.String(), errOut.String()}
}

// knownCluster is what the agent of these tests knows. Methods that no test calls are missing.
type knownCluster struct{ server.Agent }

func (c *knownCluster) AllMembers() (int, iter.Seq[*serf.Member]) {
	versions := [6]byte{0, 0, 0, 2, 5, 5}
	members := []*serf.Member{
		{
			Name: "n1", Addr: netip.MustParseAddrPort("127.0.0.21:7946"), Status: serf.StatusAlive,
			Tags: map[string]string{"role": "web", "dc": "east"}, Versions: versions,
		},
		{Name: "node-two", Addr: netip.MustParseAddrPort("[::1]:7946"), Status: serf.StatusFailed, Versions: versions},
		{
			Name: "evil\nn9 \x1b[31m", Addr: netip.MustParseAddrPort("127.0.0.23:80"), Status: serf.StatusAlive,
			Tags: map[string]string{"ü": "a|b"}, Versions: versions,
		},
	}
	return len(members), slices.Values(members)
}

func (c *knownCluster) Stats() map[string]map[string]string {
	return map[string]map[string]string{
		"serf":           {"members": "3", "failed": "1"},
		"agent":          {"name": "n1"},
		"event_handlers": {},
	}
}

func (c *knownCluster) Coordinate(_ context.Context, name string) (coord.Coordinate, bool, error) {
	if name == "nosuch" {
		return coord.Coordinate{}, false, nil
	}
	at := coord.Coordinate{Height: 0.0001}
	at.Vec[0] = float64(len(name)) * 0.001
	return at, true, nil
}

// History of n2, a false failure, and of a member that has only just joined.
func (c *knownCluster) History(name string) (history.Member, bool) {
	at := func(second int) history.Stamp {
		return history.Stamp{Time: time.Date(2026, 11, 30, 0, 12, second, 5e6, time.UTC)}
	}
	h := history.Member{Name: name, AsSeenBy: "n1", Status: "alive", Changes: []history.Change{
		{Seq: 1, Time: at(1), To: history.Alive, Cause: history.Join, Learned: history.ByGossip, Via: "n3", Incarnation: 1},
	}}
	switch name {
	case "nosuch":
		return history.Member{}, false
	case "n2":
		h.Dropped = 3
		h.Changes = append(h.Changes,
			history.Change{
				Seq: 5, Time: at(11), From: history.Alive, To: history.Suspect, Cause: history.Probe, Accuser: "n1", Refute: 1200, Hoped: 2, Health: 1,
				Incarnation: 1, Probe: &history.Steps{Relays: []string{"n3", "node-two"}, Nacks: 1, NacksHoped: 2, TCP: history.NoAnswer},
			},
			history.Change{
				Seq: 7, Time: at(12), From: history.Suspect, To: history.Failed, Cause: history.Timeout, Accuser: "n1", Refute: 1200, Hoped: 2,
				Confirmations: 1, Confirmers: []string{"evil\x1b[2J"}, LastPing: true, Incarnation: 1, Health: 1,
			},
			history.Change{
				Seq: 9, Time: at(20), From: history.Failed, To: history.Alive, Cause: history.Join, Learned: history.ByExchange, Via: "n2", Incarnation: 2,
			})
	}
	for i := range h.Changes {
		x := &h.Changes[i]
		x.Text = x.Words(name, "n1")
	}
	return h, true
}

func (c *knownCluster) FlapsAndHealth(_ context.Context, since time.Duration) history.Flaps {
	health := 6
	f := history.Flaps{
		AsSeenBy: "n1", Since: since.Seconds(), Members: []history.Flapper{}, Accusers: []history.Accuser{},
		Summary: "nobody was accused in the last 10m",
	}
	if since < time.Hour {
		return f
	}
	f.Members = []history.Flapper{
		{Name: "n2", Changes: 12, Accused: 5, Failed: 2, Refuted: 4, Last: history.Stamp{Time: time.Date(2026, 11, 30, 0, 12, 20, 5e6, time.UTC)}},
	}
	f.More, f.Accusations = 3, 12
	f.Accusers = []history.Accuser{{Name: "n1", Accusations: 11, Refuted: 4, Health: &health, Self: true}, {Name: "n3", Accusations: 1}}
	f.TCPOnly = []history.TCPOnly{{Name: "n4", Times: 17, Last: f.Members[0].Last}}
	f.Summary = "11 of 12 accusations of the last hour came from n1, and 4 of those were refuted; its health is 6: look there"
	return f
}

// Views of agents, one of which disagrees, one of which is of HashiCorp's.
func (c *knownCluster) Views(context.Context, time.Duration) (survey.Views, error) {
	figures := survey.Figures{Digest: "a768785d4439f6de", Health: 1, Alive: 2, Suspect: 1, Failed: 1, Uptime: 60, Took: 0.42}
	other := figures
	other.Digest, other.Took = "f576b188329f7edd", 12
	v := survey.Views{
		AsSeenBy: "n1", Digest: figures.Digest,
		Agents: []survey.Agent{
			{Name: "evil\nn9 \x1b[31m", Status: "alive", Answer: survey.ReplyYes, Figures: &other, Incomplete: true},
			{Name: "n1", Status: "alive", Answer: survey.ReplyYes, Figures: &figures},
			{Name: "node-two", Status: "failed", Answer: survey.ReplyOther},
		},
		Disagreements: []survey.Disagreement{{Member: "node-two", Here: "failed", There: "alive", Agents: []string{"evil\nn9 \x1b[31m"}}},
	}
	v.Sum()
	return v, nil
}

func (c *knownCluster) HistoryOfAll(_ context.Context, name string, _ time.Duration) (history.Merged, bool, error) {
	h, ok := c.History(name)
	m := history.Merge(name, "n1", []history.Account{
		{Witness: history.Witness{Name: "n1", Status: h.Status, Dropped: h.Dropped}, Changes: h.Changes},
		{Witness: history.Witness{Name: "n3", Status: "failed", Error: 0.25}, Changes: h.Changes[:max(len(h.Changes)-1, 0)]},
	})
	m.Missing = []string{"evil\nn9 \x1b[31m"}
	return m, ok, nil
}

func (c *knownCluster) Join(_ context.Context, addrs []string, _ bool) (int, error) {
	if addrs[0] == "bad" {
		return 0, errors.New("no such host\n\n")
	}
	return len(addrs), nil
}

func (c *knownCluster) Leave(context.Context) error { return nil }

func (c *knownCluster) ForceLeave(_ context.Context, name string, prune bool) error {
	if prune {
		return errors.New("can't prune " + name)
	}
	return nil
}

func (c *knownCluster) UserEventBefore(_ context.Context, name string, payload []byte, _ bool, _ func()) error {
	if len(payload) > 5 {
		return errors.New("user event over the limit")
	}
	return nil
}

func (c *knownCluster) SetTags(_ context.Context, set map[string]string, remove []string) error {
	if _, ok := set["bad"]; ok {
		return errors.New("tags over the limit")
	}
	return nil
}

func (c *knownCluster) ListKeys(context.Context) (agent.KeyReport, error) {
	return agent.KeyReport{NumNodes: 3, NumResp: 3, Keys: map[string]int{"bbbb": 3, "aaaa": 2}}, nil
}

func (c *knownCluster) InstallKey(_ context.Context, key []byte) (agent.KeyReport, error) {
	r := agent.KeyReport{NumNodes: 3, NumResp: 3}
	switch base64.StdEncoding.EncodeToString(key) {
	case "evil":
		r.NumErr = 2
		r.Messages = map[string]string{"node-two": "no", "n1": "never"}
		return r, errors.New("2/3 nodes reported failure")
	case "volatile":
		r.Messages = map[string]string{"n1": serf.KeysInMemory, "node-two": "old friend", "evil\nn9": serf.KeysInMemory}
	case "half":
		r.NumErr = 1
		r.Messages = map[string]string{"n1": serf.KeysInMemory, "node-two": "disk full"}
		return r, errors.New("1/3 nodes reported failure")
	}
	return r, nil
}

func (c *knownCluster) UseKey(ctx context.Context, key []byte) (agent.KeyReport, error) {
	return c.InstallKey(ctx, key)
}

func (c *knownCluster) RemoveKey(ctx context.Context, key []byte) (agent.KeyReport, error) {
	return c.InstallKey(ctx, key)
}

func (c *knownCluster) StartQuery(_ context.Context, q serf.QueryParams) (server.Feed[agent.Answer], error) {
	answers := map[string][]agent.Answer{
		"_serf_ping": {{From: "n1"}, {From: "n1"}, {From: "node-two"}},
		"uptime": {
			{Kind: agent.AnswerResponse, From: "n1", Payload: []byte("3 days\n")},
			{Kind: agent.AnswerResponse, From: "node-two", Payload: []byte("2\nlines")},
		},
		"silence": {},
	}
	list, ok := answers[q.Name]
	if !ok {
		return nil, errors.New("query refused")
	}
	if q.WantAck && q.Name == "uptime" {
		list = append([]agent.Answer{{From: "n1"}}, list...)
	}
	return newFeed(true, list...), nil
}

func (c *knownCluster) StreamEvents(func(agent.Event) bool) (server.Feed[agent.Event], error) {
	return newFeed[agent.Event](false), nil
}

func (c *knownCluster) Monitor(level string) (server.Feed[string], error) {
	endless := level == "err"
	return newFeed(!endless, "a "+level+" line", "another"), nil
}

// feed yields values and then ends, or blocks.
type feed[T any] struct{ c chan T }

func newFeed[T any](end bool, values ...T) server.Feed[T] {
	f := feed[T]{make(chan T, len(values))}
	for _, v := range values {
		f.c <- v
	}
	if end {
		close(f.c)
	}
	return f
}

func (f feed[T]) Next() (T, bool) { v, ok := <-f.c; return v, ok }
func (f feed[T]) Len() int        { return len(f.c) }
func (f feed[T]) Close() {
	defer func() { recover() }() // closed already
	close(f.c)
}

// startAgent serves the known cluster and returns the address.
func startAgent(t *testing.T, key string) string {
	t.Helper()
	return serveRPC(t, &knownCluster{}, key)
}

func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// serveRPC serves a cluster and returns the address.
func serveRPC(t *testing.T, a server.Agent, key string) string {
	t.Helper()
	s := server.Serve(listen(t, "127.0.0.1:0"), a, server.Options{AuthKey: key})
	t.Cleanup(func() { s.Close() })
	return s.Addr().String()
}

// Outputs and exit codes of commands, in testdata/commands.txt: after a line with $ and the
// arguments comes the standard output, then lines of standard error, marked with "2> ", then the
// exit code unless it's 0. Regenerate with -update and look at the difference.
func TestCommands(t *testing.T) {
	const file = "testdata/commands.txt"
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{"SERF_RPC_ADDR": startAgent(t, "")}
	var got strings.Builder
	for line := range strings.Lines(string(golden)) {
		switch {
		case strings.HasPrefix(line, "#"):
			got.WriteString(line)
		case strings.HasPrefix(line, "$ "):
			got.WriteString(line)
			got.WriteString(transcript(runLine(t.Context(), vars, strings.Fields(line[2:])...)))
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(golden), got.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func transcript(r result) string {
	var b strings.Builder
	b.WriteString(r.stdout)
	// Systems word this one in their own way.
	_, missing := os.Stat("nowhere")
	own := errors.Unwrap(missing).Error()
	for line := range strings.Lines(r.stderr) {
		b.WriteString("2> " + strings.ReplaceAll(line, own, "no such file or directory"))
	}
	if r.code != exitOK {
		fmt.Fprintf(&b, "exit %d\n", r.code)
	}
	b.WriteString("\n")
	return b.String()
}

func TestAddressAndKeyOfTheAgent(t *testing.T) {
	addr, dir := startAgent(t, "sesame"), t.TempDir()
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		vars map[string]string
		args []string
		want string // in standard error; empty: success
	}{
		{"environment", map[string]string{"SERF_RPC_ADDR": addr, "SERF_RPC_AUTH": "sesame"}, nil, ""},
		{"options", nil, []string{"-rpc-addr=" + addr, "--rpc-auth", "sesame"}, ""},
		{"options win", map[string]string{"SERF_RPC_ADDR": "127.0.0.1:1", "SERF_RPC_AUTH": "x"}, []string{"-rpc-addr", addr, "-rpc-auth=sesame"}, ""},
		{"file", map[string]string{"SERF_RPC_AUTH_FILE": file}, []string{"-rpc-addr", addr}, ""},
		{"credential", map[string]string{"CREDENTIALS_DIRECTORY": dir}, []string{"-rpc-addr", addr, "-rpc-auth-file=token"}, ""},
		{"file wins over the key of the environment", map[string]string{"SERF_RPC_AUTH": "x"}, []string{"-rpc-addr", addr, "-rpc-auth-file", file}, ""},
		{"key wins over the file of the environment", map[string]string{"SERF_RPC_AUTH_FILE": "gone"}, []string{"-rpc-addr", addr, "-rpc-auth=sesame"}, ""},
		{"no such file", nil, []string{"-rpc-auth-file", filepath.Join(dir, "gone")}, "serf leave: " + filepath.Join(dir, "gone") + ": "},
		{"key and file", nil, []string{"-rpc-auth=x", "-rpc-auth-file", file}, "serf leave: -rpc-auth and -rpc-auth-file, or "},
		{"key and file, both of the environment", map[string]string{"SERF_RPC_AUTH": "x", "SERF_RPC_AUTH_FILE": file}, nil, "serf leave: -rpc-auth and -rpc-auth-file, or "},
		{"no key", nil, []string{"-rpc-addr", addr}, "Error leaving: Authentication required"},
		{"wrong key", nil, []string{"-rpc-addr", addr, "-rpc-auth=x"}, "Error connecting to Serf agent: Invalid authentication token"},
		{"nobody there", nil, []string{"-rpc-addr=127.0.0.1:1"}, "Error connecting to Serf agent: dial tcp 127.0.0.1:1: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := runLine(t.Context(), tt.vars, append([]string{"leave"}, tt.args...)...)
			if tt.want == "" && r.code != exitOK || !strings.HasPrefix(r.stderr, tt.want) {
				t.Errorf("exit %d, stderr %q, want %q", r.code, r.stderr, tt.want)
			}
			if tt.want != "" && (r.code != exitError || strings.Count(r.stderr, "\n") != 2) {
				t.Errorf("exit %d, stderr without a hint: %q", r.code, r.stderr)
			}
		})
	}
}

// An interrupt ends a command that waits.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	vars := map[string]string{"SERF_RPC_ADDR": startAgent(t, "")}
	if r := runLine(ctx, vars, "leave"); r.code != exitError {
		t.Errorf("leave: exit %d, want %d", r.code, exitError)
	}
}

// writerFunc is called with what is written.
type writerFunc func(string)

func (f writerFunc) Write(b []byte) (int, error) { f(string(b)); return len(b), nil }

// An interrupt is the usual end of monitor, and no error.
func TestMonitorIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := startAgent(t, "")
	code := dispatch(ctx, []string{"monitor", "-log-level=err", "-rpc-addr", addr}, env{
		Stdout: writerFunc(func(line string) {
			if line == "another\n" {
				cancel()
			}
		}),
		Stderr:    writerFunc(func(s string) { t.Errorf("standard error: %q", s) }),
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	if code != exitOK {
		t.Errorf("exit %d, want %d", code, exitOK)
	}
}

func TestMonitorPrintsEvents(t *testing.T) {
	m := rpc.Member{Name: "n\n1", Addr: netip.MustParseAddrPort("127.0.0.1:7946"), Status: "alive", Tags: map[string]string{"a": "b"}}
	for _, tt := range []struct {
		event rpc.Event
		want  string
	}{
		{rpc.Event{Type: rpc.MemberJoin, Members: []rpc.Member{m}}, "Event Info:\n\tEvent: \"member-join\"\n\tMember: n\\n1 127.0.0.1:7946 alive a=b\n"},
		{rpc.Event{Type: rpc.UserEvent, Name: "e", Payload: []byte("p\n"), LTime: 3}, "Event Info:\n\tEvent: \"user\"\n\tName: \"e\"\n\tPayload: \"p\\n\"\n\tLTime: 3\n\tCoalesce: false\n"},
		{rpc.Event{Type: rpc.QueryEvent, Name: "q", LTime: 3, ID: 9}, "Event Info:\n\tEvent: \"query\"\n\tName: \"q\"\n\tPayload: \"\"\n\tLTime: 3\n\tID: 9\n"},
	} {
		if got := eventText(tt.event); got != tt.want {
			t.Errorf("%s:\n%q, want\n%q", tt.event.Type, got, tt.want)
		}
	}
}

func TestUsage(t *testing.T) {
	plain := runLine(t.Context(), nil)
	if plain.code != exitNoCommand || plain.stdout != "" || !strings.Contains(plain.stderr, "\nAvailable commands are:\n") || !strings.HasPrefix(plain.stderr, "Usage: serf ") {
		t.Errorf("no command: %+v", plain)
	}
	for _, arg := range []string{"-h", "--help", "help"} {
		if r := runLine(t.Context(), nil, arg); r.code != exitOK || r.stdout != plain.stderr || r.stderr != "" {
			t.Errorf("%s: %+v", arg, r)
		}
	}
	for _, c := range commands() {
		if !strings.Contains(plain.stderr, "\n    "+c.name+" ") {
			t.Errorf("usage doesn't list %s", c.name)
		}
	}
}

func TestUnknownCommand(t *testing.T) {
	for arg, suggestion := range map[string]string{
		"membrs": "members", "qurey": "query", "Join": "join", "reach": "reachability", "keysgen": "keygen", "force_leave": "force-leave", "xyzzy": "",
	} {
		r := runLine(t.Context(), nil, arg)
		if r.code != exitNoCommand || !strings.Contains(r.stderr, "Available commands are:") || !strings.Contains(r.stderr, "\nserf: unknown command \""+arg+"\"") {
			t.Errorf("%s: %+v", arg, r)
		}
		if got := strings.Contains(r.stderr, "Did you mean"); got != (suggestion != "") || !strings.Contains(r.stderr, suggestion) {
			t.Errorf("%s: suggestion %q expected in %q", arg, suggestion, r.stderr)
		}
	}
}

// own are the commands of this test; agent and sim have tests of their own.
func own() (list []command) {
	for _, c := range commands() {
		if c.name != "agent" && c.name != "sim" {
			list = append(list, c)
		}
	}
	return list
}

var helpOption = regexp.MustCompile(`(?m)^  (-[a-z-]+)`)

// Each command has a help text, in two ways, and takes the options that it names.
func TestHelpOfCommands(t *testing.T) {
	for _, c := range own() {
		short := runLine(t.Context(), nil, c.name, "-h")
		if short.code != exitOK || !strings.HasPrefix(short.stdout, "Usage: serf "+c.name) || short.stderr != "" {
			t.Errorf("%s -h: %+v", c.name, short)
		}
		if long := runLine(t.Context(), nil, "help", c.name); long != short {
			t.Errorf("help %s differs: %+v", c.name, long)
		}
		for _, m := range helpOption.FindAllStringSubmatch(short.stdout, -1) {
			r := runLine(t.Context(), nil, c.name, m[1], "-h")
			if strings.Contains(r.stderr, "unknown option") {
				t.Errorf("%s doesn't take %s", c.name, m[1])
			}
		}
	}
}

// How to send a payload literally is shown for the command that was asked about.
func TestHelpOfPayloads(t *testing.T) {
	for _, name := range []string{"event", "query"} {
		help := runLine(t.Context(), nil, "help", name).stdout
		if !strings.Contains(help, "serf "+name+` -- NAME "$PAYLOAD"`) {
			t.Errorf("help %s:\n%s", name, help)
		}
	}
}

func TestHelpTextsAreNarrow(t *testing.T) {
	for _, c := range commands() {
		for _, part := range append([]string{""}, c.parts...) {
			help := runLine(t.Context(), nil, strings.Fields("help "+c.name+" "+part)...).stdout
			for line := range strings.Lines(help) {
				if utf8.RuneCountInString(line)-1 > textwrap.Width {
					t.Errorf("help %s %s: over %d columns: %s", c.name, part, textwrap.Width, line)
				}
			}
		}
	}
}

func TestHelpOfPartsOfACommand(t *testing.T) {
	for _, c := range commands() {
		for _, part := range c.parts {
			r := runLine(t.Context(), nil, "help", c.name, part)
			if r.code != exitOK || !strings.HasPrefix(r.stdout, "Usage: serf "+c.name+" "+part+" ") {
				t.Errorf("help %s %s: %+v", c.name, part, r)
			}
		}
	}
}

func TestKeygen(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9+/]{43}=\n$`)
	a, b := runLine(t.Context(), nil, "keygen"), runLine(t.Context(), nil, "keygen")
	if a == b || !form.MatchString(a.stdout) || a.code != exitOK {
		t.Errorf("keys %+v, %+v", a, b)
	}
}

func TestVersion(t *testing.T) {
	form := regexp.MustCompile(`^Serf v1\.\d+\.\d+\nAgent Protocol: 5 \(Understands back to: 2\)\nCommit: [^\n]+\nGo: go[^\n]+\n$`)
	for _, arg := range []string{"version", "-v", "--version", "agent -v", "members --version"} {
		if r := runLine(t.Context(), nil, strings.Fields(arg)...); r.code != exitOK || !form.MatchString(r.stdout) || r.stderr != "" {
			t.Errorf("%s: %+v", arg, r)
		}
	}
}

func TestCommitOf(t *testing.T) {
	for _, tt := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{nil, "unknown"}, {&debug.BuildInfo{}, "unknown"},
		{&debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"}}}, "abc"},
		{&debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}}, "abc, changed since"},
	} {
		if got := commitOf(tt.info); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.info, got, tt.want)
		}
	}
}

func TestReachabilityOfAll(t *testing.T) {
	var out bytes.Buffer
	live := map[string]bool{"a": true, "b": true}
	r := judgeReachability(live, map[string]int{"a": 1, "b": 1})
	if r.write(&out); !r.OK {
		t.Errorf("%+v", r)
	}
	if got := out.String(); got != "Successfully contacted all live nodes\n" {
		t.Errorf("prints %q", got)
	}
}

// An empty text stands for a variable that isn't set: it must not mean all members, or another
// agent.
func TestEmptyTextsAreRefused(t *testing.T) {
	addr := startAgent(t, "")
	const empty = "given, but empty"
	for _, tt := range []struct {
		line string
		want string
	}{
		{"members -name=", `-name: ` + empty}, {"members -status=", `-status: ` + empty}, {"members -role=", `-role: ` + empty},
		{"query -node= load", `-node: ` + empty}, {"tags -delete=", `-delete: ` + empty},
		{"keys -list -install=", `-install: ` + empty}, {"keys -use=", `-use: ` + empty}, {"keys -remove=", `-remove: ` + empty},
		{"members -rpc-auth=", `-rpc-auth: ` + empty}, {"members -rpc-auth-file=", `-rpc-auth-file: ` + empty}, {"members -rpc-addr=", `-rpc-addr: ` + empty},
		{"force-leave EMPTY", `name: ` + empty}, {"join n1 EMPTY", `address: ` + empty},
		{"rtt n1 EMPTY", `name: ` + empty}, {"event EMPTY", `name: ` + empty}, {"query EMPTY x", `name: ` + empty},
		{"sim -report=", `-report: ` + empty}, {"sim -scenario=", `-scenario: ` + empty},
	} {
		args := strings.Fields(tt.line)
		for i, a := range args {
			if a == "EMPTY" {
				args[i] = ""
			}
		}
		got := runLine(t.Context(), map[string]string{"SERF_RPC_ADDR": addr}, args...)
		if got.code != exitError || !strings.Contains(got.stderr, tt.want) || got.stdout != "" {
			t.Errorf("%s: exit %d, %q, want %q", tt.line, got.code, got.stderr, tt.want)
		}
	}
}

func TestEmptyEnvironmentIsRefused(t *testing.T) {
	addr := startAgent(t, "")
	for _, variable := range []string{"SERF_RPC_ADDR", "SERF_RPC_AUTH"} {
		vars := map[string]string{"SERF_RPC_ADDR": addr, variable: " "}
		got := runLine(t.Context(), vars, "members")
		if want := variable + ": set in the environment, but empty"; got.code != exitError || !strings.Contains(got.stderr, want) {
			t.Errorf("exit %d, %q, want %q", got.code, got.stderr, want)
		}
	}
	vars := map[string]string{"SERF_RPC_ADDR": ""}
	if got := runLine(t.Context(), vars, "members", "-rpc-addr", addr); got.code != exitOK {
		t.Errorf("an option is given, but: %q", got.stderr)
	}
}

// Here an empty text is meant: a payload, the value of a tag, a pattern for it.
func TestTextsThatMayBeEmpty(t *testing.T) {
	addr := startAgent(t, "")
	for _, args := range [][]string{{"event", "deploy", ""}, {"members", "-tag", "role="}} {
		got := runLine(t.Context(), map[string]string{"SERF_RPC_ADDR": addr}, args...)
		if strings.Contains(got.stderr, "empty") {
			t.Errorf("%q: %q", args, got.stderr)
		}
	}
}

// An impossible address is the user's slip, not a sign that no agent runs.
func TestImpossibleRPCAddress(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:99999", "127.0.0.1:", ":0", "127.0.0.1", "tcp://127.0.0.1:7373", "127.0.0.1:0"} {
		want := fmt.Sprintf("serf members: invalid value %q of option -rpc-addr, want host:port, port 1 to 65535, tls://host:port or unix:///path\n", addr)
		if got := runLine(t.Context(), nil, "members", "-rpc-addr="+addr); got.code != exitError || !strings.HasPrefix(got.stderr, want) {
			t.Errorf("code %d, %q, want %q", got.code, got.stderr, want)
		}
		env := map[string]string{"SERF_RPC_ADDR": addr}
		want = strings.Replace(want, "option -rpc-addr", "environment variable SERF_RPC_ADDR", 1)
		if got := runLine(t.Context(), env, "members"); got.code != exitError || !strings.HasPrefix(got.stderr, want) {
			t.Errorf("code %d, %q, want %q", got.code, got.stderr, want)
		}
	}
}
