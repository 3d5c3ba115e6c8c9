package replay

import (
	"cmp"
	"hash/fnv"
	"io"
	"net/netip"
	"sort"
	"time"

	"serf/agent/recording"
	"serf/internal/dissect"
	"serf/swim"
)

// Timeline is what happened to the nodes of several recordings, in one order: nothing comes before
// what caused it. The JSON names are for users and stay.
type Timeline struct {
	Nodes   []string  `json:"nodes"`
	Clocks  []*Clock  `json:"clocks"`
	Losses  []Loss    `json:"losses"`
	Moments []*Moment `json:"moments"`
}

// Loss is how many packets between two nodes were lost.
type Loss struct {
	From string `json:"from"`
	To   string `json:"to"`
	Sent int    `json:"sent"`
	Lost int    `json:"lost"`
}

// Moment is an input of a node, and what came of it.
type Moment struct {
	Time time.Time `json:"time"` // by the clock of the first node
	Node string    `json:"node"`
	// Cause is the message that is the input, if a recorded node sent it, and After how long it was
	// under way.
	Cause *Message      `json:"cause,omitempty"`
	After time.Duration `json:"after_ns,omitempty"`
	Input dissect.Part  `json:"input"`
	// Sent are the messages that the node sent, Said the rest of the effects.
	Sent []*Message     `json:"sent"`
	Said []dissect.Part `json:"said"`

	clock int
	at    time.Time
	got   receipt
}

// Message is a packet, or a message of a stream.
type Message struct {
	ID   int          `json:"id"` // 0: it was sent before the stretch
	From string       `json:"from"`
	To   string       `json:"to"`
	Fate Fate         `json:"fate"`
	What dissect.Part `json:"what"`

	clock  int
	at     time.Time
	node   int // that is to receive it; -1 if it isn't recorded
	stream swim.StreamID
	answer bool
	sum    uint64
	got    *Moment
}

// Fate is what became of a message.
type Fate string

// The fates.
const (
	Received    Fate = "received"
	Lost        Fate = "lost"
	Absent      Fate = "not running" // the receiver
	GivenUp     Fate = "given up"    // the receiver had stopped to wait for an answer
	NotRecorded Fate = "not recorded"
)

// receipt is a message that a node received.
type receipt struct {
	from   netip.AddrPort
	sum    uint64
	stream swim.StreamID
	kind   receiptKind
}

type receiptKind uint8

const (
	noReceipt receiptKind = iota
	packetReceipt
	requestReceipt
	replyReceipt
)

// sources are what a timeline is made of.
type sources struct {
	Timeline
	in    Stretch
	sent  []*Message
	got   []*Moment
	byAdr map[netip.AddrPort]int // nodes
	// byHost are the nodes that are alone on their host, and hosts those of the nodes.
	byHost map[netip.Addr]int
	hosts  map[int]netip.Addr
	runs   []runTime
}

// runTime is from when to when a run of a node is recorded, and its clock.
type runTime struct {
	id          string
	node, clock int
	from, to    time.Time
}

// Merge makes the timeline of a stretch, by the clock of the first recording's host. With a
// *DifferError there is one, too.
func Merge(all []*recording.Recording, keys recording.Keys, in Stretch) (*Timeline, error) {
	s := sources{in: in, byAdr: make(map[netip.AddrPort]int),
		byHost: make(map[netip.Addr]int), hosts: make(map[int]netip.Addr),
		Timeline: Timeline{Losses: []Loss{}, Moments: []*Moment{}}}
	var differs error
	for i, r := range all {
		s.Nodes = append(s.Nodes, r.Dir)
		err := s.play(i, r, keys, in)
		if !OnlyDiffers(err) {
			return nil, err
		}
		differs = cmp.Or(differs, err)
	}
	s.match()
	s.settle()
	s.order()
	return &s.Timeline, differs
}

// margin is how much more than the stretch is looked at, before and after it by the clock of each
// host: clocks may differ, and packets are under way.
const margin = 5 * time.Second

// play collects what a node received and sent.
func (s *sources) play(node int, r *recording.Recording, keys recording.Keys, in Stretch) error {
	wide := in
	if !in.From.IsZero() {
		wide.From = in.From.Add(-margin)
	}
	if !in.To.IsZero() {
		wide.To = in.To.Add(margin)
	}
	run := ""
	var base *recording.Checkpoint // of the run: within one, the host's clock may be set
	var now *Moment
	before := func(p *Player, seg *recording.Segment, e *recording.Entry, _ time.Time) {
		if seg.Run != run {
			run, base = seg.Run, nil
		}
		now = &Moment{Node: p.conf.Name, Sent: []*Message{}, Said: []dissect.Part{}}
		if e.Kind != recording.KindTick {
			now.Input = p.Input(e)
		} else {
			now.Input.Kind = "tick"
		}
	}
	var troubled error
	step := func(x *Step) error {
		if base == nil {
			base = &recording.Checkpoint{Wall: x.Wall, At: x.Entry.At}
			s.runs = append(s.runs, runTime{id: run, node: node, clock: len(s.runs), from: x.Wall})
		}
		last := &s.runs[len(s.runs)-1]
		now.at, now.clock = wallOf(base, x.Entry), last.clock
		last.to = now.at
		s.Nodes[node] = now.Node
		s.locate(node, x.Node.Self().Addr)
		s.step(x, now)
		return nil
	}
	err := Walk(r, keys, wide, &Visitor{Before: before, Step: step,
		Trouble: func(_ *recording.Segment, err error) {
			if err != ErrState && troubled == nil {
				troubled = err
			}
		}})
	return cmp.Or(troubled, err)
}

// locate notes where a node is.
func (s *sources) locate(node int, addr netip.AddrPort) {
	if s.hosts[node] == addr.Addr() {
		return
	}
	s.byAdr[addr], s.hosts[node] = node, addr.Addr()
	if _, shared := s.byHost[addr.Addr()]; shared {
		node = unknown
	}
	s.byHost[addr.Addr()] = node
}

// step collects an input and its effects.
func (s *sources) step(x *Step, now *Moment) {
	e := x.Entry
	switch {
	case e.Kind == recording.KindPacket:
		now.got = receipt{e.From, sumOf(e.Data), 0, packetReceipt}
	case e.Kind == recording.KindStream && e.Stream.Kind == swim.StreamRequest:
		now.got = receipt{e.Stream.From, sumOf(e.Stream.Data), e.Stream.ID, requestReceipt}
	case e.Kind == recording.KindStream && e.Stream.Kind == swim.StreamReply:
		now.got = receipt{e.Stream.From, 0, e.Stream.ID, replyReceipt}
	}
	effects := x.Effects()
	sent := len(x.Out.Packets) + len(x.Out.Streams)
	for i := range effects[:sent] {
		m := &Message{From: now.Node, What: effects[i], clock: now.clock, at: now.at, node: -1}
		if i < len(x.Out.Packets) {
			m.sum, m.To = sumOf(x.Out.Packets[i].Data), x.Out.Packets[i].To.String()
		} else {
			out := &x.Out.Streams[i-len(x.Out.Packets)]
			m.sum, m.stream, m.answer = sumOf(out.Message()), out.ID, out.Kind == swim.StreamAnswer
			if out.To.IsValid() {
				m.To = out.To.String()
			}
		}
		now.Sent = append(now.Sent, m)
		s.sent = append(s.sent, m)
	}
	now.Said = append(now.Said, effects[sent:]...)
	if now.got.kind != noReceipt || len(effects) > 0 {
		s.got = append(s.got, now)
	}
}

func sumOf(p []byte) uint64 {
	h := fnv.New64a()
	h.Write(p)
	return h.Sum64()
}

// settle moves all times to the clock of the first run, and decides what became of messages.
func (s *sources) settle() {
	offset := make([]time.Duration, len(s.Clocks))
	for i, c := range s.Clocks {
		offset[i] = c.Ahead
	}
	for i := range s.runs {
		r := &s.runs[i]
		r.from, r.to = r.from.Add(-offset[r.clock]), r.to.Add(-offset[r.clock])
	}
	for _, x := range s.got {
		x.Time = x.at.Add(-offset[x.clock])
	}
	for _, m := range s.sent {
		m.at = m.at.Add(-offset[m.clock])
		m.Fate = s.fate(m)
		if m.node >= 0 {
			m.To = s.Nodes[m.node]
		}
	}
	for _, x := range s.got {
		if x.Cause != nil {
			x.After = x.Time.Sub(x.Cause.at)
		}
	}
}

func (s *sources) fate(m *Message) Fate {
	if m.got != nil {
		return Received
	}
	switch {
	case m.node < 0:
		return NotRecorded
	case m.answer:
		return GivenUp
	}
	for _, r := range s.runs {
		if r.node == m.node && !m.at.Before(r.from) && m.at.Before(r.to) {
			return Lost
		}
	}
	return Absent
}

// order puts the moments of the stretch in order, numbers the messages and counts losses.
func (s *sources) order() {
	for _, x := range s.got {
		if s.in.Has(x.Time) {
			s.Moments = append(s.Moments, x)
		}
	}
	sort.SliceStable(s.Moments, func(i, j int) bool {
		return s.Moments[i].Time.Before(s.Moments[j].Time)
	})
	id := 0
	type pair struct{ from, to string }
	counts := make(map[pair]*Loss)
	var pairs []pair
	for _, x := range s.Moments {
		for _, m := range x.Sent {
			id++
			m.ID = id
			if m.Fate != Lost && m.Fate != Received {
				continue
			}
			p := pair{m.From, m.To}
			if counts[p] == nil {
				counts[p] = &Loss{From: m.From, To: m.To}
				pairs = append(pairs, p)
			}
			counts[p].Sent++
			if m.Fate == Lost {
				counts[p].Lost++
			}
		}
	}
	for _, p := range pairs {
		s.Losses = append(s.Losses, *counts[p])
	}
}

// WriteText writes the timeline for a terminal.
func (t *Timeline) WriteText(w io.Writer) error {
	_, err := io.WriteString(w, t.head())
	for _, x := range t.Moments {
		if err == nil {
			_, err = io.WriteString(w, x.text())
		}
	}
	return err
}
