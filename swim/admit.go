package swim

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"serf/internal/invariant"
	"serf/wire"
)

// Peer is a member as another describes it. Slices are borrowed.
type Peer struct {
	Name     []byte
	Addr     netip.AddrPort
	Meta     []byte
	Versions [6]byte
	State    State
	Inc      uint32
}

// ErrMergeRefused is in the EventJoinDone of a join whose answers Config.AdmitMerge refused, with
// the error that it returned.
var ErrMergeRefused = errors.New("merge refused")

// refuses asks Config.Admit about a claim that would change what this node knows of another member.
func (n *Node) refuses(c *claim, out *Output) bool {
	if n.cfg.Admit == nil || !n.news(c) {
		return false
	}
	err := n.cfg.Admit(Peer{
		Name: c.name, Addr: c.addr, Meta: c.meta, Versions: c.versions, State: Alive, Inc: c.inc,
	})
	if err == nil {
		return false
	}
	n.counters.RefusedMembers++
	out.note(Note{Level: Warn, Code: NoteNotAdmitted, From: c.addr, Text: ClipText(c.name), Err: err})
	return true
}

// news tells whether a claim says something that this node doesn't know. Gossip repeats itself.
func (n *Node) news(c *claim) bool {
	r := n.view.at(c.id)
	return !r.known() || r.lacks(c.inc) || r.yieldsTo(Alive, c.inc) ||
		!n.roster.idents[r.ident].same(c.profile)
}

// refusesMerge asks Config.AdmitMerge about a state, and returns why nothing of it is taken.
func (n *Node) refusesMerge(pp *fullState, from netip.AddrPort, out *Output) error {
	if n.cfg.AdmitMerge == nil {
		return nil
	}
	err := n.cfg.AdmitMerge(n.peers(pp))
	if err == nil {
		return nil
	}
	n.counters.RefusedMerges++
	out.note(Note{Level: Warn, Code: NoteMergeRefused, From: from, Err: err})
	return fmt.Errorf("%w: %w", ErrMergeRefused, err)
}

// peers yields the members in a state, also those that make no sense.
func (n *Node) peers(pp *fullState) iter.Seq[Peer] {
	return func(yield func(Peer) bool) {
		for i := range pp.parts {
			states := pp.parts[i].states
			if run := pp.parts[i].run; run.From < run.To {
				recs := &n.view.recs
				var err error
				states, _, err = wire.ParseNodeStates(recs.Bytes(run), recs.Encoded(run))
				invariant.Check(err == nil, "swim: the base can't be read")
			}
			for it := states.Iter(); it.Next(); {
				s := &it.State
				p := profileOf(s.Addr, s.Port, s.Meta, s.Vsn)
				if !yield(Peer{s.Name, p.addr, p.meta, p.versions, State(s.State), s.Inc}) {
					return
				}
			}
		}
	}
}

const (
	// strangerPause is the least time between two exchanges with strangers.
	strangerPause = 5 * time.Second
	// strangerPauseMax bounds it after exchanges of which something was refused: it doubles then. A
	// member that isn't admitted remains a stranger, and may ping this node again and again.
	strangerPauseMax = 5 * time.Minute
)

// strangers is when this node may exchange states with a member that it doesn't know.
type strangers struct {
	after Time
	gap   time.Duration // 0: strangerPause
}

// admit takes a turn, if there may be one.
func (s *strangers) admit(now Time) bool {
	if now < s.after {
		return false
	}
	s.after = now.Add(max(s.gap, strangerPause))
	return true
}

// ended takes the end of an exchange.
func (s *strangers) ended(now Time, refused bool) {
	switch {
	case refused:
		s.gap = min(2*max(s.gap, strangerPause), strangerPauseMax)
		s.after = now.Add(s.gap)
	case s.gap > 0:
		s.gap, s.after = 0, now.Add(strangerPause)
	}
}
