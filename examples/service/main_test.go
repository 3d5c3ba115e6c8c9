package main

import (
	"io"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"serf/compat/serf"
)

// start starts an agent on a free port, which joins the others.
func start(t *testing.T, name, role, port string, others ...*Cluster) *Cluster {
	t.Helper()
	conf := serf.DefaultConfig()
	conf.NodeName, conf.LogOutput, conf.LeavePropagateDelay = name, io.Discard, time.Millisecond
	m := conf.MemberlistConfig
	m.BindAddr, m.BindPort, m.LogOutput = "127.0.0.1", 0, io.Discard
	m.GossipInterval, m.ProbeInterval, m.ProbeTimeout = 10*time.Millisecond, 50*time.Millisecond, 25*time.Millisecond
	m.SuspicionMult = 1
	var seeds []string
	for _, o := range others {
		self := o.serf.LocalMember()
		seeds = append(seeds, net.JoinHostPort(self.Addr.String(), strconv.Itoa(int(self.Port))))
	}
	c, err := Join(conf, role, port, seeds)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.serf.Shutdown() })
	return c
}

// ask asks an agent's API.
func (c *Cluster) ask(method, url string) string {
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, httptest.NewRequest(method, url, nil))
	return strings.TrimSpace(w.Body.String())
}

// wantAnswer asks an agent until it knows what gossip and failure detection tell it.
func (c *Cluster) wantAnswer(t *testing.T, url, want string) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for c.ask("GET", url) != want {
		select {
		case <-limit:
			t.Fatalf("GET %s: %s within 30 s, want %s", url, c.ask("GET", url), want)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestAgentsFindEachOther(t *testing.T) {
	t.Parallel()
	a := start(t, "host-1", "manager", "9001")
	b := start(t, "host-2", "worker", "9002", a)
	const manager = `{"Name":"host-1","Addr":"127.0.0.1:9001","Role":"manager"}`
	const worker = `{"Name":"host-2","Addr":"127.0.0.1:9002","Role":"worker"}`
	b.wantAnswer(t, "/agents?role=manager", "["+manager+"]")
	a.wantAnswer(t, "/agents?name=host-2", "["+worker+"]")
	a.wantAnswer(t, "/agents?role=manager&name=host-2", "[]")
	if got := b.ask("POST", "/role?to=manager"); got != "" {
		t.Error("changing the role:", got)
	}
	a.wantAnswer(t, "/agents?role=worker", "[]")
	if got := b.ask("POST", "/role?to="+strings.Repeat("x", 512)); !strings.Contains(got, "exceeds limit") {
		t.Errorf("a role that is too long: %q", got)
	}
	if err := b.Leave(); err != nil {
		t.Fatal(err)
	}
	a.wantAnswer(t, "/agents", "["+manager+"]")
}
