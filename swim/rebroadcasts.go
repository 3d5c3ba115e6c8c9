package swim

import (
	"slices"

	"serf/wire"
)

// Rebroadcasts are broadcasts that have been sent as often as gossip sends them. They go along,
// some times more, with packets that are sent anyway and have room: pings and acks, of which each
// member gets about two a second. By bad luck, or because it was cut off for a moment, a member may
// have missed what was gossiped within a second or so; without echoes it would wait for a full
// exchange, minutes in a large cluster. An echo arms nothing and takes no packet of its own. The
// zero Rebroadcasts is empty.
type Rebroadcasts struct {
	list []echo // oldest first
	next int    // the first for the next packet
	free [][]byte
}

type echo struct {
	msg  []byte
	left int // times
}

const (
	// RebroadcastsMax bounds them: of a longer burst the newest. Members still take something that
	// old for news, and a ping with all of them is no longer than a few packets of gossip.
	RebroadcastsMax = 64
	// echoTimes is how often each is sent: for six seconds or so.
	echoTimes = 12
)

// Len is the number of broadcasts that are kept.
func (e *Rebroadcasts) Len() int { return len(e.list) }

// Fill adds to p what fits, each once, those first that the last packet had no room for.
func (e *Rebroadcasts) Fill(p *wire.Packer) {
	for range len(e.list) {
		if e.next >= len(e.list) {
			e.next = 0
		}
		x := &e.list[e.next]
		if !p.Add(x.msg) {
			return
		}
		if x.left--; x.left == 0 {
			e.drop(e.next)
			continue
		}
		e.next++
	}
}

// add keeps a copy of msg.
func (e *Rebroadcasts) add(msg []byte) {
	if len(e.list) >= RebroadcastsMax {
		e.drop(0)
		e.next = max(e.next-1, 0)
	}
	var own []byte
	if k := len(e.free) - 1; k >= 0 {
		own, e.free = e.free[k], e.free[:k]
	}
	e.list = append(e.list, echo{msg: append(own[:0], msg...), left: echoTimes})
}

// drop forgets one. When all are gone their memory is given back.
func (e *Rebroadcasts) drop(i int) {
	e.free = append(e.free, e.list[i].msg)
	e.list = slices.Delete(e.list, i, i+1)
	if len(e.list) == 0 {
		*e = Rebroadcasts{}
	}
}
