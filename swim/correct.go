package swim

import (
	"net/netip"
	"slices"
)

// correct lets whoever sent the packet that is being read know better, if it passes on news of a
// member that has refuted it, or moved. It has missed what was gossiped since, and nobody would say
// that again: its view would stay wrong until a full exchange.
func (n *Node) correct(now Time, id MemberID, inc uint32, out *Output) {
	if r := n.view.at(id); id != NoMember && r.state.live() && inc < r.inc {
		n.correctSender(now, id, out)
	}
}

// correctSender notes that the sender of the packet that is being read is to be told of id. All that it is
// told goes in one packet, and only now and then: anybody can send outdated news, from any address.
func (n *Node) correctSender(now Time, id MemberID, out *Output) {
	due := &out.scratch.corrections
	if len(*due) >= correctionsMax || slices.Contains(*due, id) || !n.has(Correction) || len(*due) == 0 && !n.mayTell(now) {
		return
	}
	*due = append(*due, id)
}

// correctionsMax is how many members one packet is answered about.
const correctionsMax = 8

// packCorrections adds what the sender is to be told to the packet that is being built.
func (n *Node) packCorrections(out *Output) {
	sc := &out.scratch
	for _, id := range sc.corrections {
		if n.view.has(id) && !sc.packer.End(n.appendNews(sc.packer.Begin(), id)) {
			n.counters.DroppedTooLarge++
		}
	}
	sc.corrections = sc.corrections[:0]
}

// sendCorrections tells the sender what hasn't gone with an ack.
func (n *Node) sendCorrections(to netip.AddrPort, out *Output) {
	if len(out.scratch.corrections) > 0 {
		out.scratch.packer.Reset(n.room())
		n.packCorrections(out)
		n.ship(to, NoMember, out)
	}
}
