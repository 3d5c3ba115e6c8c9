package swim

import (
	"errors"
	"fmt"
	"net/netip"
)

var errTooManyPings = errors.New("too many pings in flight")

// Ping pings the member of this name at an address; with an empty name, anybody there. It ends with
// an EventPinged, after Config.ProbeTimeout at the latest. It is for whoever wants to know: nobody
// is suspected or believed because of it. The error names a name or address that no member can
// have.
func (n *Node) Ping(now Time, name []byte, to netip.AddrPort, out *Output) (OpID, error) {
	if len(name) > NameMax {
		return 0, fmt.Errorf("name: %d bytes, limit %d: %w", len(name), NameMax, ErrTooLarge)
	}
	to = plainAddr(to)
	if err := unusable(to); err != nil {
		return 0, fmt.Errorf("address %v: %w", to, err)
	}
	e := Event{Kind: EventPinged, Op: n.nextOp(), Addr: to}
	switch {
	case len(n.pings.list) >= maxDeferrable:
		e.Err = errTooManyPings
	case !n.CanReach(to):
		e.Err = ErrNoRoute
	}
	if e.Err != nil {
		out.event(e)
		return e.Op, nil
	}
	seq := n.beginUntil(pendingPing{
		kind: pingAsked, op: e.Op, to: to, sent: now, deadline: now.Add(n.cfg.ProbeTimeout),
	})
	out.scratch.msg = n.appendPing(out.scratch.msg[:0], name, seq)
	n.sendBare(to, NoMember, out, out.scratch.msg)
	return e.Op, nil
}
