package wire

import "serf/internal/msgpack"

// PushPullHeader begins a push/pull. It is followed by Nodes node states and UserStateLen bytes of
// user state.
type PushPullHeader struct {
	Join         bool
	Nodes        int // at most NodeStatesMax
	UserStateLen int // bytes, at most UserStateMax
	Diff         Diff
}

// Diff is what a push/pull says about an exchange of differences. Members of the original skip
// these fields, which are left out when zero. Byte strings are borrowed.
type Diff struct {
	Step DiffStep
	// Root is the digest of what the sender knows of members that are here. 0: no root is compared,
	// and the sums are those of all members.
	Root uint64
	// Sums are the digests of parts of the members, Salt what their hashes were mixed with. None:
	// the roots are equal.
	Sums []byte
	Salt uint64
	// Parts is a bit for each sum, the lowest of each byte first: the part differs, and the message
	// has all of its members.
	Parts []byte
	// Above is the digests of the layer above.
	Above []byte
}

// DiffStep tells what a push/pull is in an exchange of differences.
type DiffStep uint8

const (
	// DiffNone: a whole state. The sender knows nothing of differences, or doesn't want any.
	DiffNone DiffStep = iota
	// DiffWhole: a whole state, of a member that understands the steps below.
	DiffWhole
	// DiffAsk asks whether the states differ. It is answered with DiffSums.
	DiffAsk
	// DiffSums tells where to look.
	DiffSums
	// DiffParts has the parts that differ. It is answered with the same parts.
	DiffParts
)

// Append appends the header, type byte first.
func (m *PushPullHeader) Append(b []byte) []byte {
	f := fieldList{b: append(b, byte(TypePushPull), 0)}
	f.raw("Above", m.Diff.Above)
	f.uint("Diff", uint64(m.Diff.Step))
	f.b = msgpack.BoolField(f.b, "Join", m.Join)
	f.b = msgpack.IntField(f.b, "Nodes", int64(m.Nodes))
	f.raw("Parts", m.Diff.Parts)
	f.uint("Root", m.Diff.Root)
	f.uint("Salt", m.Diff.Salt)
	f.raw("Sums", m.Diff.Sums)
	f.b = msgpack.IntField(f.b, "UserStateLen", int64(m.UserStateLen))
	f.n += 3
	return f.end(len(b) + 1)
}

func (m *PushPullHeader) parse(c *msgpack.Cursor) {
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Join":
			m.Join = c.Bool()
		case "Nodes":
			m.Nodes = parseCount(c, NodeStatesMax)
		case "UserStateLen":
			m.UserStateLen = parseCount(c, UserStateMax)
		case "Above":
			m.Diff.Above = c.Bytes()
		case "Diff":
			m.Diff.Step = DiffStep(c.Uint8())
		case "Parts":
			m.Diff.Parts = c.Bytes()
		case "Root":
			m.Diff.Root = c.Uint64()
		case "Salt":
			m.Diff.Salt = c.Uint64()
		case "Sums":
			m.Diff.Sums = c.Bytes()
		default:
			c.Skip()
		}
	}
}

// NodeState is what one side of a push/pull knows about a member.
type NodeState struct {
	Addr  []byte // 4 or 16 bytes
	Inc   uint32
	Meta  []byte
	Name  []byte
	Port  uint16
	State uint8 // StateAlive to StateLeft, or a value that the caller has to check
	Vsn   []byte
}

// States of a member in a push/pull.
const (
	StateAlive uint8 = iota
	StateSuspect
	StateDead
	StateLeft
)

// Append appends the state. It has no type byte.
func (m *NodeState) Append(b []byte) []byte {
	b = msgpack.AppendMap(b, 7)
	b = msgpack.RawOrNilField(b, "Addr", m.Addr)
	b = msgpack.UintField(b, "Incarnation", uint64(m.Inc))
	b = msgpack.RawOrNilField(b, "Meta", m.Meta)
	b = msgpack.RawField(b, "Name", m.Name)
	b = msgpack.UintField(b, "Port", uint64(m.Port))
	b = msgpack.IntField(b, "State", int64(m.State))
	return msgpack.RawOrNilField(b, "Vsn", m.Vsn)
}

func (m *NodeState) parse(c *msgpack.Cursor) {
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Addr":
			m.Addr = c.Bytes()
		case "Incarnation":
			m.Inc = c.Uint32()
		case "Meta":
			m.Meta = c.Bytes()
		case "Name":
			m.Name = c.Name()
		case "Port":
			m.Port = c.Uint16()
		case "State":
			m.State = c.Uint8()
		case "Vsn":
			m.Vsn = c.Bytes()
		default:
			c.Skip()
		}
	}
}

// ParsePushPullHeader parses the header of a push/pull without its type byte, and returns what
// follows it.
func ParsePushPullHeader(body []byte) (h PushPullHeader, rest []byte, err error) {
	c := msgpack.Cursor{P: body}
	h.parse(&c)
	return h, c.P, c.Err
}

// NodeStates are the node states of a push/pull, checked and borrowed.
type NodeStates struct {
	n   int
	raw []byte
}

// ParseNodeStates parses up to most node states at the start of p, and returns what follows them.
// It returns fewer only if p ends.
func ParseNodeStates(p []byte, most int) (s NodeStates, rest []byte, err error) {
	c := msgpack.Cursor{P: p}
	for ; s.n < most && len(c.P) > 0; s.n++ {
		var state NodeState
		state.parse(&c)
	}
	if c.Err != nil {
		return NodeStates{}, nil, c.Err
	}
	s.raw = c.Since(p)
	return s, c.P, nil
}

// Len is the number of states.
func (s NodeStates) Len() int { return s.n }

// Iter returns an iterator over the states.
func (s NodeStates) Iter() StateIter { return StateIter{c: msgpack.Cursor{P: s.raw}, left: s.n} }

// PushPull is a complete push/pull, checked and borrowed.
type PushPull struct {
	Join      bool
	Nodes     int
	UserState []byte

	states NodeStates
}

// ParsePushPull parses all of a push/pull without its type byte, so what States yields afterwards
// is valid. The result borrows from body. Bytes after the end are ignored.
func ParsePushPull(body []byte) (PushPull, error) {
	h, rest, err := ParsePushPullHeader(body)
	if err != nil {
		return PushPull{}, err
	}
	states, rest, err := ParseNodeStates(rest, h.Nodes)
	if err != nil {
		return PushPull{}, err
	}
	if states.n < h.Nodes || len(rest) < h.UserStateLen {
		return PushPull{}, ErrShort
	}
	user := rest[:h.UserStateLen:h.UserStateLen]
	return PushPull{Join: h.Join, Nodes: h.Nodes, UserState: user, states: states}, nil
}

// States returns an iterator over the node states.
func (m *PushPull) States() StateIter { return m.states.Iter() }

// StateIter yields node states: for it.Next() { use it.State }.
type StateIter struct {
	State NodeState // borrowed; set by Next

	c    msgpack.Cursor
	left int
}

// Next moves to the next state, and returns false at the end.
func (it *StateIter) Next() bool {
	if it.left == 0 || !it.c.OK() {
		return false
	}
	it.left--
	it.State = NodeState{}
	it.State.parse(&it.c)
	return it.c.OK()
}
