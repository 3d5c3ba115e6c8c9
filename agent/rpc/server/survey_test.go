package server

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"serf/agent/rpc"
	"serf/agent/rpc/internal/protocol"
	"serf/agent/survey"
	"serf/swim"
	"serf/swim/history"
)

var sampleViews = survey.Views{
	AsSeenBy: "n1", Digest: "00ff", Agree: true, Summary: "words",
	Agents: []survey.Agent{
		{Name: "n1", Status: "alive", Answer: survey.ReplyYes, Incomplete: true, Figures: &survey.Figures{
			Digest: "00fe", Health: 1, Alive: 2, Suspect: 3, Leaving: 4, Failed: 5, Left: 6, Uptime: 7.5, Took: 0.25}},
		{Name: "n2", Status: "failed", Answer: survey.ReplyNo},
	},
	Disagreements: []survey.Disagreement{{Member: "m", Here: "failed", There: "alive", Agents: []string{"n1", "n2"}}},
}

func TestViewsByRPC(t *testing.T) {
	want := sampleViews
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

var sampleMerged = history.Merged{
	Name: "m", AsSeenBy: "n1", Missing: []string{"n3"}, Dropped: 4,
	Witnesses: []history.Witness{{Name: "n1", Status: "alive", Dropped: 2, Error: 0.5}, {Name: "n2", Status: "none"}},
	Changes: []history.Joint{
		{Change: history.Change{Time: sampleChange.Time, To: history.Suspect, Cause: history.Probe, Accuser: "n2", Probe: &history.Steps{}, Text: "words"},
			By: "n2", Others: []string{"n1"}, Spread: 12.5, Reordered: true},
		{Change: history.Change{Time: sampleChange.Time, To: history.Failed}, By: "n1", Others: []string{}},
	},
}

func TestHistoryOfAllByRPC(t *testing.T) {
	want := sampleMerged
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

var sampleTrips = survey.RoundTrips{AsSeenBy: "n1", Answered: 2, Missing: []string{"n3"}, Trips: []survey.RoundTrip{
	{From: "n1", To: "n2", Took: time.Millisecond}, {From: "n1", To: "n3", Took: 0}, {From: "n2", To: "n1", Took: 10 * time.Second},
}}

func TestRoundTripsByRPC(t *testing.T) {
	want := sampleTrips
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

// Clients of other languages, and agents of other versions, count on these bytes.
func TestBytesOfOwnCommands(t *testing.T) {
	agent := &fakeAgent{history: map[string]history.Member{"m": sampleHistory}, flaps: sampleFlaps,
		views: sampleViews, merged: map[string]history.Merged{"m": sampleMerged}, trips: sampleTrips}
	_, l := startServer(t, agent, Options{})
	c := dialRaw(t, l)
	c.ask(protocol.CmdHandshake, 0, &protocol.HandshakeRequest{Version: protocol.Version}, "")
	var got []byte
	for i, command := range []struct {
		name string
		body any
	}{
		{protocol.CmdHistory, &protocol.HistoryRequest{Name: "m"}},
		{protocol.CmdHistory, &protocol.HistoryRequest{Name: "nobody"}},
		{protocol.CmdFlaps, &protocol.FlapsRequest{Since: int64(time.Minute)}},
		{protocol.CmdViews, &protocol.ViewsRequest{}},
		{protocol.CmdHistoryAll, &protocol.HistoryAllRequest{Name: "m"}},
		{protocol.CmdHistoryAll, &protocol.HistoryAllRequest{Name: "nobody"}},
		{protocol.CmdRoundTrips, &protocol.RoundTripsRequest{}},
	} {
		c.ask(command.name, uint64(i+1), command.body, "")
		answer, err := c.in.NextBody()
		if err != nil {
			t.Fatal(err)
		}
		request := protocol.Append(nil, command.body)
		got = fmt.Appendf(got, "%s %+q\n%+q\n", command.name, request, answer)
	}
	const golden = "testdata/own_commands.txt"
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v; got\n%s\nwant %s:\n%s", err, got, golden, want)
	}
}
