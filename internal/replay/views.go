package replay

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"serf/agent/recording"
	"serf/internal/dissect"
	"serf/internal/textwrap"
	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
)

// Line is one thing of a recording, of a log or the like. As JSON it is an object.
type Line interface {
	When() time.Time
	// Words is the line for a terminal, one of those of several nodes or of one.
	Words(several bool) string
}

// LogLine is a note of a node. The JSON names are for users and stay, as those below.
type LogLine struct {
	Time      time.Time `json:"time"`
	Node      string    `json:"node"`
	Level     string    `json:"level"`
	Component string    `json:"component"`
	Text      string    `json:"msg"`
}

// When implements Line.
func (l *LogLine) When() time.Time { return l.Time }

// Words implements Line.
func (l *LogLine) Words(several bool) string {
	node := ""
	if several {
		node = dissect.Clean(l.Node) + " "
	}
	return fmt.Sprintf("%s %s[%s] %s: %s\n", l.Time.Format("2006/01/02 15:04:05.000"), node, l.Level,
		l.Component, l.Text)
}

// Log has the notes of a node in a stretch that are at least of a level, worded as in its log.
func Log(w *Walk, least swim.Level) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		for s := range w.Steps() {
			if !s.In || s.Play() != nil {
				continue
			}
			for i := range s.Out.Notes {
				n := &s.Out.Notes[i]
				if n.Level < least {
					continue
				}
				component, text := s.NoteText(n)
				if !yield(&LogLine{s.Wall, s.conf.Name, levels[n.Level], component,
					textwrap.Escape(text, "")}) {
					return
				}
			}
		}
	}
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

// Packets has what a node received and sent in a stretch, by packets and by streams.
func Packets(w *Walk) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		for s := range w.Steps() {
			if !s.In {
				continue
			}
			at := Traffic{Time: s.Wall, NodeTime: NodeTime(s.Entry.At), Node: s.conf.Name}
			switch t, e := at, s.Entry; e.Kind {
			case recording.KindPacket, recording.KindStream:
				s.peer(&t, peerOf(e))
				t.In, t.What = true, s.Input(e)
				if !yield(&t) {
					return
				}
			}
			if s.Play() != nil {
				continue
			}
			for i, x := range s.Effects()[:len(s.Out.Packets)+len(s.Out.Streams)] {
				t := at
				s.peer(&t, s.receiver(i))
				if t.What = x; !yield(&t) {
					return
				}
			}
		}
	}
}

// peerOf is where a packet or a message of a stream came from.
func peerOf(e *recording.Entry) netip.AddrPort {
	if e.Kind == recording.KindStream {
		return e.Stream.From
	}
	return e.From
}

// receiver is where packet or stream i of the last input goes.
func (p *Player) receiver(i int) netip.AddrPort {
	if n := len(p.Out.Packets); i >= n {
		return p.Out.Streams[i-n].To
	}
	return p.Out.Packets[i].To
}

// peer sets whom an address belongs to.
func (p *Player) peer(t *Traffic, addr netip.AddrPort) {
	if addr.IsValid() {
		t.Peer, t.PeerName = addr.String(), p.names(addr)
	}
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

// When implements Line.
func (t *Traffic) When() time.Time { return t.Time }

// Words implements Line.
func (t *Traffic) Words(bool) string {
	way := "->"
	if t.In {
		way = "<-"
	}
	peer := t.Peer
	if t.PeerName != "" {
		peer = fmt.Sprintf("%s (%s)", dissect.Clean(t.PeerName), t.Peer)
	}
	if peer == "" { // an answer, on a stream that the other opened
		peer = "the asker"
	}
	text := t.What.Text(0, shownMax)
	text = strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ")
	return fmt.Sprintf("%s %s %s %s: %s\n", t.Time.Format(packetForm), dissect.Clean(t.Node), way,
		peer, text)
}

// packetForm is how times of packets are shown.
const packetForm = "2006-01-02 15:04:05.000000"

// endTolerance is how long after the last input a moment may be: more is beyond the recording.
const endTolerance = time.Minute

// At plays a recording up to a time, its end if that is zero, and returns the player and the time of
// the last input before it.
func At(w *Walk, at time.Time) (p *Player, last time.Time, err error) {
	if w.In = (Stretch{From: at, To: at}); at.IsZero() {
		w.In.From = Latest(w)
	}
	run := ""
	for s := range w.Steps() {
		if s.Play() == nil {
			p, last, run = s.Player, s.Wall, s.Segment.Run
		}
	}
	switch {
	case p == nil:
		err = ErrNothing
	case at.IsZero() || w.past && w.segment.Run == run:
	case w.player == p && w.end.Reason == recording.EndClosed && at.After(last):
		err = fmt.Errorf("%w: the agent wasn't running, it had stopped at %s", ErrNothing,
			last.Format(TimeForm))
	case at.Sub(last) > endTolerance:
		err = fmt.Errorf("%w: its last input before is of %s", ErrNothing, last.Format(TimeForm))
	}
	return p, last, err
}

// Latest is when the last segment of a recording begins.
func Latest(w *Walk) time.Time {
	return w.Recording.Segments[len(w.Recording.Segments)-1].Time
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
