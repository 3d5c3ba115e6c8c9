package rpc

import (
	"net/netip"

	"serf/internal/msgpack"
)

// Lists of members are the only large answers: 2 MB for 10,000 members. So they are parsed without
// reflection, and members share equal tags.

// membersResponse is the body that lists members.
type membersResponse struct{ Members memberList }

// eventRecord is a record of any event.
type eventRecord struct {
	Coalesce bool
	Event    string
	ID       uint64
	LTime    uint64
	Members  memberList
	Name     string
	Payload  []byte
}

type memberList []Member

// memberMin is a lower bound in bytes for a member with all its fields.
const memberMin = 100

// ParseFrom implements protocol.Parser.
func (l *memberList) ParseFrom(c *msgpack.Cursor) {
	n, isNil := c.Array()
	if *l = nil; isNil {
		return
	}
	list := make([]Member, 0, min(n, len(c.P)/memberMin+1)) // bounded by what arrived
	shared := make(map[string]map[string]string)
	for ; n > 0 && c.OK(); n-- {
		list = append(list, parseMember(c, shared))
	}
	*l = list
}

func parseMember(c *msgpack.Cursor, shared map[string]map[string]string) (m Member) {
	var ip netip.Addr
	var port uint16
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Addr":
			ip, _ = netip.AddrFromSlice(c.Bytes()) // else the zero Addr
		case "DelegateCur":
			m.Delegate.Current = c.Uint8()
		case "DelegateMax":
			m.Delegate.Max = c.Uint8()
		case "DelegateMin":
			m.Delegate.Min = c.Uint8()
		case "Name":
			m.Name = string(c.Bytes())
		case "Port":
			port = c.Uint16()
		case "ProtocolCur":
			m.Protocol.Current = c.Uint8()
		case "ProtocolMax":
			m.Protocol.Max = c.Uint8()
		case "ProtocolMin":
			m.Protocol.Min = c.Uint8()
		case "Status":
			m.Status = statusText(c.Bytes())
		case "Tags":
			m.Tags = parseTags(c, shared)
		default:
			c.Skip()
		}
	}
	m.Addr = netip.AddrPortFrom(ip.Unmap(), port)
	return m
}

// statusText converts a status, the usual ones without an allocation.
func statusText(b []byte) string {
	for _, usual := range [...]string{"alive", "failed", "left", "leaving", "none"} {
		if string(b) == usual {
			return usual
		}
	}
	return string(b)
}

// tagSetsMax bounds the sets of tags that are shared: most members have one of a few.
const tagSetsMax = 256

// parseTags returns the tags of a member, which members with equal tags may share.
func parseTags(c *msgpack.Cursor, shared map[string]map[string]string) map[string]string {
	start := c.P
	n, _ := c.Map()
	body := *c
	for range 2 * n {
		c.Bytes()
	}
	raw := c.Since(start)
	if tags, ok := shared[string(raw)]; ok || !c.OK() {
		return tags
	}
	tags := make(map[string]string, n)
	for range n {
		key := string(body.Bytes())
		tags[key] = string(body.Bytes())
	}
	if len(shared) < tagSetsMax {
		shared[string(raw)] = tags
	}
	return tags
}
