package dissect

import (
	"encoding/hex"
	"strings"

	"serf/internal/msgpack"
	"serf/wire"
)

// Dissector words what one node received or sent. Its memory serves one call at a time.
type Dissector struct {
	// Sealer opens packets; nil opens plain ones.
	Sealer *wire.Sealer

	scratch wire.Scratch
	msgs    [][]byte
}

// hiddenHead is how many bytes of a packet that can't be opened are shown.
const hiddenHead = 16

// Packet words a packet: its layers, and each of its messages as a part.
func (d *Dissector) Packet(p []byte) Part {
	x := Part{Kind: "packet"}
	x.Add("bytes", len(p))
	l, err := d.Sealer.LayersOf(p, &d.scratch)
	x.Some("label", l.Label)
	if l.Key != wire.NoKey {
		x.Add("key", d.Sealer.Keys.Fingerprints()[l.Key].String())
		x.Add("encryption", l.Encryption)
	}
	x.Some("checksum", l.CRC)
	x.Some("compressed", l.Compressed)
	x.Some("compound", l.Compound)
	if err != nil {
		x.fault(err)
		x.Add("head", "0x"+hex.EncodeToString(p[:min(len(p), hiddenHead)]))
		return x
	}
	d.msgs, err = d.Sealer.OpenPacket(p, &d.scratch, d.msgs[:0])
	x.fault(err)
	for _, msg := range d.msgs {
		x.Put(Message(msg))
	}
	return x
}

// Message words a message of a packet, its type byte first.
func Message(msg []byte) Part {
	if len(msg) > 0 && wire.Type(msg[0]) == wire.TypeUser {
		return serf(msg[1:])
	}
	return member(msg)
}

// StreamMessage words a message of a stream, its type byte first.
func StreamMessage(msg []byte) Part {
	if len(msg) == 0 || wire.Type(msg[0]) != wire.TypeUser {
		return member(msg)
	}
	inner, err := wire.ParseUserMsg(msg[1:])
	if err != nil {
		x := Part{Kind: wire.TypeUser.String()}
		x.fault(err)
		return x
	}
	return serf(inner)
}

func empty() Part {
	x := Part{Kind: "empty message"}
	x.fault(wire.ErrShort)
	return x
}

// member words a message of the membership.
func member(msg []byte) Part {
	if len(msg) == 0 {
		return empty()
	}
	t := wire.Type(msg[0])
	x := Part{Kind: t.String()}
	c := msgpack.Cursor{P: msg[1:]}
	switch t {
	case wire.TypePing, wire.TypeIndirectPing, wire.TypeAck, wire.TypeNack, wire.TypeSuspect,
		wire.TypeDead, wire.TypeAlive, wire.TypeErr:
		x.fields(&c, 0)
	case wire.TypePushPull:
		x.pushPull(&c)
	default: // a layer in the wrong place, or of a later version
		x.Add("bytes", len(msg))
	}
	return x
}

// pushPull words a push/pull: what its sender knows of members, and the state of Serf.
func (p *Part) pushPull(c *msgpack.Cursor) {
	h, rest, err := wire.ParsePushPullHeader(c.P)
	if p.fields(c, 0); err != nil {
		p.fault(err)
		return
	}
	states, user, err := wire.ParseNodeStates(rest, h.Nodes)
	if err == nil && states.Len() < h.Nodes || len(user) < h.UserStateLen {
		err = wire.ErrShort
	}
	if p.fault(err); err != nil {
		return
	}
	for range states.Len() {
		m := Part{Kind: "member"}
		m.fields(c, 0)
		p.Put(m)
	}
	if h.UserStateLen > 0 {
		p.Put(serf(user[:h.UserStateLen]))
	}
}

// serf words a message of Serf, its type byte first.
func serf(msg []byte) Part {
	if len(msg) == 0 {
		return empty()
	}
	t, body := wire.SerfType(msg[0]), msg[1:]
	x := Part{Kind: t.String()}
	switch t {
	case wire.SerfLeave, wire.SerfJoin:
		x.Kind += " intent"
	case wire.SerfPushPull:
		x.Kind = "serf state"
	case wire.SerfRelay:
		m, err := wire.ParseRelay(body)
		x.fields(&msgpack.Cursor{P: body}, 0)
		switch {
		case err != nil:
			x.fault(err)
		case wire.SerfType(m.Msg[0]) == wire.SerfRelay: // nobody passes one on
			x.Put(Part{Kind: t.String()})
		default:
			x.Put(serf(m.Msg))
		}
		return x
	case wire.SerfUserEvent, wire.SerfConflictAnswer, wire.SerfKeyRequest, wire.SerfKeyAnswer,
		wire.SerfAsk, wire.SerfAskAnswer:
	case wire.SerfQuery, wire.SerfQueryResponse:
		x.payloads(t, body)
		return x
	default:
		x.Add("bytes", len(msg))
		return x
	}
	x.fields(&msgpack.Cursor{P: body}, 0)
	return x
}

// internalPrefix begins the names of queries between agents.
const internalPrefix = "_serf_"

// payloads words a query or a response, whose payload may be a message between agents.
func (p *Part) payloads(t wire.SerfType, body []byte) {
	var internal bool
	var payload []byte
	if t == wire.SerfQuery {
		m, err := wire.ParseQuery(body)
		internal, payload = err != nil || strings.HasPrefix(string(m.Name), internalPrefix), m.Payload
	} else {
		m, _ := wire.ParseQueryResponse(body)
		payload = m.Payload
	}
	if p.fields(&msgpack.Cursor{P: body}, 0); len(payload) == 0 || p.failed() {
		return
	}
	x := Payload(payload)
	if internal && x.Kind == "payload" && p.about(payload) {
		return
	}
	p.Put(x)
}

// about hides the payload of a query between agents that can't be read: it may be a key. That about
// a name is the name.
func (p *Part) about(payload []byte) (hidden bool) {
	for _, f := range p.Fields {
		if f.Name == "Name" && f.Value == internalPrefix+"conflict" {
			return false
		}
	}
	p.Add("Payload_bytes", len(payload))
	return true
}

// Payload words the payload of a query or response, which isn't empty. A response doesn't have the
// name of its query, so that a payload is taken for one between agents if it begins as such, and is
// one.
func Payload(payload []byte) Part {
	switch t := wire.SerfType(payload[0]); t {
	case wire.SerfConflictAnswer, wire.SerfKeyRequest, wire.SerfKeyAnswer, wire.SerfAsk,
		wire.SerfAskAnswer:
		x := serf(payload)
		if !x.failed() {
			return x
		}
		if t == wire.SerfKeyRequest || t == wire.SerfKeyAnswer {
			return Part{Kind: "payload", Fields: []Field{{"bytes", len(payload)}}}
		}
	}
	x := Part{Kind: "payload"}
	x.Payload("text", payload)
	return x
}
