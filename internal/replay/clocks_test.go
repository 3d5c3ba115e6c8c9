package replay

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var begin = time.Date(2026, 11, 30, 6, 0, 0, 0, time.UTC)

// exchange makes packets of some hosts within an hour, whose clocks are ahead by so much at a time.
func exchange(rng *rand.Rand, packets int, ahead ...func(since time.Duration) time.Duration) *sources {
	s := &sources{got: make([][]*Moment, len(ahead))}
	for i := range ahead {
		s.Nodes = append(s.Nodes, string(rune('a'+i)))
		s.runs = append(s.runs, runTime{node: i, from: begin, to: begin.Add(2 * time.Hour)})
	}
	local := func(host int, since time.Duration) time.Time { return begin.Add(since + ahead[host](since)) }
	for range packets {
		from, to := rng.IntN(len(ahead)), rng.IntN(len(ahead))
		if from == to {
			continue
		}
		since := time.Duration(rng.Int64N(int64(time.Hour)))
		took := 5*time.Millisecond + time.Duration(rng.Int64N(int64(20*time.Millisecond)))
		m := &Message{node: to}
		m.by = &Moment{run: from, at: local(from, since), Sent: []*Message{m}}
		m.got = &Moment{run: to, at: local(to, since+took), Cause: m}
		s.sent = append(s.sent, m)
		s.got[from], s.got[to] = append(s.got[from], m.by), append(s.got[to], m.got)
	}
	for _, list := range s.got {
		slices.SortFunc(list, func(a, b *Moment) int { return a.at.Compare(b.at) })
	}
	s.reconcile()
	s.settle()
	return s
}

func constant(d time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return d }
}

// wantCauses wants that nothing comes before its cause, and that no packet took longer than they do.
func wantCauses(t *testing.T, s *sources) {
	t.Helper()
	place := make(map[*Moment]int)
	for i, x := range s.Moments {
		place[x] = i
	}
	for i, x := range s.Moments {
		if c := x.Cause; c != nil && (place[c.by] >= i || x.Time.Before(c.by.Time) || x.After < 0) {
			t.Fatalf("%s got at %v what %s sent at %v", s.Nodes[s.runs[x.run].node], x.Time, s.Nodes[s.runs[c.by.run].node], c.by.Time)
		}
		if x.After > 60*time.Millisecond {
			t.Fatalf("a packet took %v", x.After)
		}
	}
}

// Clocks that differ by seconds are found out from packets, within the bounds that are told.
func TestClocksAreReconciled(t *testing.T) {
	t.Parallel()
	ahead := []time.Duration{0, 3 * time.Second, -700 * time.Millisecond}
	s := exchange(rand.New(rand.NewPCG(1, 0)), 400, constant(ahead[0]), constant(ahead[1]), constant(ahead[2]))
	for i, c := range s.Clocks {
		if off := (c.Ahead - ahead[i]).Abs(); !c.Known || off > c.Within || c.Within > 15*time.Millisecond || c.AheadAtEnd != c.Ahead {
			t.Errorf("clock of %s: %+v, want %v ahead", c.Node, c, ahead[i])
		}
	}
	wantCauses(t, s)
}

// Nothing is known of a clock without packets.
func TestClockOfAStranger(t *testing.T) {
	t.Parallel()
	s := &sources{Timeline: Timeline{Nodes: []string{"a", "b"}}, runs: []runTime{{node: 0}, {node: 1}}}
	s.reconcile()
	if !s.Clocks[0].Known || s.Clocks[1].Known || s.common(1, begin) != begin {
		t.Errorf("clocks %+v, %+v", s.Clocks[0], s.Clocks[1])
	}
}

// A clock that drifts, one that is set, and then the first one itself, all within a run: each packet
// still arrives after it was sent, in the order and by the times that are shown.
func TestClocksThatChange(t *testing.T) {
	t.Parallel()
	drift := func(since time.Duration) time.Duration { return since / 5000 } // 200 ppm: 0.7 s an hour
	set := func(at, by time.Duration) func(time.Duration) time.Duration {
		return func(since time.Duration) time.Duration {
			if since < at {
				return 0
			}
			return by
		}
	}
	s := exchange(rand.New(rand.NewPCG(2, 0)), 8000, set(40*time.Minute, 5*time.Minute), drift, set(20*time.Minute, 2*time.Second))
	wantCauses(t, s)
	near := func(d, want time.Duration) bool { return (d - want).Abs() < 20*time.Millisecond }
	if c := s.Clocks[1]; !near(c.Ahead, 0) || !near(c.AheadAtEnd, 720*time.Millisecond-5*time.Minute) {
		t.Errorf("the clock that drifts is %v ahead at first, %v at the end", c.Ahead, c.AheadAtEnd)
	}
	if c := s.Clocks[2]; len(c.pieces) < 3 || !near(c.Ahead, 0) || !near(c.AheadAtEnd, 2*time.Second-5*time.Minute) {
		t.Errorf("the clock that was set: %+v", c)
	}
}

// What the clocks would show before its cause is shown after it, and counted.
func TestMomentsAreMovedBehindTheirCause(t *testing.T) {
	t.Parallel()
	// c's clock isn't known, as packets come from it and none goes to it.
	m := &Message{}
	m.by = &Moment{run: 1, at: begin.Add(time.Second), Sent: []*Message{m}}
	m.got = &Moment{run: 0, at: begin, Cause: m}
	next := &Moment{run: 0, at: begin.Add(time.Millisecond)}
	s := &sources{Timeline: Timeline{Nodes: []string{"a", "c"}}, runs: []runTime{{node: 0}, {node: 1}},
		sent: []*Message{m}, got: [][]*Moment{{m.got, next}, {m.by}}}
	s.reconcile()
	s.settle()
	if !slices.Equal(s.Moments, []*Moment{m.by, m.got, next}) || m.got.Moved != time.Second || m.got.After != 0 {
		t.Errorf("moments %v", s.Moments)
	}
	if s.Moved != 2 || s.MovedMost != time.Second {
		t.Errorf("%d moved, by at most %v", s.Moved, s.MovedMost)
	}
}

// Two that are taken for each other's causes by mistake end the order all the same.
func TestCircleOfCausesIsBroken(t *testing.T) {
	t.Parallel()
	a, b := &Message{}, &Message{}
	x := &Moment{run: 0, at: begin, Cause: b, Sent: []*Message{a}}
	y := &Moment{run: 1, at: begin, Cause: a, Sent: []*Message{b}}
	a.by, a.got, b.by, b.got = x, y, y, x
	s := &sources{Timeline: Timeline{Nodes: []string{"a", "b"}}, runs: []runTime{{node: 0}, {node: 1}},
		sent: []*Message{a, b}, got: [][]*Moment{{x}, {y}}}
	s.reconcile()
	s.settle()
	if len(s.Moments) != 2 || x.Cause != nil || b.Fate != NotRecorded || y.Cause != a {
		t.Errorf("moments %v, fates %v, %v", s.Moments, a.Fate, b.Fate)
	}
}

func TestClocksInWords(t *testing.T) {
	t.Parallel()
	line := Timeline{Nodes: []string{"a", "b"}, Clocks: []*Clock{
		{Node: "a", Known: true}, {Node: "b", Known: true, Ahead: time.Second, AheadAtEnd: time.Second, Within: time.Millisecond, Packets: 7},
		{Node: "b", Known: true, Ahead: -time.Second, AheadAtEnd: 2 * time.Second, Within: time.Millisecond, Packets: 8, SetBack: time.Minute},
		{Node: "b", Known: true, Ahead: time.Microsecond, Within: time.Millisecond, Packets: 9}, {Node: "c"},
	}, Losses: []Loss{{"a", "b", 9, 0}, {"b", "a", 7, 2}}, Moved: 3, MovedMost: 1500 * time.Nanosecond}
	want := `2 recordings: a, b
times are by the clock of a
clock of b: 1s ahead, ±1ms (7 packets)
clock of b, run 2: 1s behind at first, 2s ahead at the end, ±1ms (8 packets)
clock of b, run 2: was set back by 1m0s; times after that are by it as it was
clock of b, run 3: the same, ±1ms (9 packets)
clock of c: taken as it is, as no packets went both ways
3 moments shown later than by these clocks, by up to 2µs: nothing comes before its cause
b -> a: 2 of 7 lost
`
	if got := line.head(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
