package membership_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/membership"
)

// guard fails when it is entered twice at the same time, or after it was shut.
type guard struct {
	t          *testing.T
	name       string
	busy, shut atomic.Bool
	calls      atomic.Int64
}

func (g *guard) enter() {
	if g.shut.Load() {
		g.t.Errorf("%s is called after Close", g.name)
	}
	if g.busy.Swap(true) {
		g.t.Errorf("%s is called twice at the same time", g.name)
	}
	g.calls.Add(1)
	time.Sleep(3 * time.Millisecond) // others would get in between
	g.busy.Store(false)
}

// Who reports is never called concurrently, nor after Close, however much happens.
func TestFunctionsAreNotCalledConcurrentlyNorAfterClose(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		events, messages, states, state := &guard{t: t, name: "OnEvent"}, &guard{t: t, name: "OnMessage or OnAck"}, &guard{t: t, name: "OnState"}, &guard{t: t, name: "State"}
		timing := membership.LAN()
		timing.PushPullInterval = 50 * time.Millisecond
		n := start(t, net, 1, membership.Config{
			Timing:    timing,
			OnEvent:   func(membership.Event) { events.enter() },
			OnMessage: func(membership.Message) { messages.enter() },
			OnAck:     func(membership.Member, time.Duration, []byte) { messages.enter() },
			OnState:   func(membership.RemoteState) { states.enter() },
			State:     func(bool) []byte { state.enter(); return []byte("x") },
		})
		others := make([]*membership.Node, 4)
		var wg sync.WaitGroup
		for i := range others {
			others[i] = start(t, net, i+2, membership.Config{Timing: timing, State: func(bool) []byte { return []byte("y") }})
			wg.Go(func() {
				others[i].Join(t.Context(), n.Addr().String())
				for k := range 80 {
					others[i].Send(n.Addr(), []byte("hello"))
					if k%10 == 0 {
						others[i].SendReliable(t.Context(), n.Addr(), []byte("hello"))
						others[i].SetMeta(within(t, time.Millisecond), fmt.Append(nil, k))
					}
					time.Sleep(5 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		for _, g := range []*guard{events, messages, states, state} {
			if g.calls.Load() < 5 {
				t.Errorf("%s was called %d times: too few to tell", g.name, g.calls.Load())
			}
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		for _, g := range []*guard{events, messages, states, state} {
			g.shut.Store(true)
		}
		time.Sleep(time.Minute)
	})
}

// What functions get is theirs until they return, and what they give is copied.
func TestSlicesAreBorrowed(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		var got journal
		first, last := true, make(chan struct{})
		b := start(t, net, 2, membership.Config{OnMessage: func(m membership.Message) {
			before := string(m.Data)
			if first {
				first = false
				<-last // hundreds arrive meanwhile
			}
			if string(m.Data) != before {
				t.Errorf("%q became %q while it was being read", before, m.Data)
			}
			got.add(before)
			clear(m.Data) // it may be written to
		}})
		buf := make([]byte, 0, 64)
		var meta [2]byte
		copy(meta[:], "m1")
		a := start(t, net, 1, membership.Config{
			Meta: meta[:],
			Broadcasts: func(_ int, add func([]byte) bool) {
				buf = append(buf[:0], "polled"...)
				add(buf)
				clear(buf[:6])
			},
		})
		join(t, a, b)
		clear(meta[:])
		for i := range 300 {
			buf := fmt.Appendf(nil, "packet %d", i)
			a.Send(b.Addr(), buf)
			clear(buf)
			buf = append(buf[:0], "own"...)
			a.Broadcast("own", buf)
			clear(buf)
			if i%100 == 99 {
				time.Sleep(time.Second)
			}
		}
		close(last)
		time.Sleep(time.Second)
		sent := 0
		for _, line := range got.take() {
			switch {
			case line == "polled", line == "own":
			case strings.HasPrefix(line, "packet "):
				sent++
			default:
				t.Errorf("got %q", line)
			}
		}
		if m, _ := b.Member("a"); sent != 300 || string(m.Meta) != "m1" {
			t.Errorf("%d of 300 messages arrived, a's metadata are %q", sent, m.Meta)
		}
	})
}

// everyMethod calls all methods, and returns what those that wait said.
func everyMethod(t *testing.T, n *membership.Node, peer string) (errs []error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	to := addrOf(9)
	n.Members()
	n.Known()
	n.Self()
	n.Member(peer)
	n.Len()
	n.Health()
	n.Name()
	n.Addr()
	n.Bound()
	n.Keys()
	n.Stats()
	n.MaxMessage()
	n.Send(to, []byte("x"))
	n.Broadcast("", []byte("x"))
	n.Broadcasting()
	n.StopBroadcast("x")
	for range n.Events(ctx) {
		break
	}
	for range n.WatchMembers(ctx) {
		break
	}
	_, err := n.Join(ctx, addrOf(2).String())
	errs = append(errs, err)
	_, err = n.Ping(ctx, peer, addrOf(2))
	errs = append(errs, err,
		n.SendReliable(ctx, addrOf(2), []byte("x")),
		n.SetMeta(ctx, []byte("new")),
		n.SetKeys(ctx),
		n.SetPlain(ctx, true, true))
	return errs
}

// Every method may be called by every function that reports; no function makes a method wait for
// ever.
func TestMethodsMayBeCalledByFunctions(t *testing.T) {
	for _, by := range []string{"OnEvent", "OnMessage", "OnAck", "OnState", "State"} {
		t.Run(by, func(t *testing.T) {
			bubble(t, func(t *testing.T, net *memnet.Network) {
				var n atomic.Pointer[membership.Node]
				done := make(chan []error, 1)
				call := func(name string) {
					if node := n.Load(); name == by && node != nil && len(done) == 0 {
						done <- everyMethod(t, node, "b")
					}
				}
				timing := membership.LAN()
				timing.PushPullInterval = time.Second
				a := start(t, net, 1, membership.Config{
					Timing:    timing,
					OnEvent:   func(membership.Event) { call("OnEvent") },
					OnMessage: func(membership.Message) { call("OnMessage") },
					OnAck:     func(membership.Member, time.Duration, []byte) { call("OnAck") },
					OnState:   func(membership.RemoteState) { call("OnState") },
					State:     func(bool) []byte { call("State"); return []byte("x") },
				})
				b := start(t, net, 2, membership.Config{State: func(bool) []byte { return []byte("y") }, OnMessage: func(membership.Message) {}})
				n.Store(a)
				join(t, a, b)
				b.Send(a.Addr(), []byte("x"))
				began := time.Now()
				for i, err := range <-done {
					if err != nil {
						t.Errorf("call %d: %v", i, err)
					}
				}
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("the calls took %v", took)
				}
			})
		})
	}
}

// Functions that are asked can't wait for the loop, which waits for them: they are told so at once.
func TestFunctionsThatAreAskedDontDeadlock(t *testing.T) {
	for _, by := range []string{"Admit", "AdmitMerge", "AckPayload", "Broadcasts"} {
		t.Run(by, func(t *testing.T) {
			bubble(t, func(t *testing.T, net *memnet.Network) {
				var n atomic.Pointer[membership.Node]
				done := make(chan []error, 1)
				call := func(name string) {
					if node := n.Load(); name == by && node != nil && len(done) == 0 {
						done <- append(everyMethod(t, node, "b"), node.Leave(context.Background()), node.Close())
					}
				}
				a, err := tryStart(t, net, 1, membership.Config{
					Admit:      func(membership.Member) error { call("Admit"); return nil },
					AdmitMerge: func([]membership.Member) error { call("AdmitMerge"); return nil },
					AckPayload: func(b []byte) []byte { call("AckPayload"); return b },
					Broadcasts: func(int, func([]byte) bool) { call("Broadcasts") },
				})
				if err != nil {
					t.Fatal(err)
				}
				n.Store(a)
				b := start(t, net, 2, membership.Config{})
				go b.Join(t.Context(), a.Addr().String())
				errs := <-done
				for i, err := range errs {
					if joined, ok := errors.AsType[*membership.JoinError](err); ok {
						err = joined.Failed[0].Err
					}
					if !errors.Is(err, membership.ErrInCallback) {
						t.Errorf("call %d: %v, want ErrInCallback", i, err)
					}
				}
				<-a.Done() // Close has stopped it nevertheless
			})
		})
	}
}

// Close may be called by whom it would wait for.
func TestCloseByAFunction(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		var n atomic.Pointer[membership.Node]
		a, err := tryStart(t, net, 1, membership.Config{OnEvent: func(e membership.Event) {
			if node := n.Load(); node != nil {
				if err := node.Close(); err != nil {
					t.Error(err)
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		n.Store(a)
		b := start(t, net, 2, membership.Config{})
		go b.Join(t.Context(), a.Addr().String())
		began := time.Now()
		<-a.Done()
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A function that hangs holds up neither the gossip nor, for longer than documented, Close.
func TestFunctionThatHangs(t *testing.T) {
	for _, which := range []string{"OnEvent", "OnMessage", "OnState", "State", "logger"} {
		t.Run(which, func(t *testing.T) {
			bubble(t, func(t *testing.T, net *memnet.Network) {
				var calls atomic.Int64
				free, hangs := make(chan struct{}), atomic.Bool{}
				hang := func(name string) {
					if name == which && hangs.Load() {
						calls.Add(1)
						<-free
					}
				}
				timing := membership.LAN()
				timing.PushPullInterval = 2 * time.Second
				a, err := tryStart(t, net, 1, membership.Config{
					Timing:    timing,
					OnEvent:   func(membership.Event) { hang("OnEvent") },
					OnMessage: func(membership.Message) { hang("OnMessage") },
					OnState:   func(membership.RemoteState) { hang("OnState") },
					State:     func(bool) []byte { hang("State"); return []byte("x") },
					Logger:    hangingLogger(func() { hang("logger") }),
				})
				if err != nil {
					t.Fatal(err)
				}
				b := start(t, net, 2, membership.Config{Timing: timing, State: func(bool) []byte { return []byte("y") }})
				join(t, a, b)
				hangs.Store(true)
				c := start(t, net, 3, membership.Config{Timing: timing})
				join(t, a, c) // and OnEvent hangs
				b.Send(a.Addr(), []byte("x"))
				time.Sleep(time.Minute)
				wantNames(t, "all is well", "abc", a, b, c)
				if calls.Load() != 1 {
					t.Errorf("%d calls, want the one that hangs", calls.Load())
				}
				if pong, err := b.Ping(t.Context(), "a", a.Addr()); err != nil || pong.RTT > 10*time.Millisecond {
					t.Errorf("a answers after %v, %v", pong.RTT, err)
				}
				began := time.Now()
				if err := a.Close(); !errors.Is(err, membership.ErrStillRunning) {
					t.Errorf("Close: %v", err)
				}
				if took := time.Since(began); took > membership.CloseWait {
					t.Errorf("Close took %v", took)
				}
				<-a.Done() // the ports are free
				close(free)
				synctest.Wait()
				if calls.Load() != 1 {
					t.Error("called after Close")
				}
			})
		})
	}
}

// Many programs call Join with a lock that their handler of messages takes, too.
func TestJoinDoesntWaitForMessages(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		lock := make(chan struct{}, 1) // in a bubble, time stands still while a mutex is waited for
		var got journal
		a := start(t, net, 1, membership.Config{
			OnMessage: func(membership.Message) { lock <- struct{}{}; <-lock },
			OnEvent:   got.event,
			OnState:   func(s membership.RemoteState) { got.add("state " + string(s.Data)) },
		})
		b := start(t, net, 2, membership.Config{State: func(bool) []byte { return []byte("of b") }})
		got.take()
		lock <- struct{}{}
		b.Send(a.Addr(), []byte("x"))
		time.Sleep(time.Second) // OnMessage waits
		began := time.Now()
		join(t, b, a)
		took := time.Since(began)
		<-lock
		lines := got.take()
		slices.Sort(lines)
		if want := []string{"b joined", "state of b"}; !slices.Equal(lines, want) || took > 100*time.Millisecond {
			t.Errorf("after %v Join returned, and %q were reported, want %q", took, lines, want)
		}
	})
}

// A function that waits for a lock of the caller makes a method wait, but not for ever.
func TestWaitingForReportsIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		lock := make(chan struct{}, 1)
		a := start(t, net, 1, membership.Config{OnEvent: func(membership.Event) { lock <- struct{}{}; <-lock }})
		b := start(t, net, 2, membership.Config{})
		lock <- struct{}{}
		defer func() { <-lock }()
		began := time.Now()
		join(t, b, a)
		if took := time.Since(began); took < membership.ReportWait || took > membership.ReportWait+time.Second {
			t.Errorf("Join took %v, want %v", took, membership.ReportWait)
		}
		began = time.Now()
		a.Leave(within(t, 500*time.Millisecond))
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("Leave took %v, longer than its context", took)
		}
	})
}
