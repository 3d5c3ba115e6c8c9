package membership_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/internal/systest"
	"serf/membership"
)

// storm calls methods of members at random, from goroutines and from functions of Config, while
// members stop and start. It finds deadlocks (within a bubble they are reported as such; Close says
// ErrStillRunning), and races with -race.
type storm struct {
	t     *testing.T
	begin func(i int, c membership.Config) (*membership.Node, error)
	nodes [stormSize]atomic.Pointer[membership.Node]
	addrs [stormSize]atomic.Pointer[netip.AddrPort]
	pace  time.Duration // between calls, at most; they have ten times as long
	seed  atomic.Uint64
	joins atomic.Int64 // that worked
}

const stormSize = 8

func (s *storm) rng() *rand.Rand { return rand.New(rand.NewPCG(1, s.seed.Add(1))) }

// start runs member i, whose functions call its methods, too.
func (s *storm) start(i int) {
	var rng [3]*rand.Rand // of the goroutines that report
	for i := range rng {
		rng[i] = s.rng()
	}
	asked := s.rng()
	some := func(rng *rand.Rand) {
		if rng.IntN(4) == 0 {
			s.call(i, rng)
		}
	}
	// Functions that are asked may call everything, too: what would wait returns an error.
	ask := func() {
		if asked.IntN(50) == 0 {
			s.call(i, asked)
		}
	}
	n, err := s.begin(i, membership.Config{
		Name: fmt.Sprint("n", i), Timing: membership.Local(), MessageQueue: 16,
		OnEvent:   func(membership.Event) { some(rng[0]) },
		OnMessage: func(membership.Message) { some(rng[1]) },
		OnAck:     func(membership.Member, time.Duration, []byte) { some(rng[1]) },
		OnState:   func(membership.RemoteState) { some(rng[2]) },
		State:     func(bool) []byte { return make([]byte, 100) },
		Broadcasts: func(room int, add func([]byte) bool) {
			ask()
			add([]byte("broadcast"))
		},
		AckPayload: func(b []byte) []byte { ask(); return append(b, "ack"...) },
		Admit: func(m membership.Member) error {
			if ask(); m.Name == "n7" && asked.IntN(8) == 0 {
				return errors.New("not today")
			}
			return nil
		},
		AdmitMerge: func([]membership.Member) error { ask(); return nil },
	})
	if err != nil {
		s.t.Errorf("start of %d: %v", i, err)
		return
	}
	addr := n.Addr()
	s.addrs[i].Store(&addr)
	s.nodes[i].Store(n)
}

// call calls one method of member i.
func (s *storm) call(i int, rng *rand.Rand) {
	n := s.nodes[i].Load()
	if n == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), upTo(rng, 10*s.pace))
	defer cancel()
	j := rng.IntN(stormSize)
	to := *s.addrs[j].Load()
	switch rng.IntN(16) {
	case 0:
		if reached, _ := n.Join(ctx, to.String()); reached > 0 {
			s.joins.Add(1)
		}
	case 1:
		_ = n.SetMeta(ctx, []byte{byte(rng.Uint32())})
	case 2:
		_, _ = n.Ping(ctx, fmt.Sprint("n", j), to)
	case 3:
		_ = n.SendReliable(ctx, to, make([]byte, rng.IntN(1<<16)))
	case 4:
		_ = n.Send(to, make([]byte, rng.IntN(1500)))
	case 5:
		_ = n.Broadcast(fmt.Sprint(rng.IntN(4)), make([]byte, rng.IntN(1000)))
	case 6:
		n.Stats()
	case 7:
		for _, m := range n.Known() {
			_ = m.Name
		}
	case 8:
		_ = n.SetKeys(ctx, make([]byte, 16))
		_ = n.AddKey(ctx, append(make([]byte, 15), byte(rng.Uint32())))
	case 9:
		_ = n.SetPlain(ctx, true, true)
		_ = n.Keys()
	case 10:
		n.StopBroadcast(fmt.Sprint(rng.IntN(4)))
		_, _, _ = n.Self(), n.Health(), n.MaxMessage()
	case 11:
		if rng.IntN(4) == 0 {
			_ = n.Leave(ctx)
		}
	case 12:
		if rng.IntN(8) == 0 {
			_ = n.Close()
		}
	case 13:
		if rng.IntN(8) == 0 {
			n.Stop()
		}
	default:
		_ = n.Members()
	}
}

// upTo is a time below d.
func upTo(rng *rand.Rand, d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }

// run makes so many calls from each of two goroutines a member, and stops all members.
func (s *storm) run(calls int) {
	for i := range stormSize {
		s.start(i)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var callers, busy sync.WaitGroup
	for i := range stormSize {
		for range 2 {
			rng := s.rng()
			callers.Go(func() {
				for range calls {
					s.call(i, rng)
					time.Sleep(upTo(rng, s.pace))
				}
			})
		}
		busy.Go(func() {
			for ctx.Err() == nil {
				for range s.nodes[i].Load().Events(ctx) {
				}
				time.Sleep(s.pace / 2)
			}
		})
		rng := s.rng()
		busy.Go(func() { // it comes back
			for ctx.Err() == nil {
				select {
				case <-s.nodes[i].Load().Done():
					s.close(i)
					s.start(i)
				case <-ctx.Done():
				}
				time.Sleep(upTo(rng, 25*s.pace))
			}
		})
	}
	callers.Wait()
	cancel()
	busy.Wait()
	for i := range stormSize {
		s.close(i)
	}
	if n := s.joins.Load(); n < stormSize {
		s.t.Errorf("only %d joins worked", n)
	}
}

func (s *storm) close(i int) {
	n := s.nodes[i].Load()
	if err := n.Close(); err != nil {
		s.t.Errorf("%s: %v", n.Name(), err)
	}
}

func TestStorm(t *testing.T) {
	t.Parallel()
	systest.Long(t, "16,000 calls")
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(memnet.Config{Link: memnet.Link{
			Delay: time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.05,
		}})
		s := &storm{t: t, pace: 200 * time.Millisecond}
		s.begin = func(i int, c membership.Config) (*membership.Node, error) {
			return tryStart(t, net, i+1, c)
		}
		s.run(1000)
	})
}

func TestStormOnSockets(t *testing.T) {
	systest.Long(t, "a second of calls on real sockets")
	t.Parallel()
	s := &storm{t: t, pace: 10 * time.Millisecond}
	s.begin = func(i int, c membership.Config) (*membership.Node, error) {
		c.Bind, c.Logger = netip.MustParseAddrPort("127.0.0.1:0"), slog.New(slog.DiscardHandler)
		return membership.Start(t.Context(), c)
	}
	s.run(100)
}
