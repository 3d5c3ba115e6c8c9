package memberlist_test

import (
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"serf/compat/memberlist"
)

// storm calls methods at random, from goroutines and from all delegates, while members shut down and
// come back at the same address. Deadlocks are found by the bubble, races with -race.
type storm struct {
	t       *testing.T
	network memberlist.MockNetwork
	members [stormSize]atomic.Pointer[stormy]
	seed    atomic.Uint64
	joins   atomic.Int64 // that worked
}

const stormSize = 6

// stormy is a member, and its delegates.
type stormy struct {
	*storm
	i     int
	ready chan struct{} // closed when ml is set
	ended chan struct{} // closed when somebody has shut it down
	end   sync.Once
	ml    *memberlist.Memberlist
	node  *memberlist.Node
	conf  *memberlist.Config
	queue memberlist.TransmitLimitedQueue

	mu  sync.Mutex
	rng *rand.Rand // of the delegates
}

func (s *storm) rng() *rand.Rand { return rand.New(rand.NewPCG(2, s.seed.Add(1))) }

func (s *storm) start(i int) {
	m := &stormy{storm: s, i: i, rng: s.rng(), ready: make(chan struct{}), ended: make(chan struct{})}
	c := memberlist.DefaultLocalConfig()
	c.Name, c.Transport = fmt.Sprint("n", i), s.network.NewTransport(fmt.Sprint("n", i))
	c.Logger = log.New(io.Discard, "", 0)
	c.Keyring, _ = memberlist.NewKeyring(nil, make([]byte, 16))
	c.Delegate, c.Events, c.Conflict, c.Merge, c.Ping, c.Alive = m, m, m, m, m, m
	m.conf, m.queue.RetransmitMult = c, 3
	m.queue.NumNodes = func() int { return stormSize }
	ml, err := memberlist.Create(c)
	if err != nil {
		s.t.Errorf("start of %d: %v", i, err)
		return
	}
	m.ml, m.node = ml, ml.LocalNode()
	close(m.ready)
	s.members[i].Store(m)
}

// some calls a method now and then, once in n.
func (m *stormy) some(n int) {
	select {
	case <-m.ready:
	default:
		return
	}
	m.mu.Lock()
	call, rng := m.rng.IntN(n) == 0, rand.New(rand.NewPCG(3, m.rng.Uint64()))
	m.mu.Unlock()
	if call {
		m.call(rng)
	}
}

func (m *stormy) NodeMeta(int) []byte                                        { m.some(9); return []byte{byte(m.seed.Load())} }
func (m *stormy) NotifyMsg([]byte)                                           { m.some(4) }
func (m *stormy) LocalState(bool) []byte                                     { m.some(4); return make([]byte, 100) }
func (m *stormy) MergeRemoteState([]byte, bool)                              { m.some(4) }
func (m *stormy) NotifyJoin(*memberlist.Node)                                { m.some(4) }
func (m *stormy) NotifyLeave(*memberlist.Node)                               { m.some(4) }
func (m *stormy) NotifyUpdate(*memberlist.Node)                              { m.some(4) }
func (m *stormy) AckPayload() []byte                                         { m.some(50); return []byte("ack") }
func (m *stormy) NotifyConflict(_, _ *memberlist.Node)                       { m.some(4) }
func (m *stormy) NotifyAlive(*memberlist.Node) error                         { m.some(50); return nil }
func (m *stormy) NotifyMerge([]*memberlist.Node) error                       { m.some(50); return nil }
func (m *stormy) NotifyPingComplete(*memberlist.Node, time.Duration, []byte) { m.some(4) }
func (m *stormy) GetBroadcasts(overhead, limit int) [][]byte {
	m.some(50)
	return m.queue.GetBroadcasts(overhead, limit)
}

// blob is a broadcast.
type blob []byte

func (b blob) Invalidates(memberlist.Broadcast) bool { return false }
func (b blob) Message() []byte                       { return b }
func (b blob) Finished()                             {}

// call calls one method.
func (m *stormy) call(rng *rand.Rand) {
	timeout := time.Duration(1+rng.IntN(2000)) * time.Millisecond
	other := m.members[rng.IntN(stormSize)].Load()
	if other == nil {
		return
	}
	to := other.node
	key := append(make([]byte, 15), byte(rng.IntN(3)))
	switch rng.IntN(14) {
	case 0:
		if n, _ := m.ml.Join([]string{to.Address()}); n > 0 {
			m.joins.Add(1)
		}
	case 1:
		_ = m.ml.UpdateNode(timeout)
	case 2:
		_, _ = m.ml.Ping(to.Name, &net.UDPAddr{IP: to.Addr, Port: int(to.Port)})
	case 3:
		_ = m.ml.SendReliable(to, make([]byte, rng.IntN(1<<16)))
	case 4:
		_ = m.ml.SendBestEffort(to, make([]byte, rng.IntN(3000)))
	case 5:
		m.queue.QueueBroadcast(blob(make([]byte, rng.IntN(2000))))
	case 6:
		_ = m.conf.Keyring.AddKey(key)
	case 7:
		_ = m.conf.Keyring.RemoveKey(key)
	case 8:
		if rng.IntN(4) == 0 {
			m.leave(timeout)
		}
	case 9:
		if rng.IntN(4) == 0 {
			if err := m.ml.Shutdown(); err != nil {
				m.t.Error(err)
			}
			m.end.Do(func() { close(m.ended) })
		}
	default:
		for _, n := range m.ml.Members() {
			_ = n.State
		}
		_, _, _ = m.ml.NumMembers(), m.ml.LocalNode(), m.ml.GetHealthScore()
	}
}

// leave leaves; as in memberlist, that panics after Shutdown.
func (m *stormy) leave(timeout time.Duration) {
	defer func() {
		if p := recover(); p != nil && p != "leave after shutdown" {
			panic(p)
		}
	}()
	_ = m.ml.Leave(timeout)
}

func TestStorm(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("half a minute of calls to all members")
	}
	synctest.Test(t, func(t *testing.T) {
		s := &storm{t: t}
		for i := range stormSize {
			s.start(i)
		}
		end := time.Now().Add(30 * time.Second)
		var busy sync.WaitGroup
		for i := range stormSize {
			for range 2 {
				rng := s.rng()
				busy.Go(func() {
					for time.Now().Before(end) {
						s.members[i].Load().call(rng)
						time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond)
					}
				})
			}
			busy.Go(func() { // it comes back
				for time.Now().Before(end) {
					select {
					case <-s.members[i].Load().ended:
						s.start(i)
					case <-time.After(time.Until(end)):
					}
				}
			})
		}
		busy.Wait()
		for i := range stormSize {
			_ = s.members[i].Load().ml.Shutdown()
		}
		if n := s.joins.Load(); n < stormSize {
			t.Errorf("only %d joins worked", n)
		}
	})
}
