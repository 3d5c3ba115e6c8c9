package swim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"serf/wire"
)

// two nodes, a and b, whose streams take no time.
type two struct {
	t     rapid.TB
	now   Time
	nodes [2]*Node
	outs  [2]Output
	bytes int      // on streams
	steps []string // what was sent: the sender, the step, and how many node states
}

func newTwo(t rapid.TB, set func(i int, c *Config)) *two {
	x := &two{t: t, now: Time(time.Hour)}
	for i, name := range []string{"a", "b"} {
		c := DefaultConfig(LAN())
		c.Name, c.Addr, c.Seed = name, addrOf(name), uint64(1+i)
		set(i, &c)
		n, err := New(x.now, c, &x.outs[i])
		if err != nil {
			t.Fatal(err)
		}
		x.nodes[i] = n
	}
	x.nodes[0].Packet(x.now, addrOf("b"), alive("b", 1), &x.outs[0])
	x.nodes[1].Packet(x.now, addrOf("a"), alive("a", 1), &x.outs[1])
	return x
}

func plain(int, *Config) {}

// recv has one of the nodes hear a message.
func (x *two) recv(i int, msg []byte) {
	x.nodes[i].Packet(x.now, addrOf("z"), msg, &x.outs[i])
	x.outs[i].Reset()
}

// call has node i do something, and carries its streams to the other one and back.
func (x *two) call(i int, do func(n *Node, out *Output)) {
	do(x.nodes[i], &x.outs[i])
	for len(x.outs[i].Streams) > 0 {
		s := x.outs[i].Streams[0]
		x.outs[i].Reset()
		x.count(i, s.Message())
		x.nodes[1-i].Stream(x.now, StreamIn{
			ID: Inbound | 1, Kind: StreamRequest, From: x.nodes[i].cfg.Addr, Data: s.Message(),
		}, &x.outs[1-i])
		in := StreamIn{ID: s.ID, Kind: StreamFailed, From: s.To, Err: errTest}
		for _, a := range x.outs[1-i].Streams {
			in.Kind, in.Data = StreamReply, a.Message()
			x.count(1-i, in.Data)
		}
		x.outs[1-i].Reset()
		x.nodes[i].Stream(x.now, in, &x.outs[i])
	}
	x.outs[i].Reset()
}

func (x *two) count(i int, msg []byte) {
	x.bytes += len(msg)
	head, _, err := wire.ParsePushPullHeader(msg[1:])
	if err != nil {
		x.t.Fatal(err)
	}
	step := [...]string{"all", "whole", "ask", "sums", "parts"}[head.Diff.Step]
	if len(head.Diff.Sums) > 0 {
		step += fmt.Sprintf(" of %d", len(head.Diff.Sums)/sumSize)
	}
	x.steps = append(x.steps, fmt.Sprintf("%s: %s, %d", x.nodes[i].cfg.Name, step, head.Nodes))
}

func (x *two) exchange(wide bool) {
	x.call(0, func(n *Node, out *Output) {
		n.exchange(x.now, n.member([]byte("b")), wide, out)
	})
}

func (x *two) want(reason string, steps ...string) {
	if h, ok := x.t.(interface{ Helper() }); ok {
		h.Helper()
	}
	if got, want := strings.Join(x.steps, "; "), strings.Join(steps, "; "); got != want {
		x.t.Fatalf("%s: %s\nwant %s", reason, got, want)
	}
	x.steps = nil
}

// crowd makes both know many members.
func (x *two) crowd(n int) {
	for k := range n {
		for i := range x.nodes {
			x.recv(i, aliveAt(fmt.Sprintf("m%04d", k), 1, addrOf("z"), "some tags"))
		}
	}
}

func TestEqualStatesCostADigest(t *testing.T) {
	x := newTwo(t, plain)
	x.crowd(1000)
	x.exchange(false)
	x.want("a question and no", "a: ask, 0", "b: sums, 0")
	if x.bytes > 200 {
		t.Errorf("%d bytes to find that nothing differs", x.bytes)
	}
	x.exchange(true)
	x.want("sums of all are compared now and then", "a: ask, 0", "b: sums of 128, 0")
}

func TestDifferencesGoBothWays(t *testing.T) {
	x := newTwo(t, plain)
	x.crowd(1000)
	x.recv(0, aliveAt("m0001", 2, addrOf("z"), "new tags"))
	x.recv(1, aliveAt("m0002", 3, addrOf("z"), ""))
	x.recv(1, suspect("m0003", 1, "z"))
	x.recv(0, alive("c", 1))
	x.bytes = 0
	x.exchange(false)
	if x.bytes > 12e3 {
		t.Errorf("%d bytes for four differences among 1,000", x.bytes)
	}
	if last := x.steps[len(x.steps)-1]; last != "b: parts, 3" {
		t.Errorf("%s: all but what a lacks or has differently goes without saying", last)
	}
	for i, n := range x.nodes {
		for name, inc := range map[string]uint32{"m0001": 2, "m0002": 3, "m0003": 1, "c": 1} {
			if r := n.view.at(n.member([]byte(name))); r.inc != inc || r.state == Suspect != (name == "m0003") {
				t.Errorf("node %d has %s as %v@%d", i, name, r.state, r.inc)
			}
		}
	}
	x.steps = nil
	x.exchange(false)
	x.want("nothing is left", "a: ask, 0", "b: sums, 0")
}

// What a whole exchange repairs, a wide exchange of differences repairs likewise; and any other one
// as far as one of both thinks that the member is here.
func TestDifferencesRepairAllThatWholeStatesDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var msgs [2][][]byte
		for k := range rapid.IntRange(1, 40).Draw(t, "members") {
			name := fmt.Sprintf("m%d", k)
			for i := range msgs {
				msgs[i] = append(msgs[i], drawHistory(t, name)...)
			}
		}
		build := func() *two {
			x := newTwo(t, plain)
			for i := range msgs {
				for _, m := range msgs[i] {
					x.recv(i, m)
				}
			}
			return x
		}
		whole, wide, narrow := build(), build(), build()
		whole.call(0, func(n *Node, out *Output) {
			n.PushPull(whole.now, n.member([]byte("b")), out)
		})
		here := func(name string) bool {
			return narrow.known(0, name).live || narrow.known(1, name).live
		}
		var living []string
		for k := range 40 {
			if name := fmt.Sprintf("m%d", k); here(name) {
				living = append(living, name)
			}
		}
		wide.exchange(true)
		narrow.exchange(false)
		for i := range whole.nodes {
			for k := range 40 {
				name := fmt.Sprintf("m%d", k)
				if got, want := wide.known(i, name), whole.known(i, name); got != want {
					t.Fatalf("node %d after a wide exchange: %s is %+v, want %+v", i, name, got, want)
				}
			}
			for _, name := range living {
				if got, want := narrow.known(i, name), whole.known(i, name); got != want {
					t.Fatalf("node %d: %s is %+v, want %+v", i, name, got, want)
				}
			}
		}
	})
}

// drawHistory is what a node has heard of a member: nothing, or how it came to its state.
func drawHistory(t *rapid.T, name string) (msgs [][]byte) {
	inc := rapid.Uint32Range(1, 3).Draw(t, "incarnation")
	state := rapid.IntRange(-1, 4).Draw(t, "state")
	if state < 0 {
		return nil
	}
	meta := rapid.SampledFrom([]string{"", "tags"}).Draw(t, "meta")
	msgs = append(msgs, aliveAt(name, inc, addrOf("y"), meta))
	switch state {
	case 1:
		msgs = append(msgs, suspect(name, inc, "z"))
	case 2:
		msgs = append(msgs, suspect(name, inc, "z"), dead(name, inc, "z"))
	case 3:
		msgs = append(msgs, dead(name, inc, name))
	case 4:
		msgs = append(msgs, suspect(name, inc+1, "z")) // its own word at inc+1 is missing
	}
	return msgs
}

// knowledge is what a push/pull says about a member.
type knowledge struct {
	state State
	inc   uint32
	ident string
	live  bool
}

func (x *two) known(i int, name string) knowledge {
	n := x.nodes[i]
	id := n.member([]byte(name))
	if id == NoMember {
		return knowledge{}
	}
	r, d := n.view.at(id), n.identity(id)
	return knowledge{r.sent(), r.inc, fmt.Sprint(d.addr, string(d.meta), d.versions), r.state.live()}
}

// A member of the original answers with all that it knows. It gets all at once, and from then on
// whole states at its own pace.
func TestTheOriginalGetsWholeStates(t *testing.T) {
	x := newTwo(t, func(i int, c *Config) {
		if i == 1 {
			c.sim.Without = Difference
		}
	})
	x.crowd(100)
	x.recv(0, alive("c", 1))
	x.recv(1, alive("d", 1))
	x.exchange(false)
	x.want("the answer shows what it is", "a: ask, 0", "b: all, 103", "a: whole, 104", "b: all, 103")
	if x.nodes[1].member([]byte("c")) == NoMember || x.nodes[0].member([]byte("d")) == NoMember {
		t.Error("they don't know all that the other does")
	}
	x.exchange(true)
	x.want("it is remembered", "a: whole, 104", "b: all, 104")
	a := x.nodes[0]
	if id, ok := x.peer(false); ok {
		t.Errorf("%s was drawn for a frequent exchange", a.roster.Name(id))
	}
	if _, ok := x.peer(true); !ok {
		t.Error("nobody was drawn for a rare one")
	}
	if x.now = x.now.Add(stockMemory); a.mixed(x.now) {
		t.Error("the cluster is mixed for ever")
	}
}

// peer draws whom the first node exchanges states with.
func (x *two) peer(wide bool) (MemberID, bool) {
	var buf [maxPick]MemberID
	got := append(x.nodes[0].pickPeers(buf[:0], x.now, wide), NoMember)
	return got[0], got[0] != NoMember
}

func TestPeersInAMixedClusterAreRemembered(t *testing.T) {
	x := newTwo(t, plain)
	x.crowd(peersMax + 10)
	a := x.nodes[0]
	a.noteStep(x.now, NoMember, wire.DiffNone)
	x.exchange(false)
	x.want("not known yet", "a: whole, 76", "b: whole, 76")
	x.exchange(false)
	x.want("its answer said what it is", "a: ask, 0", "b: sums, 0")
	if id, ok := x.peer(false); !ok || a.roster.Name(id) != "b" {
		t.Error("b isn't drawn")
	}
	for k := range peersMax + 1 {
		a.noteStep(x.now, a.member(fmt.Appendf(nil, "m%04d", k)), wire.DiffSums)
	}
	if len(a.pushPull.peers) != peersMax || a.pushPull.peers[0] != a.member([]byte("m0063")) {
		t.Errorf("%d are remembered, limit %d", len(a.pushPull.peers), peersMax)
	}
	a.cfg.Select = func(candidates []MemberID) ([]MemberID, MemberID) {
		if len(candidates) != peersMax {
			t.Errorf("%d could be selected, want %d", len(candidates), peersMax)
		}
		return candidates[:1], NoMember
	}
	if _, ok := x.peer(false); !ok {
		t.Error("the selected one isn't drawn")
	}
	id := a.member([]byte("m0063"))
	x.recv(0, dead("m0063", 1, "m0063"))
	a.Forget(x.now, id)
	for _, p := range a.pushPull.peers {
		if p == id {
			t.Error("a forgotten member is still drawn")
		}
	}
}

func TestNonsenseInDifferencesIsRefused(t *testing.T) {
	x := newTwo(t, plain)
	x.crowd(100)
	b := x.nodes[1]
	request := func(d wire.Diff) (answer []byte) {
		head := wire.PushPullHeader{Diff: d}
		b.Stream(x.now, StreamIn{
			ID: Inbound | 1, Kind: StreamRequest, From: addrOf("a"), Data: head.Append(nil),
		}, &x.outs[1])
		for _, s := range x.outs[1].Streams {
			answer = s.Message()
		}
		x.outs[1].Reset()
		return answer
	}
	all := len(request(wire.Diff{}))
	for _, size := range []int{partsMin/8 - 1, partsMin/8 + 1, partsMax/8 + 1, partsMax / 4} {
		if request(wire.Diff{Step: wire.DiffParts, Parts: make([]byte, size)}) != nil {
			t.Errorf("parts in %d bytes were answered", size)
		}
	}
	if request(wire.Diff{Step: wire.DiffSums}) != nil {
		t.Error("an answer was answered")
	}
	if got := b.Counters().DroppedMessages; got != 5 {
		t.Errorf("%d messages counted as dropped, want 5", got)
	}
	for _, size := range []int{partsMin / 8, partsMax / 8} {
		every := []byte(strings.Repeat("\xff", size))
		if got := len(request(wire.Diff{Step: wire.DiffParts, Parts: every})); got < all-20 || got > all+20 {
			t.Errorf("all parts in %d bytes, a whole state in %d", got, all)
		}
	}
	if got := len(request(wire.Diff{Step: 9})); got != all {
		t.Errorf("a step of the future is answered with %d bytes, want a whole state", got)
	}
	for _, size := range []int{1, sumSize*partsMin - 1, sumSize * partsMin / 2, sumSize * (partsMin + 1), 2 * sumSize * partsMax} {
		c := call{kind: callPushPull, step: wire.DiffAsk}
		err := b.followSums(x.now, &c, &wire.Diff{Step: wire.DiffSums, Sums: make([]byte, size)}, &x.outs[1])
		if err != errBadAnswer {
			t.Errorf("sums in %d bytes: %v", size, err)
		}
	}
}

func TestPartsGrowWithTheCluster(t *testing.T) {
	for records, want := range map[int]int{
		0: partsMin, 1: partsMin, 128: 16, 129: 32, 1000: 128, 10_000: 2048, 32_768: 4096, maxMembers: partsMax,
	} {
		if got := partsFor(records); got != want {
			t.Errorf("%d records in %d parts, want %d", records, got, want)
		}
	}
}

// Exchanges come as often in a large cluster as in a small one, and now and then a wide one.
func TestDifferencesAreExchangedOften(t *testing.T) {
	for without, want := range map[Mechanism][2]int{0: {20, 7}, Difference: {7, 0}} {
		x := newTwo(t, func(_ int, c *Config) { c.sim.Without = without })
		x.crowd(100)
		a := x.nodes[0]
		a.pushPull.catchUp, a.pushPull.next = catchUp{}, x.now.Add(30*time.Second)
		asks, wide := 0, 0
		for end := x.now.Add(10*time.Minute + time.Second); a.pushPull.next <= end; {
			x.now = a.pushPull.next
			a.tickPushPull(x.now, &x.outs[0])
			for _, s := range x.outs[0].Streams {
				head, _, _ := wire.ParsePushPullHeader(s.Data[1:])
				asks++
				if head.Diff.Step == wire.DiffAsk && head.Diff.Root == 0 {
					wide++
				}
			}
			x.outs[0].Reset()
		}
		if got := [2]int{asks, wide}; got != want {
			t.Errorf("without %v: %d exchanges in ten minutes, %d of them wide, want %v", without, asks, wide, want)
		}
	}
}
