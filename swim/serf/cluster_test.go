package serf

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"serf/swim"
)

// cluster runs some nodes in virtual time. Packets take a millisecond, streams no time. It is for a
// few nodes that must understand each other; netsim checks what holds always and eventually among
// many.
type cluster struct {
	t       *testing.T
	now     swim.Time
	nodes   map[netip.AddrPort]*clusterNode
	order   []*clusterNode
	packets []clusterPacket
	drop    func(from, to netip.AddrPort) bool
	delay   func() time.Duration // of a packet; nil for packetDelay
}

type clusterNode struct {
	*Node
	name   string
	addr   netip.AddrPort
	alt    netip.AddrPort // of the other version of IP, if it has one
	out    swim.Output
	events []string
	got    map[string]int // how often each user event, NAME=PAYLOAD
	asked  []swim.OpID
	answer string // to queries; none if empty

	restores restores
}

type clusterPacket struct {
	at       swim.Time
	from, to netip.AddrPort
	data     []byte
}

const packetDelay = time.Millisecond

func newCluster(t *testing.T, set func(*Config), names ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, now: swim.Time(time.Hour), nodes: map[netip.AddrPort]*clusterNode{}}
	for _, name := range names {
		c.start(name, name, set)
	}
	for _, n := range c.order[1:] {
		n.Join(c.now, []netip.AddrPort{c.order[0].addr}, false, &n.out)
		c.flush(n)
	}
	c.run(5 * time.Second)
	return c
}

// start runs a node of this name at the address addrOf(at).
func (c *cluster) start(name, at string, set func(*Config)) *clusterNode {
	c.t.Helper()
	cfg := DefaultConfig(swim.LAN())
	cfg.Name, cfg.Addr, cfg.Seed = name, addrOf(at), uint64(at[0])+uint64(c.now)
	set(&cfg)
	n := &clusterNode{name: name, addr: cfg.Addr, got: map[string]int{}}
	var err error
	if n.Node, err = New(c.now, cfg, &n.out); err != nil {
		c.t.Fatal(err)
	}
	c.nodes[n.addr] = n
	c.order = append(slices.DeleteFunc(c.order, func(o *clusterNode) bool {
		return o.addr == n.addr
	}), n)
	c.flush(n)
	return n
}

// stop kills a node.
func (c *cluster) stop(n *clusterNode) {
	delete(c.nodes, n.addr)
	c.order = slices.DeleteFunc(c.order, func(o *clusterNode) bool { return o == n })
}

func (c *cluster) node(name string) *clusterNode { return c.nodes[addrOf(name)] }

// run lets time pass.
func (c *cluster) run(d time.Duration) {
	until := c.now.Add(d)
	for {
		next := swim.Never
		if len(c.packets) > 0 {
			next = c.packets[0].at
		}
		for _, n := range c.order {
			next = min(next, max(n.Deadline(), c.now))
		}
		if next > until {
			c.now = until
			return
		}
		c.now = next
		for len(c.packets) > 0 && c.packets[0].at <= c.now {
			p := c.packets[0]
			c.packets = c.packets[1:]
			if n := c.nodes[p.to]; n != nil {
				n.Packet(c.now, p.from, p.data, &n.out)
				c.flush(n)
			}
		}
		for _, n := range slices.Clone(c.order) {
			if n.Deadline() <= c.now {
				n.Tick(c.now, &n.out)
				c.flush(n)
			}
		}
	}
}

// flush carries out the effects of a node.
func (c *cluster) flush(n *clusterNode) {
	for i := range n.out.Events {
		c.record(n, &n.out.Events[i])
	}
	for _, p := range n.out.Packets {
		if from := n.source(p.To); from.IsValid() && (c.drop == nil || !c.drop(from, p.To)) {
			c.send(clusterPacket{from: from, to: p.To, data: slices.Clone(p.Data)})
		}
	}
	streams := slices.Clone(n.out.Streams)
	n.out.Reset()
	n.restores.step(c.t, n.Node)
	for _, s := range streams {
		c.stream(n, s)
	}
	asked := n.asked
	n.asked = nil
	for _, op := range asked {
		if err := n.Respond(c.now, op, []byte(n.answer), &n.out); err != nil {
			c.t.Error(err)
		}
		c.flush(n)
	}
}

// send puts a packet under way, in the order of arrival, then of sending.
func (c *cluster) send(p clusterPacket) {
	p.at = c.now.Add(packetDelay)
	if c.delay != nil {
		p.at = c.now.Add(c.delay())
	}
	at, _ := slices.BinarySearchFunc(c.packets, p.at, func(q clusterPacket, at swim.Time) int {
		return cmp.Or(cmp.Compare(q.at, at), -1) // behind its equals
	})
	c.packets = slices.Insert(c.packets, at, p)
}

// stream carries out one stream, whose answer comes at once.
func (c *cluster) stream(n *clusterNode, s swim.StreamOut) {
	to := c.nodes[s.To]
	if to == nil || to == n || !n.source(s.To).IsValid() || c.drop != nil && c.drop(n.addr, s.To) {
		n.Stream(c.now, swim.StreamIn{ID: s.ID, Kind: swim.StreamFailed, From: s.To,
			Err: swim.ErrUnknown}, &n.out)
		c.flush(n)
		return
	}
	const id = swim.Inbound | 1
	to.Stream(c.now, swim.StreamIn{ID: id, Kind: swim.StreamRequest, From: n.addr, Data: s.Data},
		&to.out)
	var answer *swim.StreamOut
	for i, a := range to.out.Streams {
		if a.ID == id && a.Kind == swim.StreamAnswer {
			answer = &a
			to.out.Streams = slices.Delete(to.out.Streams, i, i+1)
			break
		}
	}
	c.flush(to)
	if answer != nil && s.Kind == swim.StreamCall {
		n.Stream(c.now, swim.StreamIn{ID: s.ID, Kind: swim.StreamReply, From: s.To,
			Data: answer.Data}, &n.out)
		c.flush(n)
	}
}

func (c *cluster) record(n *clusterNode, e *swim.Event) {
	add := func(format string, args ...any) {
		n.events = append(n.events, fmt.Sprintf(format, args...))
	}
	kind := map[swim.EventKind]string{
		EventMemberJoin: "join", EventMemberLeave: "leave", EventMemberFailed: "failed",
		EventMemberUpdate: "update", EventMemberReap: "reap",
	}[e.Kind]
	for _, id := range e.Members {
		m, _ := n.ByID(id)
		add("%s %s", kind, m.Name)
	}
	switch e.Kind {
	case EventUserEvent:
		n.got[fmt.Sprintf("%s=%s", e.Name, e.Data)]++
	case EventQuery:
		if n.answer != "" {
			n.asked = append(n.asked, e.Op)
		}
	case EventQueryAck:
		add("ack %s", e.Name)
	case EventQueryResponse:
		if a, err := ParseKeyAnswer(e.Data); err == nil {
			add("keys %s %v %s", e.Name, a.OK, a.Message)
		} else {
			add("answer %s=%s", e.Name, e.Data)
		}
	case EventQueryDone:
		add("done %d", e.N)
	case EventShutdown:
		add("shutdown")
	case swim.EventLeaveDone:
		add("left %v", e.Err)
	}
}

// source is the address from which n sends to another, if it can.
func (n *clusterNode) source(to netip.AddrPort) netip.AddrPort {
	if n.addr.Addr().Is4() == to.Addr().Is4() {
		return n.addr
	}
	return n.alt
}

func (n *clusterNode) forget() { n.events = nil }

func (c *cluster) wantEvents(reason string, n *clusterNode, want ...string) {
	c.t.Helper()
	got := slices.Clone(n.events)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		c.t.Fatalf("%s: %s had %q, want %q", reason, n.name, got, want)
	}
}

func (c *cluster) wantStatus(reason, name string, want Status) {
	c.t.Helper()
	for _, n := range c.order {
		if m, _ := n.Member(name); m.Status != want {
			c.t.Fatalf("%s: at %s %s is %v, want %v", reason, n.name, name, m.Status, want)
		}
	}
}

func plain(*Config) {}

func TestClusterJoinsAndLeaves(t *testing.T) {
	c := newCluster(t, plain, "a", "b", "c", "d")
	for _, n := range c.order {
		c.wantEvents("all know all", n, "join a", "join b", "join c", "join d")
		n.forget()
	}
	d := c.node("d")
	d.Leave(c.now, &d.out)
	c.flush(d)
	c.run(10 * time.Second)
	c.wantEvents("it may stop", d, "leave d", "left <nil>")
	c.stop(d)
	c.wantStatus("all know that it left", "d", StatusLeft)
	c.wantEvents("which isn't a failure", c.node("a"), "leave d")
}

func TestClusterFailureAndReturn(t *testing.T) {
	c := newCluster(t, plain, "a", "b", "c")
	x := c.node("c")
	c.stop(x)
	c.run(30 * time.Second)
	c.wantStatus("silent", "c", StatusFailed)
	c.start("c", "c", plain)
	n := c.node("c")
	n.Join(c.now, []netip.AddrPort{addrOf("a")}, false, &n.out)
	c.flush(n)
	c.run(10 * time.Second)
	c.wantStatus("back", "c", StatusAlive)
}

// The join of a restarted node overtakes what is left of its leave.
func TestClusterLeaveAndQuickRestart(t *testing.T) {
	c := newCluster(t, plain, "a", "b", "c", "d", "e")
	for round := range 5 {
		x := c.node("c")
		x.Leave(c.now, &x.out)
		c.flush(x)
		c.run(time.Duration(200+150*round) * time.Millisecond)
		c.stop(x)
		n := c.start("c", "c", plain)
		n.Join(c.now, []netip.AddrPort{addrOf("a")}, false, &n.out)
		c.flush(n)
		c.run(30 * time.Second)
		c.wantStatus(fmt.Sprint("restarted in round ", round), "c", StatusAlive)
	}
}

func TestForceLeaveOfALiveMemberIsRefuted(t *testing.T) {
	c := newCluster(t, plain, "a", "b", "c", "d")
	a := c.node("a")
	for _, prune := range []bool{false, true} {
		if err := a.ForceLeave(c.now, "d", prune, &a.out); err != nil {
			t.Fatal(err)
		}
		c.flush(a)
		c.run(5 * time.Second)
		c.wantStatus("it is alive, and refutes", "d", StatusAlive)
	}
}

func TestClusterPrune(t *testing.T) {
	c := newCluster(t, plain, "a", "b", "c", "d")
	c.stop(c.node("d"))
	c.run(30 * time.Second)
	a := c.node("a")
	if err := a.ForceLeave(c.now, "d", true, &a.out); err != nil {
		t.Fatal(err)
	}
	c.flush(a)
	c.run(10 * time.Second)
	c.wantStatus("gone everywhere", "d", StatusNone)
	c.run(10 * time.Minute)
	c.wantStatus("and it doesn't come back", "d", StatusNone)
	for _, n := range c.order {
		if got := n.Swim().Len(); got != 3 {
			t.Errorf("%s remembers %d members", n.name, got)
		}
	}
}

func TestClusterUserEventsArriveOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t, plain, "a", "b", "c")
	const each = 1000
	for i := range each {
		for _, n := range c.order {
			if err := n.UserEvent(c.now, n.name, fmt.Append(nil, i), false, &n.out); err != nil {
				t.Fatal(err)
			}
			c.flush(n)
		}
	}
	c.run(2 * time.Minute)
	for _, n := range c.order {
		missing, twice := 0, 0
		for _, from := range c.order {
			for i := range each {
				switch n.got[fmt.Sprintf("%s=%d", from.name, i)] {
				case 0:
					missing++
				case 1:
				default:
					twice++
				}
			}
		}
		if missing+twice > 0 {
			t.Errorf("%s: %d missing, %d twice; %+v", n.name, missing, twice, *n.Counters())
		}
	}
}

func TestClusterQuery(t *testing.T) {
	for _, tt := range []struct {
		name  string
		relay uint8
		lossy bool
	}{{"plain", 0, false}, {"relayed past a broken path", 2, true}} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, plain, "a", "b", "c", "d")
			for _, n := range c.order {
				n.answer = "I am " + n.name
				n.forget()
			}
			if tt.lossy {
				c.drop = func(from, to netip.AddrPort) bool {
					return from == addrOf("d") && to == addrOf("a")
				}
			}
			a := c.node("a")
			start := c.now
			if _, err := a.Query(c.now, QueryParams{Name: "who", WantAck: true, RelayFactor: tt.relay, Timeout: 10 * time.Second}, &a.out); err != nil {
				t.Fatal(err)
			}
			c.flush(a)
			for !slices.Contains(a.events, "done 4") && c.now.Sub(start) < 10*time.Second {
				c.run(10 * time.Millisecond)
			}
			c.wantEvents("all acks and responses, each once", a,
				"ack a", "ack b", "ack c", "ack d", "answer a=I am a", "answer b=I am b", "answer c=I am c", "answer d=I am d", "done 4")
			if took := c.now.Sub(start); took > 2*time.Second {
				t.Errorf("it took %v, though nobody was pending", took)
			}
		})
	}
}

func TestClusterKeyRotation(t *testing.T) {
	c := newCluster(t, withKeys(1), "a", "b", "c")
	for _, n := range c.order {
		n.forget()
	}
	a := c.node("a")
	for _, step := range []func() (swim.OpID, error){
		func() (swim.OpID, error) {
			return a.Keys(c.now, KeyRequest{Command: InstallKey, Key: testKey(2)}, &a.out)
		},
		func() (swim.OpID, error) { return a.Keys(c.now, KeyRequest{Command: UseKey, Key: testKey(2)}, &a.out) },
		func() (swim.OpID, error) {
			return a.Keys(c.now, KeyRequest{Command: RemoveKey, Key: testKey(1)}, &a.out)
		},
	} {
		a.forget()
		if _, err := step(); err != nil {
			t.Fatal(err)
		}
		c.flush(a)
		c.run(5 * time.Second)
		c.wantEvents("all do it", a, "keys a true ", "keys b true ", "keys c true ", "done 3")
	}
	for _, n := range c.order {
		if got := n.Sealer().Keys.Keys(); len(got) != 1 || got[0][0] != 2 {
			t.Errorf("%s has %v", n.name, got)
		}
	}
	c.run(time.Minute)
	c.wantStatus("and they still understand each other", "c", StatusAlive)
}

func TestClusterHealsAfterALongPartition(t *testing.T) {
	t.Parallel()
	c := newCluster(t, func(c *Config) { c.ReconnectTimeout = time.Hour }, "a", "b", "c", "d")
	left := func(a netip.AddrPort) bool { return a == addrOf("a") || a == addrOf("b") }
	c.drop = func(from, to netip.AddrPort) bool { return left(from) != left(to) }
	c.run(2 * time.Hour)
	if _, ok := c.node("a").Member("c"); ok {
		t.Fatal("c should have been reaped")
	}
	c.drop = nil
	c.run(2 * time.Minute)
	for _, name := range []string{"a", "b", "c", "d"} {
		c.wantStatus("healed", name, StatusAlive)
	}
}

func TestSecondNodeOfANameYields(t *testing.T) {
	c := newCluster(t, plain, "a", "b", "c", "d")
	c.run(2 * time.Minute)
	for _, n := range c.order {
		n.forget()
	}
	x := c.start("b", "x", plain) // a second "b"
	x.Join(c.now, []netip.AddrPort{addrOf("a")}, false, &x.out)
	c.flush(x)
	c.run(20 * time.Second)
	if !slices.Contains(x.events, "shutdown") {
		t.Errorf("the newcomer stays: %q", x.events)
	}
	if slices.Contains(c.node("b").events, "shutdown") {
		t.Error("the one that was there first goes")
	}
}
