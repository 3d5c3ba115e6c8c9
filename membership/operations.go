package membership

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"

	"serf/swim"
)

// SetMeta changes what this member says about itself, and waits until the others were told: as
// often as any news, which is a matter of seconds. If ctx ends before, they will be told all the
// same. A later call ends an earlier one.
func (n *Node) SetMeta(ctx context.Context, meta []byte) error {
	_, err := n.operate(ctx, func(now swim.Time, out *swim.Output) (swim.OpID, error) {
		return n.loop.core.UpdateMeta(now, meta, out)
	})
	if errors.Is(err, swim.ErrSuperseded) {
		err = nil
	}
	n.flush(ctx)
	return err
}

// SetZones changes how members are divided into zones, from now on.
func (n *Node) SetZones(ctx context.Context, z Zones) (err error) {
	done := n.do(ctx, func(swim.Time, *swim.Output) { err = n.loop.core.SetZones(z) })
	return cmp.Or(done, err)
}

// Pong is the answer to a ping.
type Pong struct {
	RTT     time.Duration
	Payload []byte // of the other's AckPayload
}

// Ping pings a member, and returns how long it took, or ErrNoAnswer after Timing.ProbeTimeout. With
// an empty name anybody at the address answers. Nobody is suspected or believed because of it.
func (n *Node) Ping(ctx context.Context, name string, addr netip.AddrPort) (Pong, error) {
	if err := checkAddr(addr); err != nil {
		return Pong{}, err
	}
	r, err := n.operate(ctx, func(now swim.Time, out *swim.Output) (swim.OpID, error) {
		return n.loop.core.Ping(now, []byte(name), addr, out)
	})
	if err != nil {
		return Pong{}, err
	}
	return Pong{RTT: r.rtt, Payload: r.payload}, nil
}

// Leave tells the others that this member leaves, and waits until they were told, at most
// Timing.LeaveTimeout: then the error is ErrLeaveTimeout. If ctx ends before, they will be told all
// the same. The node goes on answering until Close, but neither joins nor changes any more. Another
// call waits for the same, or returns how it ended.
func (n *Node) Leave(ctx context.Context) error {
	var already *result
	_, err := n.operate(ctx, func(now swim.Time, out *swim.Output) (swim.OpID, error) {
		if already = n.loop.left; already != nil {
			return 0, errAlready
		}
		op := n.loop.core.Leave(now, out)
		if self, ok := n.table.get(n.table.self); ok && self.State != StateLeft {
			n.record(n.loop.core.Self(), Left)
		}
		return op, nil
	})
	n.flush(ctx)
	if already != nil {
		return already.err
	}
	return err
}

var errAlready = errors.New("over already")
