package serf

import (
	"slices"
	"time"

	"serf/swim"
	"serf/swim/serf/coord"
	"serf/wire"
)

// coordinates is this node's network coordinate and the last ones of others.
type coordinates struct {
	client coord.Client
	off    bool
}

func (c *coordinates) init(cfg *Config) {
	c.off, c.client = cfg.DisableCoordinates, coord.New(cfg.CoordinatesMax)
}

// appendPayload appends what this node's acks carry.
func (c *coordinates) appendPayload(b []byte) []byte {
	if c.off {
		return b
	}
	w := wire.Coordinate(c.client.Coordinate())
	return wire.AppendAckPayload(b, &w)
}

func (c *coordinates) forget(id swim.MemberID) { c.client.Forget(uint32(id)) }

// handleAcked updates the own coordinate by the round trip of a direct probe.
func (n *Node) handleAcked(e *swim.Event, out *swim.Output) {
	c := &n.coords
	if c.off || len(e.Data) == 0 {
		return
	}
	w, err := wire.ParseAckPayload(e.Data)
	if err == nil {
		if e.RTT == 0 {
			n.count.ZeroRTTs++
		}
		err = c.client.Update(uint32(e.Member), coord.Coordinate(w), e.RTT, n.swim.RandomFloat)
	}
	if err != nil {
		n.count.CoordinatesRefused++
		n.note(out, swim.Trace, NoteCoordinateRefused, swim.Note{Member: e.Member, Err: err})
		return
	}
	n.table.changes.Add(e.Member)
	n.table.changes.Add(n.self)
}

// Coordinate returns this node's coordinate, or that of a member when it was last probed; false if
// it isn't known.
func (n *Node) Coordinate(name string) (coord.Coordinate, bool) {
	l, ok := n.location(n.lookup([]byte(name)))
	return l.At, ok
}

// RoundTrips returns the last few round trips of direct probes of a member, the oldest first; none
// if it isn't known. The slice is borrowed until time passes.
func (n *Node) RoundTrips(name string) []time.Duration {
	return n.coords.client.Trips(uint32(n.lookup([]byte(name))))
}

// RoundTripHash is the hash of a member's name in a Report of round trips.
func RoundTripHash(name string) uint32 { return uint32(nameHash(name) >> 32) }

// appendRoundTrips appends the last round trip to each member that is alive, in at most room bytes.
// If that isn't enough for all, they are those with the least hashes: all members then tell of the
// same ones, and round trips between these are known both ways.
func (n *Node) appendRoundTrips(b []byte, room int) []byte {
	const bits = 31  // of µs
	var list []int64 // the hash of each member, and its round trip in µs
	for m := range n.All() {
		if trips := n.coords.client.Trips(uint32(m.ID)); len(trips) > 0 && m.Status == StatusAlive {
			micros := trips[len(trips)-1] / time.Microsecond // at most coord.RTTMax
			list = append(list, int64(RoundTripHash(m.Name))<<bits|int64(micros))
		}
	}
	slices.Sort(list)
	for _, r := range list {
		if len(b)+wire.RoundTripMax > room {
			break
		}
		b = wire.AppendRoundTrip(b, wire.RoundTrip{
			Member: uint32(r >> bits), Micros: uint32(r & (1<<bits - 1)),
		})
	}
	return b
}

// Location is where a member is, as its last ack to this node said, and how far away that ack was.
type Location struct {
	At coord.Coordinate
	// RTT is the median of the last few round trips of direct probes; 0 from this node to itself.
	RTT time.Duration
}

func (n *Node) location(id swim.MemberID) (l Location, ok bool) {
	switch {
	case n.coords.off:
		return Location{}, false
	case id == n.self:
		return Location{At: n.coords.client.Coordinate()}, true
	}
	l.At, l.RTT, ok = n.coords.client.Last(uint32(id))
	return l, ok
}
