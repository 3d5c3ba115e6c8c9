package netsim

import "serf/swim"

// What stands between two hosts and isn't a matter of chance: what a packet or a stream has to pass
// while there are impairments.

// stopped reports whether a packet from host h to another, at a place, gets no further, and counts
// why. Tables of flows before the other are asked when it arrives there.
func (w *worker) stopped(h, to int32, at place, size int) bool {
	rejected, cut, large := false, w.sim.behindNAT(to), false
	w.sim.rules(h, to, func(r *rule) bool {
		rejected = rejected || r.Reject
		cut = cut || r.Cut || r.BlockUDP
		large = large || r.tooLarge(size+ipHeader)
		return false
	})
	switch {
	case rejected:
		w.stats.Rejected++
	case cut:
		w.stats.Cut++
	case large:
		w.stats.TooLarge++
	case !w.admitOut(h, at):
		w.stats.NoFlow++
	default:
		return false
	}
	return true
}

// refusal is the error that an attempt to connect meets at once, or nil.
func (s *Sim) refusal(h, server int32) error {
	switch {
	case server == none:
		return ErrRefused // the host is up but its program is not: a crash, not a cut cable
	case s.streamFault(h, server) == StreamsRefuse:
		return ErrRefused
	case s.rejects(h, server):
		return ErrUnreachable
	}
	return nil
}

// connects reports whether an attempt to connect gets an answer.
func (w *worker) connects(h, server int32) bool {
	s := w.sim
	return !s.behindNAT(server) && s.reaches(h, server) && s.reaches(server, h) &&
		s.streamFault(h, server) < StreamsHang && w.admitStream(h)
}

// tcpHeader is what IPv4 and TCP add to a segment, in bytes.
const tcpHeader = 40

// carries reports whether a block of so many bytes arrives, and is read, once a stream is connected.
func (s *Sim) carries(h, server int32, size int) bool {
	return s.streamFault(h, server) < StreamsSilent && s.fits(h, server, size+tcpHeader)
}

// tooLarge reports whether the rule has a packet of so many bytes, with its headers, vanish.
func (r *rule) tooLarge(size int) bool { return r.MTU > 0 && size > r.MTU }

// expiry is what the caller is told at its deadline.
func (c *call) expiry() error {
	if c.silent {
		return swim.ErrStreamSilent
	}
	return ErrTimeout
}
