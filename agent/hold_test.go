package agent

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"serf/swim"
)

// testJournal is a snapshot whose progress the test controls.
type testJournal struct {
	before SnapshotState
	lines  io.Writer // nil: dropped
	count  uint64
	notify func(uint64)
}

func (j *testJournal) Previous() SnapshotState { return j.before }

func (j *testJournal) Append(line []byte) {
	j.count++
	if j.lines != nil {
		j.lines.Write(line)
	}
}

func (j *testJournal) Notify(f func(uint64)) { j.notify = f }

// begun starts an agent with journal j and a subscription to user events.
func begun(t *testing.T, j *testJournal) (*Agent, *Subscription) {
	t.Helper()
	c := memConfig(newMemNetwork(), "a", 1)
	c.Snapshot = j
	a := begin(t, c)
	time.Sleep(2 * holdTime)
	synctest.Wait()
	return a, a.Subscribe(100, func(e Event) bool { _, user := e.(UserEvent); return user })
}

// An agent killed between the two would deliver the event again after its restart.
func TestEventWaitsForTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := new(testJournal)
		a, events := begun(t, j)
		j.notify(j.count)
		for _, name := range []string{"one", "two"} {
			if err := a.UserEvent(background, name, nil, false); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := len(events.C); n != 0 {
			t.Fatalf("%d events delivered before their times are written", n)
		}
		j.notify(j.count - 1)
		synctest.Wait()
		if n := len(events.C); n != 1 {
			t.Fatalf("%d events delivered, want the one that is written", n)
		}
		j.notify(j.count)
		synctest.Wait()
		if one, two := (<-events.C).(UserEvent), (<-events.C).(UserEvent); one.Name != "one" || two.Name != "two" {
			t.Errorf("%s came before %s", one.Name, two.Name)
		}
	})
}

func TestEventDoesNotWaitForADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := new(testJournal)
		a, events := begun(t, j)
		if err := a.UserEvent(background, "x", nil, false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(holdTime)
		synctest.Wait()
		if n := len(events.C); n != 1 {
			t.Fatalf("%d events delivered, want 1", n)
		}
	})
}

func TestHeldEventsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, events := begun(t, new(testJournal))
		err := a.do(background, func(swim.Time) {
			for range holdMax + 1 {
				a.deliver(UserEvent{Name: "x"})
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := len(events.C); n != 1 {
			t.Fatalf("%d events delivered, want the oldest", n)
		}
	})
}
