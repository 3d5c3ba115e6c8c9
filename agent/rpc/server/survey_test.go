package server

import (
	"errors"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"serf/agent/rpc"
	"serf/agent/survey"
	"serf/swim"
	"serf/swim/history"
)

func TestViewsByRPC(t *testing.T) {
	want := survey.Views{
		AsSeenBy: "n1", Digest: "00ff", Agree: true, Summary: "words",
		Agents: []survey.Agent{
			{Name: "n1", Status: "alive", Answer: survey.ReplyYes, Incomplete: true, Figures: &survey.Figures{
				Digest: "00fe", Health: 1, Alive: 2, Suspect: 3, Leaving: 4, Failed: 5, Left: 6, Uptime: 7.5, Took: 0.25}},
			{Name: "n2", Status: "failed", Answer: survey.ReplyNo},
		},
		Disagreements: []survey.Disagreement{{Member: "m", Here: "failed", There: "alive", Agents: []string{"n1", "n2"}}},
	}
	_, l := startServer(t, &fakeAgent{views: want}, Options{})
	c := connect(t, l, "")
	got, err := c.Views(t.Context(), surveyMax)
	if diff := gocmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-sent +got):\n%s", err, diff)
	}
	for _, timeout := range []time.Duration{-1, surveyMax + 1} {
		if _, err := c.Views(t.Context(), timeout); err == nil || !strings.Contains(err.Error(), "want at most 1m0s") {
			t.Errorf("%v: %v", timeout, err)
		}
	}
}

func TestHistoryOfAllByRPC(t *testing.T) {
	at := history.Stamp{Time: time.UnixMilli(1790000000123)}
	want := history.Merged{
		Name: "m", AsSeenBy: "n1", Missing: []string{"n3"}, Dropped: 4,
		Witnesses: []history.Witness{{Name: "n1", Status: "alive", Dropped: 2, Error: 0.5}, {Name: "n2", Status: "none"}},
		Changes: []history.Joint{
			{Change: history.Change{Time: at, To: history.Suspect, Cause: history.Probe, Accuser: "n2", Probe: &history.Steps{}, Text: "words"},
				By: "n2", Others: []string{"n1"}, Spread: 12.5, Reordered: true},
			{Change: history.Change{Time: at, To: history.Failed}, By: "n1", Others: []string{}},
		},
	}
	_, l := startServer(t, &fakeAgent{merged: map[string]history.Merged{"m": want}}, Options{})
	c := connect(t, l, "")
	got, ok, err := c.HistoryOfAll(t.Context(), "m", 0)
	if diff := gocmp.Diff(want, got, cmpopts.IgnoreUnexported(history.Joint{})); diff != "" || err != nil || !ok {
		t.Errorf("%v, %v (-sent +got):\n%s", ok, err, diff)
	}
	if _, ok, err := c.HistoryOfAll(t.Context(), "nobody", 0); ok || err != nil {
		t.Errorf("a name that nobody knows: %v, %v", ok, err)
	}
	for _, name := range []string{"", strings.Repeat("x", swim.NameMax+1)} {
		if _, _, err := c.HistoryOfAll(t.Context(), name, 0); err == nil || !strings.Contains(err.Error(), "want 1 to 512") {
			t.Errorf("%d bytes: %v", len(name), err)
		}
	}
	if _, _, err := c.HistoryOfAll(t.Context(), "m", -1); err == nil {
		t.Error("a negative time-out is taken")
	}
}

func TestFailureToAskIsReported(t *testing.T) {
	_, l := startServer(t, &fakeAgent{surveyErr: errors.New("too many queries")}, Options{})
	c := connect(t, l, "")
	want := rpc.RemoteError("too many queries")
	if _, err := c.Views(t.Context(), 0); !errors.Is(err, want) {
		t.Errorf("views: %v", err)
	}
	if _, _, err := c.HistoryOfAll(t.Context(), "m", 0); !errors.Is(err, want) {
		t.Errorf("history: %v", err)
	}
}

func TestRoundTripsByRPC(t *testing.T) {
	want := survey.RoundTrips{AsSeenBy: "n1", Answered: 2, Missing: []string{"n3"}, Trips: []survey.RoundTrip{
		{From: "n1", To: "n2", Took: time.Millisecond}, {From: "n1", To: "n3", Took: 0}, {From: "n2", To: "n1", Took: 10 * time.Second},
	}}
	_, l := startServer(t, &fakeAgent{trips: want}, Options{})
	c := connect(t, l, "")
	got, err := c.RoundTrips(t.Context(), surveyMax)
	if diff := gocmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-sent +got):\n%s", err, diff)
	}
	for _, timeout := range []time.Duration{-1, surveyMax + 1} {
		if _, err := c.RoundTrips(t.Context(), timeout); err == nil || !strings.Contains(err.Error(), "want at most 1m0s") {
			t.Errorf("%v: %v", timeout, err)
		}
	}
}
