package swim

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"serf/wire"
)

func (tn *conversation) readdress(addr netip.AddrPort) {
	tn.t.Helper()
	if err := tn.n.SetAddr(tn.now, addr, &tn.out); err != nil {
		tn.t.Fatal(err)
	}
	tn.collect()
}

// A running node whose host gets another address announces it like a member that came back
// elsewhere: first the new address at a higher incarnation, then, for stock members, the end of the
// old one.
func TestRunningNodeGetsAnotherAddress(t *testing.T) {
	tn := converse(t, "b")
	tn.n.probe.next = Never
	tn.readdress(elsewhere)
	tn.want("known here at once", "note moved a", "event updated a")
	tn.wantAddr("known here at once", "a", elsewhere)
	tn.want("and by the others, at a higher incarnation than the old address and its end",
		"b: alive a@3")
	tn.advance(tn.n.moveSpread())
	tn.want("the old one is revived, where it was", "b: alive a@2")
	tn.advance(step)
	tn.want("it leaves", "b: dead a@2 from a")
	tn.advance(step)
	tn.want("and we appear", "b: alive a@4")
	tn.wantNone("nobody is asked whether we are still there", "a: *")
	tn.forget()
	tn.recv("b", aliveAt("a", 2, addrOf("a"), ""))
	tn.wantIdle("the old address is still gossiped")
}

// Other members' claims fill the table of moves: this node's own move replaces the newest of them,
// and never exceeds the limit. One below the limit all stay.
func TestOwnMoveHasRoomAmongMaxMoves(t *testing.T) {
	for _, tt := range []struct{ claims, moves, dropped int }{
		{maxMoves - 1, maxMoves, 0}, {maxMoves, maxMoves, 1},
	} {
		tn := converse(t)
		tn.claimMoves(tt.claims)
		tn.readdress(netip.MustParseAddrPort("10.0.1.9:7946"))
		if got := len(tn.n.moves.list); got != tt.moves || tn.n.counters.DroppedMoves != uint64(tt.dropped) {
			t.Errorf("%d claims: %d moves, %d dropped, want %d and %d",
				tt.claims, got, tn.n.counters.DroppedMoves, tt.moves, tt.dropped)
		}
		if m := tn.n.moves.of(tn.n.self); m == nil || m.stage != moveTold {
			t.Errorf("%d claims: the own move isn't announced", tt.claims)
		}
	}
}

// A refused claim makes room before one that may be true.
func TestOwnMoveReplacesARefusedClaim(t *testing.T) {
	tn := converse(t)
	tn.claimMoves(maxMoves)
	refused := tn.n.moves.list[7].member
	tn.n.refuseMove(tn.now, tn.n.moves.of(refused), &tn.out)
	tn.readdress(netip.MustParseAddrPort("10.0.1.9:7946"))
	if len(tn.n.moves.list) != maxMoves || tn.n.moves.of(refused) != nil ||
		tn.n.counters.DroppedMoves != 0 {
		t.Errorf("%d moves, the refused one there: %v, %d dropped",
			len(tn.n.moves.list), tn.n.moves.of(refused) != nil, tn.n.counters.DroppedMoves)
	}
}

func TestMessagesCarryTheNewAddress(t *testing.T) {
	tn := converse(t, "b")
	tn.readdress(elsewhere)
	m, err := wire.ParsePing(tn.n.appendPing(nil, []byte("b"), 1)[1:])
	if err != nil || addrPort(m.SourceAddr, m.SourcePort) != elsewhere {
		t.Errorf("a ping comes from %v, %v", addrPort(m.SourceAddr, m.SourcePort), err)
	}
	if tn.n.Addr() != elsewhere {
		t.Errorf("it is at %v", tn.n.Addr())
	}
}

// The target can't answer: it was told the old address.
func TestProbeInFlightEndsAtANewAddress(t *testing.T) {
	tn := converse(t, "b")
	tn.advance(time.Second)
	tn.want("a probe", "b: ping b")
	tn.readdress(elsewhere)
	tn.n.probe.next = Never
	tn.advance(time.Second)
	tn.wantNone("its answer is lost, and that is nobody's fault", "event suspected b")
}

func TestSecondChangeOfAddress(t *testing.T) {
	tn := converse(t, "b")
	tn.n.probe.next = Never
	tn.readdress(elsewhere)
	tn.advance(step)
	tn.readdress(addrOf("a"))
	tn.readdress(addrOf("a"))
	tn.wantAddr("back", "a", addrOf("a"))
	tn.advance(tn.n.moveSpread() + 2*step)
	tn.want("at a higher incarnation than all before", "b: alive a@6", "b: dead a@4 from a")
	if got := len(tn.n.moves.list); got != 1 {
		t.Errorf("%d moves", got)
	}
}

func TestNewAddressIsChecked(t *testing.T) {
	tn := converse(t, "b")
	for _, addr := range []string{"0.0.0.0:7946", "224.0.0.1:7946", "10.0.0.1:0"} {
		if err := tn.n.SetAddr(tn.now, netip.MustParseAddrPort(addr), &tn.out); err == nil {
			t.Errorf("%s is taken", addr)
		}
	}
	if err := tn.n.SetAddr(tn.now, addrOf("a"), &tn.out); err != nil || tn.n.inc != 1 {
		t.Errorf("the same again: %v, incarnation %d", err, tn.n.inc)
	}
	tn.n.Leave(tn.now, &tn.out)
	if err := tn.n.SetAddr(tn.now, elsewhere, &tn.out); !errors.Is(err, ErrLeaving) {
		t.Errorf("leaving: %v", err)
	}
}
