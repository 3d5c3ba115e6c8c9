package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"serf/agent/rpc"
	"serf/agent/rpc/server"
	"serf/agent/survey"
)

// aliveAndFailed is so many members alive and failed.
func aliveAndFailed(alive, failed int) (list []rpc.Member) {
	for i := range alive {
		list = append(list, rpc.Member{Name: fmt.Sprint("a", i), Status: "alive"})
	}
	for i := range failed {
		list = append(list, rpc.Member{Name: fmt.Sprint("f", i), Status: "failed"})
	}
	return append(list, rpc.Member{Name: "l", Status: "left"})
}

// Each limit, at it and one beyond.
func TestLimitsOfChecks(t *testing.T) {
	t.Parallel()
	none := checkOptions{members: -1, membersWarning: -1, failed: -1, failedWarning: -1}
	with := func(set func(o *checkOptions)) checkOptions { o := none; set(&o); return o }
	for _, tt := range []struct {
		limits        checkOptions
		alive, failed int
		want          verdict
	}{
		{with(func(o *checkOptions) { o.members = 3 }), 3, 0, verdictOK},
		{with(func(o *checkOptions) { o.members = 3 }), 2, 0, verdictCritical},
		{with(func(o *checkOptions) { o.membersWarning = 3 }), 3, 0, verdictOK},
		{with(func(o *checkOptions) { o.membersWarning = 3 }), 2, 0, verdictWarning},
		{with(func(o *checkOptions) { o.membersWarning, o.members = 3, 2 }), 1, 0, verdictCritical},
		{with(func(o *checkOptions) { o.failedWarning = 1 }), 9, 1, verdictOK},
		{with(func(o *checkOptions) { o.failedWarning = 1 }), 9, 2, verdictWarning},
		{with(func(o *checkOptions) { o.failed, o.failedWarning = 1, 1 }), 9, 1, verdictOK},
		{with(func(o *checkOptions) { o.failed, o.failedWarning = 1, 1 }), 9, 2, verdictCritical},
	} {
		r := new(checkResult)
		if r.addMembers(aliveAndFailed(tt.alive, tt.failed), tt.limits); r.verdict() != tt.want {
			t.Errorf("%+v, %d alive, %d failed: %v, want %v", tt.limits, tt.alive, tt.failed, r.verdict(), tt.want)
		}
	}
}

// One line whatever strangers are called, with the worst first, and a bar only before the figures.
func TestLineOfACheck(t *testing.T) {
	t.Parallel()
	r := new(checkResult)
	members := append(aliveAndFailed(2, 6), rpc.Member{Name: "a|\n\x1b", Status: "failed"})
	r.addMembers(members, checkOptions{members: 1, membersWarning: -1, failed: 9})
	r.addKeys(map[string]map[string]string{"keys": {"saved": "false", "problem": "disk full"}})
	const want = "SERF WARNING: 7 failed (a\\x7c\\n\\x1b, f0, f1, f2, f3 and 2 more), keys not saved: disk full; 2 alive" +
		" | alive=2;;1:;0 failed=7;0;9;0 leaving=0;;;0 left=1;;;0\n"
	if got := r.line(); got != want {
		t.Errorf("%q, want\n%q", got, want)
	}
}

// Critical is worse than unknown, which is worse than a warning.
func TestWorstVerdict(t *testing.T) {
	t.Parallel()
	r := new(checkResult)
	for _, v := range []verdict{verdictOK, verdictWarning, verdictUnknown, verdictCritical} {
		r.add("x", v, "")
		if r.add("y", verdictOK, ""); r.Status != v {
			t.Errorf("after %v: %v", v, r.Status)
		}
	}
	for _, v := range []verdict{verdictUnknown, verdictWarning} {
		if r.add("x", v, ""); r.Status != verdictCritical {
			t.Errorf("critical and %v: %v", v, r.Status)
		}
	}
}

func TestCheckOfAnAgentThatIsNotThere(t *testing.T) {
	t.Parallel()
	addr := startAgent(t, "sesame")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no answer within 8s"))
	for _, tt := range []struct {
		ctx  context.Context
		args string
		code verdict
		want string
	}{
		{t.Context(), "check -rpc-addr=127.0.0.1:1", verdictCritical, "SERF CRITICAL: no agent: "},
		{t.Context(), "check -rpc-auth=x -rpc-addr=" + addr, verdictUnknown, "SERF UNKNOWN: the agent's RPC key: "},
		{t.Context(), "check -rpc-addr=" + addr, verdictUnknown, "SERF UNKNOWN: the agent's RPC key: "},
		{ended, "check -rpc-addr=" + addr, verdictCritical, "SERF CRITICAL: no agent: "},
	} {
		var out strings.Builder
		e := env{Stdout: &out, Stderr: &out, LookupEnv: func(string) (string, bool) { return "", false }}
		code := runCheck(tt.ctx, strings.Fields(tt.args)[1:], e)
		if code != int(tt.code) || !strings.HasPrefix(out.String(), tt.want) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: exit %d, %q", tt.args, code, out.String())
		}
	}
}

func TestCheckOfAConfiguration(t *testing.T) {
	t.Parallel()
	good := configFile(t, `{"node_name": "a", "bind": "127.0.0.1", "role": "web"}`)
	bad := configFile(t, "{\"node_name\": \"a\",\n \"bogus\": 1, \"bind\": \"127.0.0.1\", \"event_handlers\": [\"x y=z\"]}")
	for _, tt := range []struct {
		args       string
		code       int
		out, errOf []string
	}{
		{"-config-file=" + good, exitOK, []string{"is valid"}, []string{"warning: " + good + ":1:", "deprecated"}},
		{"-config-dir=" + filepath.Dir(good), exitOK, []string{"is valid"}, nil},
		{"-config-file=" + bad, exitError, nil, []string{bad + ":2:2: bogus", bad + ":2:", "x y", "has faults"}},
		{"-config-file=" + good + " -config-file=" + bad, exitError, nil, []string{"bogus"}},
		{"-config-file=nosuch.json", exitError, nil, []string{"nosuch.json: "}},
		{"-config-file=", exitError, nil, []string{"empty"}},
		{"-format=json -config-file=" + bad, exitError, []string{`"valid": false`, `"line": 2`, `"column": 2`}, nil},
		{"-format=json -config-file=" + good, exitOK, []string{`"valid": true`, `"faults": []`}, nil},
	} {
		got := runLine(t.Context(), nil, strings.Fields("check "+tt.args)...)
		if got.code != tt.code || len(tt.errOf) == 0 && strings.Contains(got.stderr, "faults") {
			t.Errorf("%s: %+v", tt.args, got)
		}
		for _, want := range tt.out {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("%s: no %q in %q", tt.args, want, got.stdout)
			}
		}
		for _, want := range tt.errOf {
			if !strings.Contains(got.stderr, want) {
				t.Errorf("%s: no %q in %q", tt.args, want, got.stderr)
			}
		}
		if strings.HasPrefix(tt.args, "-format") && !json.Valid([]byte(got.stdout)) {
			t.Errorf("%s: %q", tt.args, got.stdout)
		}
	}
}

// hashiCorp is an agent that doesn't know the question about views.
type hashiCorp struct{ knownCluster }

func (*hashiCorp) Views(context.Context, time.Duration) (survey.Views, error) {
	return survey.Views{}, rpc.RemoteError("Unsupported command")
}

// agreeing is an agent that agrees with all that answer.
type agreeing struct{ knownCluster }

func (*agreeing) Views(context.Context, time.Duration) (survey.Views, error) {
	v := survey.Views{AsSeenBy: "n1", Agree: true, Agents: []survey.Agent{{Name: "n1", Answer: survey.ReplyYes}, {Name: "n2", Answer: survey.ReplyYes}}}
	v.Sum()
	return v, nil
}

func TestCheckOfViews(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]server.Agent{
		"views not compared: this agent can't ask the others": &hashiCorp{},
		"all 2 agents that answered agree on who is alive":    &agreeing{},
	} {
		got := runLine(t.Context(), nil, "check", "-max-failed-warning=1", "-rpc-addr="+serveRPC(t, a, ""))
		if got.code != exitOK || !strings.Contains(got.stdout, want) {
			t.Errorf("%+v, want %q", got, want)
		}
	}
}
