package dissect

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"serf/internal/msgpack"
	"serf/wire"
)

// nestingMax bounds the values inside of values. Messages have three.
const nestingMax = 5

// fields words the fields of a struct by their names on the wire, in its order: those that this
// program doesn't know, too. If it is malformed, the error takes the place of all.
func (p *Part) fields(c *msgpack.Cursor, depth int) {
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		p.value(string(c.Name()), c, depth)
	}
	if c.Err != nil {
		p.Fields, p.Parts = nil, nil
		p.fault(c.Err)
	}
}

// value words one value.
func (p *Part) value(name string, c *msgpack.Cursor, depth int) {
	name = Clean(name[:min(len(name), textMax)])
	if known := keyFields[p.Kind]; known != "" && !strings.Contains(known, " "+name+" ") {
		c.Skip() // it may be a key
		return
	}
	switch c.Kind() {
	case msgpack.KindBool:
		p.Some(name, c.Bool())
	case msgpack.KindInt:
		p.number(name, c)
	case msgpack.KindFloat:
		p.Add(name, fmt.Sprintf("%.3g", c.Float()))
	case msgpack.KindRaw:
		p.raw(name, c.Bytes())
	case msgpack.KindArray, msgpack.KindMap:
		if depth < nestingMax {
			p.nested(name, c, depth+1)
			return
		}
		c.Skip()
	default: // nil, or of a later version
		c.Skip()
	}
}

// keyFields are the fields of messages that may have keys that are shown: a broken one could have a
// key in any other.
var keyFields = map[string]string{
	wire.SerfQuery.String(): " Addr Filters Flags ID LTime Name Payload Port RelayFactor SourceNode " +
		"Timeout ",
	wire.SerfQueryResponse.String(): " Flags From ID LTime Payload ",
	wire.SerfKeyRequest.String():    " Key ",
	wire.SerfKeyAnswer.String():     " Keys Message PrimaryKey Result ",
}

// names are the values of fields that have words.
var names = map[string][]string{
	"State":  {"alive", "suspect", "dead", "left"},
	"Status": {"none", "alive", "leaving", "left", "failed"},
	"Diff":   {"none", "whole", "ask", "sums", "parts"},
}

// flagNames are the lowest bits of Flags, and those from the ninth on.
var flagNames = map[string][2][]string{
	wire.SerfQuery.String():         {{"want_ack", "no_broadcast"}, {"extended"}},
	wire.SerfQueryResponse.String(): {{"ack"}, {"extended", "declined"}},
}

func (p *Part) number(name string, c *msgpack.Cursor) {
	whole := *c
	n := whole.Uint64()
	if whole.Err != nil { // negative
		p.Add(name, c.Int64())
		return
	}
	*c = whole
	if n == 0 && (name == "Flags" || name == "RelayFactor") {
		return
	}
	words := names[name]
	switch {
	case n < uint64(len(words)):
		p.Add(name, words[n])
		return
	case name == "Timeout":
		p.Add(name, time.Duration(n).String())
		return
	}
	p.Add(name, n)
	if name == "Flags" {
		for k, list := range flagNames[p.Kind] {
			for i, word := range list {
				p.Some(word, n>>(8*k+i)&1 != 0)
			}
		}
	}
}

// raw words a text or bytes, by what they mean.
func (p *Part) raw(name string, b []byte) {
	if len(b) == 0 && name != "Node" && name != "Name" {
		return
	}
	switch name {
	case "Addr", "SourceAddr", "Target", "IP":
		if ip, ok := netip.AddrFromSlice(b); ok {
			p.Add(name, ip.String())
			return
		}
	case "Meta":
		if tags, err := wire.ParseTags(b); err == nil {
			text := ""
			for it := tags.Iter(); it.Next(); {
				text += "," + string(it.Key) + "=" + string(it.Value)
			}
			if text != "" {
				p.Name("Tags", []byte(text[1:]))
			}
			return
		}
	case "Vsn":
		p.Add(name, strings.Trim(fmt.Sprint(b), "[]"))
		return
	case "Key":
		p.Add(name, wire.FingerprintOf(b).String())
		return
	case "PrimaryKey":
		p.Add(name, encodedKey(b))
		return
	case "Payload":
		p.payload(b)
		return
	case "Node", "Name", "From", "SourceNode", "DestName", "Error", "Message", "Member":
		p.Name(name, b)
		return
	}
	p.Payload(name, b)
}

// payload words what an ack or a user event carries. That of queries and responses is looked at
// when all of their fields are known.
func (p *Part) payload(b []byte) {
	switch p.Kind {
	case wire.TypeAck.String():
		if _, err := wire.ParseAckPayload(b); err == nil {
			x := Part{Kind: "coordinate"}
			x.fields(&msgpack.Cursor{P: b[1:]}, 0)
			p.Put(x)
			return
		}
	case wire.SerfQuery.String(), wire.SerfQueryResponse.String():
		return
	}
	p.Payload("Payload", b)
}

// encodedKey shows a key in base64.
func encodedKey(text []byte) string {
	key, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return "unreadable"
	}
	return wire.FingerprintOf(key).String()
}

// nested words a list or a map: of texts and numbers in one field, of structs as parts.
func (p *Part) nested(name string, c *msgpack.Cursor, depth int) {
	if h, _ := msgpack.ReadHead(c.P); h.Kind == msgpack.KindMap {
		x := Part{Kind: name}
		x.fields(c, depth)
		if name == "Tags" || name == "StatusLTimes" {
			p.Name(name, []byte(x.pairs()))
			return
		}
		p.Put(x)
		return
	}
	n, _ := c.Array()
	var texts []string
	for ; n > 0 && c.OK(); n-- {
		x := Part{Kind: name}
		switch kind := c.Kind(); {
		case kind == msgpack.KindMap:
			x.fields(c, depth)
			p.Put(x)
		case kind == msgpack.KindRaw && name == "Filters":
			p.filter(c.Bytes(), depth)
		case kind == msgpack.KindRaw && name == "Keys":
			texts = append(texts, encodedKey(c.Bytes()))
		default:
			if x.value("", c, depth); len(x.Fields) > 0 {
				texts = append(texts, fmt.Sprint(x.Fields[0].Value))
			}
			p.Parts = append(p.Parts, x.Parts...)
		}
	}
	if len(texts) > 0 {
		p.Name(name, []byte(strings.Join(texts, ",")))
	}
}

// pairs are the fields of a map that isn't a struct.
func (p *Part) pairs() string {
	var list []string
	for _, f := range p.Fields {
		list = append(list, f.Name+"="+fmt.Sprint(f.Value))
	}
	return strings.Join(list, ",")
}

// filter words an encoded filter of a query.
func (p *Part) filter(b []byte, depth int) {
	x := Part{Kind: "filter"}
	switch c := (msgpack.Cursor{P: b[min(len(b), 1):]}); {
	case len(b) == 0:
		x.fault(wire.ErrShort)
	case wire.FilterKind(b[0]) == wire.FilterNode:
		x.value("nodes", &c, depth)
		x.fault(c.Err)
	case wire.FilterKind(b[0]) == wire.FilterTag:
		x.fields(&c, depth)
	default:
		x.Add("unknown_kind", b[0])
	}
	p.Put(x)
}
