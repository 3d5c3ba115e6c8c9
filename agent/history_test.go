package agent

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/swim/history"
)

// A member dies. Each of the others can say why it is called failed, and when by the wall clock.
func TestHistoryOfAMemberThatDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agents := beginJoined(t, newMemNetwork(), 4)
		died := time.Now()
		agents[3].Close()
		time.Sleep(20 * time.Second)
		for _, a := range agents[:3] {
			self := a.Self().Name
			h, ok := a.History("d")
			if !ok || h.AsSeenBy != self || h.Status != "failed" || h.Dropped != 0 {
				t.Fatalf("%s: %+v, %v", self, h, ok)
			}
			var states []history.State
			for _, c := range h.Changes {
				states = append(states, c.To)
				if c.Text != c.Words("d", self) {
					t.Errorf("%s: text %q", self, c.Text)
				}
			}
			want := []history.State{history.Alive, history.Suspect, history.Failed}
			if !slices.Equal(states, want) {
				t.Fatalf("%s: states %v, want %v", self, states, want)
			}
			suspect, failed := h.Changes[1], h.Changes[2]
			if suspect.Time.Before(died) || failed.Time.Before(suspect.Time.Time) || failed.Time.After(time.Now()) {
				t.Errorf("%s: died at %v, suspect at %v, failed at %v", self, died, suspect.Time, failed.Time)
			}
			if p := suspect.Probe; p == nil || len(p.Relays) != 1 || p.Nacks != 1 || p.TCP != history.TCPRefused {
				t.Errorf("%s: probe %+v", self, p)
			}
			if failed.Confirmations == 0 || len(failed.Confirmers) != failed.Confirmations || failed.Accuser == "" {
				t.Errorf("%s: %+v", self, failed)
			}
		}
		f := agents[0].Flaps(time.Hour)
		if len(f.Members) != 1 || f.Members[0].Name != "d" || f.Members[0].Failed != 1 || f.Accusations != 1 || f.Members[0].Last.Before(died) {
			t.Errorf("flaps %+v", f)
		}
		if c := agents[0].ChangeCounts(time.Hour); c["d"] != 3 || c["a"] != 1 {
			t.Errorf("counts %v", c)
		}
		if f := agents[0].Flaps(time.Second); len(f.Members) != 0 || f.Accusations != 0 {
			t.Errorf("the last second: %+v", f)
		}
	})
}

func TestHistoryOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		if h, ok := a.History("x"); ok || h.Status != "none" || h.Changes == nil {
			t.Errorf("%+v, %v", h, ok)
		}
		h, ok := a.History("a")
		if !ok || len(h.Changes) != 1 || h.Changes[0].Text != "a started" {
			t.Errorf("%+v, %v", h, ok)
		}
		a.Close()
		if again, ok := a.History("a"); !ok || len(again.Changes) != 1 {
			t.Errorf("after the end: %+v, %v", again, ok)
		}
	})
}

// What programs read stays.
func TestJSONOfAHistory(t *testing.T) {
	m := MemberHistory{
		Name: "m", AsSeenBy: "a", Status: "failed", Dropped: 2, Changes: []history.Change{{
			Seq: 7, Time: history.Stamp{Time: time.Date(2026, 11, 30, 1, 2, 3, 4_000_000, time.FixedZone("", 3600))}, From: history.Alive,
			To: history.Suspect, Cause: history.Probe, Incarnation: 3, Accuser: "a", Refute: 1500, Hoped: 2, Confirmations: 1,
			Confirmers: []string{"c"}, Probe: &history.Steps{Relays: []string{"r"}, Nacks: 1, NacksHoped: 1, TCP: history.TCPRefused},
		}},
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"m","as_seen_by":"a","status":"failed","dropped":2,"changes":[{"seq":7,"time":"2026-11-30T00:02:03.004Z",` +
		`"from":"alive","to":"suspect","cause":"probe","learned":"here","incarnation":3,"accuser":"a",` +
		`"probe":{"relays":["r"],"nacks":1,"nacks_hoped":1,"tcp":"refused"},"confirmations":1,"hoped":2,"confirmers":["c"],` +
		`"time_to_refute_ms":1500,"health":0}]}`
	if string(b) != want {
		t.Errorf("%s\nwant %s", b, want)
	}
	b, err = json.Marshal(history.Flaps{Since: 60, Members: []history.Flapper{}, Accusers: []history.Accuser{}, Summary: "s"})
	if err != nil || !strings.Contains(string(b), `{"since_s":60,"members":[],"accusations":0,"accusers":[],"summary":"s"}`) {
		t.Errorf("%s, %v", b, err)
	}
}
