package serf

import (
	"testing"
	"time"

	"serf/swim"
	"serf/wire"
)

func conflictAnswer(known bool, owner string) string {
	m := wire.ConflictAnswer{Known: known, Name: []byte("a"), Addr: addrOf(owner).Addr().AsSlice(), Port: addrOf(owner).Port(), Status: 1}
	return string(m.Append(nil))
}

func TestKeepsName(t *testing.T) {
	for _, tt := range []struct {
		matching, others int
		age              time.Duration
		want             bool
	}{
		{0, 0, 0, true},                // nobody answered
		{0, 1, 24 * time.Hour, false},  // all against
		{1, 0, 0, true},                // all for
		{2, 1, 0, true},                // majority
		{1, 2, 24 * time.Hour, false},  // minority
		{1, 1, incumbency, true},       // tied, here first
		{1, 1, incumbency - 1, false},  // tied, just came
		{50, 50, 24 * time.Hour, true}, // tied
	} {
		if got := keepsName(tt.matching, tt.others, tt.age); got != tt.want {
			t.Errorf("%d for, %d against, age %v: %v", tt.matching, tt.others, tt.age, got)
		}
	}
}

// contest makes another address claim our name, and returns the vote's query.
func (tn *conversation) contest() *query {
	tn.t.Helper()
	n := tn.n
	n.begin(&tn.out)
	n.handle(tn.now, &swim.Event{Kind: swim.EventConflict, Member: n.self, Addr: addrOf("x")}, &tn.out)
	n.finish(tn.now, &tn.out)
	tn.collect()
	if len(n.asking.running) == 0 {
		return nil
	}
	return n.asking.running[0]
}

func TestNameConflictIsPutToTheVote(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers map[string]string // from whom, what
		stops   bool
	}{
		{"nobody answers", nil, false},
		{"nobody knows us", map[string]string{"b": conflictAnswer(false, "a"), "c": conflictAnswer(false, "a")}, false},
		{"one knows the other, two nobody", map[string]string{
			"b": conflictAnswer(true, "x"), "c": conflictAnswer(false, "a"), "d": conflictAnswer(false, "a"),
		}, true},
		{"one knows us, two nobody", map[string]string{
			"b": conflictAnswer(true, "a"), "c": conflictAnswer(false, "a"), "d": conflictAnswer(false, "a"),
		}, false},
		{"two against one", map[string]string{
			"b": conflictAnswer(true, "a"), "c": conflictAnswer(true, "x"), "d": conflictAnswer(true, "x"),
		}, true},
		{"nonsense doesn't count", map[string]string{"b": "\x06\xff", "c": "", "d": "\x08\x80"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tn := converse(t, "b", "c", "d")
			tn.advance(incumbency)
			q := tn.contest()
			tn.wantNote("it is told", NoteVote)
			for _, from := range []string{"b", "c", "d"} {
				if a, ok := tt.answers[from]; ok {
					tn.recv(from, answerMsg(from, uint64(q.time), q.id, a))
				}
			}
			tn.advance(time.Minute)
			tn.want("the members are asked", "says query _serf_conflict@1")
			if tt.stops {
				tn.want("outvoted", "event shutdown")
				tn.wantNote("told", NoteVoteLost)
			} else {
				tn.wantNote("told", NoteVoteWon)
			}
			tn.wantIdle("users see nothing of the query")
		})
	}
}

func TestVotesHaveAGap(t *testing.T) {
	tn := converse(t, "b")
	if tn.contest() == nil {
		t.Fatal("no vote")
	}
	tn.contest()
	if got := len(tn.n.asking.running); got != 1 {
		t.Errorf("%d votes at once", got)
	}
	tn.advance(voteGap / 2)
	if tn.contest() != nil {
		t.Error("the next vote is too soon")
	}
	tn.advance(voteGap)
	if tn.contest() == nil {
		t.Error("no vote after the gap")
	}
}

func TestConflictResolutionCanBeTurnedOff(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.DisableConflictResolution = true }, "b")
	if tn.contest() != nil {
		t.Error("a vote is held")
	}
	tn.wantNote("told all the same", NoteOwnConflict)
}

func TestConflictQueriesAreAnswered(t *testing.T) {
	about := func(name string) func(*wire.Query) {
		return func(m *wire.Query) { m.Name, m.Payload = []byte(conflictQuery), []byte(name) }
	}
	tn := converse(t, "b", "c")
	tn.recv("b", queryFrom("b", 1, 1, about("c")))
	known := wire.ConflictAnswer{
		Known: true, Name: []byte("c"), Addr: addrOf("c").Addr().AsSlice(), Port: 7946, Versions: modern, Status: 1, Tags: wire.NewTags(nil),
	}
	tn.want("where c is", "b: answer "+string(known.Append(nil))+" id 1")
	tn.recv("b", queryFrom("b", 2, 2, about("z")))
	tn.want("z isn't known", "b: answer \x06\xc0 id 2")
	tn.recv("b", queryFrom("b", 3, 3, about("a")))
	tn.advance(time.Second)
	tn.want("passed on", "says query _serf_conflict@1", "says query _serf_conflict@2", "says query _serf_conflict@3")
	tn.wantIdle("nobody is a judge of its own case")
}
