package swim

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"

	"serf/internal/invariant"
	"serf/wire"
)

// Member is what a node knows of one member. Meta is shared: read it only, until the
// next call into the node.
type Member struct {
	ID       MemberID
	Name     string
	Addr     netip.AddrPort
	Meta     []byte
	Versions [6]byte
	State    State
	Inc      uint32
	Since    Time // of State
}

// Self is this node's own ID.
func (n *Node) Self() MemberID { return n.self }

// Roster is where this node's members have their names.
func (n *Node) Roster() *Roster { return n.roster }

// Lookup returns the ID of a member that this node has a record of.
func (n *Node) Lookup(name []byte) (MemberID, bool) {
	id := n.member(name)
	return id, id != NoMember
}

// View returns what is known of id; false if nothing is.
func (n *Node) View(id MemberID) (Member, bool) {
	r := n.view.at(id)
	if !r.known() {
		return Member{}, false
	}
	d := n.identity(id)
	return Member{
		ID: id, Name: n.roster.members[id].name, Addr: d.addr, Meta: d.meta, Versions: d.versions,
		State: r.state, Inc: r.inc, Since: r.since,
	}, true
}

// State returns the state of id; false if it isn't known.
func (n *Node) State(id MemberID) (State, bool) {
	r := n.view.at(id)
	return r.state, r.known()
}

// Len is the number of records, those of the gone and this node's own included.
func (n *Node) Len() int { return n.view.len() }

// Live is the number of members alive or suspect, this one included unless it leaves.
func (n *Node) Live() int { return n.view.live }

// States counts the records by their state.
func (n *Node) States() (s [Left + 1]int) {
	s[Suspect] = len(n.suspicions.heap)
	s[Alive] = n.view.live - s[Suspect]
	for i := n.view.live; i < n.view.len(); i++ {
		s[n.view.at(n.view.order.At(i)).state]++
	}
	return s
}

// Health is the local health score: 0 healthy, Config.AwarenessMax-1 worst.
func (n *Node) Health() int { return n.health }

// Queued is the number of membership broadcasts that wait.
func (n *Node) Queued() int { return n.queue.Len() }

// Counters returns what this node did and dropped so far.
func (n *Node) Counters() *Counters { return &n.counters }

// Sealer is what packets and streams are sealed with now; nil for plain.
func (n *Node) Sealer() *wire.Sealer { return n.cfg.Sealer }

// SetSealer changes it, for what is sent and received from now on.
func (n *Node) SetSealer(s *wire.Sealer) {
	n.cfg.Sealer = s
	n.laggards = nil // keys have other numbers now
}

// Retransmits is how often a broadcast is sent at the present number of members.
func (n *Node) Retransmits() int { return n.retransmits() }

// RandomLive draws up to k members alive, not this one, for which ok holds (nil: all). While most members are
// silent, those who were heard come first.
func (n *Node) RandomLive(dst []MemberID, k int, ok func(MemberID) bool) []MemberID {
	return n.pickLikely(dst, min(k, maxPick), func(id MemberID, r record) bool {
		return r.state == Alive && (ok == nil || ok(id))
	})
}

// Random returns a number in [0, n) from this node's own source; n > 0.
func (n *Node) Random(below int) int { return n.rng.below(below) }

// RandomID returns a number of 31 bits from this node's own source, more than an int is sure to hold.
func (n *Node) RandomID() uint32 { return n.rng.id() }

// RandomFloat returns a number in [0, 1) from this node's own source.
func (n *Node) RandomFloat() float64 { return n.rng.float() }

// SetMeta changes the metadata that is gossiped with this node. It is copied.
func (n *Node) SetMeta(now Time, meta []byte, out *Output) error {
	if len(meta) > MetaMax {
		return fmt.Errorf("metadata: %d bytes, limit %d: %w", len(meta), MetaMax, ErrTooLarge)
	}
	if n.leaving.begun() {
		return ErrLeaving
	}
	if bytes.Equal(meta, n.identity(n.self).meta) {
		return nil
	}
	n.identify(n.self, n.cfg.Addr, meta, n.cfg.Versions)
	n.raise(now, n.inc)
	n.counters.AliveUpdates++
	n.announceAlive(n.self, out)
	out.Events = append(out.Events, Event{Kind: EventUpdated, Member: n.self})
	return nil
}

// SendUser sends one message of the layer above in a packet, with waiting gossip.
// A message larger than MaxUser goes nowhere: callers check.
func (n *Node) SendUser(now Time, to netip.AddrPort, msg []byte, out *Output) {
	invariant.Check(len(msg) <= n.MaxUser(), "swim: user message over limit")
	id := NoMember // whoever is at that address; without knowing, no checksum
	out.scratch.msg = append(append(out.scratch.msg[:0], byte(wire.TypeUser)), msg...)
	n.send(now, to, id, out, out.scratch.msg)
}

// MaxUser is the size of the largest user message that fits a packet.
func (n *Node) MaxUser() int {
	const compound, kind = 4, 1 // bytes: header with one part, message type
	return n.room() - compound - kind
}

// SendUserStream sends one message of the layer above by a stream. Failures are counted.
func (n *Node) SendUserStream(now Time, to netip.AddrPort, msg []byte, out *Output) {
	head := wire.UserMsgHeader{Len: len(msg)}
	n.openStream(StreamOut{
		Kind: StreamSend, To: to, Data: append(head.Append(nil), msg...), Deadline: now.Add(n.cfg.StreamTimeout),
	}, out)
}

// Forget drops the record of another member that is dead or left; false if it isn't. Its
// ID and name stay valid until the next call into the node. For Config.VerifyForgotten from now others
// are not believed that it lives unless it answers.
func (n *Node) Forget(now Time, id MemberID) bool {
	r := n.view.at(id)
	if !r.known() || r.state.live() || id == n.self {
		return false
	}
	if q := n.inquiryOf(id); q != nil {
		q.target = NoMember
	}
	n.moves.remove(id)
	n.unhear(id)
	n.errands.list = slices.DeleteFunc(n.errands.list, func(e errand) bool { return e.member == id })
	n.queue.Remove(uint64(id))
	n.comebacks.proven(id)
	if n.cfg.VerifyForgotten > 0 && n.has(RejoinCheck) {
		n.comebacks.bury(n.roster.nameBytes(id), r.inc, now.Add(n.cfg.VerifyForgotten))
	}
	n.forgotten = append(n.forgotten, forgotten{id, r.ident})
	n.view.size -= n.roster.stateSize(id, r.ident)
	n.view.drop(id)
	return true
}

// forgotten is a member whose references to the roster are given back at the next call.
type forgotten struct {
	id    MemberID
	ident identID
}

func (n *Node) releaseForgotten() {
	for _, f := range n.forgotten {
		n.roster.releaseIdent(f.id, f.ident)
		n.roster.releaseMember(f.id)
	}
	n.forgotten = n.forgotten[:0]
}

// sweepStep is how many records of the gone are looked at a probe interval.
const sweepStep = 64

// forgetOld forgets those who are gone for longer than Config.DeadRetention.
func (n *Node) forgetOld(now Time, out *Output) {
	if n.cfg.DeadRetention == 0 {
		return
	}
	for range min(sweepStep, n.view.gone()) {
		id := n.sweep()
		if now.Sub(n.view.at(id).since) >= n.cfg.DeadRetention && n.Forget(now, id) {
			out.Events = append(out.Events, Event{Kind: EventForgotten, Member: id})
			n.sweepAt-- // where another one is now
		}
	}
}

// sweep walks the records of the gone, of which there must be one, round after round.
func (n *Node) sweep() MemberID {
	if n.sweepAt < n.view.live || n.sweepAt >= n.view.len() {
		n.sweepAt = n.view.live
	}
	n.sweepAt++
	return n.view.order.At(n.sweepAt - 1)
}

// makeRoom forgets one of the gone if names run out: of those that it looks at, the one that is
// gone for longest. Its name is free from the next call on, so the last few are kept spare.
func (n *Node) makeRoom(now Time, out *Output) {
	gone := n.view.gone()
	if gone == 0 || n.roster.spare() > spareNames {
		return
	}
	oldest := n.sweep()
	for range min(sweepStep, gone) - 1 {
		if id := n.sweep(); n.view.at(id).since < n.view.at(oldest).since {
			oldest = id
		}
	}
	if n.Forget(now, oldest) {
		out.Events = append(out.Events, Event{Kind: EventForgotten, Member: oldest})
	}
}

// spareNames are for the newcomers of one push/pull.
const spareNames = 4096
