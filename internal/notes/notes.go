// Package notes words the notes of package swim for logs.
package notes

import (
	"net/netip"
	"strconv"
	"strings"

	"serf/driver"
	"serf/internal/repeats"
	"serf/swim"
	"serf/wire"
)

// Wording is how a note becomes a line of the log. In Text, {member}, {other}, {from}, {n}, {text}
// and {err} stand for the note's fields, {addr} for the member's address, and {ip} for the same
// without its port.
type Wording struct {
	Text string
	// Limited: others can cause it at will, or a lasting condition does. The first is written, the
	// rest counted.
	Limited bool
}

// Lookup returns a member's name, and its address: invalid if it isn't known any more.
type Lookup func(swim.MemberID) (name string, addr netip.AddrPort)

// Of returns the wording of a note of package swim. One that has none is shown as it is.
func Of(code swim.NoteCode) Wording {
	w, known := ofSwim[code]
	if !known {
		return Unknown(code)
	}
	return w
}

// Unknown words a note that nobody has words for.
func Unknown(code swim.NoteCode) Wording {
	return Wording{"note " + strconv.Itoa(int(code)) + ": {member} {from} {n} {text} {err}", true}
}

// Key is what repetitions of a note have in common.
func Key(n *swim.Note) repeats.Key {
	// Without the port: whoever floods us may use many.
	key := repeats.Key{Code: n.Code, Member: n.Member, From: n.From.Addr()}
	if n.Code == swim.NotePacketDropped {
		key.Text, key.Rare = n.Err.Error(), wire.IsForeign(n.Err)
	}
	return key
}

// ProblemKey is what repetitions of a problem have in common.
func ProblemKey(p driver.Problem) repeats.Key {
	return repeats.Key{Text: p.Kind.String(), From: p.Peer.Addr(), Rare: p.Foreign()}
}

// Fill returns the text about a note.
func (w Wording) Fill(n *swim.Note, lookup Lookup) string {
	text := w.Text
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		field, after, _ := strings.Cut(rest, "}")
		b.WriteString(fieldOf(n, field, lookup))
		text = after
	}
}

func fieldOf(n *swim.Note, field string, lookup Lookup) string {
	switch field {
	case "member":
		name, _ := find(n.Member, lookup)
		return name
	case "other":
		name, _ := find(n.Other, lookup)
		return name
	case "addr", "ip":
		_, addr := find(n.Member, lookup)
		switch {
		case !addr.IsValid():
			return "?"
		case field == "ip":
			return addr.Addr().String()
		}
		return addr.String()
	case "from":
		return addrText(n.From)
	case "n":
		return strconv.FormatInt(n.N, 10)
	case "text":
		return n.Text
	case "err":
		if n.Err != nil {
			return wire.ErrText(n.Err)
		}
		return "unknown reason"
	}
	panic("BUG: a note is worded with the unknown field " + field)
}

func find(id swim.MemberID, lookup Lookup) (name string, addr netip.AddrPort) {
	if id == swim.NoMember {
		return "", netip.AddrPort{}
	}
	return lookup(id)
}

func addrText(addr netip.AddrPort) string {
	if !addr.IsValid() {
		return "an unknown address"
	}
	return addr.String()
}
