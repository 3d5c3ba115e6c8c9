package history

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const sec = time.Second

// account is what an agent saw; its clock is off by so much.
func account(name, status string, off time.Duration, changes ...Change) Account {
	a := Account{Witness: Witness{Name: name, Status: status, Error: 0.4}}
	for _, c := range changes {
		c.At += off
		c.Time = Stamp{time.Unix(0, 0).Add(c.At)}
		a.Changes = append(a.Changes, c)
	}
	return a
}

func joined(at time.Duration, inc uint32) Change {
	return Change{At: at, To: Alive, Cause: Join, Learned: ByGossip, Incarnation: inc}
}

func suspected(at time.Duration, by, accuser string, inc uint32) Change {
	c := Change{At: at, From: Alive, To: Suspect, Cause: Accusation, Learned: ByGossip, Accuser: accuser,
		Incarnation: inc}
	if by == accuser {
		c.Cause, c.Learned = Probe, Here
	}
	return c
}

func failed(at time.Duration, accuser string, inc uint32) Change {
	return Change{At: at, From: Suspect, To: Failed, Cause: Timeout, Accuser: accuser, Incarnation: inc,
		Refute: 2000}
}

func refuted(at time.Duration, accuser string, inc uint32) Change {
	return Change{At: at, From: Suspect, To: Alive, Cause: Refutation, Learned: ByGossip, Accuser: accuser,
		Incarnation: inc, Refute: 300}
}

// outline is who saw what first, and who else, a change a line.
func outline(m *Merged) string {
	var lines []string
	for _, j := range m.Changes {
		line := fmt.Sprintf("%s %v %d", j.By, j.To, j.Incarnation)
		if j.To == Suspect {
			line += " by " + j.Accuser
		}
		if len(j.Others) > 0 {
			line += fmt.Sprintf(" + %s %vms", strings.Join(j.Others, " "), j.Spread)
		}
		if j.Reordered {
			line += " !"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestAccountsAreMerged(t *testing.T) {
	m := Merge("m7", "a", []Account{
		account("a", "failed", 0, joined(1*sec, 1), suspected(60*sec+200*time.Millisecond, "a", "b", 1),
			failed(63*sec, "b", 1)),
		account("b", "failed", 0, joined(2*sec, 1), suspected(60*sec, "b", "b", 1),
			failed(62*sec, "b", 1)),
		account("c", "alive", 0, joined(1500*time.Millisecond, 1)),
	})
	const want = `a alive 1 + b c 1000ms
b suspect 1 by b + a 200ms
b failed 1 + a 1000ms`
	if got := outline(&m); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What caused what decides the order, whatever clocks say: here that of the accused is 5 s behind,
// that of b 3 s ahead.
func TestMergedHistoryIsInOrderOfCause(t *testing.T) {
	subject := account("m7", "alive", -5*sec,
		Change{At: sec, To: Alive, Cause: Join, Incarnation: 1},
		Change{At: 60*sec + 100*time.Millisecond, From: Alive, To: Suspect, Cause: Accusation,
			Accuser: "b", Incarnation: 1},
		Change{At: 60*sec + 101*time.Millisecond, From: Suspect, To: Alive, Cause: Refutation,
			Incarnation: 2},
	)
	a := account("a", "alive", 0, joined(2*sec, 1),
		suspected(60*sec+50*time.Millisecond, "a", "b", 1),
		refuted(60*sec+300*time.Millisecond, "b", 2))
	b := account("b", "alive", 3*sec, suspected(60*sec, "b", "b", 1),
		refuted(60*sec+200*time.Millisecond, "b", 2))
	const want = `m7 alive 1 + a 6000ms
b suspect 1 by b + m7 a 0ms
m7 alive 2 + a b 8099ms !`
	for _, order := range [][]Account{{a, b, subject}, {subject, a, b}, {b, subject, a}} {
		m := Merge("m7", "a", order)
		// Whoever else saw it is named in the order of the accounts.
		got := outline(&m)
		for _, same := range [][2]string{{"+ a m7", "+ m7 a"}, {"+ b a", "+ a b"}} {
			got = strings.ReplaceAll(got, same[0], same[1])
		}
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// Agents that contradict each other are put in the order of their times.
func TestContradictionsEndTheOrderByCause(t *testing.T) {
	m := Merge("m7", "a", []Account{
		account("m7", "alive", 0, Change{At: 9 * sec, To: Suspect, Cause: Accusation, Accuser: "x", Incarnation: 1},
			Change{At: 10 * sec, To: Alive, Cause: Refutation, Incarnation: 1}),
		account("b", "alive", 0, suspected(5*sec, "b", "b", 1)),
	})
	if len(m.Changes) != 3 {
		t.Errorf("got\n%s", outline(&m))
	}
}

// The same may happen again, and isn't the same then.
func TestChangesThatRepeat(t *testing.T) {
	moved := Change{From: Alive, To: Alive, Cause: Moved, Addr: "10.0.0.1:7946", Incarnation: 2}
	again := moved
	again.At = 9 * sec
	m := Merge("m7", "a", []Account{account("a", "alive", 0, moved, again), account("b", "alive", 0, again)})
	if got := outline(&m); got != "a alive 2 + b 9000ms\na alive 2" {
		t.Error(got)
	}
}

func TestMergedHistoryIsLimited(t *testing.T) {
	for _, n := range []int{MergedMax, MergedMax + 1} {
		var accounts []Account
		for i := range n {
			accounts = append(accounts, account(fmt.Sprint("b", i), "alive", 0, suspected(sec, "", fmt.Sprint("b", i), 1)))
		}
		m := Merge("m7", "a", accounts)
		if len(m.Changes) != MergedMax || m.Dropped != n-MergedMax {
			t.Errorf("%d changes: %d are kept, %d dropped", n, len(m.Changes), m.Dropped)
		}
	}
}

func TestStoryOfAllAgents(t *testing.T) {
	m := Merge("m7", "a", []Account{
		account("a", "failed", 0, suspected(60*sec+200*time.Millisecond, "a", "b", 1), failed(63*sec, "b", 1)),
		account("b", "failed", 0, suspected(60*sec, "b", "b", 1), failed(62*sec, "b", 1)),
		account("c", "alive", 0, refuted(59*sec, "b", 2)),
	})
	m.Missing = []string{"evil\x1b[2J"}
	m.Witnesses[1].Dropped = 3
	const want = `m7 as 3 agents see it: alive for c; failed for a and b
    times by the clock of a; those of other agents may be off by 400µs; what caused a change comes
    before it, whatever its time
    no account from evil\x1b[2J
    3 older changes left out

1m0s  alive -> suspect
    b suspected m7: no answer; health of b: 0 (good)
    the same for a within 200ms

59s  suspect -> alive  (placed by cause)
    m7 refuted the accusation by b after 300ms: its incarnation is now 2 (gossip)

1m2s  suspect -> failed
    b called m7 failed: it didn't refute the accusation by b in 2s; health of b: 0 (good)
    the same for a within 1s
`
	got := m.Story(func(c *Change) string { return c.At.String() })
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The paused member's own account says why others failed it, and doesn't move what they saw.
func TestPauseIsMerged(t *testing.T) {
	m := Merge("m7", "a", []Account{
		account("a", "alive", 0, joined(1*sec, 1), suspected(20*sec, "a", "a", 1), failed(24*sec, "a", 1),
			Change{At: 40 * sec, From: Failed, To: Alive, Cause: Join, Learned: ByGossip, Incarnation: 2}),
		account("m7", "alive", 0, joined(1*sec, 1),
			Change{At: 39 * sec, From: Alive, To: Alive, Cause: Pause, Paused: 20_000, Incarnation: 1}),
	})
	const want = `m7 alive 1 + a 0ms
a suspect 1 by a
a failed 1
m7 alive 1
a alive 2`
	if got := outline(&m); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
