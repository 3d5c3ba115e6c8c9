package shapes

import (
	"io"
	"log"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	own "serf/compat/memberlist"
)

// peer is a member of either package: the same program above both.
type peer struct {
	name string
	Member

	send func(to *peer, reliable bool, text string) error
	ping func(to *peer) error
	addr *net.UDPAddr
	meta func(of string) string // what this member knows of another one
	program
}

// Member is what needs no type of either package.
type Member interface {
	Join(existing []string) (int, error)
	Leave(timeout time.Duration) error
	UpdateNode(timeout time.Duration) error
	NumMembers() int
	Shutdown() error
}

// program is what a peer's delegates keep.
type program struct {
	mu     sync.Mutex
	own    string          // this member's metadata
	got    map[string]bool // messages, and states of others
	queue  func(text string)
	gossip func(overhead, limit int) [][]byte
}

func (p *program) NodeMeta(int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []byte(p.own)
}

func (p *program) note(b []byte) (isNew bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	isNew = !p.got[string(b)]
	p.got[string(b)] = true
	return isNew
}

func (p *program) has(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got[text]
}

// NotifyMsg passes on what is new and was broadcast.
func (p *program) NotifyMsg(b []byte) {
	if p.note(b) && strings.HasPrefix(string(b), "all") {
		p.queue(string(b))
	}
}

func (p *program) GetBroadcasts(overhead, limit int) [][]byte { return p.gossip(overhead, limit) }
func (p *program) LocalState(bool) []byte                     { return []byte("state of " + p.own) }
func (p *program) MergeRemoteState(b []byte, _ bool)          { p.note(b) }

// settings are what a configuration of either package has.
type settings struct {
	key      []byte
	label    string
	compress bool
}

const quick = 100 * time.Millisecond

// startTheirs starts a member on the published library.
func startTheirs(t *testing.T, name string, s settings) *peer {
	t.Helper()
	p := &peer{name: name, program: program{own: "meta of " + name, got: make(map[string]bool)}}
	c := memberlist.DefaultLocalConfig()
	c.Name, c.BindAddr, c.BindPort, c.Delegate = name, "127.0.0.1", 0, &p.program
	c.SecretKey, c.Label, c.EnableCompression = s.key, s.label, s.compress
	c.ProbeInterval, c.ProbeTimeout, c.GossipInterval, c.PushPullInterval = 2*quick, quick, quick/4, 10*quick
	c.Logger = log.New(io.Discard, "", 0)
	var m *memberlist.Memberlist
	queue := memberlist.TransmitLimitedQueue{RetransmitMult: 4, NumNodes: func() int { return 4 }}
	p.queue = func(text string) { queue.QueueBroadcast(&theirUnique{theirs{text, new(trace)}}) }
	p.gossip = queue.GetBroadcasts
	m, err := memberlist.Create(c)
	if err != nil {
		t.Fatal(err)
	}
	node := func(to *peer) *memberlist.Node {
		return &memberlist.Node{Name: to.name, Addr: to.addr.IP, Port: uint16(to.addr.Port)}
	}
	p.Member, p.addr = m, &net.UDPAddr{IP: m.LocalNode().Addr, Port: int(m.LocalNode().Port)}
	p.send = func(to *peer, reliable bool, text string) error {
		if reliable {
			return m.SendReliable(node(to), []byte(text))
		}
		return m.SendBestEffort(node(to), []byte(text))
	}
	p.ping = func(to *peer) error { _, err := m.Ping(to.name, to.addr); return err }
	p.meta = func(of string) string {
		for _, n := range m.Members() {
			if n.Name == of {
				return string(n.Meta)
			}
		}
		return ""
	}
	t.Cleanup(func() { _ = m.Shutdown() })
	return p
}

// startOurs starts a member on compat/memberlist: the lines are those of startTheirs.
func startOurs(t *testing.T, name string, s settings) *peer {
	t.Helper()
	p := &peer{name: name, program: program{own: "meta of " + name, got: make(map[string]bool)}}
	c := own.DefaultLocalConfig()
	c.Name, c.BindAddr, c.BindPort, c.Delegate = name, "127.0.0.1", 0, &p.program
	c.SecretKey, c.Label, c.EnableCompression = s.key, s.label, s.compress
	c.ProbeInterval, c.ProbeTimeout, c.GossipInterval, c.PushPullInterval = 2*quick, quick, quick/4, 10*quick
	c.Logger = log.New(io.Discard, "", 0)
	var m *own.Memberlist
	queue := own.TransmitLimitedQueue{RetransmitMult: 4, NumNodes: func() int { return 4 }}
	p.queue = func(text string) { queue.QueueBroadcast(&ourUnique{ours{text, new(trace)}}) }
	p.gossip = queue.GetBroadcasts
	m, err := own.Create(c)
	if err != nil {
		t.Fatal(err)
	}
	node := func(to *peer) *own.Node {
		return &own.Node{Name: to.name, Addr: to.addr.IP, Port: uint16(to.addr.Port)}
	}
	p.Member, p.addr = m, &net.UDPAddr{IP: m.LocalNode().Addr, Port: int(m.LocalNode().Port)}
	p.send = func(to *peer, reliable bool, text string) error {
		if reliable {
			return m.SendReliable(node(to), []byte(text))
		}
		return m.SendBestEffort(node(to), []byte(text))
	}
	p.ping = func(to *peer) error { _, err := m.Ping(to.name, to.addr); return err }
	p.meta = func(of string) string {
		for _, n := range m.Members() {
			if n.Name == of {
				return string(n.Meta)
			}
		}
		return ""
	}
	t.Cleanup(func() { _ = m.Shutdown() })
	return p
}

// within waits for something that comes about by itself.
func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(quick / 10) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// Members on the published library and on ours are one cluster.
func TestMixedClusters(t *testing.T) {
	key := []byte("sixteen bytes: 1")
	for name, s := range map[string]settings{
		"plain":             {compress: true},
		"encrypted":         {key: key, compress: true},
		"labelled":          {label: "a label", compress: true},
		"all":               {key: key, label: "a label", compress: true},
		"not compressed":    {},
		"encrypted plainly": {key: key},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := []*peer{
				startTheirs(t, "a", s), startOurs(t, "b", s), startTheirs(t, "c", s), startOurs(t, "d", s),
			}
			for i, p := range all[1:] { // through one of the other kind
				if n, err := p.Join([]string{all[i].addr.String()}); n != 1 || err != nil {
					t.Fatalf("%s joins: %d, %v", p.name, n, err)
				}
			}
			all[3].mixed(t, all)
		})
	}
}

// mixed has the members do everything with each other.
func (last *peer) mixed(t *testing.T, all []*peer) {
	for _, p := range all {
		within(t, p.name+" knows all", func() bool { return p.NumMembers() == len(all) })
		p.queue("all from " + p.name)
	}
	for _, p := range all {
		p.mu.Lock()
		p.own = "new of " + p.name
		p.mu.Unlock()
		if err := p.UpdateNode(10 * time.Second); err != nil {
			t.Errorf("%s: update: %v", p.name, err)
		}
	}
	for _, p := range all {
		for _, o := range all {
			if o == p {
				continue
			}
			within(t, p.name+" has the broadcast of "+o.name, func() bool { return p.has("all from " + o.name) })
			within(t, p.name+" has the metadata of "+o.name, func() bool { return p.meta(o.name) == "new of "+o.name })
			within(t, p.name+" has a state", func() bool { return p.hasState() })
			if err := p.ping(o); err != nil {
				t.Errorf("%s pings %s: %v", p.name, o.name, err)
			}
			for _, reliable := range []bool{false, true} {
				text := "from " + p.name + strconv.FormatBool(reliable) + strings.Repeat("x", 300)
				if err := p.send(o, reliable, text); err != nil {
					t.Errorf("%s sends to %s: %v", p.name, o.name, err)
				}
				within(t, o.name+" has it", func() bool { return o.has(text) })
			}
		}
	}
	if err := all[0].Leave(10 * time.Second); err != nil {
		t.Errorf("a leaves: %v", err)
	}
	if err := last.Leave(10 * time.Second); err != nil {
		t.Errorf("%s leaves: %v", last.name, err)
	}
	for _, p := range all[1:3] {
		within(t, p.name+" knows who has left", func() bool { return p.NumMembers() == 2 })
	}
	_ = all[1].Shutdown()
	within(t, "the other one notices a crash", func() bool { return all[2].NumMembers() == 1 })
}

func (p *program) hasState() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(keys(p.got), func(s string) bool { return strings.HasPrefix(s, "state of ") })
}

func keys(m map[string]bool) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}
