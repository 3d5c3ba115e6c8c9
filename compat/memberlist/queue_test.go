package memberlist

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// message is a Broadcast that invalidates those with the same first byte, and counts its end.
type message struct {
	text     string
	finished int
}

func (m *message) Invalidates(b Broadcast) bool { return m.text[0] == b.Message()[0] }
func (m *message) Message() []byte              { return []byte(m.text) }
func (m *message) Finished()                    { m.finished++ }

type named struct {
	message
	name string
}

func (n *named) Name() string { return n.name }

type unique struct{ message }

func (*unique) UniqueBroadcast() {}

// once is a queue whose messages are sent mult times.
func queueOf(mult int) *TransmitLimitedQueue {
	return &TransmitLimitedQueue{NumNodes: func() int { return 1 }, RetransmitMult: mult}
}

func texts(messages [][]byte) string { return string(bytes.Join(messages, []byte(" "))) }

func wantSent(t *testing.T, q *TransmitLimitedQueue, reason, want string) {
	t.Helper()
	if got := texts(q.GetBroadcasts(0, 1000)); got != want {
		t.Errorf("%s: got %q, want %q", reason, got, want)
	}
}

func wantFinished(t *testing.T, reason string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: finished %d times, want %d", reason, got, want)
	}
}

func TestQueueSendsTheLargestThenTheNewest(t *testing.T) {
	q := queueOf(9)
	for _, text := range []string{"a1", "b22", "c3", "d444"} {
		q.QueueBroadcast(&unique{message{text: text}})
	}
	wantSent(t, q, "size before age", "d444 b22 c3 a1")
	q.QueueBroadcast(&unique{message{text: "e"}})
	wantSent(t, q, "those sent least often before the large", "e d444 b22 c3 a1")
}

func TestQueueFillsAPacket(t *testing.T) {
	for _, c := range []struct {
		reason          string
		overhead, limit int
		want            string
	}{
		{"all fit to the byte", 2, 4 + 3 + 2 + 3*2, "aaaa bbb cc"},
		{"a byte short: the smallest stays", 2, 4 + 3 + 2 + 3*2 - 1, "aaaa bbb"},
		{"the largest doesn't fit: others do", 2, 3 + 2, "bbb"},
		{"room for the overhead alone", 2, 2, ""},
		{"none", 2, 0, ""},
		{"less than none", 2, -10, ""},
	} {
		q := queueOf(9)
		for _, text := range []string{"aaaa", "bbb", "cc"} {
			q.QueueBroadcast(&unique{message{text: text}})
		}
		if got := texts(q.GetBroadcasts(c.overhead, c.limit)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.reason, got, c.want)
		}
	}
}

func TestQueueSendsEachAsOftenAsItShould(t *testing.T) {
	for _, c := range []struct{ mult, nodes, sends int }{
		{1, 1, 1}, {3, 1, 3}, {3, 9, 3}, {3, 10, 6}, {4, 100, 12}, {4, 0, 1}, {0, 10, 1},
	} {
		q := &TransmitLimitedQueue{NumNodes: func() int { return c.nodes }, RetransmitMult: c.mult}
		m := &unique{message{text: "a"}}
		q.QueueBroadcast(m)
		for i := range c.sends {
			wantFinished(t, fmt.Sprint(c, " before send ", i), m.finished, 0)
			wantSent(t, q, fmt.Sprint(c, " send ", i), "a")
		}
		wantFinished(t, fmt.Sprint(c), m.finished, 1)
		wantSent(t, q, fmt.Sprint(c, ": no more"), "")
		if n := q.NumQueued(); n != 0 {
			t.Errorf("%v: %d are still queued", c, n)
		}
	}
}

func TestBroadcastsReplaceOthers(t *testing.T) {
	q := queueOf(9)
	old := []*message{{text: "a1"}, {text: "b1"}}
	for _, m := range old {
		q.QueueBroadcast(m)
	}
	a2 := &message{text: "a2"}
	q.QueueBroadcast(a2)
	wantFinished(t, "made needless", old[0].finished, 1)
	wantFinished(t, "about something else", old[1].finished, 0)

	x1, x2 := &named{message{text: "a3"}, "x"}, &named{message{text: "a4"}, "x"}
	q.QueueBroadcast(x1)
	q.QueueBroadcast(x2)
	wantFinished(t, "the same name", x1.finished, 1)
	wantFinished(t, "a name doesn't replace one without", a2.finished, 0)

	q.QueueBroadcast(&unique{message{text: "a5"}})
	q.QueueBroadcast(&unique{message{text: "a5"}})
	wantFinished(t, "unique ones replace nothing", a2.finished, 0)

	q.QueueBroadcast(&message{text: "a6"})
	wantFinished(t, "made needless by the newest", a2.finished, 1)
	wantFinished(t, "named ones aren't replaced by those without", x2.finished, 0)

	q.QueueBroadcast(&named{message{text: "a7"}, ""})
	wantSent(t, q, "an empty name is none: it replaces by Invalidates", "a7 a5 a5 a4 b1")
}

func TestPruneKeepsWhatIsSentFirst(t *testing.T) {
	q := queueOf(9)
	old := []*unique{{message{text: "a"}}, {message{text: "bb"}}}
	for _, m := range old {
		q.QueueBroadcast(m)
	}
	q.GetBroadcasts(0, 1000)
	fresh := &unique{message{text: "c"}}
	q.QueueBroadcast(fresh)

	q.Prune(3)
	wantFinished(t, "at the limit", old[0].finished+old[1].finished+fresh.finished, 0)
	q.Prune(2)
	wantFinished(t, "sent before, and small", old[0].finished, 1)
	q.Prune(1)
	wantFinished(t, "sent before", old[1].finished, 1)
	wantFinished(t, "fresh", fresh.finished, 0)
	q.Prune(-1)
	wantFinished(t, "nothing is kept", fresh.finished, 1)
	if n := q.NumQueued(); n != 0 {
		t.Errorf("%d are still queued", n)
	}
}

func TestResetFinishesAll(t *testing.T) {
	q := queueOf(9)
	a, b := &unique{message{text: "a"}}, &named{message{text: "b"}, "b"}
	q.QueueBroadcast(a)
	q.QueueBroadcast(b)
	q.Reset()
	wantFinished(t, "unique", a.finished, 1)
	wantFinished(t, "named", b.finished, 1)
	q.QueueBroadcast(&named{message{text: "c"}, "b"})
	wantFinished(t, "the name was forgotten", b.finished, 1)
	wantSent(t, q, "it works on", "c")
}

func TestEmptyQueue(t *testing.T) {
	var q TransmitLimitedQueue
	q.Prune(0)
	q.Reset()
	if got := q.GetBroadcasts(0, 1000); got != nil || q.NumQueued() != 0 {
		t.Errorf("the zero queue has %q", got)
	}
}

// A packet that empties the queue for a moment must not make two broadcasts look like one.
func TestNoBroadcastIsForgotten(t *testing.T) {
	q := queueOf(9)
	first, second := &unique{message{text: "a"}}, &unique{message{text: "b"}}
	q.QueueBroadcast(first)
	q.GetBroadcasts(0, 1)
	q.QueueBroadcast(second)
	q.GetBroadcasts(0, 1) // second, which now was sent as often as first
	wantSent(t, q, "both", "b a")
}

// Whatever is done, each broadcast is queued or was finished once, and packets keep their limit.
func TestQueueLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mult := rapid.IntRange(0, 3).Draw(t, "mult")
		q := queueOf(mult)
		var all []*message
		add := func(b Broadcast, m *message) {
			all = append(all, m)
			q.QueueBroadcast(b)
		}
		text := rapid.StringMatching("[a-c]{1,9}")
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				m := &message{text: text.Draw(t, "text")}
				add(m, m)
			case 1:
				n := &named{message{text: text.Draw(t, "text")}, rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "name")}
				add(n, &n.message)
			case 2:
				u := &unique{message{text: text.Draw(t, "text")}}
				add(u, &u.message)
			case 3:
				q.Prune(rapid.IntRange(0, 9).Draw(t, "retain"))
			default:
				overhead, limit := rapid.IntRange(0, 3).Draw(t, "overhead"), rapid.IntRange(0, 40).Draw(t, "limit")
				used := 0
				for _, m := range q.GetBroadcasts(overhead, limit) {
					used += overhead + len(m)
				}
				if used > limit {
					t.Fatalf("%d bytes, limit %d", used, limit)
				}
			}
			queued := 0
			for _, m := range all {
				if m.finished > 1 {
					t.Fatalf("%q finished %d times", m.text, m.finished)
				}
				queued += 1 - m.finished
			}
			if n := q.NumQueued(); n != queued {
				t.Fatalf("%d queued, want %d", n, queued)
			}
		}
		q.Reset()
		if i := slices.IndexFunc(all, func(m *message) bool { return m.finished != 1 }); i >= 0 {
			t.Fatalf("%q was never finished", all[i].text)
		}
	})
}

func TestQueueIsConcurrent(t *testing.T) {
	t.Parallel()
	q := queueOf(2)
	var all [4][100]unique
	var users sync.WaitGroup
	for i := range all {
		users.Go(func() {
			for j := range all[i] {
				m := &all[i][j]
				m.text = strings.Repeat("a", 1+j%7)
				q.QueueBroadcast(m)
				q.GetBroadcasts(1, 20)
				if j%10 == 0 {
					q.Prune(q.NumQueued() / 2)
				}
			}
		})
	}
	users.Wait()
	q.Reset()
	for i := range all {
		for j := range all[i] {
			if m := &all[i][j]; m.finished != 1 {
				t.Errorf("%d of %d finished %d times", j, i, m.finished)
			}
		}
	}
}

func BenchmarkQueue(b *testing.B) {
	q := &TransmitLimitedQueue{NumNodes: func() int { return 100 }, RetransmitMult: 4}
	for i := range b.N {
		q.QueueBroadcast(&unique{message{text: strings.Repeat("a", 20+i%300)}})
		if i%4 == 0 {
			q.GetBroadcasts(3, 1400)
		}
	}
}
