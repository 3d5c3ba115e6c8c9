package serf

import (
	"serf/swim"
	"serf/swim/serf/coord"
	"serf/wire"
)

// coordinates is where this node and the others are, in round trip times.
type coordinates struct {
	off    bool
	client coord.Client
}

func (c *coordinates) init(cfg *Config) {
	c.off, c.client = cfg.DisableCoordinates, coord.New(cfg.CoordinatesMax)
}

// appendPayload appends what acks of this node carry.
func (c *coordinates) appendPayload(b []byte) []byte {
	if c.off {
		return b
	}
	w := wire.Coordinate(c.client.Coordinate())
	return wire.AppendAckPayload(b, &w)
}

func (c *coordinates) forget(id swim.MemberID) { c.client.Forget(uint32(id)) }

// handleAcked learns from a direct ping how far a member is.
func (n *Node) handleAcked(e *swim.Event, out *swim.Output) {
	c := &n.coords
	if c.off || len(e.Data) == 0 {
		return
	}
	w, err := wire.ParseAckPayload(e.Data)
	other := coord.Coordinate(w)
	if err == nil {
		if e.RTT == 0 {
			n.count.ZeroRTTs++
		}
		err = c.client.Update(uint32(e.Member), other, e.RTT, n.swim.RandomFloat)
	}
	if err != nil {
		n.count.CoordinatesRefused++
		n.note(out, swim.Note{Level: swim.Trace, Code: NoteCoordinateRefused, Member: e.Member, Err: err})
	}
}

// Coordinate returns where a member was when it was probed last, or where this node is; false if
// that isn't known.
func (n *Node) Coordinate(name string) (coord.Coordinate, bool) {
	if n.coords.off {
		return coord.Coordinate{}, false
	}
	if name == n.cfg.Name {
		return n.coords.client.Coordinate(), true
	}
	return n.coords.client.Last(uint32(n.lookup([]byte(name))))
}
