package serf

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"serf/swim"
	"serf/wire"
)

// Of n members that start together each gets an intent and an alive message of each. A simulation
// pays n times n times what one member keeps about another, which is measured here, without the
// roster's share: while everything waits to be gossiped, and afterwards.
func TestMemoryOfAColdStartIsBounded(t *testing.T) {
	const (
		nodes, members = 32, 1000
		most           = 260 // bytes per pair of members while everything waits to be gossiped
		mostAfter      = 80  // and afterwards: two records, room to grow, and the order
	)
	var out swim.Output
	roster := swim.NewRoster()
	start := func(i int) *Node {
		c := testConfig("a")
		c.Name, c.sim.Roster = fmt.Sprint("node-", i), roster
		n, err := New(0, c, &out)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var intents, alives [][]byte
	for i := range members {
		name := fmt.Sprint("member-", i)
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 7946)
		intents = append(intents, wire.AppendUser(nil, joinIntent(name, uint64(i)+2)))
		alives = append(alives, aliveWith(name, 1, addr, nil))
	}
	receive := func(n *Node) {
		for _, msgs := range [][][]byte{intents, alives} {
			for _, m := range msgs {
				n.Packet(0, addrOf("b"), m, &out)
				out.Reset()
			}
		}
	}
	receive(start(nodes)) // fills the roster, and the memory of the output
	before := heapInUse()
	all := make([]*Node, nodes)
	for i := range all {
		all[i] = start(i)
		receive(all[i])
	}
	pair := func() int64 { return (heapInUse() - before) / (nodes * members) }
	if got := pair(); got > most {
		t.Errorf("%d bytes per pair of members, limit %d", got, most)
	} else {
		t.Logf("%d bytes per pair of members", got)
	}
	for _, n := range all {
		for now := swim.Time(0); now < swim.Time(time.Minute); now = n.Deadline() {
			n.Tick(now, &out)
			out.Reset()
		}
	}
	if got := pair(); got > mostAfter {
		t.Errorf("%d bytes per pair of members afterwards, limit %d", got, mostAfter)
	} else {
		t.Logf("%d bytes per pair of members afterwards", got)
	}
	runtime.KeepAlive(all)
}
