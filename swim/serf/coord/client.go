package coord

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// RTTMax is the longest round trip that counts as an observation. A longer one shows a stuck
// process, not the network.
const RTTMax = 10 * time.Second

const (
	errorGain    = 0.25 // Vivaldi's c_e: how much one observation changes the error
	placeGain    = 0.25 // Vivaldi's c_c: how much it changes the place
	gravityRho   = 150  // the higher, the weaker the pull to the origin
	adjustWindow = 20   // observations that the adjustment averages
	filterSize   = 3    // round trips per member whose median counts
)

// Reasons to refuse an observation. Nothing changes then.
var (
	ErrCoordinate = errors.New("coordinate out of range")
	ErrRTT        = errors.New("round trip time out of range")
)

// Client estimates the coordinate of one member from its observations of others. Make it with New;
// a copy shares memory with its original.
type Client struct {
	here    Coordinate
	adjust  [adjustWindow]float64 // by how much the last predictions fell short, seconds
	adjustN int                   // next place in adjust
	resets  uint64
	peers   peers
}

// New returns a client at the origin that remembers so many members, at 128 bytes each. Round trips
// to others count unfiltered: in a large cluster each is observed so rarely that a stray value is
// soon outweighed.
func New(limit int) Client { return Client{here: Origin(), peers: peers{limit: limit}} }

// Coordinate returns the present estimate.
func (c *Client) Coordinate() Coordinate { return c.here }

// Preload reads a field in each cache line of c: see swim.Node.Preload.
func (c *Client) Preload() uint64 {
	sum := c.here.Vec[0] + c.here.Height + c.adjust[0] + c.adjust[8] + c.adjust[16]
	return math.Float64bits(sum) + uint64(c.adjustN) + uint64(len(c.peers.keys))
}

// Resets is how often the estimate went out of range and started over.
func (c *Client) Resets() uint64 { return c.resets }

// Forget drops what is remembered of a member. The key is that of Update.
func (c *Client) Forget(member uint32) { c.peers.forget(member) }

// Last returns the coordinate of a member when it was last observed, and the median of the last
// round trips to it; false if it isn't remembered.
func (c *Client) Last(member uint32) (at Coordinate, rtt time.Duration, ok bool) {
	if p := c.peers.find(member); p != nil {
		return p.at, p.median(), true
	}
	return Coordinate{}, 0, false
}

// Trips returns the last round trips to a member, the oldest first; none if it isn't remembered. The
// slice is borrowed until the next call of Update or Forget.
func (c *Client) Trips(member uint32) []time.Duration {
	if p := c.peers.find(member); p != nil {
		return p.rtts[:p.n]
	}
	return nil
}

// Update moves the estimate by one observation: a round trip to a member that claims to be at
// other. The member's key is the caller's choice. rng returns numbers in [0, 1) and is drawn from
// only when places coincide. The error wraps ErrCoordinate or ErrRTT.
func (c *Client) Update(
	member uint32, other Coordinate, rtt time.Duration, rng func() float64,
) error {
	if !other.Valid() {
		return ErrCoordinate
	}
	if rtt < 0 || rtt > RTTMax {
		return fmt.Errorf("%v, limit %v: %w", rtt, RTTMax, ErrRTT)
	}
	p := c.peers.obtain(member)
	p.at = other
	p.add(rtt)
	seconds := p.median().Seconds()
	c.observe(&other, seconds, rng)
	c.readjust(&other, seconds)
	c.gravitate(rng)
	if !c.here.Valid() {
		c.resets++
		c.here, c.adjust = Origin(), [adjustWindow]float64{}
	}
	return nil
}

// observe is the algorithm of Vivaldi.
func (c *Client) observe(other *Coordinate, rtt float64, rng func() float64) {
	rtt = max(rtt, nearMin)
	g := between(&c.here.Vec, &other.Vec)
	predicted := adjusted(g.length+c.here.Height+other.Height, &c.here, other).Seconds()
	relative := math.Abs(predicted-rtt) / rtt // error of the prediction
	// The less certain of the two moves more.
	weight := c.here.Error / max(c.here.Error+other.Error, nearMin)
	e := float64(errorGain*weight*relative) + float64(c.here.Error*(1-float64(errorGain*weight)))
	c.here.Error = min(e, errorMax)
	c.here.push(placeGain*weight*(rtt-predicted), other, &g, rng)
}

// readjust averages the error that the place alone leaves. Each end takes half of it.
func (c *Client) readjust(other *Coordinate, rtt float64) {
	c.adjust[c.adjustN] = rtt - rawDistance(&c.here, other)
	c.adjustN = (c.adjustN + 1) % adjustWindow
	sum := 0.0
	for _, a := range c.adjust {
		sum += a
	}
	c.here.Adjustment = sum / (2 * adjustWindow)
}

// gravitate keeps the cluster as a whole from drifting away from the origin.
func (c *Client) gravitate(rng func() float64) {
	origin := Origin()
	way := between(&c.here.Vec, &origin.Vec) // as long in the other direction
	g := adjusted(way.length+origin.Height+c.here.Height, &origin, &c.here).Seconds() / gravityRho
	c.here.push(-(g * g), &origin, &way, rng)
}
