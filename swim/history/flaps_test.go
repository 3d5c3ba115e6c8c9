package history

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestFlaps(t *testing.T) {
	var l Log
	at := time.Duration(0)
	add := func(subject string, c Change) {
		at += time.Second
		c.At = at
		l.Add(subject, &c)
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		add(name, Change{To: Alive, Cause: Join})
	}
	before := at + 1
	for range 3 { // d accuses all, and all refute
		for _, name := range []string{"a", "b", "c"} {
			add(name, Change{From: Alive, To: Suspect, Cause: Accusation, Accuser: "d"})
			add(name, Change{From: Suspect, To: Alive, Cause: Refutation})
		}
	}
	add("b", Change{From: Alive, To: Suspect, Cause: Probe, Accuser: "a"})
	add("b", Change{From: Suspect, To: Failed, Cause: Timeout})
	add("c", Change{From: Alive, To: Alive, Cause: Moved, Addr: "d"}) // an address, no accuser
	f := l.Flaps(before, at, "a", 2)

	want := "10 accusations; b 8 4 1 3; c 7 3 0 3; a 6 3 0 3; d accused 9, 9 refuted; a accused 1, 0 refuted, health 2;"
	got := fmt.Sprintf("%d accusations;", f.Accusations)
	for _, m := range f.Members {
		got += fmt.Sprintf(" %s %d %d %d %d;", m.Name, m.Changes, m.Accused, m.Failed, m.Refuted)
	}
	for _, a := range f.Accusers {
		got += fmt.Sprintf(" %s accused %d, %d refuted", a.Name, a.Accusations, a.Refuted)
		if a.Health != nil {
			got += fmt.Sprintf(", health %d", *a.Health)
		}
		got += ";"
	}
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if f.Members[1].At != at || f.Members[1].Name != "c" {
		t.Errorf("the last change of c was at %v, want %v", f.Members[1].At, at)
	}
	counts := l.Counts(before)
	if counts["b"] != 8 || counts["d"] != 0 || l.Counts(0)["d"] != 1 {
		t.Errorf("counts %v", counts)
	}
}

func TestSummary(t *testing.T) {
	six := 6
	for want, f := range map[string]Flaps{
		"nobody was accused in the last hour": {Since: 3600},
		"11 of 12 accusations of the last hour came from m7, and 9 of those were refuted; its health is 6: look there": {
			Since: 3600, Accusations: 12, Accusers: []Accuser{{Name: "m7", Accusations: 11, Refuted: 9, Health: &six}, {Name: "m1", Accusations: 1}}},
		"3 of 3 accusations of the last 10m came from m\\n; its health isn't known here: look there": {
			Since: 600, Accusations: 3, Accusers: []Accuser{{Name: "m\n", Accusations: 3}}},
		"3 of 3 accusations of the last hour came from m7, and 1 of those were refuted; 2 were against m3: look at both, and at what is between them": {
			Since: 3600, Accusations: 3, Accusers: []Accuser{{Name: "m7", Accusations: 3, Refuted: 1}}, Members: []Flapper{{Name: "m1", Accused: 1}, {Name: "m3", Accused: 2}}},
		"51 of 51 accusations of the last hour were against web-7 (32) or came from it (19); its health isn't known here: look there": {
			Since: 3600, Accusations: 51, Accusers: []Accuser{{Name: "web-7", Accusations: 19, Refuted: 19}, {Name: "web-6", Accusations: 7}}, Members: []Flapper{{Name: "web-7", Accused: 32}}},
		"of 4 accusations of the last hour, by 2 members, 3 were against m3: look there": {
			Since: 3600, Accusations: 4, Accusers: []Accuser{{Name: "a", Accusations: 2}, {Name: "b", Accusations: 2}}, Members: []Flapper{{Name: "m3", Accused: 3}}},
		"4 accusations of the last 1m30s came from 2 members: no member stands out": {
			Since: 90, Accusations: 4, Accusers: []Accuser{{Name: "a", Accusations: 2}, {Name: "b", Accusations: 2}}},
		"1 accusation of the last hour came from 1 member: no member stands out": {
			Since: 3600, Accusations: 1, Accusers: []Accuser{{Name: "a", Accusations: 1}}},
	} {
		if got := f.summary(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFlapsAreBounded(t *testing.T) {
	for n, more := range map[int]int{FlapsMax: 0, FlapsMax + 2: 2} {
		var l Log
		for i := range n {
			for range 2 {
				l.Add(fmt.Sprint("m", i), &Change{To: Suspect, Cause: Accusation, Accuser: fmt.Sprint("x", i)})
			}
		}
		f := l.Flaps(0, 0, "a", 0)
		if len(f.Members) != FlapsMax || len(f.Accusers) != FlapsMax || f.More != more || f.Accusations != 2*n {
			t.Errorf("%d members: %d are listed, %d more, %d accusers", n, len(f.Members), f.More, len(f.Accusers))
		}
	}
}

func TestSummaryOfMembersThatAnswerOverTCPOnly(t *testing.T) {
	f := Flaps{AsSeenBy: "a", Summary: "nobody was accused in the last hour"}
	own := f
	list := []TCPOnly{{Name: "m\n3", Times: 2}, {Name: "m4", Times: 1}}
	f.AddTCPOnly(nil, 4)
	f.AddTCPOnly(list, 4)
	if own.AddTCPOnly(list, 3); !strings.HasSuffix(own.Summary,
		"; most others answered a over TCP but not over UDP: packets to or from it get lost") {
		t.Errorf("if they are two of three: %q", own.Summary)
	}
	const want = "nobody was accused in the last hour; m\\n3 answered 2 probes over TCP but not over UDP: " +
		"packets to or from it get lost"
	if f.Summary != want {
		t.Errorf("%q\nwant %q", f.Summary, want)
	}
}
