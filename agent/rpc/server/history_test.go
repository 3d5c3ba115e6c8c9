package server

import (
	"context"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"serf/agent/rpc"
	"serf/agent/rpc/internal/protocol"
	"serf/swim"
	"serf/swim/history"
)

// sampleChange has all fields.
var sampleChange = history.Change{
	Seq: 1 << 40, Time: history.Stamp{Time: time.UnixMilli(1790000000123)}, From: history.Alive, To: history.Suspect,
	Cause: history.Probe, Learned: history.ByExchange, Incarnation: 1<<32 - 1, Accuser: "a", Via: "v", Addr: "1.2.3.4:5",
	Probe:         &history.Steps{Relays: []string{"r", "s"}, Nacks: 1, NacksHoped: 2, TCP: history.TCPFailed},
	Confirmations: 7, Hoped: 4, Confirmers: []string{"c", "d"}, Refute: 1 << 31, Paused: 1 << 32, LastPing: true, Health: 8, Text: "words",
}

var sampleHistory = history.Member{
	Name: "m", AsSeenBy: "n1", Status: "failed", Dropped: 9,
	Changes: []history.Change{sampleChange, {Seq: 2, Time: sampleChange.Time, To: history.Alive, Cause: history.Join}},
}

// Every field of a change gets across.
func TestHistoryByRPC(t *testing.T) {
	for i, v := 0, reflect.ValueOf(sampleChange); i < v.NumField(); i++ {
		if v.Field(i).IsZero() && v.Type().Field(i).Name != "At" {
			t.Errorf("the test leaves out %s", v.Type().Field(i).Name)
		}
	}
	want := sampleHistory
	_, l := startServer(t, &fakeAgent{history: map[string]history.Member{"m": want}}, Options{})
	c := connect(t, l, "")
	got, ok, err := c.History(t.Context(), "m")
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-sent +got):\n%s", diff)
	}
	if _, ok, err := c.History(t.Context(), "nobody"); ok || err != nil {
		t.Errorf("a member that isn't known: %v, %v", ok, err)
	}
	if _, _, err := c.History(t.Context(), strings.Repeat("x", swim.NameMax)); err != nil {
		t.Errorf("the longest name: %v", err)
	}
	for _, name := range []string{"", strings.Repeat("x", swim.NameMax+1)} {
		if _, _, err := c.History(t.Context(), name); err == nil || !strings.Contains(err.Error(), "want 1 to 512") {
			t.Errorf("%d bytes: %v", len(name), err)
		}
	}
}

var sampleFlaps = history.Flaps{
	AsSeenBy: "n1", Since: 60, More: 2, Accusations: 5, Summary: "words",
	Members:  []history.Flapper{{Name: "m", Changes: 3, Accused: 4, Failed: 2, Refuted: 1, Last: history.Stamp{Time: time.UnixMilli(1790000000123)}}},
	Accusers: []history.Accuser{{Name: "n1", Accusations: 4, Refuted: 3, Health: new(0), Self: true}, {Name: "n2", Accusations: 1}},
	TCPOnly:  []history.TCPOnly{{Name: "n3", Times: 7, Last: history.Stamp{Time: time.UnixMilli(1790000000124)}}},
}

func TestFlapsByRPC(t *testing.T) {
	want := sampleFlaps
	_, l := startServer(t, &fakeAgent{flaps: want}, Options{})
	c := connect(t, l, "")
	got, err := c.Flaps(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-sent +got):\n%s", diff)
	}
	if _, err := c.Flaps(t.Context(), -time.Second); err == nil || !strings.Contains(err.Error(), "since: -1s") {
		t.Errorf("a negative time: %v", err)
	}
}

func TestHistoryFromAnAgentThatSendsTooMuch(t *testing.T) {
	for n, fits := range map[int]bool{history.MemberMax: true, history.MemberMax + 1: false} {
		h := history.Member{Changes: make([]history.Change, n)}
		_, l := startServer(t, &fakeAgent{history: map[string]history.Member{"m": h}}, Options{})
		if _, _, err := connect(t, l, "").History(t.Context(), "m"); (err == nil) != fits {
			t.Errorf("%d changes: %v", n, err)
		}
	}
}

// Agents of the original and older ones of ours answer so, and hang up.
func TestHistoryFromAnAgentThatHasNone(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		r := protocol.NewReader(far, protocol.AnswerLimits)
		for seq := uint64(1); ; seq++ {
			for range 2 { // header and body
				if _, err := r.Next(); err != nil {
					return
				}
			}
			text := ""
			if seq > 1 {
				text = protocol.TextUnsupportedCommand
			}
			far.Write(protocol.Append(nil, &protocol.ResponseHeader{Error: text, Seq: seq}))
		}
	}()
	c, err := rpc.NewClient(context.Background(), near, rpc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.History(t.Context(), "m"); !errors.Is(err, rpc.ErrNoHistory) {
		t.Errorf("history: %v", err)
	}
	if _, err := c.Flaps(t.Context(), time.Hour); !errors.Is(err, rpc.ErrNoHistory) {
		t.Errorf("flaps: %v", err)
	}
	if _, err := c.Views(t.Context(), 0); !errors.Is(err, rpc.ErrNoSurvey) {
		t.Errorf("views: %v", err)
	}
	if _, _, err := c.HistoryOfAll(t.Context(), "m", 0); !errors.Is(err, rpc.ErrNoSurvey) {
		t.Errorf("history of all: %v", err)
	}
}
