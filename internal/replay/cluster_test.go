package replay_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent"
	"serf/agent/config"
	"serf/agent/recording"
	"serf/driver/memnet"
	"serf/swim/serf"
)

// makeAnew: the recordings in testdata are made anew, by go test ./internal/replay -run TestMake -make.
var makeAnew = flag.Bool("make", false, "make the recordings in testdata anew")

// cluster is agents in virtual time that record.
type cluster struct {
	t      *testing.T
	dir    string
	net    *memnet.Network
	agents map[string]*agent.Agent
	set    func(*agent.Config) // of each agent
}

func newCluster(t *testing.T, dir string, link memnet.Link) *cluster {
	return &cluster{t: t, dir: dir, agents: make(map[string]*agent.Agent),
		net: memnet.New(memnet.Config{Link: link, Seed: 1}), set: func(*agent.Config) {}}
}

// addr is the address of web-1 and so on.
func addr(name string) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 10 + name[len(name)-1] - '0'}), 7946)
}

// start starts an agent that joins web-1.
func (c *cluster) start(name string) *agent.Agent {
	c.t.Helper()
	conf := agent.Config{Timing: agent.Local(), Bind: addr(name), Network: c.net.Host(addr(name).Addr()),
		Logger: slog.New(slog.DiscardHandler)}
	conf.Timing.ProbeInterval, conf.Timing.ProbeTimeout, conf.Timing.GossipInterval = time.Second, 200*time.Millisecond, 200*time.Millisecond
	conf.Name = name
	conf.Record = recording.Config{Dir: filepath.Join(c.dir, name), Build: "1.0.0 (0123456)"}
	c.set(&conf)
	a, err := agent.Start(context.Background(), conf)
	if err != nil {
		c.t.Fatal(err)
	}
	c.agents[name] = a
	c.t.Cleanup(func() { a.Close() })
	if first := c.agents["web-1"]; name != "web-1" {
		a.Join(context.Background(), []string{first.Addr().String()}, true)
	}
	return a
}

// kill ends an agent as kill -9 does, but for its sockets.
func (c *cluster) kill(name string) {
	c.net.Isolate(addr(name).Addr(), true)
	c.agents[name].Close()
	c.net.Isolate(addr(name).Addr(), false)
}

func (c *cluster) close() {
	for _, a := range c.agents { // order-free: all are closed
		a.Close()
	}
}

var link = memnet.Link{Delay: 500 * time.Microsecond, Jitter: 200 * time.Microsecond}

// recordings are those in testdata. Each is small, and is kept to be played by later versions.
var recordings = map[string]func(c *cluster){
	"plain":     plainCluster,
	"encrypted": encryptedCluster,
	"restarts":  restarts,
}

// plainCluster has events, a query, tags, and some loss.
func plainCluster(c *cluster) {
	for _, name := range []string{"web-1", "web-2", "web-3"} {
		c.start(name)
	}
	ctx := context.Background()
	c.wait(2 * time.Second)
	c.agents["web-2"].UserEvent(ctx, "deploy", []byte("v2"), false)
	q, err := c.agents["web-1"].Query(ctx, serf.QueryParams{Name: "uptime", WantAck: true, Timeout: time.Second})
	if err != nil {
		c.t.Fatal(err)
	}
	for range q.Answers() {
	}
	c.agents["web-3"].SetTags(ctx, map[string]string{"role": "db"}, nil)
	c.wait(3 * time.Second)
	c.agents["web-3"].Leave(ctx)
	c.wait(time.Second)
}

func key(n byte) []byte { return []byte(fmt.Sprintf("key %d of the tests", n))[:16] }

// encryptedCluster has its key changed.
func encryptedCluster(c *cluster) {
	c.set = func(conf *agent.Config) {
		conf.Keys, conf.KeyringChanged = [][]byte{key(1)}, func([][]byte) error { return nil }
		conf.Label = "tests"
	}
	a := c.start("web-1")
	c.start("web-2")
	ctx := context.Background()
	c.wait(2 * time.Second)
	for _, do := range []serf.KeyCommand{serf.InstallKey, serf.UseKey} {
		if _, err := a.Keys(ctx, serf.KeyRequest{Command: do, Key: key(2), Timeout: time.Second}); err != nil {
			c.t.Fatal(err)
		}
	}
	a.Keys(ctx, serf.KeyRequest{Command: serf.RemoveKey, Key: key(1), Timeout: time.Second})
	a.UserEvent(ctx, "rotated", nil, false)
	c.wait(3 * time.Second)
}

// restarts has an agent that is killed and comes back, and one that doesn't.
func restarts(c *cluster) {
	for _, name := range []string{"web-1", "web-2", "web-3"} {
		c.start(name)
	}
	c.wait(2 * time.Second)
	c.kill("web-2")
	c.wait(8 * time.Second)
	c.start("web-2")
	c.wait(2 * time.Second)
	c.kill("web-3")
	c.wait(10 * time.Second)
}

// record runs a cluster in virtual time.
func record(t *testing.T, dir string, act func(c *cluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, dir, link)
		act(c)
		c.close()
	})
}

// The recordings in testdata are those of one agent of each cluster, but for the first.
func TestMake(t *testing.T) {
	if !*makeAnew {
		t.Skip("makes the recordings in testdata anew, with -make")
	}
	for name, act := range recordings {
		dir := t.TempDir()
		record(t, dir, act)
		to := filepath.Join("testdata", name)
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(to, "web-1"), os.DirFS(filepath.Join(dir, "web-1"))); err != nil {
			t.Fatal(err)
		}
		if name == "encrypted" {
			if err := config.SaveKeyring(filepath.Join(to, "keyring.json"), [][]byte{key(2), key(1)}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// wait lets virtual time pass.
func (c *cluster) wait(d time.Duration) { time.Sleep(d) }
