package main

import (
	"io"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"serf/compat/serf"
)

// start starts a member on a free port that notices failures soon, and joins it to others.
func start(t *testing.T, name, queue string, server bool, others ...*Node) *Node {
	t.Helper()
	conf := serf.DefaultConfig()
	conf.NodeName, conf.LogOutput, conf.LeavePropagateDelay = name, io.Discard, time.Millisecond
	conf.Tags = map[string]string{"queue": queue, "server": strconv.FormatBool(server)}
	m := conf.MemberlistConfig
	m.BindAddr, m.BindPort, m.LogOutput = "127.0.0.1", 0, io.Discard
	m.GossipInterval, m.ProbeInterval, m.ProbeTimeout = 10*time.Millisecond, 50*time.Millisecond, 25*time.Millisecond
	m.SuspicionMult = 1
	var seeds []string
	for _, o := range others {
		self := o.LocalMember()
		seeds = append(seeds, net.JoinHostPort(self.Addr.String(), strconv.Itoa(int(self.Port))))
	}
	n, err := Start(conf, seeds...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Shutdown() })
	return n
}

// eventually waits for what gossip and failure detection take some time for.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for !done() {
		select {
		case <-limit:
			t.Fatal(what + ": not within 30 s")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestJobsRunOnAllMembersOfAQueue(t *testing.T) {
	t.Parallel()
	pid := strconv.Itoa(os.Getpid())
	a := start(t, "server-1", "all", true)
	b := start(t, "server-2", "mail", true, a)
	c := start(t, "worker-1", "mail", false, a)
	for _, n := range []*Node{a, b, c} {
		eventually(t, "all know the leader", func() bool { return n.NumNodes() == 3 && n.Leader() == "server-1" })
	}
	got, err := a.Run("pid", "mail", 10*time.Second)
	if want := map[string]string{"server-2": pid, "worker-1": pid}; err != nil || !maps.Equal(got, want) {
		t.Errorf("printed %v, %v, want %v", got, err, want)
	}
	if got, err := a.Run("x", "all", 10*time.Second); err != nil || got["server-1"] != "no such job" {
		t.Errorf("a job that doesn't exist printed %v, %v", got, err)
	}
	if _, err := b.Run("pid", "mail", time.Second); err == nil || !strings.Contains(err.Error(), `"server-1" does`) {
		t.Errorf("one that doesn't lead runs a job: %v", err)
	}
	a.Shutdown()
	eventually(t, "the next server leads", func() bool { return b.Leader() == "server-2" && c.Leader() == "server-2" })
	if got, err := b.Run("pid", "mail", 10*time.Second); err != nil || len(got) != 2 {
		t.Errorf("the next leader's job printed %v, %v", got, err)
	}
}
