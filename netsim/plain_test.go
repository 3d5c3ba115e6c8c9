package netsim

import (
	"errors"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/swim"
)

// plain starts n nodes without a layer above. Their metadata is the name of their cluster: the even
// ones are of "x", the odd ones of "y".
func plain(t *testing.T, s *Sim, n int, set func(*swim.Config)) (nodes []*swim.Node) {
	t.Helper()
	for h := range n {
		c := swim.DefaultConfig(swim.LAN())
		c.Name, c.Addr, c.Seed = string(rune('a'+h)), toyAddr(h), uint64(h+1)
		c.Meta = []byte{"xy"[h%2]}
		set(&c)
		err := s.Start(s.Add(), toyAddr(h), func(now swim.Time, out *swim.Output) (swim.Machine, error) {
			node, err := swim.New(now, c, out)
			nodes = append(nodes, node)
			return node, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return nodes
}

// outcomes notes how operations ended.
type outcomes map[swim.EventKind][]swim.Event

func (o outcomes) Event(_ swim.Time, _ int, e *swim.Event) {
	c := *e
	c.Data = slices.Clone(e.Data)
	o[e.Kind] = append(o[e.Kind], c)
}

func names(n *swim.Node) string {
	var all []string
	for id := range n.Roster().Len() + 1 {
		if m, ok := n.View(swim.MemberID(id)); ok {
			all = append(all, m.Name)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// Members of two clusters get to know each other's addresses by mistake, and stay apart.
func TestAdmissionKeepsClustersApart(t *testing.T) {
	foreign := errors.New("of another cluster")
	s, seen := New(fixed(tick)), outcomes{}
	s.Observe(seen)
	nodes := plain(t, s, 8, func(c *swim.Config) {
		own := string(c.Meta)
		c.Admit = func(p swim.Peer) error {
			if string(p.Meta) != own {
				return foreign
			}
			return nil
		}
		c.AdmitMerge = func(peers iter.Seq[swim.Peer]) error {
			for p := range peers {
				if string(p.Meta) != own {
					return foreign
				}
			}
			return nil
		}
	})
	for h := 1; h < 8; h++ { // all join the same two
		s.Do(h, func(_ swim.Machine, now swim.Time, out *swim.Output) {
			nodes[h].Join(now, []netip.AddrPort{toyAddr(0), toyAddr(1)}, out)
		})
	}
	s.Run(at(5 * time.Minute))
	for h, n := range nodes {
		if want := []string{"aceg", "bdfh"}[h%2]; names(n) != want {
			t.Errorf("%s knows %s, want %s", nodes[h].Roster().Name(n.Self()), names(n), want)
		}
	}
	for _, e := range seen[swim.EventJoinDone] {
		if want := int64(1); e.N != want && !errors.Is(e.Err, swim.ErrMergeRefused) {
			t.Errorf("a join ended with %d answers and %v, want 1 or a refusal", e.N, e.Err)
		}
	}
}

func TestOperationsEnd(t *testing.T) {
	s, seen := New(fixed(tick)), outcomes{}
	s.Observe(seen)
	nodes := plain(t, s, 3, func(*swim.Config) {})
	do := func(f func(n *swim.Node, now swim.Time, out *swim.Output)) {
		s.Do(0, func(_ swim.Machine, now swim.Time, out *swim.Output) { f(nodes[0], now, out) })
	}
	do(func(n *swim.Node, now swim.Time, out *swim.Output) {
		n.Join(now, []netip.AddrPort{toyAddr(1), toyAddr(2)}, out)
	})
	s.Run(at(time.Second))
	do(func(n *swim.Node, now swim.Time, out *swim.Output) {
		for h, name := range []string{"", "b", "nobody"} {
			n.Ping(now, []byte(name), toyAddr(h), out)
		}
		n.SendReliable(now, toyAddr(1), []byte("hello"), out)
		n.UpdateMeta(now, []byte("z"), out)
	})
	s.Run(at(3 * time.Second))
	pinged, sent, told := seen[swim.EventPinged], seen[swim.EventSent], seen[swim.EventMetaDone]
	if len(pinged) != 3 || len(sent) != 1 || len(told) != 1 {
		t.Fatalf("ended: %v", seen)
	}
	for _, e := range pinged {
		switch {
		case e.Addr == toyAddr(2) && e.Err != swim.ErrNoAnswer:
			t.Errorf("a ping of somebody else: %v", e.Err)
		case e.Addr == toyAddr(1) && (e.Err != nil || e.RTT != 2*tick):
			t.Errorf("a ping took %v (%v), want %v", e.RTT, e.Err, 2*tick)
		}
	}
	if e := sent[0]; e.Err != nil || e.Addr != toyAddr(1) {
		t.Errorf("sent to %v: %v", e.Addr, e.Err)
	}
	if got := seen[swim.EventUser]; len(got) != 1 || string(got[0].Data) != "hello" {
		t.Errorf("arrived: %v", got)
	}
	for _, n := range nodes[1:] {
		id, _ := n.Lookup([]byte("a"))
		if m, _ := n.View(id); told[0].Err != nil || string(m.Meta) != "z" {
			t.Errorf("told (%v), and yet a's metadata is %q", told[0].Err, m.Meta)
		}
	}
}
