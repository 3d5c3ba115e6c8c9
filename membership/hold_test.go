package membership_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/membership"
)

// A member that is joined has broadcasts that waited for somebody. They arrive by packet before the
// state does, which takes round trips.
func TestStateOfAJoinComesBeforeMessages(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		state := func(bool) []byte { return []byte("state") }
		a := start(t, net, 1, membership.Config{State: state})
		var told journal
		b := start(t, net, 2, membership.Config{
			State:     state,
			OnState:   func(membership.RemoteState) { time.Sleep(50 * time.Millisecond); told.add("state") },
			OnMessage: func(m membership.Message) { told.add(string(m.Data)) },
		})
		for i := range 3 {
			if err := a.Broadcast("", fmt.Appendf(nil, "m%d", i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute) // nobody to gossip to: the next round is at once
		join(t, a, b)
		time.Sleep(time.Second)
		synctest.Wait()
		got := told.take()
		if s := strings.Join(got[:min(4, len(got))], " "); s != "state m0 m1 m2" {
			t.Errorf("told of %s, want the state first", strings.Join(got, " "))
		}
	})
}

// As many as may wait do; what comes after them doesn't. None is lost.
func TestMessagesThatWaitForAJoinAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		var told journal
		a := start(t, net, 1, membership.Config{})
		b := start(t, net, 2, membership.Config{
			OnMessage: func(m membership.Message) { told.add(string(m.Data)) },
		})
		go b.Join(t.Context(), a.Addr().String())
		for i := range membership.HeldMax + 1 {
			if err := a.Send(b.Addr(), fmt.Appendf(nil, "m%d", i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		got := told.take()
		if len(got) != membership.HeldMax+1 || got[0] != fmt.Sprintf("m%d", membership.HeldMax) || got[1] != "m0" {
			t.Errorf("%d messages, first %v", len(got), got[:min(2, len(got))])
		}
	})
}

// Some large messages are as good as many small ones; those that don't fit are handed over at once.
func TestBytesThatWaitForJoinsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		const size, fit = 64_000, membership.HeldBytes / 64_000
		large := membership.Config{SendPacketMax: 65507}
		a, c := start(t, net, 1, large), start(t, net, 3, large)
		var sizes []int
		large.OnMessage = func(m membership.Message) { sizes = append(sizes, len(m.Data)) }
		b := start(t, net, 2, large)
		for range 2 { // what was held is given back
			go b.Join(t.Context(), a.Addr().String(), c.Addr().String())
			for i := range fit {
				from := []*membership.Node{a, c}[i%2] // two joins, one limit
				if err := from.Send(b.Addr(), make([]byte, size)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(100 * time.Microsecond) // these first, from whichever of the two
			for _, size := range []int{membership.HeldBytes%size + 1, membership.HeldBytes % size} {
				if err := a.Send(b.Addr(), make([]byte, size)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if len(sizes) != fit+2 || sizes[0] != membership.HeldBytes%size+1 || sizes[1] != size {
				t.Errorf("%d messages, first of %v bytes", len(sizes), sizes[:min(2, len(sizes))])
			}
			sizes = nil
		}
	})
}

// Who hears a message knows its sender: both come in one packet. An OnEvent that hangs holds messages
// up once, and not for long.
func TestEventsComeBeforeMessages(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		var told journal
		hang := make(chan struct{})
		a := start(t, net, 1, membership.Config{
			OnEvent: func(e membership.Event) {
				time.Sleep(50 * time.Millisecond)
				told.event(e)
				if e.Kind == membership.Updated {
					<-hang
				}
			},
			OnMessage: func(m membership.Message) { told.add(string(m.Data)) },
		})
		b := start(t, net, 2, membership.Config{})
		told.take()
		join(t, a, b)
		send := func(msg string) {
			if err := b.Send(a.Addr(), []byte(msg)); err != nil {
				t.Fatal(err)
			}
		}
		send("m1")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := strings.Join(told.take(), ", "); got != "b joined, m1" {
			t.Errorf("told of %s", got)
		}
		b.SetMeta(t.Context(), []byte("x"))
		time.Sleep(time.Second)
		told.take()
		c := start(t, net, 3, membership.Config{})
		go c.Join(t.Context(), a.Addr().String()) // an event that waits
		time.Sleep(50 * time.Millisecond)
		send("m2")
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		if got := told.take(); len(got) != 0 {
			t.Errorf("told of %v before what came first", got)
		}
		time.Sleep(60 * time.Millisecond)
		send("m3")
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		if got := strings.Join(told.take(), ", "); got != "m2, m3" {
			t.Errorf("told of %s while OnEvent hangs", got)
		}
		close(hang)
	})
}
