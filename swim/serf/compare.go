package serf

import (
	"math/bits"
	"sort"

	"serf/internal/invariant"
	"serf/swim"
	"serf/wire"
)

const (
	// slicesMax is how many slices a part is compared in. A query of the usual size has room for
	// all of their sums, and in a cluster of 1,000 each has four members.
	slicesMax = 256
	// depthMax is how many bits of a hash a part can fix: its slices go by the bits that follow.
	depthMax = 56
	// differencesMax bounds the differences that a comparison finds: more than anybody reads.
	differencesMax = 256
	// roundsMax bounds the questions of a comparison. Ten differences in a cluster of 10,000 take
	// six.
	roundsMax = 16
)

// Difference is a member that one of two nodes considers here, which is alive or leaving, and the
// other doesn't.
type Difference struct {
	Member      string
	Here, There Status // StatusNone: not listed
}

// Comparison finds out in which members the view of another node differs, by asking it once or more
// often: with Question.Compare, and Node.Compare for each answer, until it is Done. The zero value
// is ready.
type Comparison struct {
	// Differences are those found so far, by name.
	Differences []Difference
	// More says that there are others, beyond the limits of a comparison.
	More bool

	rounds int // questions answered
	width  int // parts are compared in 2^width slices; 0: not begun
	asked  part
	todo   []part // the next one last
}

// part is a part of all names: those whose hash begins with the first depth bits of prefix, whose
// other bits are 0. from is its first slice that isn't known yet. The zero part is everything.
type part struct {
	depth  int
	prefix Digest
	from   int
}

func (p *part) has(h Digest) bool { return (h^p.prefix)>>(64-p.depth) == 0 }

// slice returns which of the 2^width slices of p has a hash of p.
func (p *part) slice(h Digest, width int) int { return int(h << p.depth >> (64 - width)) }

// inner returns slice i of p as a part.
func (p *part) inner(i, width int) part {
	depth := p.depth + width
	return part{depth: depth, prefix: p.prefix | Digest(i)<<(64-depth)}
}

// Done tells whether there is nothing to ask any more.
func (c *Comparison) Done() bool { return c.width > 0 && len(c.todo) == 0 }

// askToCompare fills in what c has to ask next. room is for the sums, in bytes.
func (n *Node) askToCompare(m *wire.Ask, c *Comparison, room int) {
	if c.width == 0 {
		c.todo = []part{{}}
		for c.width = 1; 2<<c.width <= slicesMax && 2<<c.width*wire.SumSize <= room; {
			c.width++
		}
	}
	c.asked = c.todo[len(c.todo)-1]
	m.Depth, m.Prefix = uint8(c.asked.depth), uint64(c.asked.prefix)
	m.From = uint16(c.asked.from)
	sums := n.sum(&c.asked, c.width)
	for i := range 1 << c.width {
		m.Sums = appendSum(m.Sums, sums[i])
	}
}

func appendSum(b []byte, s Digest) []byte { return append(b, byte(s>>16), byte(s>>8), byte(s)) }

// sum adds up the hashes of the members that are here, by slices of p.
func (n *Node) sum(p *part, width int) (sums [slicesMax]Digest) {
	for id := range n.table.recs.Len() {
		if !n.table.at(swim.MemberID(id)).here() {
			continue
		}
		if h := nameHash(n.roster.Name(swim.MemberID(id))); p.has(h) {
			sums[p.slice(h, width)] += h
		}
	}
	return sums
}

// answerComparison answers a question for differences, in at most room bytes.
func (n *Node) answerComparison(ask *wire.Ask, a *wire.AskAnswer, room int) {
	count := len(ask.Sums) / wire.SumSize
	width := bits.TrailingZeros(uint(count))
	if count < 2 || count > slicesMax || count != 1<<width ||
		len(ask.Sums) != count*wire.SumSize || ask.Depth > depthMax {
		n.count.BadMessages++
		return
	}
	p := part{depth: int(ask.Depth), prefix: Digest(ask.Prefix), from: int(ask.From)}
	sums := n.sum(&p, width)
	differ, any := make([]byte, (count+7)/8), false
	var own [wire.SumSize]byte
	for i := range count {
		if string(appendSum(own[:0], sums[i])) != string(ask.Sums[i*wire.SumSize:][:wire.SumSize]) {
			differ[i/8] |= 1 << (i % 8)
			any = true
		}
	}
	a.Differ = differ
	if any {
		n.listSlices(a, &p, width, room-len(differ))
	}
}

// listSlices lists the members of those slices that differ, as many as room is for, in their order
// and from p.from on.
func (n *Node) listSlices(a *wire.AskAnswer, p *part, width, room int) {
	var size [slicesMax]int // bytes
	for name := range n.inSlices(a.Differ, p, width, p.from, 1<<width) {
		size[p.slice(nameHash(name), width)] += len(name) + 4 // a status and three of length
	}
	end := p.from
	for ; end < 1<<width && size[end] <= room; end++ {
		if bit(a.Differ, end) {
			a.Listed++
			room -= size[end]
		}
	}
	var member []byte
	for name, status := range n.inSlices(a.Differ, p, width, p.from, end) {
		member = append(append(member[:0], byte(status)), name...)
		a.Members.Add(member)
	}
}

// inSlices yields the listed members of those slices of p between two that are in a set.
func (n *Node) inSlices(set []byte, p *part, width, from, end int) func(func(string, Status) bool) {
	return func(yield func(string, Status) bool) {
		for id := range n.table.recs.Len() {
			r := n.table.at(swim.MemberID(id))
			if !r.known() {
				continue
			}
			name := n.roster.Name(swim.MemberID(id))
			if inSlices(set, p, width, from, end, name) && !yield(name, r.status) {
				return
			}
		}
	}
}

func inSlices(set []byte, p *part, width, from, end int, name string) bool {
	h := nameHash(name)
	s := p.slice(h, width)
	return p.has(h) && s >= from && s < end && bit(set, s)
}

func bit(set []byte, i int) bool { return i/8 < len(set) && set[i/8]>>(i%8)&1 != 0 }

// Compare takes the answer to the last question of c: it compares what the other node lists with
// what this one does now.
func (n *Node) Compare(c *Comparison, r *Report) {
	invariant.Check(len(c.todo) > 0, "serf: an answer without a question")
	c.todo = c.todo[:len(c.todo)-1]
	c.rounds++
	end := c.plan(r.answer.Differ, int(r.answer.Listed))
	here, there := map[string]Status{}, map[string]Status{}
	for name, status := range n.inSlices(r.answer.Differ, &c.asked, c.width, c.asked.from, end) {
		here[name] = status
	}
	for it := r.answer.Members.Iter(); it.Next(); {
		if len(it.Elem) < 2 {
			continue
		}
		name, status := string(it.Elem[1:]), Status(it.Elem[0])
		if inSlices(r.answer.Differ, &c.asked, c.width, c.asked.from, end, name) {
			there[name] = status
			if _, listed := here[name]; !listed {
				here[name] = StatusNone
			}
		}
	}
	for name, status := range here { // order-free: sorted below
		if d := (Difference{name, status, there[name]}); d.Here.present() != d.There.present() {
			c.Differences = append(c.Differences, d)
		}
	}
	sort.Slice(c.Differences, func(i, j int) bool {
		return c.Differences[i].Member < c.Differences[j].Member
	})
	if len(c.todo) > 0 && c.rounds >= roundsMax || len(c.Differences) > differencesMax {
		c.Differences = c.Differences[:min(len(c.Differences), differencesMax)]
		c.More, c.todo = true, nil
	}
}

// plan finds out which slices an answer lists, and plans the next questions. It returns the slice
// where the listing ends.
func (c *Comparison) plan(differ []byte, listed int) (end int) {
	slice := c.asked.from
	count := 1 << c.width
	for ; slice < count; slice++ {
		if bit(differ, slice) {
			if listed == 0 {
				break
			}
			listed--
		}
	}
	rest := c.asked
	switch first := slice == c.differing(differ, c.asked.from); {
	case slice == count:
		return count
	case !first:
		rest.from = slice
	default: // it has too many members for an answer
		rest.from = slice + 1
	}
	if c.differing(differ, rest.from) < count { // or there is nothing more to find
		c.todo = append(c.todo, rest)
	}
	if rest.from > slice {
		if c.asked.depth+c.width > depthMax {
			c.More = true
		} else {
			c.todo = append(c.todo, c.asked.inner(slice, c.width))
		}
	}
	return slice
}

// differing returns the first slice from from on that differs, or the number of slices.
func (c *Comparison) differing(differ []byte, from int) int {
	for from < 1<<c.width && !bit(differ, from) {
		from++
	}
	return from
}
