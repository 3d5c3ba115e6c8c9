package history

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/words.txt anew")

// sentences are changes of b as a sees them, and of a itself, with each cause and each variant of
// its wording.
func sentences() (list []Change) {
	add := func(c Change) { list = append(list, c) }
	probe := func(p Steps) {
		add(Change{From: Alive, To: Suspect, Cause: Probe, Accuser: "a", Refute: 12000, Health: 2, Probe: &p})
	}
	probe(Steps{})
	probe(Steps{TCP: NoAnswer})
	probe(Steps{Relays: []string{"c"}, TCP: TCPFailed})
	probe(Steps{Relays: []string{"c"}, NacksHoped: 1, TCP: TCPRefused})
	probe(Steps{Relays: []string{"c"}, NacksHoped: 1, Nacks: 1, TCP: TCPSilent})
	probe(Steps{Relays: []string{"c", "d"}, NacksHoped: 2, Nacks: 2})
	probe(Steps{Relays: []string{"c", "d", "e"}, NacksHoped: 3, Nacks: 1})

	accusation := Change{From: Alive, To: Suspect, Cause: Accusation, Accuser: "c", Learned: ByGossip, Via: "d", Refute: 4500}
	add(accusation)
	accusation.Confirmations, accusation.Confirmers = 2, []string{"e", "f"}
	add(accusation)
	accusation.Probe = &Steps{Relays: []string{"d"}, NacksHoped: 1, Nacks: 1, TCP: NoAnswer}
	add(accusation)
	add(Change{From: Alive, To: Suspect, Cause: Accusation, Learned: ByExchange, Via: "d", Refute: 4500})
	add(Change{From: Suspect, To: Suspect, Cause: Accusation, Accuser: "c", Learned: ByExchange, Refute: 4500})
	add(Change{From: Alive, To: Suspect, Cause: Death, Accuser: "c", Learned: ByGossip, Via: "c", Refute: 500})
	add(Change{From: Suspect, To: Failed, Cause: Death, Accuser: "c", Learned: ByGossip, Refute: 4000, Confirmations: 1, Hoped: 2, Confirmers: []string{"d"}})
	add(Change{From: Alive, To: Failed, Cause: Death, Accuser: "c", Learned: ByGossip, Via: "c"})

	failed := Change{From: Suspect, To: Failed, Cause: Timeout, Accuser: "c", Refute: 90_000}
	add(failed)
	failed.Hoped = 2
	add(failed)
	failed.Confirmations, failed.Confirmers, failed.LastPing = 1, []string{"d"}, true
	add(failed)
	failed.Confirmations, failed.Accuser, failed.Health = 7, "", 3
	add(failed)

	add(Change{From: Suspect, To: Alive, Cause: Refutation, Accuser: "c", Learned: ByGossip, Via: "b", Incarnation: 5, Refute: 1200, Hoped: 1})
	add(Change{From: Suspect, To: Alive, Cause: Refutation, Learned: ByExchange, Incarnation: 5, Refute: 3_600_000})

	for _, from := range []State{None, Failed, Left, Reaped} {
		add(Change{From: from, To: Alive, Cause: Join, Learned: ByGossip, Via: "c"})
	}
	add(Change{From: Failed, To: Alive, Cause: Join, Learned: ByAnswer})
	add(Change{From: Alive, To: Leaving, Cause: Leave, Learned: ByGossip, Via: "c"})
	add(Change{From: Leaving, To: Left, Cause: Leave, Learned: ByGossip, Via: "b"})
	add(Change{From: Failed, To: Left, Cause: Leave})
	add(Change{From: Leaving, To: Alive, Cause: Stayed})
	add(Change{From: Failed, To: Left, Cause: ForceLeave})
	add(Change{From: Left, To: Reaped, Cause: ForceLeave, Learned: ByGossip, Via: "c"})
	add(Change{From: Failed, To: Reaped, Cause: Reap})
	add(Change{From: Left, To: Reaped, Cause: Reap})
	add(Change{From: Alive, To: Alive, Cause: Moved, Addr: "10.0.0.9:7946", Learned: ByGossip, Via: "c"})
	add(Change{From: Alive, To: Alive, Cause: Conflict, Addr: "10.0.0.9:7946"})
	add(Change{From: Alive, To: Failed, Cause: 15, Learned: ByGossip})
	return list
}

// The file has what operators read; it is to be read, too, before it changes.
func TestWords(t *testing.T) {
	const file = "testdata/words.txt"
	var got strings.Builder
	for _, c := range sentences() {
		got.WriteString(c.Words("b", "a") + "\n")
	}
	got.WriteString("\nof the node itself:\n")
	for _, c := range []Change{
		{To: Alive, Cause: Join, Learned: ByGossip, Via: "c"}, // merged with what others saw
		{From: Alive, To: Suspect, Cause: Accusation, Accuser: "c", Learned: ByGossip, Via: "d", Health: 1},
		{From: Suspect, To: Alive, Cause: Refutation, Accuser: "c", Learned: ByGossip, Via: "d", Incarnation: 3},
		{From: Alive, To: Alive, Cause: Refutation, Incarnation: 8},
		{From: Alive, To: Alive, Cause: Pause, Paused: 20199},
		{From: Alive, To: Leaving, Cause: Leave},
		{From: Leaving, To: Left, Cause: Leave},
	} {
		got.WriteString(c.Words("a", "a") + "\n")
	}
	got.WriteString("\nhostile names:\n")
	c := Change{From: Alive, To: Suspect, Cause: Accusation, Accuser: "c\n2026 root", Via: "\x1b[2J", Learned: ByGossip, Refute: 1000}
	got.WriteString(c.Words("b\u202e", "\xff\x00") + "\n")
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got.String() {
		t.Errorf("%s differs: run go test -update and read the difference", file)
	}
}

func TestStory(t *testing.T) {
	m := Member{Name: "b\n", AsSeenBy: "a", Status: "none", Dropped: 1, Changes: []Change{
		{At: time.Second, To: Alive, Cause: Join},
		{At: 2 * time.Second, From: Alive, To: Alive, Cause: Moved, Addr: strings.Repeat("x", 60) + " " + strings.Repeat("y", 30)},
	}}
	got := m.Story(func(c *Change) string { return c.At.String() })
	want := `b\n as a sees it: no longer listed
1 older change no longer kept

1s  none -> alive
    b\n joined

2s  alive
    b\n moved to xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// Names go back and forth: a client reads what the server wrote.
func TestNamesOfStatesAndCauses(t *testing.T) {
	for i := range 20 {
		if s := State(i); s.String() != "unknown" && ParseState(s.String()) != s {
			t.Errorf("state %d: %v", i, s)
		}
		if c := Cause(i); c.String() != "unknown" && ParseCause(c.String()) != c {
			t.Errorf("cause %d: %v", i, c)
		}
		if l := Learned(i); l.String() != "unknown" && ParseLearned(l.String()) != l {
			t.Errorf("learned %d: %v", i, l)
		}
		if x := TCP(i); x.String() != "unknown" && ParseTCP(x.String()) != x {
			t.Errorf("TCP %d: %v", i, x)
		}
	}
	if Reaped.String() != "reaped" || Conflict.String() != "conflict" || ByAnswer.String() != "answer" || TCPSilent.String() != "silent" || Pause.String() != "pause" {
		t.Errorf("%v, %v, %v, %v, %v", Reaped, Conflict, ByAnswer, TCPSilent, Pause)
	}
}
