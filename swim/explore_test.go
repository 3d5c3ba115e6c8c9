package swim

import (
	"flag"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
)

// The rules by which members merge what is said about one of them are checked exhaustively here:
// every state that a subject and two observers can reach is visited, with every order, loss and
// repetition of messages, false accusations, crashes, restarts at the same or another address,
// departures and dropped records. The two files run the code of real nodes, not a model of it.
//
// A rule is about one subject at a time, since what is said about one member changes nothing about
// another. So three members are enough: whoever else there is says the same things.

var exploreLong = flag.Bool("explore", false, "explore the larger clusters, too: half a minute")

// explored is what can go wrong in an exploration. Each more makes for ten times as many states.
type explored struct {
	accused  uint8 // the greatest incarnation at which the subject is accused falsely
	restarts uint8
	moves    bool  // a restart may be at the other place
	leaves   bool  // the subject may leave
	reaps    bool  // records of members that are gone are dropped
	returns  uint8 // the greatest incarnation to which a return raises the subject's
}

// explorer combines nodes into clusters.
type explorer struct {
	t *testing.T
	explored

	opinions []opinion
	index    map[opinion]int
	paths    [][]event   // the first by which a node got to each opinion
	others   [][][]event // some more
	edges    []map[event]localEdge
}

// localEdge is what an event does to a node.
type localEdge struct {
	to   int32 // -1: it can't happen
	said facts
}

// start is the number of a node to which nothing has happened.
func (x *explorer) start(self bool, place uint8) int {
	path := []event{{kind: startsObserver}}
	if self {
		path[0] = event{startsSubject, fact{place: place}}
	}
	l, _ := replay(path)
	return x.number(l.opinion(), path)
}

// number is the number of an opinion, at which a node got by path.
func (x *explorer) number(o opinion, path []event) int {
	const enough = 3
	i, ok := x.index[o]
	if !ok {
		i = len(x.opinions)
		x.index[o] = i
		x.opinions, x.paths = append(x.opinions, o), append(x.paths, path)
		x.others, x.edges = append(x.others, nil), append(x.edges, map[event]localEdge{})
	} else if len(x.others[i]) < enough {
		x.others[i] = append(x.others[i], path)
	}
	return i
}

// replay makes a node to which the events of a path happen. It returns what came of the last one.
func replay(path []event) (l *localNode, last localEdge) {
	l = newLocal(path[0].kind == startsSubject, path[0].fact.place)
	for _, e := range path[1:] {
		said, ok := l.do(e)
		last = localEdge{said: said}
		if !ok {
			last.to = -1
		}
	}
	return l, last
}

// after is what e does to node i.
func (x *explorer) after(i int, e event) localEdge {
	edge, ok := x.edges[i][e]
	if !ok {
		path := append(slices.Clip(x.paths[i]), e)
		var l *localNode
		if l, edge = replay(path); edge.to >= 0 {
			edge.to = int32(x.number(l.opinion(), path))
		}
		x.edges[i][e] = edge
	}
	return edge
}

// checkOpinions fails unless all nodes of an opinion do the same, however they got there: then an
// opinion says all that counts.
func (x *explorer) checkOpinions() {
	for i, others := range x.others {
		for _, path := range others {
			for e, want := range x.edges[i] {
				l, got := replay(append(slices.Clip(path), e))
				if got.to >= 0 {
					got.to = -2
					if to, ok := x.index[l.opinion()]; ok {
						got.to = int32(to)
					}
				}
				if got != want {
					x.t.Fatalf("%v, then %v: %v by\n%v\nbut %v, %v by\n%v", x.opinions[i], e,
						want, x.paths[i], got, l.opinion(), path)
				}
			}
		}
	}
}

// world is a state of the cluster.
type world struct {
	said     facts
	subject  int16 // -1: it is down
	observer [2]int16
	forgot   [2]uint8 // the incarnation at which an observer dropped its record; 0: it has one
	restarts uint8
}

func (w world) canonical() world {
	if w.observer[0] > w.observer[1] {
		w.observer[0], w.observer[1] = w.observer[1], w.observer[0]
		w.forgot[0], w.forgot[1] = w.forgot[1], w.forgot[0]
	}
	return w
}

// step is one thing that happens, for the report of a fault.
type happening struct {
	who  string
	what event
}

// steps calls yield for everything that can happen in w. Those that only happen while something is
// wrong are left out unless wrong.
func (x *explorer) steps(w world, wrong bool, yield func(world, happening)) {
	if w.subject >= 0 {
		x.subjectSteps(w, wrong, yield)
	} else if wrong && w.restarts < x.restarts {
		for place := range uint8(2) {
			if place > 0 && !x.moves {
				break
			}
			next := w
			next.restarts++
			next.subject = int16(x.start(true, place))
			next.said |= setOf(fact{Alive, 1, place})
			yield(next, happening{fmt.Sprintf("subject starts at %d", place), event{}})
		}
	}
	for i := range w.observer {
		x.observerSteps(w, i, wrong, yield)
	}
}

func (x *explorer) subjectSteps(w world, wrong bool, yield func(world, happening)) {
	do := func(e event) {
		edge := x.after(int(w.subject), e)
		if edge.to < 0 || x.opinions[edge.to].inc > x.returns {
			return
		}
		next := w
		next.subject, next.said = int16(edge.to), w.said|edge.said
		yield(next, happening{"subject", e})
	}
	for s := w.said; s != 0; s &= s - 1 {
		do(event{hears, factOf(bits.TrailingZeros64(uint64(s)))})
	}
	for _, o := range w.observer {
		if o := &x.opinions[o]; o.known {
			do(event{merges, o.entry()})
		}
	}
	do(event{kind: returnAdvance})
	do(event{kind: pauseEnds})
	if !wrong {
		return
	}
	if x.leaves {
		do(event{kind: leaves})
	}
	next := w
	next.subject = -1
	yield(next, happening{"subject stops", event{}})
}

// up tells whether the subject runs at a place.
func (x *explorer) up(w *world, place uint8) bool {
	return w.subject >= 0 && x.opinions[w.subject].place == place
}

func (x *explorer) observerSteps(w world, i int, wrong bool, yield func(world, happening)) {
	o := &x.opinions[w.observer[i]]
	do := func(e event) {
		edge := x.after(int(w.observer[i]), e)
		if edge.to < 0 {
			return
		}
		next := w
		next.observer[i], next.said = int16(edge.to), w.said|edge.said
		x.checkStep(w, next, i, e)
		switch {
		case e.kind == reaps:
			next.forgot[i] = o.inc
		case x.opinions[edge.to].known:
			next.forgot[i] = 0
		}
		yield(next, happening{fmt.Sprintf("observer %d", i), e})
	}
	for s := w.said; s != 0; s &= s - 1 {
		f := factOf(bits.TrailingZeros64(uint64(s)))
		do(event{hears, f})
		do(event{hearsLate, f})
		if f.state == Alive && x.up(&w, f.place) && f.inc == x.opinions[w.subject].inc {
			do(event{hearsSubject, f})
		}
	}
	if other := &x.opinions[w.observer[1-i]]; other.known {
		do(event{merges, other.entry()})
	}
	if w.subject >= 0 {
		do(event{merges, x.opinions[w.subject].entry()})
	}
	here := o.known && x.up(&w, o.place)
	if wrong && o.inc <= x.accused || !here && !wrong {
		do(event{kind: probeFails})
	}
	if wrong || !here {
		do(event{kind: finalProbed})
		do(event{kind: expires})
	}
	asks := o.place
	if o.rejoining.inc > 0 {
		asks = o.rejoining.place
	}
	if x.up(&w, asks) {
		do(event{kind: answers})
	}
	if wrong || !x.up(&w, asks) {
		do(event{kind: staysSilent})
	}
	do(event{kind: pauseEnds})
	do(event{kind: waitEnds})
	if wrong && x.reaps {
		do(event{kind: reaps})
	}
}

// checkStep fails if an observer revives the subject, or forgets what it knew.
func (x *explorer) checkStep(before, after world, i int, e event) {
	a, b := &x.opinions[before.observer[i]], &x.opinions[after.observer[i]]
	fail := func(why string) {
		x.t.Fatalf("%s: an observer %v,\nwas    %v\nbecame %v\nafter  %v",
			why, e, a, b, x.paths[before.observer[i]])
	}
	said := func(place uint8) facts { return setOf(fact{Alive, b.inc, place}) }
	itself := e.kind == answers || e.kind == hearsSubject
	switch {
	case e.kind == reaps:
	case a.known && !b.known:
		fail("the record was lost")
	case a.known && b.inc < a.inc:
		fail("the incarnation fell")
	case a.gone() && b.live() && b.inc <= a.inc:
		fail("revived at an incarnation at which it was gone")
	case a.known && a.state == Left && b.state == Dead:
		fail("a member that left is called failed")
	case a.known && a.inc == b.inc && a.state.live() && b.state < a.state:
		fail("a suspicion was dropped without a refutation")
	case b.live() && !b.unconfirmed && after.said&(said(0)|said(1)) == 0:
		fail("alive at an incarnation that the subject never said")
	case !a.known && b.live() && b.inc <= before.forgot[i] && !itself:
		fail("a forgotten member came back without an answer")
	}
}

// visit visits every state that can be reached, and checks each with check.
func (x *explorer) visit(check func(w world, trace func() string)) int {
	type visited struct {
		parent int32
		by     happening
	}
	begin := world{subject: int16(x.start(true, 0)), said: setOf(fact{Alive, 1, 0})}
	begin.observer[0] = int16(x.start(false, 0))
	begin.observer[1] = begin.observer[0]
	index := map[world]struct{}{begin: {}}
	list, from := []world{begin}, []visited{{parent: -1}}
	for i := 0; i < len(list); i++ {
		w := list[i]
		check(w, func() string {
			var lines []string
			for at := int32(i); from[at].parent >= 0; at = from[at].parent {
				lines = append(lines, fmt.Sprintf("%s: %v", from[at].by.who, from[at].by.what))
			}
			slices.Reverse(lines)
			return strings.Join(lines, "\n")
		})
		x.steps(w, true, func(next world, by happening) {
			next = next.canonical()
			if _, seen := index[next]; seen {
				return
			}
			index[next] = struct{}{}
			list, from = append(list, next), append(from, visited{int32(i), by})
		})
		if len(list) > 5_000_000 {
			x.t.Fatalf("more than %d states", len(list))
		}
	}
	return len(list)
}

func (x *explorer) describe(w world) string {
	s := "down"
	if w.subject >= 0 {
		s = x.opinions[w.subject].String()
	}
	var said []string
	for m := w.said; m != 0; m &= m - 1 {
		said = append(said, factOf(bits.TrailingZeros64(uint64(m))).String())
	}
	return fmt.Sprintf("subject: %s\nobservers: %v | %v\nsaid: %s", s,
		x.opinions[w.observer[0]], x.opinions[w.observer[1]], strings.Join(said, ", "))
}

// settle lets the cluster come to rest: nothing goes wrong any more, messages that are in flight
// arrive once each, and members exchange states. order varies what comes first. false: it doesn't.
func (x *explorer) settle(w world, order int) (world, bool) {
	const enough = 100 // rounds; 20 were seen
	for range enough {
		before := w
		x.settleSoon(&w, order)
		if w == before && w.said == 0 {
			x.settleLate(&w)
			if w == before {
				return w, true
			}
		}
	}
	return w, false
}

// one lets e happen to node i: an observer, or 2, the subject.
func (x *explorer) one(w *world, i int, e event) {
	at := &w.subject
	if i < 2 {
		at = &w.observer[i]
	}
	if *at < 0 {
		return
	}
	if edge := x.after(int(*at), e); edge.to >= 0 {
		*at = int16(edge.to)
		w.said |= edge.said
	}
}

// opinionOf is that of node i, an observer or 2, the subject; nil if it is down.
func (x *explorer) opinionOf(w *world, i int) *opinion {
	switch {
	case i < 2:
		return &x.opinions[w.observer[i]]
	case w.subject < 0:
		return nil
	}
	return &x.opinions[w.subject]
}

var nodeOrders = [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}

// settleSoon is what happens within seconds.
func (x *explorer) settleSoon(w *world, order int) {
	nodes := nodeOrders[order%len(nodeOrders)]
	inFlight := w.said
	w.said = 0
	for _, i := range nodes {
		for s := inFlight; s != 0; {
			bit := bits.TrailingZeros64(uint64(s))
			if order >= len(nodeOrders) {
				bit = 63 - bits.LeadingZeros64(uint64(s))
			}
			s &^= 1 << bit
			x.one(w, i, event{hears, factOf(bit)})
		}
	}
	for i := range w.observer {
		o := x.opinionOf(w, i)
		asks := o.place
		if o.rejoining.inc > 0 {
			asks = o.rejoining.place
		}
		if x.up(w, asks) {
			x.one(w, i, event{kind: answers})
		} else {
			x.one(w, i, event{kind: staysSilent})
		}
		if o = x.opinionOf(w, i); o.known && !x.up(w, o.place) {
			x.one(w, i, event{kind: finalProbed})
			x.one(w, i, event{kind: expires})
		}
	}
	for _, i := range nodes {
		for _, j := range nodes {
			if from := x.opinionOf(w, j); i != j && from != nil && from.known {
				x.one(w, i, event{merges, from.entry()})
			}
		}
	}
	x.one(w, 2, event{kind: returnAdvance})
}

// settleLate is what takes longer than gossip does: pauses end, and members that don't run are
// probed in vain.
func (x *explorer) settleLate(w *world) {
	x.one(w, 2, event{kind: pauseEnds})
	for i := range w.observer {
		x.one(w, i, event{kind: pauseEnds})
		x.one(w, i, event{kind: waitEnds})
		if o := x.opinionOf(w, i); o.known && !x.up(w, o.place) {
			x.one(w, i, event{kind: probeFails})
		}
	}
}

// checkRest fails unless both observers know what is true.
func (x *explorer) checkRest(w world, order int, trace func() string) {
	rest, ok := x.settle(w, order)
	s := x.opinionOf(&rest, 2)
	for i := range rest.observer {
		o := x.opinionOf(&rest, i)
		switch {
		case s == nil:
			ok = ok && !o.live()
		case s.state == Left:
			ok = ok && (!o.known || o.state == Left)
		default:
			ok = ok && o.known && o.state == Alive && !o.unconfirmed &&
				o.inc == s.inc && o.place == s.place
		}
	}
	if !ok {
		x.t.Fatalf("the members don't agree on what is true, order %d\nfrom\n%s\nto\n%s\nby\n%s",
			order, x.describe(w), x.describe(rest), trace())
	}
}

func TestExplore(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("all states of three members")
	}
	type what = explored
	for name, c := range map[string]struct {
		what
		long bool
	}{
		"accused and restarted": {what{accused: 1, restarts: 1, leaves: true}, false},
		"moved":                 {what{restarts: 1, moves: true, returns: 4}, false},
		"forgotten":             {what{accused: 1, leaves: true, reaps: true}, false},
		"accused twice":         {what{accused: 2, restarts: 1, leaves: true}, true},
		"restarted twice":       {what{accused: 1, restarts: 2, leaves: true}, true},
		"moved and left":        {what{restarts: 1, moves: true, leaves: true, returns: 4}, true},
		"accused and moved":     {what{accused: 1, restarts: 1, moves: true, returns: 4}, true},
		"restarted, forgotten":  {what{accused: 1, restarts: 1, leaves: true, reaps: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.long && !*exploreLong {
				t.Skip("needs -explore")
			}
			if c.returns == 0 {
				c.returns = exploreInc
			}
			x := &explorer{t: t, explored: c.what, index: map[opinion]int{}}
			i := 0
			n := x.visit(func(w world, trace func() string) {
				i++
				x.checkRest(w, i%12, trace)
				w.said = 0
				x.checkRest(w, i%12, trace)
			})
			x.checkOpinions()
			t.Logf("%d states, %d opinions", n, len(x.opinions))
		})
	}
}
