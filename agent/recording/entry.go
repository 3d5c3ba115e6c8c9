package recording

import (
	"net/netip"
	"time"

	"serf/internal/checkpoint"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// Kind of an input. Their numbers are in files: new ones are added at the end.
type Kind uint8

// KindStart is serf.New, with the configuration of the segment's checkpoint. The others are the
// methods of serf.Node of the same name.
const (
	KindStart Kind = iota + 1
	KindPacket
	KindStream
	KindTick
	KindUserEvent
	KindQuery
	KindAsk
	KindKeys
	KindRespond
	KindDecline
	KindJoin
	KindJoinOne
	KindLeave
	KindForceLeave
	KindSetTags
	KindSetAddr
	KindSetFamilies
	KindSetKeyring
	KindSetZones
	KindKeyringSaved
	KindFlushCoalesced
	kinds
)

// String returns the name of the kind in one word.
func (k Kind) String() string {
	if k == 0 || k >= kinds {
		return "unknown"
	}
	return [kinds]string{"", "start", "packet", "stream", "tick", "user-event", "query", "ask",
		"keys", "respond", "decline", "join", "join-one", "leave", "force-leave", "set-tags", "set-addr",
		"set-families", "set-keyring", "set-zones", "keyring-saved", "flush-coalesced"}[k]
}

// Entry is one input of a node, the answers that the layer above gave meanwhile, and what came of
// it. Slices are those of the caller while it is recorded, and the reader's for good when it is
// read.
type Entry struct {
	// Number counts the entries of a segment from 0.
	Number int
	Kind   Kind
	At     swim.Time

	// What was given to the node. Which fields are set depends on Kind.
	From    netip.AddrPort // of a packet; the address of SetAddr
	Data    []byte         // packet, or payload of an event, a query, a response or a question
	Stream  swim.StreamIn
	Op      swim.OpID // Respond, Decline
	Name    string    // event, query, member to force out; the command of Keys
	Flag    bool      // coalesce, WantAck, Direct, replay, prune; KeyringSaved: the present keys
	Nodes   []string
	Tags    map[string]string
	Addrs   []netip.AddrPort
	Relay   uint8
	Timeout time.Duration
	Zones   serf.Zones
	IP      swim.Families
	Err     error // KeyringSaved

	// Key and Ring are the keys in an input; the others are their fingerprints, which alone are
	// written. A reader has the keys if it was given them.
	Key      []byte
	Ring     *wire.Keyring
	KeyPrint *wire.Fingerprint  // nil without a key
	Prints   []wire.Fingerprint // primary first

	Answers []Answer
	// Ended is false if the recording ends within the call: the process ended there.
	Ended   bool
	Effects Effects
}

// codeHead writes or reads kind and time. last is the time of the entry before.
func (e *Entry) codeHead(c *checkpoint.Coder, last swim.Time) {
	since := e.At - last
	checkpoint.Uint(c, &e.Kind)
	checkpoint.Int(c, &since)
	e.At = last + since
	c.Check(!c.Restoring() || since >= 0 && e.At >= last)
}

// code writes or reads what was given to the node.
func (e *Entry) code(c *checkpoint.Coder) {
	switch e.Kind {
	case KindStart, KindTick, KindLeave, KindFlushCoalesced:
	case KindPacket:
		c.Addr(&e.From)
		c.Bytes(&e.Data)
	case KindStream:
		checkpoint.Uint(c, &e.Stream.ID)
		checkpoint.Uint(c, &e.Stream.Kind)
		c.Addr(&e.Stream.From)
		c.Bytes(&e.Stream.Data)
		codeErr(c, &e.Stream.Err)
	case KindUserEvent, KindForceLeave:
		c.Text(&e.Name)
		c.Bytes(&e.Data)
		c.Bool(&e.Flag)
	case KindQuery, KindAsk, KindKeys:
		e.codeQuery(c)
	case KindRespond, KindDecline:
		checkpoint.Uint(c, &e.Op)
		c.Bytes(&e.Data)
	case KindJoin, KindJoinOne:
		for i := range checkpoint.Slice(c, &e.Addrs, addrLeast) {
			c.Addr(&e.Addrs[i])
		}
		c.Bool(&e.Flag)
	case KindSetTags:
		codeTags(c, &e.Tags)
	case KindSetAddr:
		c.Addr(&e.From)
	case KindSetFamilies:
		checkpoint.Uint(c, &e.IP)
	case KindSetZones:
		c.Text(&e.Zones.Tag)
		checkpoint.Int(c, &e.Zones.Share)
		c.Bool(&e.Zones.Probes)
	case KindSetKeyring, KindKeyringSaved:
		for i := range checkpoint.Slice(c, &e.Prints, len(wire.Fingerprint{})) {
			c.Raw(e.Prints[i][:])
		}
		c.Bool(&e.Flag)
		codeErr(c, &e.Err)
	default:
		c.Fail(errFormat)
	}
}

func (e *Entry) codeQuery(c *checkpoint.Coder) {
	c.Text(&e.Name)
	c.Bytes(&e.Data)
	some := e.Nodes != nil // no list is all members, an empty one nobody
	c.Bool(&some)
	for i := range checkpoint.Slice(c, &e.Nodes, 1) {
		c.Text(&e.Nodes[i])
	}
	if some && e.Nodes == nil {
		e.Nodes = []string{}
	}
	codeTags(c, &e.Tags)
	c.Bool(&e.Flag)
	checkpoint.Uint(c, &e.Relay)
	checkpoint.Int(c, &e.Timeout)
	key := e.KeyPrint != nil
	if c.Bool(&key); !key {
		return
	}
	if c.Restoring() {
		e.KeyPrint = new(wire.Fingerprint)
	}
	c.Raw(e.KeyPrint[:])
}

// addrLeast is how many bytes an address takes at least.
const addrLeast = 4

// Apply gives the input to a node. It returns what the method of the node does, which is zero for
// those that return nothing. KindStart is not an input of a node: it makes one.
func (e *Entry) Apply(n *serf.Node, out *swim.Output) (op swim.OpID, err error) {
	switch e.Kind {
	case KindPacket:
		n.Packet(e.At, e.From, e.Data, out)
	case KindStream:
		n.Stream(e.At, e.Stream, out)
	case KindTick:
		n.Tick(e.At, out)
	case KindUserEvent:
		err = n.UserEvent(e.At, e.Name, e.Data, e.Flag, out)
	case KindQuery:
		return n.Query(e.At, serf.QueryParams{
			Name: e.Name, Payload: e.Data, Nodes: e.Nodes, Tags: e.Tags, WantAck: e.Flag,
			RelayFactor: e.Relay, Timeout: e.Timeout,
		}, out)
	case KindAsk:
		q := serf.Question{Nodes: e.Nodes, Direct: e.Flag, RelayFactor: e.Relay, Timeout: e.Timeout}
		return n.AskEncoded(e.At, q, e.Data, out)
	case KindKeys:
		return n.Keys(e.At, serf.KeyRequest{
			Command: serf.KeyCommand(e.Name), Key: e.Key, RelayFactor: e.Relay, Timeout: e.Timeout,
		}, out)
	case KindRespond:
		err = n.Respond(e.At, e.Op, e.Data, out)
	case KindDecline:
		err = n.Decline(e.At, e.Op, out)
	case KindJoin:
		op = n.Join(e.At, e.Addrs, e.Flag, out)
	case KindJoinOne:
		op = n.JoinOne(e.At, e.Addrs, out)
	case KindLeave:
		op = n.Leave(e.At, out)
	case KindForceLeave:
		err = n.ForceLeave(e.At, e.Name, e.Flag, out)
	case KindSetTags:
		err = n.SetTags(e.At, e.Tags, out)
	case KindSetAddr:
		err = n.SetAddr(e.At, e.From, out)
	case KindSetFamilies:
		n.SetFamilies(e.IP)
	case KindSetKeyring:
		n.SetKeyring(e.At, e.Ring, out)
	case KindSetZones:
		err = n.SetZones(e.Zones)
	case KindKeyringSaved:
		n.KeyringSaved(e.At, e.saved(n), e.Err, out)
	case KindFlushCoalesced:
		n.FlushCoalesced(e.At, out)
	}
	return op, err
}

// saved returns the keyring that was saved. A node compares it with its own by identity.
func (e *Entry) saved(n *serf.Node) *wire.Keyring {
	if s := n.Sealer(); e.Flag && s != nil {
		return s.Keys
	}
	return e.Ring
}
