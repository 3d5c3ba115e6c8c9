package notes

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"serf/swim"
	"serf/wire"
)

func lookup(id swim.MemberID) (string, netip.AddrPort) {
	return fmt.Sprint("m", id), netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(id)}), 7946)
}

func TestEveryNoteHasItsWords(t *testing.T) {
	n := swim.Note{Member: 1, Other: 2, From: netip.MustParseAddrPort("10.0.0.9:1"), N: 42, Text: "text", Err: errors.New("an error")}
	for code := swim.NotePacketDropped; code <= swim.NoteDetour; code++ {
		n.Code = code
		if got := Of(code).Fill(&n, lookup); ofSwim[code].Text == "" || strings.ContainsAny(got, "{}") {
			t.Errorf("note %d reads %q, want words for all of it", code, got)
		}
	}
}

func TestFieldsOfNotes(t *testing.T) {
	full := swim.Note{Member: 1, Other: 2, From: netip.MustParseAddrPort("10.0.0.9:1"), N: 42, Text: "text", Err: wire.ErrLabel}
	for text, want := range map[string]string{
		"{member}, {other}": "m1, m2", "{addr} {ip}": "10.0.0.1:7946 10.0.0.1", "{from}": "10.0.0.9:1",
		"{n} {text}": "42 text", "{err}": "labelled, and not as this cluster", "": "",
	} {
		if got := (Wording{Text: text}).Fill(&full, lookup); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	// Of two members on one host only the ports differ.
	conflict := "Conflicting address for m1. Known: 10.0.0.1:7946 Claimed: 10.0.0.9:1"
	if got := Of(swim.NoteConflict).Fill(&full, lookup); got != conflict {
		t.Errorf("a conflict: %q, want %q", got, conflict)
	}
	empty := swim.Note{Member: swim.NoMember}
	if got := (Wording{Text: "{member}|{addr}|{ip}|{from}|{err}"}).Fill(&empty, nil); got != "|?|?|an unknown address|unknown reason" {
		t.Errorf("an empty note: %q", got)
	}
}

func TestUnknownNoteIsShown(t *testing.T) {
	n := swim.Note{Code: swim.NoteAbove - 1, Member: swim.NoMember, From: netip.MustParseAddrPort("10.0.0.9:1"), N: 7}
	w := Of(n.Code)
	if got := w.Fill(&n, lookup); !w.Limited || got != "note 255:  10.0.0.9:1 7  unknown reason" {
		t.Errorf("got %q, limited %v, want what there is to show, limited", got, w.Limited)
	}
}

// A flood from many ports of one host is one condition.
func TestKeysOfNotes(t *testing.T) {
	at := func(port uint16, err error) *swim.Note {
		return &swim.Note{Code: swim.NotePacketDropped, From: netip.AddrPortFrom(netip.IPv6Loopback(), port), Err: err}
	}
	if Key(at(1, wire.ErrLabel)) != Key(at(2, wire.ErrLabel)) {
		t.Error("ports make a difference")
	}
	if Key(at(1, wire.ErrLabel)) == Key(at(1, wire.ErrNoKey)) {
		t.Error("reasons make none")
	}
	if !Key(at(1, wire.ErrLabel)).Rare || Key(at(1, wire.ErrShort)).Rare {
		t.Error("members of other clusters are rare, garbage isn't")
	}
}
