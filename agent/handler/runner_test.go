package handler

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"serf/internal/eventfilter"
)

// answer runs the handlers for the query load with the payload ping, and returns the last answer.
func (f *fixture) answer() (text string) {
	f.t.Helper()
	respond := func(output []byte) error {
		text = string(output)
		return nil
	}
	f.Handle(Event{
		Kind: eventfilter.Query, Name: "load", Payload: []byte("ping"), Respond: respond,
	})
	f.finish()
	return text
}

func TestScriptNeedNotReadItsInput(t *testing.T) {
	f := newFixture(t, Config{})
	f.set("exit 0")
	f.Handle(Event{Kind: eventfilter.User, Payload: make([]byte, 1<<20)}) // more than a pipe holds
	f.finish()
	if diff := cmp.Diff(Counts{Runs: 1}, f.Stats().Total); diff != "" {
		t.Error(diff)
	}
}
