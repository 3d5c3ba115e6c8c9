package dissect

import (
	"encoding/hex"
	"fmt"

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
	layers, err := d.Sealer.LayersOf(p, &d.scratch)
	d.layers(&x, &layers)
	if err != nil {
		x.fault(err)
		x.Add("head", "0x"+hex.EncodeToString(p[:min(len(p), hiddenHead)]))
		return x
	}
	d.msgs, err = d.Sealer.OpenPacket(p, &d.scratch, d.msgs[:0])
	x.fault(err)
	for _, msg := range d.msgs {
		x.Parts = append(x.Parts, Message(msg))
	}
	return x
}

func (d *Dissector) layers(x *Part, l *wire.Layers) {
	x.set("label", l.Label)
	if l.Key != wire.NoKey {
		x.Add("key", d.Sealer.Keys.Fingerprints()[l.Key].String())
		x.Add("encryption", l.Encryption)
	}
	x.set("checksum", l.CRC)
	x.set("compressed", l.Compressed)
	x.set("compound", l.Compound)
}

// Message words a message of a packet, its type byte first.
func Message(msg []byte) Part {
	if len(msg) == 0 {
		return empty()
	}
	if t := wire.Type(msg[0]); t == wire.TypeUser {
		return serf(msg[1:])
	}
	return member(msg)
}

// StreamMessage words a message of a stream, its type byte first.
func StreamMessage(msg []byte) Part {
	if len(msg) == 0 {
		return empty()
	}
	if wire.Type(msg[0]) != wire.TypeUser {
		return member(msg)
	}
	inner, err := wire.ParseUserMsg(msg[1:])
	if err != nil {
		x := Part{Kind: wire.TypeUser.String()}
		x.broken(err)
		return x
	}
	return serf(inner)
}

func empty() Part {
	x := Part{Kind: "empty message"}
	x.broken(wire.ErrShort)
	return x
}

// member words a message of the membership.
func member(msg []byte) Part {
	t, body := wire.Type(msg[0]), msg[1:]
	x := Part{Kind: t.String()}
	switch t {
	case wire.TypePing:
		m, err := wire.ParsePing(body)
		x.Add("seq", m.Seq)
		x.Name("node", m.Node)
		x.source(m.SourceNode, m.SourceAddr, m.SourcePort)
		x.broken(err)
	case wire.TypeIndirectPing:
		m, err := wire.ParseIndirectPing(body)
		x.Add("seq", m.Seq)
		x.Name("node", m.Node)
		x.addr("target", m.Target, m.Port)
		x.set("nack", m.Nack)
		x.source(m.SourceNode, m.SourceAddr, m.SourcePort)
		x.broken(err)
	case wire.TypeAck:
		m, err := wire.ParseAck(body)
		x.Add("seq", m.Seq)
		x.ackPayload(m.Payload)
		x.broken(err)
	case wire.TypeNack:
		m, err := wire.ParseNack(body)
		x.Add("seq", m.Seq)
		x.broken(err)
	case wire.TypeSuspect:
		m, err := wire.ParseSuspect(body)
		x.claim(&m, err)
	case wire.TypeDead:
		m, err := wire.ParseDead(body)
		x.claim((*wire.Suspect)(&m), err)
	case wire.TypeAlive:
		x.alive(body)
	case wire.TypePushPull:
		pushPull(&x, body)
	case wire.TypeErr:
		m, err := wire.ParseErr(body)
		x.Name("text", m.Text)
		x.broken(err)
	default: // a layer in the wrong place, or of a later version
		x.Add("bytes", len(msg))
	}
	return x
}

func (p *Part) source(name, ip []byte, port uint16) {
	if len(name) > 0 {
		p.Name("source", name)
	}
	p.addr("source_addr", ip, port)
}

func (p *Part) claim(m *wire.Suspect, err error) {
	p.Name("node", m.Node)
	p.Add("incarnation", m.Inc)
	p.Name("from", m.From)
	p.broken(err)
}

func (p *Part) alive(body []byte) {
	m, err := wire.ParseAlive(body)
	p.Name("node", m.Node)
	p.Add("incarnation", m.Inc)
	p.identity(m.Addr, m.Port, m.Meta, m.Vsn)
	p.broken(err)
}

// identity is where and what a member is.
func (p *Part) identity(ip []byte, port uint16, meta, versions []byte) {
	p.addr("addr", ip, port)
	p.tags(meta)
	if len(versions) == 6 {
		p.versions([6]byte(versions))
	} else if len(versions) > 0 {
		p.Payload("versions", versions)
	}
}

// versions are the protocol in use and the range of those understood, of the membership and of
// Serf.
func (p *Part) versions(v [6]byte) {
	p.Add("protocol", fmt.Sprintf("%d(%d-%d)", v[2], v[0], v[1]))
	p.Add("serf_protocol", fmt.Sprintf("%d(%d-%d)", v[5], v[3], v[4]))
}

// tags are the metadata of a member.
func (p *Part) tags(meta []byte) {
	if len(meta) == 0 {
		return
	}
	tags, err := wire.ParseTags(meta)
	if err != nil {
		p.Payload("meta", meta)
		return
	}
	p.tagList(tags)
}

func (p *Part) tagList(tags wire.Tags) {
	list := ""
	for it := tags.Iter(); it.Next(); {
		list += "," + string(it.Key) + "=" + string(it.Value)
	}
	if list != "" {
		p.Name("tags", []byte(list[1:]))
	}
}

// ackPayload is a coordinate most of the time.
func (p *Part) ackPayload(payload []byte) {
	if len(payload) == 0 {
		return
	}
	c, err := wire.ParseAckPayload(payload)
	if err != nil {
		p.Payload("payload", payload)
		return
	}
	vec := ""
	for _, v := range c.Vec {
		vec += "," + seconds(v)
	}
	p.Add("coordinate", vec[1:])
	p.Add("coordinate_error", fmt.Sprintf("%.3g", c.Error))
	p.Add("height", seconds(c.Height))
	p.Add("adjustment", seconds(c.Adjustment))
}

// seconds is a part of a coordinate.
func seconds(v float64) string { return fmt.Sprintf("%.3g", v) }
