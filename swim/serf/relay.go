package serf

import (
	"net/netip"

	"serf/swim"
	"serf/wire"
)

// mayReply says whether the asker's address may be sent to. Without encryption anybody can put any
// address into a query: it must be the asker's address as a member, or the one that the query came
// from. A rival of a member is answered a few times.
func (n *Node) mayReply(now swim.Time, q *inboundQuery) bool {
	switch {
	case !q.to.IsValid():
		return false
	case n.trusted():
		return true
	}
	return q.to == q.from || n.isAt(q.asker, q.to) || n.maybeReplyToRival(now, q)
}

// trusted says whether every sender has a key.
func (n *Node) trusted() bool { return n.keyring() != nil && !n.swim.Sealer().PlainIn }

// isAt says whether a member of this name is known at this address. Old members don't say their
// name: then any member's address will do.
func (n *Node) isAt(name string, addr netip.AddrPort) bool {
	if name != "" {
		id := n.lookup([]byte(name))
		return id != swim.NoMember && n.view(id).Addr == addr
	}
	for _, id := range n.table.sorted(n.roster) {
		if n.view(id).Addr == addr {
			return true
		}
	}
	return false
}

// farRelays is the number of members that relay a reply to an asker that this node can't reach,
// whatever it asked for: not all of them can reach it either.
const farRelays = 4

// relayReply sends msg through as many other members as q wants, in case packets get lost.
func (n *Node) relayReply(now swim.Time, q *inboundQuery, msg []byte, out *swim.Output) {
	k, far := int(q.relay), !n.swim.CanReach(q.to)
	switch {
	case len(msg) > n.swim.MaxUser():
		return // a stream loses nothing
	case far:
		k = max(k, farRelays)
	case k == 0 || n.table.len() < k+1:
		return // in a tiny cluster it isn't worth it
	}
	m := wire.Relay{
		DestIP: q.to.Addr().AsSlice(), DestPort: q.to.Port(), DestName: []byte(q.asker), Msg: msg,
	}
	relay := m.Append(nil)
	if len(relay) > n.cfg.QueryResponseSizeMax {
		n.count.RelaysDropped++
		return
	}
	relays := func(id swim.MemberID) bool {
		v, status := n.view(id), n.table.at(id).status
		return status == StatusAlive && v.Versions[1] >= membershipForRelay && v.Addr != q.to
	}
	n.picks = n.picks[:0]
	if far { // members that are known to have both versions of IP come first
		if to := n.swim.Helper(); to.IsValid() {
			n.sendTo(now, to, relay, out)
		}
		n.picks = n.swim.RandomLive(n.picks, k, func(id swim.MemberID) bool {
			return relays(id) && n.swim.Detoured(n.view(id).Addr)
		})
	}
	n.picks = n.swim.RandomLive(n.picks, k, relays)
	for _, id := range n.picks {
		n.sendTo(now, n.view(id).Addr, relay, out)
	}
}

// handleRelay passes a response on to a member. It refuses to send anything else, or to anybody
// else: an attacker must not use this node to send to a third party.
func (n *Node) handleRelay(
	now swim.Time, from netip.AddrPort, body []byte, out *swim.Output,
) error {
	m, err := wire.ParseRelay(body)
	if err != nil {
		return err
	}
	if wire.SerfType(m.Msg[0]) != wire.SerfQueryResponse {
		n.count.RelaysRefused++
		return errRelayType
	}
	to, ok := addrFrom(m.DestIP, m.DestPort)
	if !ok || !n.isAt(string(m.DestName), to) {
		n.count.RelaysRefused++
		note := swim.Note{From: from, Text: swim.ClipText(m.DestName)}
		n.note(out, swim.Warn, NoteRelayRefused, note)
		return nil
	}
	if to == n.cfg.Addr {
		return n.handleResponse(now, m.Msg[1:], out)
	}
	if len(m.Msg) > n.swim.MaxUser() {
		n.count.RelaysDropped++
		return nil
	}
	n.count.Relays++
	n.swim.SendUser(now, to, m.Msg, out)
	return nil
}
