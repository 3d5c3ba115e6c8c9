package replay

import (
	"hash/fnv"
	"net/netip"
	"time"

	"serf/agent/recording"
	"serf/internal/dissect"
	"serf/swim"
)

// Timeline is what happened to the nodes of several recordings, in one order: nothing comes before
// what caused it. The JSON names are for users and stay.
type Timeline struct {
	Nodes  []string `json:"nodes"`
	Clocks []*Clock `json:"clocks"`
	Losses []Loss   `json:"losses"`
	// Moved counts the moments that would come before their cause by the clocks, or before what
	// happened to the node earlier: they are shown after it, by at most MovedMost later.
	Moved     int           `json:"moved"`
	MovedMost time.Duration `json:"moved_most_ns"`
	Moments   []*Moment     `json:"moments"`
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
	// Moved is how much later it is shown than the clocks say.
	Moved time.Duration `json:"moved_ns,omitempty"`

	run    int
	at     time.Time // by the clock of the run
	got    receipt
	placed bool // in the order
}

// Message is a packet, or a message of a stream.
type Message struct {
	ID   int          `json:"id"` // 0: it was sent before the stretch
	From string       `json:"from"`
	To   string       `json:"to"`
	Fate Fate         `json:"fate"`
	What dissect.Part `json:"what"`

	by     *Moment
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
	got   [][]*Moment // of each node
	byAdr map[netip.AddrPort]int
	// byHost are the nodes that are alone on their host, and hosts those of the nodes.
	byHost map[netip.Addr]int
	hosts  map[int]netip.Addr
	runs   []runTime
}

// runTime is from when to when a run of a node is recorded, by its own clock.
type runTime struct {
	id       string
	node     int
	from, to time.Time
	closed   bool      // the agent stopped, rather than crashed
	zero     time.Time // of the node's clock
	setBack  time.Duration
}

// margin is how much more than the stretch is looked at, before and after it by the clock of each
// host: packets are under way, and clocks differ. If they differ more, it is done again.
const margin = 5 * time.Second

// Merge makes the timeline of a stretch, by the clock of the first recording's host.
func Merge(all []*Walk, in Stretch) *Timeline {
	for around := margin; ; {
		s := sources{in: in, byAdr: make(map[netip.AddrPort]int), got: make([][]*Moment, len(all)),
			byHost: make(map[netip.Addr]int), hosts: make(map[int]netip.Addr),
			Timeline: Timeline{Losses: []Loss{}, Moments: []*Moment{}}}
		for i, w := range all {
			*w = Walk{Recording: w.Recording, Keys: w.Keys, In: in}
			if !in.From.IsZero() {
				w.In.From = in.From.Add(-around)
			}
			if !in.To.IsZero() {
				w.In.To = in.To.Add(around)
			}
			s.Nodes = append(s.Nodes, w.Recording.Dir)
			s.play(i, w)
		}
		s.match()
		need := margin
		for _, c := range s.Clocks {
			need = max(need, c.Ahead.Abs()+margin, c.AheadAtEnd.Abs()+margin)
		}
		if need <= around || in == (Stretch{}) {
			s.settle()
			return &s.Timeline
		}
		around = need + margin
	}
}

// play collects what a node received and sent.
func (s *sources) play(node int, w *Walk) {
	var start *recording.Checkpoint
	for x := range w.Steps() {
		input := x.Input(x.Entry)
		if x.Play() != nil {
			continue
		}
		if x.Start != start {
			start = x.Start
			s.begin(node, x, w.end)
		}
		r := &s.runs[len(s.runs)-1]
		r.to = r.zero.Add(time.Duration(x.Entry.At))
		now := &Moment{Node: x.Name(), Input: input, Sent: []*Message{}, Said: []dissect.Part{},
			run: len(s.runs) - 1, at: r.to}
		s.Nodes[node] = now.Node
		s.locate(node, x.Node.Self().Addr)
		s.step(x, now)
	}
	if n := len(s.runs); n > 0 && s.runs[n-1].node == node {
		s.runs[n-1].closed = w.end.Reason == recording.EndClosed
	}
}

// begin begins a segment. The node's clock doesn't go on while a host is suspended, so that times are
// counted from the beginning of each segment; but if a clock was set back, from there on times are
// by the clock as it was.
func (s *sources) begin(node int, x *Step, end recording.End) {
	zero := x.Start.Wall.Add(-time.Duration(x.Start.At))
	n := len(s.runs)
	var last *runTime
	if n > 0 && s.runs[n-1].node == node {
		last = &s.runs[n-1]
	}
	if last == nil || last.id != x.Segment.Run {
		begin := x.Start.Wall
		r := runTime{id: x.Segment.Run, node: node, zero: zero, from: begin}
		if last != nil {
			last.closed = end.Reason == recording.EndClosed
			r.setBack = max(0, last.to.Sub(begin))
		}
		r.zero, r.from = zero.Add(r.setBack), begin.Add(r.setBack)
		s.runs = append(s.runs, r)
		return
	}
	if back := last.zero.Sub(zero); back > 0 {
		last.setBack = back
	} else {
		last.zero = zero
	}
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
		m := &Message{From: now.Node, What: effects[i], by: now, node: unknown}
		if to := x.receiver(i); to.IsValid() {
			m.To = to.String()
		}
		if n := len(x.Out.Packets); i < n {
			m.sum = sumOf(x.Out.Packets[i].Data)
		} else {
			out := &x.Out.Streams[i-n]
			m.sum, m.stream, m.answer = sumOf(out.Message()), out.ID, out.Kind == swim.StreamAnswer
		}
		now.Sent = append(now.Sent, m)
		s.sent = append(s.sent, m)
	}
	now.Said = append(now.Said, effects[sent:]...)
	if now.got.kind != noReceipt || len(effects) > 0 {
		node := s.runs[now.run].node
		s.got[node] = append(s.got[node], now)
	}
}

func sumOf(p []byte) uint64 {
	h := fnv.New64a()
	h.Write(p)
	return h.Sum64()
}

// settle moves all times to the clock of the first run, and decides what became of messages.
func (s *sources) settle() {
	for i := range s.runs {
		r := &s.runs[i]
		r.from, r.to = s.common(i, r.from), s.common(i, r.to)
	}
	s.order()
	for _, m := range s.sent {
		m.Fate = s.fate(m)
		if m.node >= 0 {
			m.To = s.Nodes[m.node]
		}
	}
	s.number()
}

// order puts all moments in order: by their times, but none before its cause or before what happened
// to its node earlier. Clocks are known only so well: the time of one that would be is moved.
func (s *sources) order() {
	left := s.got
	last := make([]time.Time, len(left)) // of each node
	for {
		var next *Moment
		var at time.Time
		var node int
		caused := false // next's cause has its place, or there is none
		for i, list := range left {
			if len(list) == 0 {
				continue
			}
			x := list[0]
			t := latest(s.common(x.run, x.at), last[i])
			ok := x.Cause == nil || x.Cause.by.placed
			if ok && x.Cause != nil {
				t = latest(t, x.Cause.by.Time)
			}
			if next == nil || ok && !caused || ok == caused && t.Before(at) {
				next, at, node, caused = x, t, i, ok
			}
		}
		if next == nil {
			return
		}
		if !caused { // a circle: of equal messages, the wrong ones were taken for each other
			next.Cause.got, next.Cause.node = nil, unknown
			next.Cause = nil
		}
		s.place(next, at)
		last[node], left[node] = at, left[node][1:]
	}
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// place gives a moment its time, and its place if it is in the stretch.
func (s *sources) place(x *Moment, at time.Time) {
	x.Time, x.placed = at, true
	if x.Cause != nil {
		x.After = at.Sub(x.Cause.by.Time)
	}
	if !s.in.Has(at) {
		return
	}
	s.Moments = append(s.Moments, x)
	if x.Moved = at.Sub(s.common(x.run, x.at)); x.Moved > 0 {
		s.Moved++
		s.MovedMost = max(s.MovedMost, x.Moved)
	}
}

func (s *sources) fate(m *Message) Fate {
	switch {
	case m.got != nil:
		return Received
	case m.node < 0:
		return NotRecorded
	case m.answer:
		return GivenUp
	}
	for _, r := range s.runs {
		at := m.by.Time
		if r.node != m.node || at.Before(r.from) {
			continue
		}
		if at.Before(r.to) {
			return Lost
		}
		if !r.closed && at.Before(r.to.Add(recording.WriteLatest)) {
			return NotRecorded
		}
	}
	return Absent
}

// number numbers the messages of the stretch and counts losses.
func (s *sources) number() {
	id := 0
	type pair struct{ from, to string }
	index := make(map[pair]int)
	for _, x := range s.Moments {
		for _, m := range x.Sent {
			id++
			m.ID = id
			if m.Fate != Lost && m.Fate != Received {
				continue
			}
			i, ok := index[pair{m.From, m.To}]
			if !ok {
				i = len(s.Losses)
				index[pair{m.From, m.To}] = i
				s.Losses = append(s.Losses, Loss{From: m.From, To: m.To})
			}
			s.Losses[i].Sent++
			if m.Fate == Lost {
				s.Losses[i].Lost++
			}
		}
	}
}
