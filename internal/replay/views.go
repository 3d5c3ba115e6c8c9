package replay

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"serf/agent/recording"
	"serf/internal/dissect"
	"serf/internal/std"
	"serf/internal/textwrap"
	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
)

// LogLine is a note of a node. The JSON names are for users and stay, as those below.
type LogLine struct {
	Time      time.Time  `json:"time"`
	Node      string     `json:"node"`
	Level     swim.Level `json:"-"`
	LevelName string     `json:"level"`
	Component string     `json:"component"`
	Text      string     `json:"msg"`
}

// Log passes the notes of a node in a stretch that are at least of a level, worded as in its log.
func Log(r *recording.Recording, keys recording.Keys, in Stretch, least swim.Level,
	pass func(LogLine) error) error {
	return walkIn(r, keys, in, nil, func(s *Step) error {
		for i := range s.Out.Notes {
			n := &s.Out.Notes[i]
			if n.Level < least {
				continue
			}
			component, text := s.NoteText(n)
			err := pass(LogLine{s.Wall, s.conf.Name, n.Level, levels[n.Level], component,
				textwrap.Escape(text, "")})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// walkIn walks the part of a recording that is in a stretch. It ends with the error of what can't
// be played, or with ErrNothing if no input is in the stretch.
func walkIn(r *recording.Recording, keys recording.Keys, in Stretch,
	before func(*Player, *recording.Entry, time.Time) error, step func(*Step) error) error {
	var failed error
	inputs := 0
	err := Walk(r, keys, in, &Visitor{
		Before: func(p *Player, _ *recording.Segment, e *recording.Entry, wall time.Time) {
			if before != nil && in.Has(wall) && failed == nil {
				failed = before(p, e, wall)
			}
		},
		Step: func(s *Step) error {
			if failed != nil || !in.Has(s.Wall) {
				return failed
			}
			inputs++
			return step(s)
		},
		Trouble: func(s *recording.Segment, err error) {
			if failed == nil && err != ErrState {
				failed = err
			}
		},
	})
	if inputs == 0 && OnlyDiffers(err) {
		failed = cmp.Or(failed, ErrNothing)
	}
	return cmp.Or(failed, err)
}

// Traffic is a packet, or what happens on a stream.
type Traffic struct {
	Time     time.Time    `json:"time"`
	NodeTime string       `json:"node_time"`
	Node     string       `json:"node"`
	In       bool         `json:"in"`
	Peer     string       `json:"peer"`
	PeerName string       `json:"peer_name,omitempty"`
	What     dissect.Part `json:"what"`
}

// Packets passes what a node received and sent in a stretch, by packets and by streams.
func Packets(r *recording.Recording, keys recording.Keys, in Stretch,
	pass func(*Traffic) error) error {
	at := func(p *Player, e *recording.Entry, wall time.Time) Traffic {
		return Traffic{Time: wall, NodeTime: NodeTime(e.At), Node: p.conf.Name}
	}
	before := func(p *Player, e *recording.Entry, wall time.Time) error {
		t := at(p, e, wall)
		switch e.Kind {
		case recording.KindPacket:
			p.peer(&t, e.From)
		case recording.KindStream:
			p.peer(&t, e.Stream.From)
		default:
			return nil
		}
		t.In, t.What = true, p.Input(e)
		return pass(&t)
	}
	return walkIn(r, keys, in, before, func(s *Step) error {
		for i, x := range s.outgoing() {
			t := at(s.Player, s.Entry, s.Wall)
			to := netip.AddrPort{}
			if n := len(s.Out.Packets); i < n {
				to = s.Out.Packets[i].To
			} else {
				to = s.Out.Streams[i-n].To
			}
			s.peer(&t, to)
			t.What = x
			if err := pass(&t); err != nil {
				return err
			}
		}
		return nil
	})
}

// outgoing words the packets and streams of the last input.
func (p *Player) outgoing() []dissect.Part {
	return p.Effects()[:len(p.Out.Packets)+len(p.Out.Streams)]
}

// peer sets whom an address belongs to.
func (p *Player) peer(t *Traffic, addr netip.AddrPort) {
	if !addr.IsValid() {
		return
	}
	t.Peer, t.PeerName = addr.String(), p.names(addr)
}

// names returns the name of the member at an address, if there is one.
func (p *Player) names(addr netip.AddrPort) string {
	if p.Node == nil {
		return ""
	}
	if p.byAddr == nil || p.named != p.Node.Digest() {
		p.byAddr, p.named = make(map[netip.AddrPort]string), p.Node.Digest()
		for m := range p.Node.All() {
			p.byAddr[m.Addr] = m.Name
		}
	}
	return p.byAddr[addr]
}

// Text is the traffic in lines, for a terminal.
func (t *Traffic) Text() string {
	way := "->"
	if t.In {
		way = "<-"
	}
	peer := t.Peer
	if t.PeerName != "" {
		peer = fmt.Sprintf("%s (%s)", textwrap.Escape(t.PeerName, ""), t.Peer)
	}
	if peer == "" { // an answer, on a stream that the other opened
		peer = "the asker"
	}
	text := t.What.Text(0, shownMax)
	text = strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ")
	return fmt.Sprintf("%s %s %s %s: %s\n", t.Time.Format(packetForm), textwrap.Escape(t.Node, ""),
		way, peer, text)
}

// packetForm is how times of packets are shown.
const packetForm = "2006-01-02 15:04:05.000000"

// ErrNothing means that a recording has nothing of the time that was asked for.
var ErrNothing = errors.New("the recording has nothing of that time")

// endTolerance is how long after the last input a moment may be: more is beyond the recording.
const endTolerance = time.Minute

// At plays a recording up to a time, its end if that is zero, and returns the player and the time of
// the last input before it: with a *DifferError, too.
func At(r *recording.Recording, keys recording.Keys, at time.Time) (p *Player, last time.Time, err error) {
	in := Stretch{From: at, To: at}
	if at.IsZero() {
		in.From = Latest(r)
	}
	var failed error
	err = Walk(r, keys, in, &Visitor{
		Step: func(s *Step) error {
			p, last = s.Player, s.Wall
			return nil
		},
		Trouble: func(_ *recording.Segment, trouble error) {
			if trouble != ErrState && failed == nil {
				failed = trouble
			}
		},
	})
	switch {
	case failed != nil:
	case OnlyDiffers(err) && (p == nil || p.Node == nil):
		failed = ErrNothing
	case at.Sub(last) > endTolerance && !at.IsZero():
		failed = std.Errorf("%w: its last input before is of %s", ErrNothing, last.Format(TimeForm))
	}
	return p, last, cmp.Or(failed, err)
}

// Latest is when the last segment of a recording begins.
func Latest(r *recording.Recording) time.Time {
	segments := r.Runs[len(r.Runs)-1].Segments
	return segments[len(segments)-1].Time
}

// Members are those that a node lists, in the order of their names.
func (p *Player) Members() (members []serf.Member) {
	var names []string
	for m := range p.Node.All() {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	for _, name := range names {
		m, _ := p.Node.Member(name)
		members = append(members, m)
	}
	return members
}

// HistoryOf returns what a node knows of how a member's state came about; ok is false if nothing.
// last is the time of the last input by the clock of its host.
func (p *Player) HistoryOf(name string, last time.Time) (h history.Member, ok bool) {
	h = history.Member{Name: name, AsSeenBy: p.conf.Name, Status: serf.StatusNone.String(),
		Changes: []history.Change{}}
	changes, dropped := p.History().Member(name)
	h.Changes, h.Dropped = append(h.Changes, changes...), dropped
	m, listed := p.Node.Member(name)
	if listed {
		h.Status = m.Status.String()
	}
	for i := range h.Changes {
		c := &h.Changes[i]
		c.Time = history.Stamp{Time: last.Add(c.At - time.Duration(p.at))}
		c.Text = c.Words(name, h.AsSeenBy)
	}
	return h, listed || len(h.Changes) > 0
}
