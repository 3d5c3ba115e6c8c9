package swim

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"serf/swim/internal/paged"
	"serf/wire"
)

// An exchange of differences begins with a question that has one digest of what this node knows of
// the living, the root. Is that of the other the same, then both are done. Otherwise the answer has
// sums, which are digests of parts of all members, and this node sends the parts that differ and
// gets the other's.
//
// Members of the original skip the digests and answer with all that they know. They are sent all
// from then on.
//
// Roots and sums are of the living alone, since members forget those that are gone at different
// times, and newcomers never hear of them. They are sent along with a part. From time to time an
// exchange is wide: sums of all are compared, and no roots.

const (
	// partsMin to partsMax parts are compared, a power of two, so that a part has partMembers
	// members or less: fewer cost more for sums, more cost more for each difference.
	partsMin    = 16
	partsMax    = 4096
	partMembers = 8
	// sumSize is the bytes of a sum. One part in four billion that differs looks equal, and in the
	// next exchange has other sums.
	sumSize = 4
	// stockMemory is how long a cluster counts as mixed after a member of the original was met.
	stockMemory = 24 * time.Hour
	// peersMax bounds the members of this implementation that are remembered in a mixed cluster.
	// Each exchange is with a random one: a few are enough to reach all in a few steps.
	peersMax = 64
)

// differences is what a node knows of others that exchange differences.
type differences struct {
	wide       Time       // when the next wide exchange is due
	stockUntil Time       // until then members of the original are expected
	peers      []MemberID // in a mixed cluster: some that exchange differences
	oldest     int        // in peers

	able  bool   // this node exchanges differences
	above Differ // the layer above, as far as it takes part
}

// findDiffer sets whether this node exchanges differences. A layer above that can't prevents it.
func (n *Node) findDiffer() {
	d := &n.pushPull.differences
	d.able = n.has(Difference)
	if n.cfg.Carrier != nil && d.able {
		d.above, d.able = n.cfg.Carrier.(Differ)
	}
}

// usualInterval is the time between exchanges. Whole states in a large cluster cost much, so that
// they are rarer there.
func (n *Node) usualInterval() time.Duration {
	if n.pushPull.able {
		return n.cfg.PushPullInterval
	}
	return pushPullScaled(n.cfg.PushPullInterval, n.view.live)
}

// maybeWide tells whether an exchange that begins now is a wide one.
func (n *Node) maybeWide(now Time) bool {
	p := &n.pushPull
	if now < p.wide && p.catchUp.gap == 0 {
		return false
	}
	p.wide = now.Add(pushPullScaled(n.cfg.PushPullInterval, n.view.live))
	return true
}

// mixed tells whether there may be members of the original.
func (n *Node) mixed(now Time) bool { return now < n.pushPull.stockUntil }

// pickPeers draws the members to exchange states with: any, or some that exchange differences.
func (n *Node) pickPeers(dst []MemberID, now Time, wide bool) []MemberID {
	k, peers := max(n.cfg.PushPullNodes, 1), n.pushPull.peers
	switch {
	case !n.pushPull.able || wide || !n.mixed(now):
		return n.RandomNear(dst, k, nil)
	case n.cfg.Select != nil:
		return n.RandomNear(dst, k, func(id MemberID) bool { return slices.Contains(peers, id) })
	}
	var rest [peersMax]MemberID
	return n.draw(dst, k, append(rest[:0], peers...),
		func(_ MemberID, r record) bool { return r.state == Alive })
}

// noteStep remembers what the step of a push/pull says about its sender; NoMember if unknown.
func (n *Node) noteStep(now Time, id MemberID, step wire.DiffStep) {
	p := &n.pushPull
	if !p.able {
		return
	}
	switch {
	case step == wire.DiffNone:
		p.stockUntil = now.Add(stockMemory)
		n.forgetPeer(id)
	case id == NoMember || !n.mixed(now) || slices.Contains(p.peers, id):
	case len(p.peers) < peersMax:
		p.peers = append(p.peers, id)
	default:
		p.peers[p.oldest] = id
		p.oldest = (p.oldest + 1) % peersMax
	}
}

// forgetPeer takes id off the members that exchange differences.
func (n *Node) forgetPeer(id MemberID) {
	p := &n.pushPull
	if at := slices.Index(p.peers, id); at >= 0 {
		p.peers = append(p.peers[:at], p.peers[at+1:]...)
		p.oldest = 0
	}
}

// wholeDiff marks a whole state as that of a node that understands differences.
func (n *Node) wholeDiff() wire.Diff {
	if !n.pushPull.able {
		return wire.Diff{}
	}
	return wire.Diff{Step: wire.DiffWhole}
}

// exchange begins an exchange with id: of differences if it can.
func (n *Node) exchange(now Time, id MemberID, wide bool, out *Output) {
	above := n.pushPull.above
	if !n.pushPull.able || n.mixed(now) && !slices.Contains(n.pushPull.peers, id) {
		n.PushPull(now, id, out)
		return
	}
	d := wire.Diff{Step: wire.DiffAsk}
	if !wide {
		d.Root = n.root(above)
	}
	if above != nil {
		d.Above = above.AppendSums(nil)
	}
	c := call{kind: callPushPull, step: wire.DiffAsk, wide: wide, member: id}
	n.counters.PushPulls++
	out.note(Note{Level: Debug, Code: NotePushPull, Member: id, From: n.identity(id).addr})
	n.callDiff(now, n.identity(id).addr, c, n.diffMessage(d, contents{}), out)
}

func (n *Node) callDiff(now Time, to netip.AddrPort, c call, m wire.Rope, out *Output) bool {
	s := StreamOut{Kind: StreamCall, To: to, Deadline: now.Add(n.cfg.StreamTimeout)}
	s.Data, s.More = m.Pieces()
	return n.callStream(s, c, out)
}

// root is the digest of what this node knows of the living, never 0.
func (n *Node) root(above Differ) uint64 {
	r := n.view.root
	if above != nil {
		r += above.Digest()
	}
	return max(r, 1)
}

// partsFor returns in how many parts so many records are compared.
func partsFor(records int) int {
	want := 1 << bits.Len(uint(max(records-1, 0)/partMembers))
	return min(max(want, partsMin), partsMax)
}

// partOf returns which of count parts id belongs to.
func (n *Node) partOf(id MemberID, count int) int {
	return int(n.roster.NameHash(id) & uint64(count-1))
}

// sums returns the digests of count parts: of the living, or of all.
func (n *Node) sums(above Differ, count int, salt uint64, all bool) []byte {
	sums := make([]uint32, count)
	var buf, bufAbove [paged.PageLen]uint64
	for p := range n.view.recs.Pages() {
		first := p * paged.PageLen
		own := n.digests(p, all, buf[:])
		of := bufAbove[:len(own)]
		if above != nil {
			above.MemberDigests(MemberID(first), of)
		}
		names := n.roster.hashes[first:]
		for i, h := range own {
			if h != 0 {
				sums[names[i]&uint64(count-1)] += uint32(mix((h + of[i]) ^ salt))
			}
		}
	}
	b := make([]byte, 0, sumSize*count)
	for _, s := range sums {
		b = binary.BigEndian.AppendUint32(b, s)
	}
	return b
}

// digests returns those of the records of a page, perhaps in buf: 0 for one that is left out.
func (n *Node) digests(page int, all bool, buf []uint64) []uint64 {
	recs := &n.view.recs
	first := page * paged.PageLen
	buf = buf[:min(len(buf), recs.Len()-first)]
	if shared := recs.Digests(first, len(buf)); shared != nil {
		return shared // all are alive in a base
	}
	for i := range buf {
		buf[i] = 0
		if r := recs.At(first + i); all || r.state.live() {
			buf[i] = n.roster.digest(r)
		}
	}
	return buf
}

// partsIn returns how many parts a message has sums of or is about; 0 if that can't be.
func partsIn(size, perPart, parts int) int {
	count := size * parts / perPart
	if size == 0 || count*perPart != size*parts || count&(count-1) != 0 ||
		count < partsMin || count > partsMax {
		return 0
	}
	return count
}

// countParts returns how many parts the bits of d are about; 0 if they make no sense.
func countParts(d *wire.Diff) int { return partsIn(len(d.Parts), 1, 8) }

// countSums returns how many sums d has; 0 if they make no sense.
func countSums(d *wire.Diff) int { return partsIn(len(d.Sums), sumSize, 1) }

// answerAsk tells a member that asked whether there are differences, and where.
func (n *Node) answerAsk(ask *wire.Diff) wire.Rope {
	above := n.pushPull.above
	d := wire.Diff{Step: wire.DiffSums}
	if ask.Root == 0 || ask.Root != n.root(above) {
		d.Salt = n.rng.pcg.Uint64()
		d.Sums = n.sums(above, partsFor(n.view.len()), d.Salt, ask.Root == 0)
	}
	if above != nil && above.SumsDiffer(ask.Above) {
		d.Above = above.AppendSums(nil)
	}
	return n.diffMessage(d, contents{})
}

// followSums takes the answer to a question: it sends the parts that differ, and asks for theirs.
func (n *Node) followSums(now Time, c *call, theirs *wire.Diff, out *Output) error {
	above := n.pushPull.above
	d := wire.Diff{Step: wire.DiffParts}
	if len(theirs.Sums) > 0 {
		count := countSums(theirs)
		if count == 0 {
			return errBadAnswer
		}
		d.Parts = differing(n.sums(above, count, theirs.Salt, c.wide), theirs.Sums)
	}
	if above != nil && len(theirs.Above) > 0 {
		d.Above = above.AppendSums(nil)
	}
	if len(d.Parts)+len(d.Above) > 0 {
		next := call{kind: callPushPull, step: wire.DiffParts, member: c.member}
		n.callDiff(now, c.to, next, n.diffMessage(d, contents{parts: d.Parts, sums: theirs.Above}), out)
	}
	return nil
}

// differing returns a bit for each of two lists of sums: it differs. Nil if none does.
func differing(own, theirs []byte) (parts []byte) {
	for i := 0; i < len(own); i += sumSize {
		if string(own[i:i+sumSize]) == string(theirs[i:i+sumSize]) {
			continue
		}
		if parts == nil {
			parts = make([]byte, len(own)/sumSize/8)
		}
		parts[i/sumSize/8] |= 1 << (i / sumSize % 8)
	}
	return parts
}

// contents is what a message of an exchange of differences has besides its header.
type contents struct {
	parts []byte              // members of these parts
	known map[uint64]struct{} // but not records with these hashes: the other sent the same
	sums  []byte              // what a node with these sums lacks of other things than members
}

// has tells whether id is in one of the parts.
func (c *contents) has(n *Node, id MemberID) bool {
	p := n.partOf(id, 8*len(c.parts))
	return c.parts[p/8]>>(p%8)&1 != 0
}

// diffMessage returns a push/pull of an exchange of differences.
func (n *Node) diffMessage(d wire.Diff, c contents) (r wire.Rope) {
	var in func(MemberID) bool
	var states []byte
	nodes := 0
	if len(c.parts) > 0 {
		in = func(id MemberID) bool { return c.has(n, id) }
		states, nodes = n.appendParts(nil, &c)
	}
	var user wire.Rope
	if above := n.pushPull.above; above != nil {
		user = above.Part(in, c.sums)
	}
	head := wire.PushPullHeader{Nodes: nodes, UserStateLen: user.Len(), Diff: d}
	r.Own = append(head.Append(nil), states...)
	r.Join(&user)
	return r
}

// appendParts appends the records of c, the living first, as far as a message can carry them.
func (n *Node) appendParts(b []byte, c *contents) (states []byte, nodes int) {
	for i := range n.view.len() {
		id := n.view.order.At(i)
		if !c.has(n, id) {
			continue
		}
		r := n.view.at(id)
		if _, known := c.known[n.roster.digest(r)]; known {
			continue
		}
		if len(b)+n.roster.stateSize(id, r.ident) > statesMax {
			n.counters.StatesCut++
			break
		}
		b = n.roster.appendState(b, int(id), r)
		nodes++
	}
	return b, nodes
}

// hashes returns those of the records in a message.
func (pp *fullState) hashes() map[uint64]struct{} {
	set := make(map[uint64]struct{})
	for i := range pp.parts {
		for it := pp.parts[i].states.Iter(); it.Next(); {
			set[hashState(&it.State)] = struct{}{}
		}
	}
	return set
}

// serveStep answers a push/pull of a member that opened a stream.
// whole: with the whole state.
func (n *Node) serveStep(pp *fullState, out *Output) (m wire.Rope, whole, ok bool) {
	switch d := &pp.diff; {
	case !n.pushPull.able || d.Step <= wire.DiffWhole || d.Step > wire.DiffParts: // or a step of the future
		return n.state(pp.join, out), true, true
	case d.Step == wire.DiffAsk:
		return n.answerAsk(d), false, true
	case d.Step == wire.DiffParts && (len(d.Parts) == 0 || countParts(d) > 0):
		own := wire.Diff{Step: wire.DiffParts}
		return n.diffMessage(own, contents{d.Parts, pp.hashes(), d.Above}), false, true
	}
	return wire.Rope{}, false, false
}

// followUp goes on with an exchange whose answer has been merged.
func (n *Node) followUp(now Time, c *call, theirs *wire.Diff, out *Output) error {
	id := n.stillKnown(c.member)
	n.noteStep(now, id, theirs.Step)
	switch {
	case c.step != wire.DiffAsk:
		return nil
	case theirs.Step == wire.DiffSums:
		return n.followSums(now, c, theirs, out)
	case id != NoMember:
		// It told all that it knows, and has heard nothing yet.
		n.PushPull(now, id, out)
	}
	return nil
}
