package agent

import (
	"errors"
	"testing"
)

func backlog(a *Agent, most int) *Backlog { return a.SubscribeBacklog(most, nil) }

// rest reads all that is left in a backlog that has ended.
func (b *Backlog) rest() (n int) {
	for _, ok := b.Next(); ok; _, ok = b.Next() {
		n++
	}
	return n
}

func TestBacklogTakesMemoryAsNeeded(t *testing.T) {
	var a Agent
	b := backlog(&a, 1000)
	if b.events != nil {
		t.Error("memory for events that might come")
	}
	for i := range 1000 {
		a.events.publish(UserEvent{LTime: uint64(i)})
	}
	for i := range 1000 {
		if e, ok := b.Next(); !ok || e.(UserEvent).LTime != uint64(i) {
			t.Fatalf("event %d is %v, %t", i, e, ok)
		}
	}
	if b.events != nil || a.events.queued.Load() != 0 {
		t.Errorf("memory is kept, %d are counted", a.events.queued.Load())
	}
	b.Close()
	b.Close()
	if _, ok := b.Next(); ok || b.Err() != nil || len(a.events.subs) != 0 {
		t.Errorf("closed: %t, %v, %d subscribers", ok, b.Err(), len(a.events.subs))
	}
}

func TestSlowBacklogIsCutOff(t *testing.T) {
	var a Agent
	slow, quick := backlog(&a, 3), backlog(&a, 100)
	for range 4 {
		a.events.publish(UserEvent{})
	}
	if err := slow.Err(); !errors.Is(err, ErrSlow) || quick.Err() != nil {
		t.Errorf("the slow one ended with %v, the other with %v", err, quick.Err())
	}
	if n := slow.rest(); n != 3 || a.events.cut.Load() != 1 {
		t.Errorf("%d events before the end, %d cut off", n, a.events.cut.Load())
	}
	a.events.close(ErrStopped)
	if n := quick.rest(); n != 4 || !errors.Is(quick.Err(), ErrStopped) {
		t.Errorf("%d events before the end, %v", n, quick.Err())
	}
	if b := backlog(&a, 1); !errors.Is(b.Err(), ErrStopped) || b.rest() != 0 {
		t.Errorf("a backlog of a stopped agent: %v", b.Err())
	}
}

// When all backlogs together hold too much, only readers that lag behind are cut off.
func TestBacklogsTogetherAreBounded(t *testing.T) {
	var a Agent
	slow, quick := backlog(&a, 100), backlog(&a, 100)
	a.events.publish(UserEvent{})
	quick.Next()
	a.events.queued.Add(backlogsMax - 1) // as if others held them
	a.events.publish(UserEvent{})
	if !errors.Is(slow.Err(), ErrSlow) || quick.Err() != nil || quick.Len() != 1 {
		t.Errorf("slow %v, quick %v with %d events", slow.Err(), quick.Err(), quick.Len())
	}
}
