package lamport

import "slices"

// pastMax is how many messages are recognised after the window has moved on: some seconds' worth,
// at a thousand a second. In such a burst, a message that was seen comes round again later than the
// window lasts, which is half a second.
const pastMax = 4096

// past remembers the messages that left a window last, by time and checksum or ID. It can mistake a
// message for one that it had, which is refused either way.
type past struct {
	keys []uint64 // the oldest is at next once there are pastMax
	next int
}

func pastKey(t Time, sum uint32) uint64 { return uint64(t)<<32 | uint64(sum) }

func (p *past) add(t Time, sum uint32) {
	if len(p.keys) < pastMax {
		p.keys = append(p.keys, pastKey(t, sum))
		return
	}
	p.keys[p.next] = pastKey(t, sum)
	p.next = (p.next + 1) % pastMax
}

func (p *past) has(t Time, sum uint32) bool { return slices.Contains(p.keys, pastKey(t, sum)) }
