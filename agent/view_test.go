package agent

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"serf/swim"
	"serf/swim/serf"
	"serf/swim/serf/coord"
	"serf/wire"
)

// viewedNode is a node that only a test talks to, and the views of it.
type viewedNode struct {
	node  *serf.Node
	views views
	now   swim.Time
	out   swim.Output
}

func newViewedNode(t testing.TB) *viewedNode {
	t.Helper()
	c := serf.DefaultConfig(swim.Local())
	c.Name, c.Addr, c.Seed = "self", netip.MustParseAddrPort("10.9.9.9:7946"), 1
	c.TombstoneTimeout, c.ReconnectTimeout = time.Minute, time.Minute
	v := &viewedNode{}
	node, err := serf.New(0, c, &v.out)
	if err != nil {
		t.Fatal(err)
	}
	node.TrackChanges(&v.views.changes)
	v.node = node
	return v
}

func memberAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 7946)
}

// alive makes the node hear that member i is alive.
func (v *viewedNode) alive(i int, inc uint32, addr netip.AddrPort, role string) {
	m := wire.Alive{
		Inc: inc, Node: fmt.Append(nil, "m", i), Addr: addr.Addr().AsSlice(), Port: addr.Port(),
		Meta: wire.AppendTags(nil, []wire.Tag{{Key: "role", Value: role}}), Vsn: []byte{1, 5, 2, 2, 5, 5},
	}
	v.hear(i, m.Append(nil))
}

func (v *viewedNode) hear(from int, msg []byte) {
	v.node.Packet(v.now, memberAddr(from), msg, &v.out)
	v.views.count()
}

// pass advances the time. Each ping is answered if answer says so.
func (v *viewedNode) pass(d time.Duration, answer func() bool) {
	v.out.Reset()
	for end := v.now.Add(d); v.now < end; {
		v.now = min(max(v.node.Deadline(), v.now+1), end)
		v.node.Tick(v.now, &v.out)
		v.views.count()
		packets := slices.Clone(v.out.Packets)
		for i := range packets {
			packets[i].Data = slices.Clone(packets[i].Data)
		}
		v.out.Reset()
		for _, p := range packets {
			if answer() {
				v.answer(p)
			}
		}
	}
}

func (v *viewedNode) answer(p swim.Packet) {
	msgs, _ := (*wire.Sealer)(nil).OpenPacket(p.Data, new(wire.Scratch), nil)
	for _, msg := range msgs {
		ping, err := wire.ParsePing(msg[1:])
		if wire.Type(msg[0]) != wire.TypePing || err != nil {
			continue
		}
		at := coord.Origin()
		at.Vec[0] = float64(ping.Seq%1000) / 1000 // seconds
		w := wire.Coordinate(at)
		ack := wire.Ack{Seq: ping.Seq, Payload: wire.AppendAckPayload(nil, &w)}
		v.now = v.now.Add(time.Millisecond)
		v.node.Packet(v.now, p.To, ack.Append(nil), &v.out)
		v.views.count()
	}
}

// view makes a view as a single reader does.
func (v *viewedNode) view() (made *view) {
	for made == nil {
		made = v.views.step(v.node)
	}
	return made
}

// step is one thing that happens to members.
func (v *viewedNode) step(rng *rand.Rand) {
	i, inc := rng.IntN(80), uint32(rng.IntN(20))
	name := fmt.Append(nil, "m", i)
	from := fmt.Append(nil, "m", rng.IntN(80))
	intent := func(m interface{ Append([]byte) []byte }) { v.hear(i, wire.AppendUser(nil, m.Append(nil))) }
	switch rng.IntN(9) {
	case 0, 1, 2:
		v.alive(i, inc, memberAddr(i+100*rng.IntN(2)), fmt.Sprint(rng.IntN(3)))
	case 3:
		v.hear(i, (&wire.Suspect{Inc: inc, Node: name, From: from}).Append(nil))
	case 4:
		if rng.IntN(2) == 0 {
			from = name // it leaves
		}
		v.hear(i, (&wire.Dead{Inc: inc, Node: name, From: from}).Append(nil))
	case 5:
		intent(&wire.LeaveIntent{LTime: uint64(rng.IntN(500)), Node: name, Prune: rng.IntN(2) == 0})
	case 6:
		intent(&wire.JoinIntent{LTime: uint64(rng.IntN(500)), Node: name})
	case 7:
		v.pass(time.Duration(rng.IntN(3000))*time.Millisecond, func() bool { return rng.IntN(3) > 0 })
	case 8:
		if rng.IntN(20) == 0 {
			v.pass(2*time.Minute, func() bool { return true })
		}
		v.node.SetTags(v.now, map[string]string{"n": fmt.Sprint(rng.IntN(3))}, &v.out)
		v.views.count()
	}
	v.out.Reset()
}

// A view is the node's state, however many changes there were since the one before, and older views
// stay as they were.
func TestViewsAreWhatTheNodeKnows(t *testing.T) {
	t.Parallel()
	seeds := sized(4, 40)
	if testing.Short() {
		seeds = 1
	}
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 0))
		v := newViewedNode(t)
		var kept *view
		var keptMembers []serf.Member
		for range 150 {
			for range rng.IntN(15) {
				v.step(rng)
			}
			got := v.views.step(v.node)
			for ; got == nil; got = v.views.step(v.node) {
				v.step(rng) // things go on between the steps
			}
			wantView(t, got, v.node)
			if kept != nil && !reflect.DeepEqual(membersOf(kept), keptMembers) {
				t.Fatal("an older view has changed")
			}
			kept, keptMembers = got, v.node.Members(nil)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func membersOf(v *view) (list []serf.Member) {
	for m := range v.all {
		list = append(list, *m)
	}
	return list
}

func wantView(t *testing.T, v *view, n *serf.Node) {
	t.Helper()
	want := n.Members(nil)
	if got := membersOf(v); !reflect.DeepEqual(got, want) || v.len != len(want) {
		t.Errorf("view of %d: %v\nwant %v", v.len, got, want)
	}
	if !reflect.DeepEqual(v.self, n.Self()) || v.stats != n.Stats() {
		t.Error("self or figures differ")
	}
	for _, m := range want {
		at, ok := n.Coordinate(m.Name)
		e := v.find(m.Name)
		if e == nil || ok != (e.at != nil) || ok && e.at.At != at {
			t.Errorf("%s is in the view with another coordinate, or not at all", m.Name)
		}
	}
	if v.find("nobody") != nil {
		t.Error("nobody is a member")
	}
}

// The loop copies only what has changed: a view of many members after one change takes a page.
func TestViewsShareWhatIsAlike(t *testing.T) {
	v := newViewedNode(t)
	const members = 3000
	for i := range members {
		v.alive(i, 1, memberAddr(i), "web")
	}
	before := v.view()
	for _, changes := range []int{0, 1, 5} {
		for i := range changes {
			v.alive(500*i, uint32(changes)+1, memberAddr(500*i), fmt.Sprint(changes))
		}
		after := v.view()
		copied := 0
		for p := range after.pages {
			if after.pages[p] != before.pages[p] {
				copied++
			}
		}
		if copied != changes || after.names != before.names {
			t.Errorf("%d pages copied for %d changes, names shared: %t",
				copied, changes, after.names == before.names)
		}
		before = after
	}
}

// While nothing changes readers don't need the loop, which may be busy for as long as it likes.
func TestReadersDontWaitForTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := beginJoined(t, newMemNetwork(), 3)[0]
		synctest.Wait() // nothing of this instant changes what is asked for next
		a.Members()
		a.Stats()
		busy, free := make(chan struct{}), make(chan struct{})
		go a.look(func() { close(busy); <-free })
		<-busy
		_, known := a.Member("b")
		_, located, _ := a.Coordinate(background, "a")
		if n := len(a.Members()); n != 3 || !known || !located || a.Self().Name != "a" {
			t.Errorf("%d members, b known %t, a located %t", n, known, located)
		}
		if a.Stats()["serf"]["members"] != "3" {
			t.Error("no figures")
		}
		close(free)
	})
}

// A caller that has changed something, or heard of a change, sees it.
func TestReadersSeeTheirOwnChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		agents := beginJoined(t, n, 3)
		a, c := agents[0], agents[2]
		events := a.Subscribe(100, func(e Event) bool { // on the loop, before anybody hears of it
			if a.views.members.Load() != a.views.changes.Count() {
				t.Errorf("%v is told before its change was counted", e)
			}
			return true
		})
		for i := range 20 {
			a.Members()
			tags := map[string]string{"n": fmt.Sprint(i)}
			if err := a.ReplaceTags(background, tags); err != nil {
				t.Fatal(err)
			}
			if got := a.Self().Tags; !reflect.DeepEqual(got, tags) {
				t.Fatalf("tags after they were set: %v, want %v", got, tags)
			}
			if m, _ := a.Member("a"); m.Tags["n"] != tags["n"] {
				t.Fatalf("listed with tags %v", m.Tags)
			}
		}
		d := begin(t, memConfig(n, "d", 4))
		d.Members()
		counted := d.Subscribe(100, func(Event) bool {
			if d.views.members.Load() != d.views.changes.Count() {
				t.Error("a join is told before it was counted")
			}
			return true
		})
		mustJoin(t, d, a)
		defer counted.Close()
		if got := living(d); got != 4 {
			t.Errorf("%d members after the join, want 4", got)
		}
		c.Close()
		for e := range events.C {
			e, ok := e.(MemberEvent)
			if !ok || e.Type == MemberUpdate {
				continue
			}
			told := e.Members[0]
			if m, ok := a.Member(told.Name); !ok || m.Status != told.Status {
				t.Errorf("after %v of %s it is listed %t, %v", e, told.Name, ok, m.Status)
			}
			if e.Type == MemberFailed {
				break
			}
		}
		if err := a.ForceLeave(background, "c", true); err != nil {
			t.Fatal(err)
		}
		if _, ok := a.Member("c"); ok {
			t.Error("listed after it was pruned")
		}
	})
}

// Concurrent readers and changes, for the race detector; no member is ever half changed.
func TestReadersAndChangesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agents := beginJoined(t, newMemNetwork(), 3)
		stop := make(chan struct{})
		var readers, writers sync.WaitGroup
		for _, a := range agents {
			for range 3 {
				readers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						for m := range a.memberView().all {
							if m.Tags["x"] != m.Tags["y"] {
								t.Errorf("tags %v", m.Tags)
							}
						}
						a.Stats()
						a.Coordinate(background, "b")
						time.Sleep(time.Millisecond)
					}
				})
			}
			writers.Go(func() {
				for i := range 100 {
					v := fmt.Sprint(i)
					if err := a.ReplaceTags(background, map[string]string{"x": v, "y": v}); err != nil {
						t.Error(err)
					}
					time.Sleep(7 * time.Millisecond)
				}
			})
		}
		writers.Wait()
		close(stop)
		readers.Wait()
	})
}

// However many members have changed, the loop copies a few at a time.
func TestLongViewsAreMadeInSteps(t *testing.T) {
	v := newViewedNode(t)
	const members = 3000
	for i := range members {
		v.alive(i, 1, memberAddr(i), "web")
	}
	for _, changed := range []int{members, viewStep, viewStep + 1, 5 * viewStep} {
		for i := range changed {
			v.views.changes.Add(swim.MemberID(1 + i))
		}
		steps := 1
		for v.views.step(v.node) == nil {
			if steps++; len(v.views.todo) == 0 {
				t.Fatal("a step without anything left to do")
			}
		}
		if most := 1 + (changed+1)/viewStep + 1; steps > most || steps < changed/viewStep {
			t.Errorf("%d steps for %d members, at most %d wanted", steps, changed, most)
		}
	}
}

// BenchmarkViews measures how long a reader holds the loop: in one step, when all members have to
// be copied, and in total, when one has changed. The first reader sorts the members, not the loop.
func BenchmarkViews(b *testing.B) {
	for _, members := range []int{3, 10_000, 100_000} {
		v := newViewedNode(b)
		for i := range members {
			v.alive(i, 1, memberAddr(i), "web")
			v.out.Reset()
		}
		b.Run(fmt.Sprint("a step of the first, of ", members), func(b *testing.B) {
			for b.Loop() {
				if v.views.step(v.node) != nil {
					v.views.changes = swim.Changes{}
				}
			}
		})
		v.view()
		id := 0
		b.Run(fmt.Sprint("after one change, of ", members), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				id++
				v.views.changes.Add(swim.MemberID(2 + id%members))
				v.views.step(v.node)
			}
		})
		b.Run(fmt.Sprint("sorting, by a reader, of ", members), func(b *testing.B) {
			for b.Loop() {
				w := *v.view()
				w.names = new(nameOrder)
				w.sorted()
			}
		})
	}
}
