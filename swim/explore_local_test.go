package swim

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"serf/wire"
)

// This file runs real nodes through single events about one member, the subject, and describes what
// they know of it as a small value. explore_test.go combines three of them into a cluster and
// visits all that can happen to it.

// exploreInc is the greatest incarnation that the facts of an exploration have room for.
const exploreInc = 12

// places are where the subject can be: it moves from one to the other and back.
var places = [2]netip.AddrPort{addrOf("s"), addrOf("t")}

func placeOf(addr netip.AddrPort) uint8 {
	if addr == places[1] {
		return 1
	}
	return 0
}

// fact is something that was said about the subject: by itself that it is alive, at a place, or
// that it left; by others that it is suspect or dead.
type fact struct {
	state State
	inc   uint8
	place uint8 // of Alive
}

// facts is a set of facts, each of which is a bit.
type facts uint64

func setOf(f fact) facts { return 1 << f.bit() }

// bit numbers facts: alive at both places, suspect, dead, left, for each incarnation.
func (f fact) bit() int {
	kind := int(f.place)
	if f.state != Alive {
		kind = int(f.state) + 1
	}
	return (int(f.inc)-1)*5 + kind
}

func factOf(bit int) fact {
	f := fact{inc: uint8(bit/5 + 1)}
	if kind := bit % 5; kind < 2 {
		f.place = uint8(kind)
	} else {
		f.state = State(kind - 1)
	}
	return f
}

func (f fact) String() string {
	if f.state == Alive {
		return fmt.Sprintf("alive@%d at %d", f.inc, f.place)
	}
	return fmt.Sprintf("%v@%d", f.state, f.inc)
}

// message is the fact as gossip has it. Accusations come from x.
func (f fact) message() []byte {
	switch f.state {
	case Alive:
		return aliveAt("s", uint32(f.inc), places[f.place], "")
	case Suspect:
		return suspect("s", uint32(f.inc), "x")
	case Dead:
		return dead("s", uint32(f.inc), "x")
	}
	return dead("s", uint32(f.inc), "s")
}

// event is something that can happen to one node.
type event struct {
	kind eventKind
	fact fact
}

type eventKind uint8

const (
	hears         eventKind = iota // gossip with the fact, from another member
	hearsLate                      // the same, long after whatever it knows of the subject
	hearsSubject                   // the fact in a packet of the subject's
	merges                         // the fact in an exchange of states
	probeFails                     // the subject doesn't answer a probe
	finalProbed                    // a suspicion is nearly over: the subject is pinged once more
	expires                        // a suspicion is over
	answers                        // the subject answers all pings that are in flight
	staysSilent                    // all these pings fail
	pauseEnds                      // a claim to another place that was refused is forgotten
	waitEnds                       // a member that failed again needn't answer any more
	reaps                          // the record is dropped
	leaves                         // of the subject: it leaves
	returnAdvance                  // of the subject: the next step to come back at another place
	startsObserver
	startsSubject // at the place of the fact
)

var eventNames = [...]string{
	"hears", "hears late", "hears from the subject", "merges", "fails to probe",
	"probes for the last time",
	"lets the suspicion expire", "gets an answer", "gets no answer", "forgets the refused claim",
	"ends the wait", "reaps", "leaves", "goes on with the return",
	"starts", "starts",
}

func (e event) String() string {
	if e.kind <= merges {
		return eventNames[e.kind] + " " + e.fact.String()
	}
	return eventNames[e.kind]
}

// opinion is what a node knows of the subject, as far as it decides what the node does next.
type opinion struct {
	subject bool // the node is the subject itself

	known       bool
	state       State
	inc         uint8
	place       uint8
	unconfirmed bool

	asked, checked, mature, anonymous bool // of the suspicion

	claimed     bool // another place
	stage       moveStage
	pings       uint8
	loops       bool
	claim, next fact
	left        uint8

	tomb             uint8 // incarnation at which it was forgotten
	watched, waiting bool
	rejoining        fact // claim that counts when the subject answers
	pinged           bool // a last ping of the suspect is in flight
}

func (o opinion) String() string {
	var b strings.Builder
	if !o.known {
		fmt.Fprint(&b, "unknown")
	} else {
		fmt.Fprintf(&b, "%v@%d at %d", o.state, o.inc, o.place)
	}
	flag := func(on bool, name string) {
		if on {
			fmt.Fprint(&b, " "+name)
		}
	}
	flag(o.unconfirmed, "unconfirmed")
	flag(o.asked, "asked")
	flag(o.checked, "checked")
	flag(o.mature, "mature")
	flag(o.anonymous, "anonymous")
	if o.claimed {
		fmt.Fprintf(&b, " claim(stage %d, %v, next %v, left %d)", o.stage, o.claim, o.next, o.left)
	}
	if o.tomb > 0 {
		fmt.Fprintf(&b, " tomb@%d", o.tomb)
	}
	flag(o.pinged, "pinged")
	flag(o.watched, "watched")
	flag(o.waiting, "waiting")
	if o.rejoining.inc > 0 {
		fmt.Fprintf(&b, " rejoining(%v)", o.rejoining)
	}
	return b.String()
}

func (o *opinion) live() bool { return o.known && o.state.live() }
func (o *opinion) gone() bool { return o.known && !o.state.live() }

// entry is the opinion as an exchange of states has it.
func (o *opinion) entry() fact { return fact{o.state, o.inc, o.place} }

// localNode is a real node and the time at which it is.
type localNode struct {
	n    *Node
	now  Time
	out  Output
	self bool // it is the subject
}

// newLocal makes an observer, or the subject at a place. Both know x.
func newLocal(self bool, place uint8) *localNode {
	c := DefaultConfig(LAN())
	c.Name, c.Addr, c.Seed = "o", addrOf("o"), 1
	if self {
		c.Name, c.Addr = "s", places[place]
	}
	c.PushPullInterval, c.ProbeInterval, c.ProbeTimeout = 0, time.Hour, 10*time.Minute
	c.VerifyForgotten = 10000 * time.Hour
	l := &localNode{now: Time(time.Hour), self: self}
	n, err := New(l.now, c, &l.out)
	if err != nil {
		panic(err)
	}
	l.n = n
	l.n.handleAlive(l.now, addrOf("x"), alive("x", 1)[1:], &l.out)
	l.said()
	return l
}

func (l *localNode) id() MemberID { return l.n.member([]byte("s")) }

// do lets e happen, and returns what the node said about the subject. It returns false if e can't
// happen.
func (l *localNode) do(e event) (facts, bool) {
	n, id, out := l.n, l.id(), &l.out
	l.now = l.now.Add(time.Second) // budgets of answers are full again
	n.releaseForgotten()
	out.scratch.corrections, out.scratch.forwards = out.scratch.corrections[:0], 0
	from := addrOf("x")
	known := id != NoMember && n.view.has(id)
	switch e.kind {
	case hearsLate:
		if s := n.suspicions.lookup(id); s == nil || s.mature(l.now) || !known {
			return 0, false
		}
		l.now = l.now.Add(n.suspicions.lookup(id).least)
		fallthrough
	case hears, hearsSubject:
		if e.kind == hearsSubject {
			from = places[e.fact.place]
		}
		m := e.fact.message()
		n.handleMessage(l.now, from, m, out)
		n.sendCorrections(from, out)
	case merges:
		s := wire.NodeState{Name: []byte("s"), Addr: places[e.fact.place].Addr().AsSlice(),
			Inc:  uint32(e.fact.inc),
			Port: places[e.fact.place].Port(), State: uint8(e.fact.state), Vsn: modern[:]}
		n.mergeEntry(l.now, &s, source{addr: from}, out)
	case probeFails:
		if !known || l.self || n.view.at(id).state != Alive {
			return 0, false
		}
		n.applySuspect(l.now, id, n.view.at(id), accusation{inc: n.view.at(id).inc, from: n.ownName()}, out)
	case finalProbed:
		s := n.suspicions.lookup(id)
		if s == nil || s.final() {
			return 0, false
		}
		l.now = max(l.now, s.deadline.Add(-s.lead))
		n.finalProbe(l.now, id, out)
	case expires:
		s := n.suspicions.lookup(id)
		if s == nil || !s.final() {
			return 0, false
		}
		l.now = max(l.now, s.deadline)
		n.expireSuspicions(l.now, out)
	case answers, staysSilent:
		if !l.resolve(e.kind == answers) {
			return 0, false
		}
	case pauseEnds:
		m := n.moves.of(id)
		if m == nil || m.stage != moveRefused {
			return 0, false
		}
		for range movePings + 1 {
			if m := n.moves.of(id); m != nil && m.stage == moveRefused {
				l.expireMove(id)
			}
		}
	case waitEnds:
		wait := n.rejoins.wait(l.now, id)
		if wait <= 0 {
			return 0, false
		}
		l.now = l.now.Add(wait)
	case reaps:
		if !known || !n.Forget(l.now, id) {
			return 0, false
		}
	case leaves:
		if !l.self || n.leaving.begun() {
			return 0, false
		}
		n.Leave(l.now, out)
	case returnAdvance:
		m := n.moves.of(id)
		if !l.self || m == nil || m.stage == moveRefused {
			return 0, false
		}
		stage, inc := m.stage, n.inc
		for range movePings {
			l.expireMove(id)
			if m := n.moves.of(id); m == nil || m.stage != stage || n.inc != inc {
				break
			}
		}
	}
	return l.said(), true
}

// expireMove lets the time of the claim about id pass.
func (l *localNode) expireMove(id MemberID) {
	m := l.n.moves.of(id)
	l.now = max(l.now, m.deadline)
	l.n.moves.due = m.deadline
	l.n.expireMoves(l.now, &l.out)
}

// resolve ends the pings to the subject that are in flight. The subject itself has nobody to ask.
func (l *localNode) resolve(answered bool) (any bool) {
	n, id := l.n, l.id()
	if l.self {
		return false
	}
	var pings []pendingPing
	for _, p := range n.pings.list {
		if p.kind == pingRejoin || p.kind == pingSuspect {
			pings = append(pings, p)
		}
	}
	move := n.moves.of(id)
	asked := move != nil && move.stage == moveAsked
	if len(pings) == 0 && !asked {
		return false
	}
	acked := func(seq uint32) { n.handleMessage(l.now, addrOf("x"), ack(seq), &l.out) }
	for _, p := range pings {
		if answered {
			acked(p.seq)
		} else {
			n.pings.remove(func(x *pendingPing) bool { return x.seq == p.seq })
		}
	}
	if asked && answered {
		acked(move.seq)
		return true
	}
	for asked && n.moves.of(id) != nil && n.moves.of(id).stage == moveAsked {
		l.expireMove(id)
		if m := n.moves.of(id); m != nil && m.pings == 1 {
			break // the next claim
		}
	}
	return true
}

// said takes what the node says about the subject out of its queue and its packets.
func (l *localNode) said() (said facts) {
	add := func(msgs [][]byte) {
		for _, m := range msgs {
			switch wire.Type(m[0]) {
			case wire.TypeAlive:
				if x, _ := wire.ParseAlive(m[1:]); string(x.Node) == "s" {
					said |= setOf(fact{Alive, uint8(x.Inc), placeOf(addrPort(x.Addr, x.Port))})
				}
			case wire.TypeSuspect:
				if x, _ := wire.ParseSuspect(m[1:]); string(x.Node) == "s" {
					said |= setOf(fact{state: Suspect, inc: uint8(x.Inc)})
				}
			case wire.TypeDead:
				if x, _ := wire.ParseDead(m[1:]); string(x.Node) == "s" {
					f := fact{state: Dead, inc: uint8(x.Inc)}
					if string(x.From) == "s" {
						f.state = Left
					}
					said |= setOf(f)
				}
			}
		}
	}
	var sc wire.Scratch
	for l.n.gossip.queue.Len() > 0 {
		var p wire.Packer
		p.Reset(1400)
		l.n.gossip.queue.Fill(&p, 1, 1)
		sealed := l.n.Sealer().SealPacket(nil, p.AppendTo(nil), false, &sc)
		msgs, _ := l.n.Sealer().OpenPacket(sealed, &sc, nil)
		add(msgs)
	}
	for _, p := range l.out.Packets {
		msgs, _ := l.n.Sealer().OpenPacket(p.Data, &sc, nil)
		add(msgs)
	}
	l.out.Reset()
	return said
}

// opinion describes what the node knows.
func (l *localNode) opinion() opinion {
	n, id := l.n, l.id()
	o := opinion{subject: l.self}
	if id != NoMember && n.view.has(id) {
		r := n.view.at(id)
		o.known, o.state, o.inc, o.unconfirmed = true, r.state, uint8(r.inc), r.unconfirmed
		o.place = placeOf(n.identity(id).addr)
	}
	if s := n.suspicions.lookup(id); s != nil {
		o.asked, o.checked, o.mature = s.asked, s.checked, s.mature(l.now)
		o.anonymous = s.from[0] == nobody
	}
	if m := n.moves.of(id); m != nil {
		o.claimed, o.stage, o.left, o.loops = true, m.stage, uint8(m.left), m.loops
		if l.self {
			o.pings = m.pings
		}
		o.claim = fact{Alive, uint8(m.inc), placeOf(m.addr)}
		if m.next.inc > 0 {
			o.next = fact{Alive, uint8(m.next.inc), placeOf(m.next.addr)}
		}
	}
	for _, t := range n.rejoins.forgotten {
		o.tomb = max(o.tomb, uint8(t.inc))
	}
	o.watched, o.waiting = n.rejoins.find(id) != nil, n.rejoins.wait(l.now, id) > 0
	for _, p := range n.pings.list {
		o.pinged = o.pinged || p.kind == pingSuspect
		if p.kind == pingRejoin {
			o.rejoining = fact{Alive, uint8(p.claim.inc), placeOf(p.claim.addr)}
		}
	}
	return o
}
