package serf

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"serf/swim"
	"serf/wire"
)

// listing is a node that lists members, none of which exists.
func listing(t rapid.TB, name string, members map[string]Status) *Node {
	t.Helper()
	var out swim.Output
	n, err := New(0, testConfig(name), &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range slices.Sorted(maps.Keys(members)) {
		n.table.set(n.roster.Intern([]byte(m)), m, members[m], 0)
	}
	return n
}

// converseAbout compares the views of two nodes, and returns how many questions that took.
func converseAbout(t rapid.TB, a, b *Node, c *Comparison) (questions int) {
	t.Helper()
	for !c.Done() {
		questions++
		var ask wire.Ask
		a.askToCompare(&ask, c, a.questionRoom(&Question{}))
		answer := wire.AskAnswer{Clock: 1 << 40, Digest: uint64(b.Digest()), Alive: 1 << 14}
		q := &inboundQuery{time: 1 << 20, id: 1 << 31}
		b.answerComparison(&ask, &answer, b.answerRoom(q, &answer))
		m := b.newReply(q)
		m.Payload = answer.Append(nil)
		if size := len(m.Append(nil)); size > b.cfg.QueryResponseSizeMax {
			t.Fatalf("a response of %d bytes, limit %d", size, b.cfg.QueryResponseSizeMax)
		}
		r, err := ParseReport(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		a.Compare(c, &r)
	}
	return questions
}

// differencesOf is what a comparison should find.
func differencesOf(a, b *Node) (found []Difference) {
	names := map[string]bool{}
	for _, n := range []*Node{a, b} {
		for _, id := range n.table.sorted(n.roster) {
			names[n.roster.Name(id)] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d := Difference{name, a.table.at(a.roster.Lookup([]byte(name))).status,
			b.table.at(b.roster.Lookup([]byte(name))).status}
		if d.Here.present() != d.There.present() {
			found = append(found, d)
		}
	}
	return found
}

// What is found is right, and complete unless the comparison says that there is more.
func TestComparisonFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lists := [2]map[string]Status{{"b": StatusAlive}, {"a": StatusAlive}}
		size := rapid.SampledFrom([]int{0, 3, 40, 400}).Draw(t, "size")
		odd := rapid.SampledFrom([]int{1, 2, 20, 200}).Draw(t, "share that differs, one in")
		long := strings.Repeat("x", rapid.SampledFrom([]int{0, 0, 100, 480}).Draw(t, "long"))
		for i := range size {
			name := fmt.Sprintf("m%d%s", i, long)
			for k := range lists {
				s := StatusAlive
				if (i*7919+k)%odd == 0 {
					s = Status(rapid.IntRange(0, int(StatusFailed)).Draw(t, "status"))
				}
				if s != StatusNone {
					lists[k][name] = s
				}
			}
		}
		a, b := listing(t, "a", lists[0]), listing(t, "b", lists[1])
		var c Comparison
		questions := converseAbout(t, a, b, &c)
		want := differencesOf(a, b)
		if questions > roundsMax || len(c.Differences) > differencesMax {
			t.Fatalf("%d questions, %d differences", questions, len(c.Differences))
		}
		if c.More {
			for _, d := range c.Differences {
				if !slices.Contains(want, d) {
					t.Fatalf("found %v, which isn't among %v", d, want)
				}
			}
			if len(c.Differences) >= len(want) {
				t.Fatalf("more than %d differences, of %d", len(c.Differences), len(want))
			}
		} else if !slices.Equal(c.Differences, want) {
			t.Fatalf("found %v, want %v", c.Differences, want)
		}
	})
}

// One difference takes one question in a cluster of 1,000 and two in one of 10,000.
func TestFewDifferencesTakeFewQuestions(t *testing.T) {
	t.Parallel()
	for size, most := range map[int]int{1000: 1, 10_000: 2} {
		members := map[string]Status{"a": StatusAlive, "b": StatusAlive}
		for i := range size {
			members[fmt.Sprintf("web-%d.eu", i)] = StatusAlive
		}
		a := listing(t, "a", members)
		members["web-7.eu"] = StatusFailed
		b := listing(t, "b", members)
		var c Comparison
		questions := converseAbout(t, a, b, &c)
		want := []Difference{{"web-7.eu", StatusAlive, StatusFailed}}
		if questions > most || !slices.Equal(c.Differences, want) || c.More {
			t.Errorf("%d members: %d questions, want %d; found %v", size, questions, most,
				c.Differences)
		}
	}
}

func TestComparisonOfManyDifferencesEnds(t *testing.T) {
	t.Parallel()
	all := map[string]Status{}
	for i := range 5000 {
		all[fmt.Sprintf("m%d", i)] = StatusAlive
	}
	var c Comparison
	a, b := listing(t, "a", all), listing(t, "b", nil)
	if n := converseAbout(t, a, b, &c); n > roundsMax || !c.More || len(c.Differences) < 100 {
		t.Errorf("after %d questions %d differences, more: %v", n, len(c.Differences), c.More)
	}
}

// A question that makes no sense gets the figures alone, and an answer that makes none is no
// difference.
func TestComparisonRefusesNonsense(t *testing.T) {
	n := listing(t, "a", map[string]Status{"b": StatusAlive})
	for name, ask := range map[string]wire.Ask{
		"half a sum":        {Sums: make([]byte, 4)},
		"one slice":         {Sums: make([]byte, wire.SumSize)},
		"three slices":      {Sums: make([]byte, 3*wire.SumSize)},
		"too many slices":   {Sums: make([]byte, 2*slicesMax*wire.SumSize)},
		"a part too narrow": {Sums: make([]byte, 2*wire.SumSize), Depth: depthMax + 1},
	} {
		var a wire.AskAnswer
		n.answerComparison(&ask, &a, 800)
		if a.Differ != nil {
			t.Errorf("%s was answered", name)
		}
	}
	if n.count.BadMessages != 5 {
		t.Errorf("%d were counted", n.count.BadMessages)
	}
	var narrowest wire.AskAnswer
	n.answerComparison(&wire.Ask{Sums: make([]byte, slicesMax*wire.SumSize), Depth: depthMax,
		From: 1 << 15}, &narrowest, 800)
	if len(narrowest.Differ) != slicesMax/8 {
		t.Errorf("the narrowest part: %x", narrowest.Differ)
	}

	var c Comparison
	var ask wire.Ask
	n.askToCompare(&ask, &c, 800)
	answer := wire.AskAnswer{Differ: []byte{1}, Listed: 65535,
		Members: wire.NewList("", "\x01", "\x01stranger", "\x09odd")}
	r, err := ParseReport(answer.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	n.Compare(&c, &r)
	for _, d := range c.Differences {
		if h := nameHash(d.Member); !bit(answer.Differ, c.asked.slice(h, c.width)) {
			t.Errorf("%v is in no slice that differs", d)
		}
	}
	if !c.Done() {
		t.Error("it goes on")
	}
}

func BenchmarkAnswerComparison(b *testing.B) {
	members := map[string]Status{}
	for i := range 10_000 {
		members[fmt.Sprintf("web-%d.eu", i)] = StatusAlive
	}
	x := listing(b, "a", members)
	members["web-7.eu"] = StatusFailed
	y := listing(b, "b", members)
	var c Comparison
	var ask wire.Ask
	x.askToCompare(&ask, &c, 800)
	b.ReportAllocs()
	for b.Loop() {
		var a wire.AskAnswer
		y.answerComparison(&ask, &a, 800)
	}
}

// An unauthenticated flood of questions doesn't make a node do much more than other queries would.
func TestViewsAreComparedAtALimitedRate(t *testing.T) {
	var a inboundQueries
	now := swim.Time(time.Hour)
	count := func() (n int) {
		for range 1000 {
			if a.mayCompare(now) {
				n++
			}
		}
		return n
	}
	if n := count(); n != compareBurst {
		t.Errorf("at once: %d, want %d", n, compareBurst)
	}
	now = now.Add(comparePause - 1)
	if n := count(); n != 0 {
		t.Errorf("before the pause is over: %d", n)
	}
	now = now.Add(1)
	if n := count(); n != 1 {
		t.Errorf("after one pause: %d", n)
	}
	now = now.Add(time.Hour)
	if n := count(); n != compareBurst {
		t.Errorf("after an hour: %d, want %d", n, compareBurst)
	}
}
