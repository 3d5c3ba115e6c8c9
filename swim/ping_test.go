package swim

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"serf/wire"
)

func (tn *conversation) ping(name, to string) {
	tn.t.Helper()
	if _, err := tn.n.Ping(tn.now, []byte(name), addrOf(to), &tn.out); err != nil {
		tn.t.Fatal(err)
	}
	tn.collect()
}

func TestPingForTheLayerAbove(t *testing.T) {
	tn := converse(t)
	tn.ping("b", "b")
	tn.want("the ping goes out alone: perhaps nobody is there", "b: ping b")
	tn.wantIdle("and nothing else")
	tn.advance(20 * time.Millisecond)
	tn.forget()
	a := wire.Ack{Seq: tn.seqs["ping b"], Payload: []byte("coordinate")}
	tn.recv("b", a.Append(nil))
	tn.want("its ack ends it", `event pinged b in 20ms "coordinate": <nil>`)
	tn.recv("b", a.Append(nil))
	tn.advance(tn.n.cfg.ProbeTimeout)
	tn.wantNone("once", "event pinged *")
}

func TestPingWithoutAnAnswer(t *testing.T) {
	tn := converse(t, "b")
	tn.ping("b", "b")
	tn.forget()
	tn.advance(tn.n.cfg.ProbeTimeout - 1)
	tn.wantNone("it may still come", "event pinged *")
	tn.advance(1)
	tn.want("over", `event pinged b in 0s "": no answer in time`)
	tn.wantNone("whoever asks doesn't accuse", "*suspect*")
	tn.wantState("so", "b", Alive, 1)
	tn.recv("b", ack(tn.seqs["ping b"]))
	tn.wantNone("a late ack", "event pinged *")
}

// A member may answer that isn't known here, at an address without a name.
func TestPingOfAnybody(t *testing.T) {
	tn := converse(t)
	tn.ping("", "z")
	tn.want("any member answers that", "z: ping ")
	tn.recv("z", ack(tn.seqs["ping "]))
	tn.want("and ends it", "event pinged z in 0s *: <nil>")
	if _, ok := tn.n.Lookup([]byte("z")); ok {
		t.Error("a ping makes nobody a member")
	}
}

// The record of a member goes while its ping is in flight.
func TestPingOutlivesTheMember(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.recv("c", dead("b", 1, "b"))
	tn.ping("b", "b")
	b, _ := tn.n.Lookup([]byte("b"))
	if !tn.n.Forget(tn.now, b) {
		t.Fatal("b isn't forgotten")
	}
	tn.advance(tn.n.cfg.ProbeTimeout)
	tn.want("ended all the same", "event pinged b *: no answer in time")
}

func TestPingsAreRefused(t *testing.T) {
	tn := converse(t)
	if _, err := tn.n.Ping(tn.now, []byte(strings.Repeat("n", NameMax+1)), addrOf("b"), &tn.out); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a name of %d bytes: %v", NameMax+1, err)
	}
	if _, err := tn.n.Ping(tn.now, []byte(strings.Repeat("n", NameMax)), addrOf("b"), &tn.out); err != nil {
		t.Error(err)
	}
	if _, err := tn.n.Ping(tn.now, nil, netip.AddrPort{}, &tn.out); !errors.Is(err, errNoIP) {
		t.Errorf("no address: %v", err)
	}
	for len(tn.n.pings.list) < maxDeferrable {
		tn.ping("b", "b")
	}
	tn.wantNone("so many at once", "event pinged *")
	tn.ping("b", "b")
	tn.want("no more", "event pinged b *: too many pings in flight")
}

func TestPingWithoutARoute(t *testing.T) {
	tn := converse(t)
	tn.n.SetFamilies(IPv4)
	if _, err := tn.n.Ping(tn.now, nil, netip.MustParseAddrPort("[2001:db8::1]:7946"), &tn.out); err != nil {
		t.Fatal(err)
	}
	if e := tn.out.Events; len(e) != 1 || e[0].Err != ErrNoRoute {
		t.Errorf("events %+v, want one that says why", e)
	}
}
