package agent

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// names is a Resolver. Names without addresses don't exist.
type names map[string][]netip.Addr

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if len(n[host]) == 0 {
		return nil, errors.New("no such host")
	}
	return n[host], nil
}

func (n names) LookupSRV(_ context.Context, _, _, host string) (string, []*net.SRV, error) {
	return "", nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// lateNames is a Resolver that knows nothing before a time.
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
		time.Sleep(time.Hour)
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

// Three members are started at once, and the name that they look for gets its addresses 20 s late. F14.
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
				c.Serf.Seed = uint64(3*run + i)
				c.Resolver = dns
				c.Join = JoinConfig{Retry: []string{"seeds"}, Interval: 5 * time.Second}
				agents = append(agents, begin(t, c))
			}
			time.Sleep(30 * time.Second)
			for _, a := range agents {
				if got := living(a); got != 3 {
					t.Errorf("run %d: %s knows %d living members, want 3", run, a.conf.Serf.Name, got)
				}
			}
		})
	}
}

// The partition outlasts the memory of failed members: only the seeds know the way back.
func TestSeedsHealPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		var agents []*Agent
		for i := range 2 {
			c := memConfig(n, string(rune('a'+i)), i+1)
			c.Serf.ReconnectTimeout = time.Minute
			c.Serf.TombstoneTimeout = time.Minute
			c.Join = JoinConfig{Retry: []string{hostAddr(1).String()}, Interval: 30 * time.Second}
			agents = append(agents, begin(t, c))
		}
		for _, a := range agents {
			wantMembers(t, a, 2)
		}
		n.isolate(hostAddr(1), true)
		time.Sleep(10 * time.Minute)
		for _, a := range agents {
			if members := a.Members(); len(members) != 1 {
				t.Fatalf("%v after 10 min, want the other forgotten", members)
			}
		}
		n.isolate(hostAddr(1), false)
		time.Sleep(31 * time.Second)
		for _, a := range agents {
			wantMembers(t, a, 2)
		}
	})
}

func TestRejoinTriesPreviousMembersUntilOneAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		begin(t, memConfig(n, "b", 2))
		c := memConfig(n, "a", 1)
		c.Join.Previous = []netip.AddrPort{hostAddr(1), hostAddr(2), hostAddr(3), hostAddr(4)}
		a := begin(t, c)
		wantMembers(t, a, 2)
	})
}

func TestJoinConfigIsChecked(t *testing.T) {
	for why, j := range map[string]JoinConfig{
		"an interval under 1 s would load the seeds": {Interval: time.Second - 1},
		"attempts can't be negative":                 {Max: -1},
	} {
		c := memConfig(newMemNetwork(), "a", 1)
		c.Join = j
		if a, err := Start(background, c); err == nil {
			a.Shutdown()
			t.Errorf("%s: %+v was taken", why, j)
		}
	}
}

func TestOwnAddressesOfAnOpenBind(t *testing.T) {
	a := &Agent{addr: netip.MustParseAddrPort("0.0.0.0:7946")}
	a.told.Store(&a.addr)
	local := a.localAddrs()
	if !local[netip.MustParseAddrPort("127.0.0.1:7946")] || local[netip.MustParseAddrPort("127.0.0.1:7947")] {
		t.Errorf("own addresses %v, want 127.0.0.1 with the port bound alone", local)
	}
}
