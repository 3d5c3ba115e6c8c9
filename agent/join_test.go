package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver"
	"serf/driver/memnet"
	"serf/internal/errno"
	"serf/swim"
)

// names is a Resolver. A name that isn't in it doesn't exist, one with nil hangs.
type names map[string][]netip.Addr

func (n names) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	ips, ok := n[host]
	if ok && ips == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if !ok {
		return nil, errors.New("no such host")
	}
	return ips, nil
}

func (n names) LookupSRV(_ context.Context, _, _, host string) (string, []*net.SRV, error) {
	return "", nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// lateNames is a Resolver that knows nothing before a certain time.
type lateNames struct {
	names
	from time.Time
}

func (n lateNames) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if time.Now().Before(n.from) {
		return nil, errors.New("no such host yet")
	}
	return n.names.LookupNetIP(ctx, network, host)
}

func TestJoinSkipsOwnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		c := memConfig(n, "a", 1)
		c.Resolver = names{"seeds": {hostAddr(1).Addr(), hostAddr(2).Addr()}}
		a := begin(t, c)
		begin(t, memConfig(n, "b", 2))
		if got, err := a.Join(background, []string{"seeds"}, false); got != 2 || err != nil {
			t.Errorf("joined %d, %v, want both addresses of the name", got, err)
		}
		if dialled := a.Traffic().StreamsDialled; dialled != 1 {
			t.Errorf("%d streams dialled, want that to b alone", dialled)
		}
	})
}

func TestJoinOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		if n, err := a.Join(background, nil, false); n != 0 || err != nil {
			t.Errorf("joined %d, %v, want nobody and no error", n, err)
		}
	})
}

func TestJoinNamesWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memConfig(newMemNetwork(), "a", 1)
		c.Resolver = names{}
		a := begin(t, c)
		got, err := a.Join(background, []string{"nowhere", "127.0.9.77"}, false)
		if got != 0 || !errors.Is(err, ErrJoin) {
			t.Fatalf("joined %d, %v, want ErrJoin", got, err)
		}
		for _, want := range []string{"nowhere", "127.0.9.77"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q doesn't name %s", err, want)
			}
		}
	})
}

func TestRetryJoinFindsLateSeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		c := memConfig(n, "a", 1)
		c.Join = JoinConfig{Retry: []string{hostAddr(2).String()}, Interval: 5 * time.Second}
		a := begin(t, c)
		time.Sleep(10 * time.Minute)
		begin(t, memConfig(n, "b", 2))
		time.Sleep(5*time.Second + time.Millisecond)
		wantMembers(t, a, 2)
	})
}

func TestRetryJoinGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memConfig(newMemNetwork(), "a", 1)
		c.Join = JoinConfig{Retry: []string{hostAddr(2).String()}, Interval: 5 * time.Second, Max: 3}
		began := time.Now()
		a := begin(t, c)
		<-a.Done()
		if a.Err() == nil || !strings.Contains(a.Err().Error(), "maximum retry join attempts") {
			t.Errorf("stopped with %v, want the attempts as reason", a.Err())
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("gave up after %v, want three attempts 5 s apart", took)
		}
	})
}

// The frequent attempts of the beginning don't count against Max, and the last one comes at the
// same time as without them.
func TestRetryJoinTriesUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		c := memConfig(n, "a", 1)
		c.Join = JoinConfig{Retry: []string{hostAddr(2).String()}, Interval: 5 * time.Second, Max: 3}
		a := begin(t, c)
		time.Sleep(2*c.Join.Interval - time.Millisecond)
		begin(t, memConfig(n, "b", 2))
		time.Sleep(2 * time.Millisecond)
		wantMembers(t, a, 2)
	})
}

// Agents started at the same moment find each other immediately, not after an interval.
func TestRetryJoinThatComesTooEarly(t *testing.T) {
	for run := range 20 {
		synctest.Test(t, func(t *testing.T) {
			n := newMemNetwork()
			var agents []*Agent
			for i := range 4 {
				c := memConfig(n, string(rune('b'+i)), i+2)
				c.seed = uint64(4*run + i + 1)
				c.Join = JoinConfig{Retry: []string{hostAddr(1).String()}, Interval: 30 * time.Second}
				agents = append(agents, begin(t, c))
			}
			late := time.Duration(run) * 50 * time.Millisecond
			time.Sleep(late)
			begin(t, memConfig(n, "a", 1))
			time.Sleep(max(3*late, 250*time.Millisecond)) // pauses double, less up to a quarter
			for _, a := range agents {
				if _, in := a.Member("a"); !in {
					t.Errorf("the seed was %v late, but %s isn't in soon after",
						late, a.conf.Name)
				}
			}
		})
	}
}

// deadSeeds are join addresses where nothing answers or refuses.
func deadSeeds(n int) (list []string) {
	for i := range n {
		list = append(list, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 8, byte(i >> 8), byte(i)}), DefaultPort).String())
	}
	return list
}

// joinInBackground makes a join those addresses until the end of the test.
func joinInBackground(t *testing.T, a *Agent, addrs []string) {
	ctx, cancel := context.WithCancel(background)
	var joining sync.WaitGroup
	joining.Go(func() { _, _ = a.Join(ctx, addrs, false) })
	t.Cleanup(func() { cancel(); joining.Wait() })
}

func TestManyDeadSeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Silent: true})
		good := begin(t, memConfig(n, "b", 2))
		c := memConfig(n, "a", 1)
		c.Timing.StreamTimeout = swim.WAN().StreamTimeout // the longest there is
		began := time.Now()
		a := begin(t, c)
		joinInBackground(t, a, append(deadSeeds(300), good.Addr().String())) // in this order
		s := a.Subscribe(8, nil)
		defer s.Close()
		for living(a) < 2 {
			select {
			case <-s.C:
			case <-time.After(time.Second):
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Fatalf("not in after %v", took)
			}
		}
		t.Logf("in after %v", time.Since(began))
	})
}

// countingNetwork counts the streams that are being dialled.
type countingNetwork struct {
	driver.Network
	dialling atomic.Int64
}

func (n *countingNetwork) Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	n.dialling.Add(1)
	defer n.dialling.Add(-1)
	return n.Network.Dial(ctx, from, to)
}

// With that many addresses the first attempt ends before the next begins, and each attempt tries
// each address once.
func TestRetriesOfManyDeadSeedsDontOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const seeds = 300
		n := memnet.New(memnet.Config{Silent: true})
		c := memConfig(n, "a", 1)
		net := &countingNetwork{Network: c.Network}
		c.Network = net
		c.Timing.StreamTimeout = swim.LAN().StreamTimeout
		c.Join = JoinConfig{Retry: deadSeeds(seeds), Interval: time.Second}
		begin(t, c)
		most := int64(0)
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			most = max(most, net.dialling.Load())
		}
		if most == 0 || most > seeds {
			t.Errorf("%d streams at once, want those of one attempt at most", most)
		}
	})
}

// A name that takes long to look up doesn't hold up the others.
func TestJoinDoesNotWaitForNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		good := begin(t, memConfig(n, "b", 2))
		c := memConfig(n, "a", 1)
		slow := names{}
		c.Resolver = slow
		seeds := []string{good.Addr().String()}
		for i := range 300 {
			name := fmt.Sprint("hangs", i)
			slow[name] = nil
			seeds = append(seeds, name)
		}
		slices.Reverse(seeds)
		began := time.Now()
		a := begin(t, c)
		joinInBackground(t, a, seeds)
		wantMembers(t, a, 2)
		if took := time.Since(began); took > time.Second {
			t.Errorf("in after %v", took)
		}
	})
}

// An agent that has lost all others tries all of its seeds; one that has company leaves most of
// them to the others.
func TestSeeksAmongManyDeadSeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Silent: true})
		c := memConfig(n, "a", 1)
		c.Join = JoinConfig{Seeds: append(deadSeeds(300), hostAddr(2).String()), Interval: 30 * time.Second}
		a := begin(t, c)
		time.Sleep(15 * time.Minute)
		begin(t, memConfig(n, "b", 2))
		time.Sleep(time.Minute)
		wantMembers(t, a, 2)
	})
}

func TestFirstMemberFindsOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		c := memConfig(n, "a", 1)
		c.Resolver = names{"seeds": {hostAddr(1).Addr(), hostAddr(1).Addr()}}
		c.Join = JoinConfig{Retry: []string{"seeds"}, Interval: 5 * time.Second, Max: 1}
		a := begin(t, c)
		time.Sleep(time.Minute)
		if got := living(a); got != 1 {
			t.Errorf("%d living members, want the first to run on alone", got)
		}
	})
}

// Three members start at the same time, and the name that they join gets its addresses 20 s late
// (F14 in docs/failures.md).
func TestNoIslands(t *testing.T) {
	const runs = 100
	for run := range runs {
		synctest.Test(t, func(t *testing.T) {
			n := newMemNetwork()
			all := names{"seeds": {hostAddr(1).Addr(), hostAddr(2).Addr(), hostAddr(3).Addr()}}
			dns := lateNames{all, time.Now().Add(20 * time.Second)}
			var agents []*Agent
			for i := range 3 {
				c := memConfig(n, string(rune('a'+i)), i+1)
				c.seed = uint64(3*run + i)
				c.Resolver = dns
				c.Join = JoinConfig{Retry: []string{"seeds"}, Interval: 5 * time.Second}
				agents = append(agents, begin(t, c))
			}
			time.Sleep(30 * time.Second)
			for _, a := range agents {
				if got := living(a); got != 3 {
					t.Errorf("run %d: %s knows %d living members, want 3",
						run, a.conf.Name, got)
				}
			}
		})
	}
}

// The partition outlasts the memory of failed members, so only the seeds know the way back.
func TestSeedsHealPartition(t *testing.T) {
	seed := []string{hostAddr(1).String()}
	for what, join := range map[string]JoinConfig{
		"seeds":             {Seeds: seed, Interval: 30 * time.Second},
		"retries":           {Retry: seed, Interval: 30 * time.Second},
		"seeds and retries": {Seeds: seed, Retry: []string{hostAddr(9).String()}, Interval: 30 * time.Second},
		"retries and seeds": {Seeds: []string{hostAddr(9).String()}, Retry: seed, Interval: 30 * time.Second},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newMemNetwork()
				var agents []*Agent
				for i := range 2 {
					c := memConfig(n, string(rune('a'+i)), i+1)
					c.ReconnectInterval, c.ReconnectTimeout, c.TombstoneTimeout = -1, time.Minute, time.Minute
					c.Join = join
					agents = append(agents, begin(t, c))
				}
				if _, err := agents[1].Join(t.Context(), seed, false); err != nil {
					t.Fatal(err)
				}
				for _, a := range agents {
					wantMembers(t, a, 2)
				}
				n.Isolate(hostAddr(1).Addr(), true)
				time.Sleep(10 * time.Minute)
				for _, a := range agents {
					if members := a.Members(); len(members) != 1 {
						t.Fatalf("%v after 10 min, want the other forgotten", members)
					}
				}
				n.Isolate(hostAddr(1).Addr(), false)
				time.Sleep(61 * time.Second)
				for _, a := range agents {
					wantMembers(t, a, 2)
				}
			})
		})
	}
}

func TestRejoinTriesPreviousMembersUntilOneAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		begin(t, memConfig(n, "b", 2))
		c := memConfig(n, "a", 1)
		var before SnapshotState
		for i := range 4 {
			before.Members = append(before.Members, Previous{Name: fmt.Sprint(i), Addr: hostAddr(i + 1)})
		}
		c.Snapshot = &testJournal{before: before}
		a := begin(t, c)
		wantMembers(t, a, 2)
	})
}

func TestJoinConfigIsChecked(t *testing.T) {
	for why, j := range map[string]JoinConfig{
		"an interval under 1 s would load the seeds": {Interval: time.Second - 1},
		"attempts can't be negative":                 {Max: -1},
		"no address has two colons":                  {Retry: []string{"127.0.0.1", "a:b:c"}},
		"no port is that large":                      {Seeds: []string{"127.0.0.1:99999"}},
		"nothing is no address":                      {Retry: []string{""}},
		"a list is no address":                       {Seeds: []string{"x,y"}},
	} {
		c := memConfig(newMemNetwork(), "a", 1)
		c.Join = j
		if a, err := Start(background, c); err == nil {
			a.Close()
			t.Errorf("%s: %+v was taken", why, j)
		}
	}
}

func TestOwnAddressesOfAnOpenBind(t *testing.T) {
	a := &Agent{addr: netip.MustParseAddrPort("0.0.0.0:7946")}
	a.advertised.Store(&a.addr)
	local := a.localAddrs()
	if !local[netip.MustParseAddrPort("127.0.0.1:7946")] || local[netip.MustParseAddrPort("127.0.0.1:7947")] {
		t.Errorf("own addresses %v, want 127.0.0.1 with the port bound alone", local)
	}
}

func TestErrorOfAFailedJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		refused := errno.ConnRefused.Error() // in the system's words
		for n, want := range map[int]string{
			1: "1 address tried: 127.0.9.101:7946: " + refused,
			6: ":7946: " + refused + "; and 2 more",
		} {
			var addrs []string
			for i := range n {
				addrs = append(addrs, hostAddr(101+i).String())
			}
			_, err := a.Join(background, addrs, false)
			if err == nil || !strings.HasSuffix(err.Error(), want) || strings.Count(err.Error(), refused) != min(n, 4) {
				t.Errorf("%d addresses: %v, want %s", n, err, want)
			}
		}
	})
}

// movingService is a Resolver whose one service moves to another target at a certain time.
type movingService struct {
	names
	from time.Time
	late *net.SRV
}

func (m movingService) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	if time.Now().Before(m.from) {
		return "", []*net.SRV{{Target: "old.test.", Port: DefaultPort}}, nil
	}
	return "", []*net.SRV{m.late}, nil
}

func TestRetryJoinLooksUpServicesEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		b := begin(t, memConfig(n, "b", 2))
		c := memConfig(n, "a", 1)
		c.Resolver = movingService{
			names: names{"old.test": {hostAddr(99).Addr()}, "new.test": {hostAddr(98).Addr(), b.Addr().Addr()}},
			from:  time.Now().Add(time.Minute),
			late:  &net.SRV{Target: "new.test.", Port: DefaultPort},
		}
		c.Join.Retry = []string{"_serf._tcp.test"}
		a := begin(t, c)
		time.Sleep(55 * time.Second)
		if got := living(a); got != 1 {
			t.Fatalf("%d living members before the name is right", got)
		}
		time.Sleep(time.Minute)
		wantMembers(t, a, 2)
	})
}
