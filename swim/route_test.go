package swim

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"serf/wire"
)

// sixOf is the IPv6 address that a member tells in these tests. What it sends by IPv4 comes from
// addrOf(name).
func sixOf(name string) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0xfd, 15: name[0]}), 7946)
}

func aliveSix(name string, inc uint32) []byte { return aliveAt(name, inc, sixOf(name), "") }

// converseFour returns a node that can send to IPv4 only, and knows others.
func converseFour(t *testing.T, others ...string) *conversation {
	tn := converseWith(t, func(c *Config) { c.Families = IPv4 }, others...)
	tn.n.probe.next = Never
	return tn
}

// meet makes b introduce a member with an IPv6 address.
func (tn *conversation) meet(name string) {
	tn.t.Helper()
	tn.recv("b", aliveSix(name, 1))
	tn.advance(2 * time.Second)
	tn.forget()
}

func pingSix(seq uint32, name, source string) []byte {
	a := sixOf(source)
	m := wire.Ping{Seq: seq, Node: []byte(name), SourceAddr: a.Addr().AsSlice(), SourcePort: a.Port(), SourceNode: []byte(source)}
	return m.Append(nil)
}

// A ping is answered by the version of IP that it came by, whatever address it names, known or not.
func TestAckUsesTheFamilyOfThePing(t *testing.T) {
	for _, f := range []Families{0, IPv4, IPv4 | IPv6} {
		tn := converseWith(t, func(c *Config) { c.Families = f }, "b")
		tn.n.probe.next = Never
		tn.meet("s")
		tn.recv("s", pingSix(7, "a", "s"))
		tn.want(fmt.Sprint("with families ", f), "s: ack 7")
		tn.wantNone("its own address", sixOf("s").String()+": ack *")
	}
}

// A member that has both versions of IP, and tells an address that can't be sent to, is sent to at
// the address it was heard from, once it has answered there.
func TestDetour(t *testing.T) {
	tn := converseFour(t, "b")
	tn.meet("s")
	id := tn.n.member([]byte("s"))
	tn.recv("s", pingSix(7, "a", "s"))
	tn.want("does it answer there?", "s: ack 7", "s: ping s")
	if tn.n.reachesMember(id) {
		t.Error("anybody can claim to be s")
	}
	tn.recv("s", pingSix(8, "a", "s"))
	tn.wantNone("asked already", "s: ping s")
	tn.forget()
	tn.recv("s", ack(tn.seqs["ping s"]))
	tn.want("said", "note detour s")
	if !tn.n.memberAt(id, addrOf("s")) || !tn.n.memberAt(id, sixOf("s")) ||
		!tn.n.Detoured(sixOf("s")) {
		t.Error("it isn't s that is there")
	}
	tn.n.inquire(tn.now, &tn.n.probe.inquiry, id, &tn.out)
	tn.collect()
	tn.want("probed there", "s: ping s")
	tn.recv("s", ack(tn.seqs["ping s"]))
	tn.want("as any other", "event acked s")
	tn.recv("s", pingSix(9, "a", "s"))
	tn.wantNone("and known", "s: ping s")
	tn.n.callPushPull(tn.now, sixOf("s"), call{kind: callPushPull, member: id}, false, &tn.out)
	tn.collect()
	tn.want("streams go there, too", "s: stream push/pull")
}

func TestDetourNeedsAnAckFromThere(t *testing.T) {
	tn := converseFour(t, "b")
	tn.meet("s")
	tn.recv("s", pingSix(7, "a", "s"))
	tn.recv("v", ack(tn.seqs["ping s"]))
	if tn.n.CanReach(sixOf("s")) {
		t.Error("somebody else answered")
	}
}

func TestDetoursAreBounded(t *testing.T) {
	tn := converseFour(t, "b")
	tn.meet("s")
	e := pendingPing{member: tn.n.member([]byte("s")), to: addrOf("s")}
	for i := range maxDetours + 1 {
		tn.n.identify(e.member, profile{netip.AddrPortFrom(sixOf("s").Addr(), uint16(i+1)), nil, modern})
		tn.n.takeDetour(tn.now, &e, e.to, &tn.out)
		if got := len(tn.n.detours.via); got > maxDetours {
			t.Fatalf("%d detours", got)
		}
	}
	if !tn.n.CanReach(netip.AddrPortFrom(sixOf("s").Addr(), maxDetours+1)) {
		t.Error("the last one isn't known")
	}
}

// A member without a route is neither pinged nor gossiped to: helpers are asked at once. While they
// reach some such member, none is suspected for lack of an answer; that is up to members of its
// family.
func TestMemberWithoutARoute(t *testing.T) {
	tn := converseFour(t, "b")
	tn.meet("s")
	tn.meet("t")
	s, other := tn.n.member([]byte("s")), tn.n.member([]byte("t"))
	probe := func(id MemberID) {
		tn.n.inquire(tn.now, &tn.n.probe.inquiry, id, &tn.out)
		tn.collect()
	}
	probe(s)
	tn.advance(0)
	tn.want("others may reach it", "b: ping-req s nack")
	tn.wantNone("it can't be sent to", sixOf("s").String()+": ping *")
	tn.recv("b", ack(tn.seqs["ping-req s"]))
	tn.want("said once", "note no-route s")
	probe(s)
	tn.advance(2 * time.Second)
	tn.wantNone("it may live", "event suspected s")
	if tn.n.health != 0 {
		t.Error("that there is no way is nobody's illness")
	}
	tn.wantNone("once", "note no-route s")
	probe(other)
	tn.advance(2 * time.Second)
	tn.want("of the other, too", "note no-route t")
	tn.advance(helperPatience * time.Second)
	probe(s)
	tn.advance(2 * time.Second)
	tn.want("nobody is heard of for long: the way between is lost", "event suspected s")
}

// In a large cluster, the last time that a helper was asked is long ago.
func TestPatienceWithoutARouteBeginsWithTheFirstMiss(t *testing.T) {
	tn := converseFour(t, "b")
	tn.n.probe.next = Never
	tn.meet("s")
	s := tn.n.member([]byte("s"))
	probe := func() {
		tn.n.inquire(tn.now, &tn.n.probe.inquiry, s, &tn.out)
		tn.collect()
		tn.advance(0)
	}
	probe()
	tn.recv("b", ack(tn.seqs["ping-req s"]))
	tn.advance(2 * helperPatience * time.Second)
	probe()
	tn.advance(2 * time.Second)
	tn.wantNone("one helper's silence says little", "event suspected s")
}

// A helper without a route to the target answers with a nack at once.
func TestNackWithoutARoute(t *testing.T) {
	tn := converseFour(t, "b")
	tn.meet("s")
	a := sixOf("s")
	m := wire.IndirectPing{Seq: 5, Target: a.Addr().AsSlice(), Port: a.Port(), Node: []byte("s"), Nack: true, SourceNode: []byte("b")}
	tn.recv("b", m.Append(nil))
	tn.want("others are to be asked", "b: nack 5")
}

// A claim to the name of a member without a route is checked by helpers.
func TestMoveOfAMemberWithoutARoute(t *testing.T) {
	for _, answers := range []bool{true, false} {
		tn := converseFour(t, "b")
		tn.meet("s")
		tn.recvFrom(elsewhere, aliveAt("s", 2, elsewhere, ""))
		tn.want("is the old one still there?", "b: ping-req s")
		want := elsewhere
		if answers {
			tn.recv("b", ack(tn.seqs["ping-req s"]))
			want = sixOf("s")
		}
		tn.advance(2 * time.Second)
		tn.wantAddr(fmt.Sprint("answers: ", answers), "s", want)
	}
}

func TestFamiliesChange(t *testing.T) {
	tn := converseFour(t, "b")
	tn.meet("s")
	for _, f := range []Families{IPv4 | IPv6, 0, IPv6} {
		tn.n.SetFamilies(f)
		if !tn.n.CanReach(sixOf("s")) {
			t.Errorf("with %d it can be sent to", f)
		}
	}
	if tn.n.CanReach(addrOf("b")) {
		t.Error("no longer to IPv4")
	}
}
