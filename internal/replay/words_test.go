package replay

import (
	"testing"

	"serf/swim"
	"serf/swim/serf"
)

// A new event fails here until it has a word.
func TestEachEventHasItsWord(t *testing.T) {
	passed := []swim.EventKind{swim.EventSuspected, swim.EventRefuted, swim.EventSent, swim.EventPinged,
		swim.EventMetaDone, swim.EventJoinDone, swim.EventLeaveDone}
	for kind := serf.EventMemberJoin; kind <= serf.EventShutdown; kind++ {
		passed = append(passed, kind)
	}
	for _, kind := range passed {
		if eventNames[kind] == "" {
			t.Errorf("event %d has no word", kind)
		}
	}
	if eventNames[serf.EventShutdown+1] != "" {
		t.Error("there are events after the last one")
	}
}
