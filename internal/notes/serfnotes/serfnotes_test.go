package serfnotes

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"serf/swim"
	"serf/swim/serf"
)

func TestEveryNoteHasItsWords(t *testing.T) {
	n := swim.Note{Member: 1, Other: swim.NoMember, From: netip.MustParseAddrPort("127.0.9.2:1"), N: 42,
		Err: errors.New("an error")}
	lookup := func(swim.MemberID) (string, netip.AddrPort) {
		return "a", netip.MustParseAddrPort("127.0.9.1:7946")
	}
	text := func(code swim.NoteCode) string {
		n.Code = code
		component, w := Of(&n)
		return component + ": " + w.Fill(&n, lookup)
	}
	for code := serf.NoteNone + 1; code < serf.NoteEnd; code++ {
		if got := text(code); !strings.HasPrefix(got, "serf: ") || words[code] == "" || strings.ContainsAny(got, "{}") {
			t.Errorf("note %d of serf reads %q, want words for all of it", code-serf.NoteNone, got)
		}
	}
	for code, want := range map[swim.NoteCode]string{
		serf.NoteMemberJoin:       "serf: EventMemberJoin: a 127.0.9.1",
		serf.NoteMemberLeave:      "serf: EventMemberLeave: a 127.0.9.1",
		serf.NoteMemberFailed:     "serf: EventMemberFailed: a 127.0.9.1",
		serf.NoteMemberUpdate:     "serf: EventMemberUpdate: a",
		serf.NoteMemberReap:       "serf: EventMemberReap: a",
		serf.NoteMemberReapForced: "serf: EventMemberReap (forced): a 127.0.9.1",
		swim.NoteSuspecting:       "memberlist: Suspect a has failed, no acks received",
	} {
		if got := text(code); got != want {
			t.Errorf("%q, want %q: people grep for it", got, want)
		}
	}
}
