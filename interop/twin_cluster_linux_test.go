package interop

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// reports is how many reports of agents may wait.
const reports = 1024

// liveCluster is the cluster, and what its agents report.
type liveCluster struct {
	t       *testing.T
	dir     string // of the agents' RPC sockets: a region's addresses can't be reached from outside
	options []string
	world   *world
	agents  []*liveAgent
	failed  chan failedReport
	events  chan eventReport
	// connects is how long TCP connections took, in seconds, by the numbers of their regions.
	connects map[[2]int][]float64
}

// failedReport says that an agent has logged that another failed; eventReport says that it has a
// user event.
type (
	failedReport struct {
		by, name string
		at       time.Time
	}
	eventReport struct {
		by, name string
		at       time.Time
	}
)

// liveAgent is an agent of a region, which may be killed and started again.
type liveAgent struct {
	*liveCluster
	caller
	region *region
	number int // in its region
	cmd    *exec.Cmd
}

func (a *liveAgent) name() string { return fmt.Sprint(a.region.name, "-", a.number+1) }
func (a *liveAgent) bind() string {
	return netip.AddrPortFrom(a.region.addr(a.number), gossipPort).String()
}
func (a *liveAgent) rpcAddr() string {
	return "unix://" + filepath.Join(a.dir, a.name()+".sock")
}

// newLiveCluster starts all agents, with these options.
func newLiveCluster(t *testing.T, options ...string) *liveCluster {
	t.Helper()
	c := &liveCluster{
		t: t, dir: t.TempDir(), options: options,
		failed: make(chan failedReport, reports), events: make(chan eventReport, reports),
	}
	c.world = newWorld(t, regionNames, regionMembers, regionDelays)
	for _, r := range c.world.regions {
		for i := range regionMembers {
			a := &liveAgent{liveCluster: c, region: r, number: i}
			c.agents = append(c.agents, a)
			a.start(c.agents[0])
		}
	}
	c.wantWhole()
	return c
}

// start starts the agent and has it join another.
func (a *liveAgent) start(other *liveAgent) {
	t := a.t
	args := append([]string{
		"agent", "-node=" + a.name(), "-bind=" + a.bind(), "-rpc-addr=" + a.rpcAddr(),
		"-tag=dc=" + a.region.name,
	}, a.options...)
	if other != a {
		args = append(args, "-join="+other.bind())
	}
	a.cmd = exec.Command(ownProgram.find(t), args...)
	log, err := a.cmd.StdoutPipe()
	must(t, err)
	a.cmd.Stderr = a.cmd.Stdout
	a.region.on(func() { err = a.cmd.Start() })
	must(t, err)
	cmd := a.cmd
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	go a.readLog(log)
	eventually(t, patience, "an RPC server of "+a.name(), func() (err error) {
		a.caller, err = dialOwn(a.rpcAddr())
		return err
	})
	t.Cleanup(a.caller.close)
	_, err = a.caller.stream("user", func(e rpcEvent) {
		a.events <- eventReport{a.name(), e.name, time.Now()}
	})
	must(t, err)
}

// readLog reports failures: in the log, these aren't coalesced.
func (a *liveAgent) readLog(log io.Reader) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if _, rest, ok := strings.Cut(lines.Text(), "EventMemberFailed: "); ok {
			name, _, _ := strings.Cut(rest, " ")
			a.failed <- failedReport{a.name(), name, time.Now()}
		}
	}
}

// kill kills the agent and returns when.
func (a *liveAgent) kill() time.Time {
	at := time.Now()
	must(a.t, a.cmd.Process.Kill())
	a.cmd.Wait()
	a.caller.close()
	return at
}

// wantWhole waits until all agents see all others alive.
func (c *liveCluster) wantWhole() {
	c.t.Helper()
	for _, a := range c.agents {
		eventually(c.t, noticedWithin, a.name()+" sees all alive", func() error {
			alive, err := a.members(memberFilter{status: "alive"})
			if err == nil && len(alive) != len(c.agents) {
				err = fmt.Errorf("%d are", len(alive))
			}
			return err
		})
	}
}

// wantCalm waits until no agent is slower at probing because it doubts its own health: after a
// failure, some do for a while, and the next would be noticed later than the first.
func (c *liveCluster) wantCalm() {
	c.t.Helper()
	for _, a := range c.agents {
		eventually(c.t, noticedWithin, a.name()+" is healthy", func() error {
			stats, err := a.stats()
			if score := stats["serf"]["health_score"]; err == nil && score != "0" {
				err = fmt.Errorf("health score %s", score)
			}
			return err
		})
	}
}

// settle lets the agents measure the round trips to all others. Meanwhile, it measures those between
// regions, and within them, without serf's help: at another time the machine may be busier.
func (c *liveCluster) settle() {
	stats, err := c.agents[0].stats()
	must(c.t, err)
	interval, err := time.ParseDuration(stats["settings"]["probe_interval"])
	must(c.t, err)
	c.connects = make(map[[2]int][]float64)
	for range probesSettle {
		time.Sleep(interval)
		for a, from := range c.world.regions {
			for b, to := range c.world.regions[a:] {
				last := netip.AddrPortFrom(to.addr(regionMembers-1), gossipPort)
				took, err := from.connectTime(from.addr(0), last)
				must(c.t, err)
				pair := [2]int{a, a + b}
				c.connects[pair] = append(c.connects[pair], took.Seconds())
			}
		}
	}
}

// wantNoticed kills an agent and returns how soon the first and the last of the others report that
// it failed.
func (c *liveCluster) wantNoticed(a *liveAgent) (first, last time.Duration) {
	for len(c.failed) > 0 {
		<-c.failed
	}
	at := a.kill()
	timeout := time.After(noticedWithin)
	by := make(map[string]bool)
	for len(by) < len(c.agents)-1 {
		select {
		case r := <-c.failed:
			if r.name != a.name() {
				c.t.Errorf("%s reports that %s failed, which runs", r.by, r.name)
				continue
			}
			by[r.by] = true
			last = r.at.Sub(at)
			if len(by) == 1 {
				first = last
			}
		case <-timeout:
			c.t.Fatalf("only %v notice that %s failed", by, a.name())
		}
	}
	return first, last
}

// wantDelivered returns how long after at the last agent had the event.
func (c *liveCluster) wantDelivered(name string, at time.Time) (last time.Duration) {
	timeout := time.After(patience)
	for have := 0; have < len(c.agents); {
		select {
		case e := <-c.events:
			if e.name == name {
				have++
				last = max(last, e.at.Sub(at))
			}
		case <-timeout:
			c.t.Fatalf("%d of %d agents have the event %s", have, len(c.agents), name)
		}
	}
	return last
}
