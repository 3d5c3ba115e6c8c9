package swim

import (
	"net/netip"

	"serf/swim/history"
	"serf/wire"
)

// Member is what a node knows of a member. Meta is shared: read it only, and only until the next
// call into the node.
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

// Roster is where the names of this node's members are.
func (n *Node) Roster() *Roster { return n.roster }

// Lookup returns the ID of a member that this node has a record of.
func (n *Node) Lookup(name []byte) (MemberID, bool) {
	id := n.member(name)
	return id, id != NoMember
}

// View returns what this node knows of id; false if nothing.
func (n *Node) View(id MemberID) (Member, bool) {
	r := n.view.at(id)
	if !r.known() {
		return Member{}, false
	}
	d := &n.roster.idents[r.ident]
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

// Len is the number of records, this node's own and those of dead and left members included.
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
func (n *Node) Queued() int { return n.gossip.queue.Len() }

// QueueDrops is how many of them were dropped because too many waited.
func (n *Node) QueueDrops() uint64 { return n.gossip.queue.Drops() }

// Counters returns what this node did and dropped so far.
func (n *Node) Counters() *Counters { return &n.counters }

// Sealer is what packets and streams are sealed with; nil if they are sent as they are.
func (n *Node) Sealer() *wire.Sealer { return n.cfg.Sealer }

// SetSealer changes the sealer, for what is sent and received from now on.
func (n *Node) SetSealer(s *wire.Sealer) {
	n.cfg.Sealer = s
	n.staleKeys = nil // keys have other numbers now
}

// Random returns a number in [0, n) from this node's own source; n > 0.
func (n *Node) Random(below int) int { return n.rng.below(below) }

// RandomID returns a number of 31 bits from this node's own source, more than an int is sure to
// hold.
func (n *Node) RandomID() uint32 { return n.rng.id() }

// RandomFloat returns a number in [0, 1) from this node's own source.
func (n *Node) RandomFloat() float64 { return n.rng.float() }

// Forget drops the record of another member that is dead or left; false if it isn't. Its ID and
// name stay valid until the next call into the node. For Config.VerifyForgotten from now, the
// member has to answer a ping if others say that it is alive.
func (n *Node) Forget(now Time, id MemberID) bool {
	r := n.view.at(id)
	if !r.known() || r.state.live() || id == n.self {
		return false
	}
	if q := n.inquiryOf(id); q != nil {
		q.target = NoMember
	}
	n.Record(now, id, history.Reaped, history.Reap)
	n.moves.remove(id)
	n.forgetHeard(id)
	n.forgetPeer(id)
	n.pings.remove(func(p *pendingPing) bool { return p.member == id })
	n.gossip.queue.Remove(uint64(id))
	n.rejoins.proven(id)
	if n.cfg.VerifyForgotten > 0 && n.has(RejoinCheck) {
		n.rejoins.addTombstone(n.roster.nameBytes(id), r.inc, now.Add(n.cfg.VerifyForgotten))
	}
	n.forgotten = append(n.forgotten, forgotten{id, r.ident})
	n.view.size -= n.roster.stateSize(id, r.ident)
	n.view.drop(id)
	return true
}

// forgotten is a member whose references to the roster are released at the next call.
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

const (
	// forgetStep is how many records of dead and left members are looked at in a probe interval.
	forgetStep = 64
	// spareNames are kept free for the new members of one push/pull.
	spareNames = 4096
)

// forgetOld forgets members that have been dead or left for Config.DeadRetention.
func (n *Node) forgetOld(now Time, out *Output) {
	gone := n.view.gone()
	if gone == 0 || n.cfg.DeadRetention == 0 {
		return
	}
	for range min(forgetStep, gone) {
		id := n.nextGone()
		if now.Sub(n.view.at(id).since) >= n.cfg.DeadRetention && n.Forget(now, id) {
			out.event(Event{Kind: EventForgotten, Member: id})
			n.forgetPos-- // another record is there now
		}
	}
}

// nextGone walks the records of dead and left members, of which there must be one, round after
// round.
func (n *Node) nextGone() MemberID {
	if n.forgetPos < n.view.live || n.forgetPos >= n.view.len() {
		n.forgetPos = n.view.live
	}
	n.forgetPos++
	return n.view.order.At(n.forgetPos - 1)
}

// makeRoom forgets a dead or left member if names run out: of some that it looks at, the one that
// has been gone for longest. Its name becomes free with the next call, so the last few names are
// kept spare.
func (n *Node) makeRoom(now Time, out *Output) {
	gone := n.view.gone()
	if gone == 0 || n.roster.spare() > spareNames {
		return
	}
	oldest := n.nextGone()
	for range min(forgetStep, gone) - 1 {
		if id := n.nextGone(); n.view.at(id).since < n.view.at(oldest).since {
			oldest = id
		}
	}
	if n.Forget(now, oldest) {
		out.event(Event{Kind: EventForgotten, Member: oldest})
	}
}
