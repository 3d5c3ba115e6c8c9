package serf

import (
	"strings"
	"testing"

	"serf/swim"
)

func TestWordings(t *testing.T) {
	tn := converse(t, "b")
	b := tn.n.lookup([]byte("b"))
	for code := NoteNone + 1; code < noteEnd; code++ {
		text := tn.n.AppendNote(nil, swim.Note{Code: code, Member: b, From: addrOf("c"), N: 42, Text: "T", Err: ErrBusy})
		if len(text) == 0 || strings.ContainsAny(string(text), "{}") {
			t.Errorf("code %d reads %q", code-NoteNone, text)
		}
	}
	for code, want := range map[swim.NoteCode]string{
		NoteMemberJoin:       "EventMemberJoin: b 10.0.0.98",
		NoteMemberLeave:      "EventMemberLeave: b 10.0.0.98",
		NoteMemberFailed:     "EventMemberFailed: b 10.0.0.98",
		NoteMemberUpdate:     "EventMemberUpdate: b",
		NoteMemberReap:       "EventMemberReap: b",
		NoteMemberReapForced: "EventMemberReap (forced): b 10.0.0.98",
	} {
		if got := string(tn.n.AppendNote(nil, swim.Note{Code: code, Member: b})); got != want {
			t.Errorf("%q, want %q: people grep for it", got, want)
		}
	}
	if got := tn.n.AppendNote(nil, swim.Note{Code: swim.NoteConflict}); len(got) != 0 {
		t.Errorf("the membership's note reads %q", got)
	}
}
