package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"serf/agent"
	"serf/agent/rpc/server"
)

// Three real agents, and one of them stops without a word: the others tell which steps of a probe
// found that, and who confirmed it.
func TestHistoryTellsWhyAMemberIsCalledFailed(t *testing.T) {
	t.Parallel()
	agents := make([]*agent.Agent, 3)
	failed := make(chan struct{}, 2)
	for i := range agents {
		c := agent.Config{Logger: slog.New(slog.DiscardHandler), Timing: agent.Local(), Bind: netip.MustParseAddrPort("127.0.0.1:0")}
		c.Name = fmt.Sprint("web-", i+1)
		c.Timing.ProbeInterval, c.Timing.ProbeTimeout = 100*time.Millisecond, 40*time.Millisecond
		a, err := agent.Start(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		if agents[i] = a; i == 0 {
			continue
		}
		if _, err := a.Join(t.Context(), []string{agents[0].Addr().String()}, false); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range agents[:2] {
		s := a.Subscribe(64, func(e agent.Event) bool {
			m, is := e.(agent.MemberEvent)
			return is && m.Type == agent.MemberFailed && m.Members[0].Name == "web-3"
		})
		go func() {
			if _, ok := <-s.C; ok {
				failed <- struct{}{}
			}
		}()
	}
	agents[2].Close()
	<-failed
	<-failed

	confirmed := false
	for i, a := range agents[:2] {
		vars := map[string]string{"SERF_RPC_ADDR": serveRPC(t, server.ForAgent(a), "")}
		r := runLine(t.Context(), vars, "history", "web-3")
		story := strings.Join(strings.Fields(r.stdout), " ") // as it isn't filled
		for _, want := range []string{
			fmt.Sprintf("web-3 as web-%d sees it: failed", i+1), " alive -> suspect ", "no answer to a ping", "pings by web-",
			"TCP", " suspect -> failed ",
		} {
			if !strings.Contains(story, want) {
				t.Errorf("%q isn't in\n%s%s", want, r.stdout, r.stderr)
			}
		}
		confirmed = confirmed || strings.Contains(story, "confirmed by web-")
		if r = runLine(t.Context(), vars, "flaps", "-since=5m"); !strings.Contains(r.stdout, "\nweb-3 ") {
			t.Errorf("web-3 isn't in\n%s%s", r.stdout, r.stderr)
		}
	}
	if !confirmed {
		t.Error("nobody says that the accusation was confirmed")
	}
}
