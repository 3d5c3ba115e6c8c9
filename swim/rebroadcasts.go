package swim

import (
	"slices"

	"serf/wire"
)

// Rebroadcasts are broadcasts that gossip has sent often enough. They are sent some more times with
// packets that go out anyway and have room: pings and acks, of which each member gets about two a
// second. A member may have missed a second of gossip by bad luck, or because it was cut off for a
// moment; otherwise it would wait for a push/pull, minutes in a large cluster. A rebroadcast arms
// no timer and takes no packet of its own. The zero Rebroadcasts is empty.
type Rebroadcasts struct {
	// FreshFirst sends those first that were sent least often, the oldest of them first. It is for
	// when few packets carry any: in turns, new ones would wait behind many that all have had.
	FreshFirst bool

	list []rebroadcast // oldest first; with FreshFirst as sort has it
	next int           // the first for the next packet
	free [][]byte
}

type rebroadcast struct {
	msg  []byte
	left int // times
}

const (
	// RebroadcastsMax bounds them: the newest of a longer burst stay. Members still accept messages
	// that old, and a ping with all of them is no longer than a few packets of gossip.
	RebroadcastsMax = 64
	// rebroadcastTimes is how often each is sent: for six seconds or so.
	rebroadcastTimes = 12
)

// Len is the number of broadcasts.
func (r *Rebroadcasts) Len() int { return len(r.list) }

// Fill adds to p the broadcasts that fit, each once. It goes on where the last packet was full.
func (r *Rebroadcasts) Fill(p *wire.Packer) {
	if r.FreshFirst {
		r.sort()
	}
	for range len(r.list) {
		if r.next >= len(r.list) {
			r.next = 0
		}
		x := &r.list[r.next]
		if !p.Add(x.msg) {
			return
		}
		if x.left--; x.left == 0 {
			r.drop(r.next)
			continue
		}
		r.next++
	}
}

// sort orders the list by how often each was sent, and those of equal number by age. It is short, so
// that insertion is as good as a library's sort, which would be 8 kB for this type.
func (r *Rebroadcasts) sort() {
	for i, x := range r.list {
		for ; i > 0 && r.list[i-1].left < x.left; i-- {
			r.list[i] = r.list[i-1]
		}
		r.list[i] = x
	}
	r.next = 0
}

// add keeps a copy of msg.
func (r *Rebroadcasts) add(msg []byte) {
	switch {
	case len(r.list) < RebroadcastsMax:
	case r.FreshFirst:
		r.sort()
		r.drop(len(r.list) - 1)
	default:
		r.drop(0)
		r.next = max(r.next-1, 0)
	}
	var own []byte
	if k := len(r.free) - 1; k >= 0 {
		own, r.free = r.free[k], r.free[:k]
	}
	r.list = append(r.list, rebroadcast{msg: append(own[:0], msg...), left: rebroadcastTimes})
}

// drop removes one. When none is left their memory is released.
func (r *Rebroadcasts) drop(i int) {
	r.free = append(r.free, r.list[i].msg)
	r.list = slices.Delete(r.list, i, i+1)
	if len(r.list) == 0 {
		*r = Rebroadcasts{FreshFirst: r.FreshFirst}
	}
}
