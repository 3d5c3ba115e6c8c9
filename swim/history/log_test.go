package history

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestARecordIsSmall(t *testing.T) {
	if got := reflect.TypeFor[record]().Size(); got != recordSize {
		t.Errorf("a record takes %d bytes, want %d", got, recordSize)
	}
}

func TestHistoryOfOneMemberIsBounded(t *testing.T) {
	var l Log
	l.Add("other", &Change{To: Alive, Cause: Join})
	for i := range MemberMax {
		l.Add("m", &Change{To: Alive, Cause: Moved, Incarnation: uint32(i)})
	}
	if list, dropped := l.Member("m"); len(list) != MemberMax || dropped != 0 {
		t.Errorf("at the limit: %d changes, %d dropped", len(list), dropped)
	}
	l.Add("m", &Change{To: Alive, Cause: Moved, Incarnation: MemberMax})
	list, dropped := l.Member("m")
	if len(list) != MemberMax || dropped != 1 || l.Dropped() != 1 || list[0].Incarnation != 1 {
		t.Errorf("beyond: %d changes, %d dropped, the first is %+v", len(list), dropped, list[0])
	}
	if list, _ := l.Member("other"); len(list) != 1 {
		t.Error("a member that flaps pushed out another's history")
	}
}

// heap is the live heap in bytes.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("as many changes as fit")
	}
	// Names make the most of it one time, records the other.
	for _, turn := range []struct {
		what  string
		name  func(i int) string
		least int // changes that there has to be room for
	}{
		{"names of 128 bytes, once each", func(i int) string { return fmt.Sprintf("%0128d", i) }, 12_000},
		{"short names, once each", func(i int) string { return fmt.Sprintf("node-%d", i) }, 20_000},
		{"the same names", func(i int) string { return fmt.Sprintf("node-%d", i%2000) }, 40_000},
	} {
		before := heap()
		l := new(Log)
		add := func(name func(i int) string) {
			for i := range 100_000 {
				l.Add(name(i), &Change{To: Alive, Cause: Join, At: time.Duration(i)})
			}
		}
		add(turn.name)
		if got := heap() - before; got > BytesMax {
			t.Errorf("%s: %d bytes, limit %d", turn.what, got, BytesMax)
		}
		if l.Len() < turn.least {
			t.Errorf("%s: %d changes are kept, want %d", turn.what, l.Len(), turn.least)
		}
		add(func(i int) string { return fmt.Sprintf("%0100d", i%5000) })
		if got := heap() - before; got > BytesMax {
			t.Errorf("%s, then others: %d bytes, limit %d", turn.what, got, BytesMax)
		}
		runtime.KeepAlive(l)
	}
}

func TestTheLimitOfALogMayBeLower(t *testing.T) {
	l := Log{Limit: 64 << 10}
	for i := range 10_000 {
		l.Add(fmt.Sprint("m", i%3000), &Change{To: Alive, Cause: Join})
	}
	if l.Bytes() > l.Limit || l.Len() < 250 {
		t.Errorf("%d bytes, limit %d; %d changes", l.Bytes(), l.Limit, l.Len())
	}
}

func TestAnEmptyLogTakesNothing(t *testing.T) {
	var l Log
	if list, dropped := l.Member("m"); list != nil || dropped != 0 || l.Bytes() != 0 {
		t.Errorf("%v, %d, %d bytes", list, dropped, l.Bytes())
	}
}

// The model of a log is a slice of changes, without a bound on memory.
func TestLogIsAsItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Log
		type entry struct {
			subject string
			c       Change
		}
		var model []entry
		names := []string{"a", "b", "c", "d", ""}
		draw := func(what string) string { return rapid.SampledFrom(names).Draw(t, what) }
		for i := range rapid.IntRange(1, 300).Draw(t, "changes") {
			subject := rapid.SampledFrom(names[:4]).Draw(t, "subject")
			c := Change{
				Seq: uint64(i) + 1, At: time.Duration(i) * time.Second, To: Alive, Cause: Join,
				Learned: Learned(i % 4), Incarnation: uint32(i), Accuser: draw("accuser"),
				Via: draw("via"), Health: i % 9, LastPing: i%2 == 0,
			}
			if i%3 == 0 {
				c.Probe = &Steps{Relays: []string{"r", "s"}, Nacks: 1, NacksHoped: 2, TCP: TCPFailed}
			}
			l.Add(subject, &c)
			same := func(e entry) bool { return e.subject == subject }
			if k := slices.IndexFunc(model, same); k >= 0 {
				c.From = Alive
				if of := countOf(model, same); of == MemberMax {
					model = slices.Delete(model, k, k+1)
				}
			}
			model = append(model, entry{subject, c})
		}
		if l.Len() != len(model) {
			t.Fatalf("%d changes, want %d", l.Len(), len(model))
		}
		k := len(model)
		for subject, c := range l.Backwards {
			k--
			if e := model[k]; e.subject != subject || !reflect.DeepEqual(e.c, c) {
				t.Fatalf("change %d: %s %+v, want %s %+v", k, subject, c, e.subject, e.c)
			}
		}
		for _, subject := range names {
			var want []Change
			for _, e := range model {
				if e.subject == subject {
					want = append(want, e.c)
				}
			}
			if got, _ := l.Member(subject); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: %+v, want %+v", subject, got, want)
			}
		}
	})
}

func countOf[T any](list []T, is func(T) bool) (n int) {
	for _, x := range list {
		if is(x) {
			n++
		}
	}
	return n
}

func TestConfirmationsBeyondTheLimitAreCounted(t *testing.T) {
	var l Log
	l.Add("m", &Change{To: Suspect, Cause: Accusation, Accuser: "a", Hoped: 4})
	for i := range confirmersMax + 1 {
		l.Confirm("m", strings.Repeat("x", i+1), time.Second)
	}
	l.Add("m", &Change{To: Failed, Cause: Timeout, At: 5 * time.Second})
	list, _ := l.Member("m")
	c := list[1]
	if c.Confirmations != confirmersMax+1 || len(c.Confirmers) != confirmersMax || c.Accuser != "a" ||
		c.Refute != 5000 || list[0].Refute != 1000 {
		t.Errorf("%+v", c)
	}
	l.Confirm("m", "late", time.Hour)
	if again, _ := l.Member("m"); !reflect.DeepEqual(again, list) {
		t.Error("a confirmation after the end changed something")
	}
}

// The change that began a suspicion is dropped before the suspicion ends.
func TestSuspicionWhoseBeginningIsNoLongerKept(t *testing.T) {
	var l Log
	l.Add("m", &Change{To: Suspect, Cause: Accusation, Accuser: "a"})
	for range MemberMax {
		l.Add("m", &Change{Cause: Conflict, Addr: "1.2.3.4:5"})
	}
	before, _ := l.Member("m")
	l.Confirm("m", "b", time.Second)
	l.Probed("m", &Steps{Nacks: 1})
	if after, _ := l.Member("m"); !reflect.DeepEqual(before, after) {
		t.Error("another change was confirmed instead")
	}
	l.Add("m", &Change{To: Failed, Cause: Timeout})
	after, _ := l.Member("m")
	if c := after[len(after)-1]; c.Accuser != "" || c.From != Suspect || c.To != Failed {
		t.Errorf("%+v", c)
	}
}

func TestOwnProbeIsRecordedOnce(t *testing.T) {
	var l Log
	l.Add("m", &Change{To: Suspect, Cause: Accusation, Accuser: "a"})
	l.Probed("m", &Steps{Nacks: 1, NacksHoped: 3})
	l.Probed("m", &Steps{Nacks: 2, NacksHoped: 3})
	list, _ := l.Member("m")
	if p := list[0].Probe; p == nil || p.Nacks != 1 {
		t.Errorf("%+v", p)
	}
}

// How a stream ended may be known late; it doesn't replace what was known in time.
func TestStreamOfAProbeMayEndLate(t *testing.T) {
	for was, want := range map[TCP]TCP{NoAnswer: TCPSilent, TCPRefused: TCPRefused, NotTried: NotTried} {
		var l Log
		l.StreamEnded("m", TCPSilent)
		l.Add("m", &Change{To: Suspect, Cause: Probe, Probe: &Steps{Nacks: 1, TCP: was}})
		l.StreamEnded("m", TCPSilent)
		list, _ := l.Member("m")
		if p := list[0].Probe; p.TCP != want || p.Nacks != 1 {
			t.Errorf("%v: %+v", was, p)
		}
	}
}

// A pause is no change of state: it neither ends a suspicion nor counts as a flap.
func TestPauseIsNoChangeOfState(t *testing.T) {
	var l Log
	l.Add("m", &Change{To: Suspect, Cause: Accusation, Accuser: "a"})
	l.Add("m", &Change{From: Alive, To: Alive, Cause: Pause, Paused: 1500})
	l.Add("m", &Change{To: Alive, Cause: Refutation})
	list, _ := l.Member("m")
	if c := list[1]; c.From != Suspect || c.To != Suspect || c.Paused != 1500 || c.Refute != 0 {
		t.Errorf("%+v", c)
	}
	if c := list[2]; c.Accuser != "a" {
		t.Errorf("%+v", c)
	}
	if n := l.Counts(0)["m"]; n != 2 {
		t.Errorf("%d changes", n)
	}
	if f := l.Flaps(0, time.Hour, "x", 0); f.Members[0].Changes != 2 {
		t.Errorf("%+v", f.Members)
	}
}
