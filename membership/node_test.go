package membership_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/membership"
)

func TestConfigIsChecked(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		timing := membership.LAN()
		timing.LeaveTimeout = 0
		for want, c := range map[string]membership.Config{
			"Name: 513 bytes, allowed 1 to 512":                {Name: strings.Repeat("n", 513)},
			"Meta: 513 bytes, limit 512":                       {Meta: make([]byte, 513)},
			"Keys[1]: 5 bytes: key must be 16, 24 or 32 bytes": {Keys: [][]byte{make([]byte, 16), []byte("short")}},
			"Keys: empty: want at least one":                   {Keys: [][]byte{}},
			"Label: 256 bytes, at most 255":                    {Label: strings.Repeat("l", 256)},
			"PacketMax: 100, with this name":                   {PacketMax: 100},
			"SendPacketMax: 65508, allowed 0, and 1400 to":     {SendPacketMax: 65508},
			"PushPullNodes: 67, allowed 0 to 66":               {PushPullNodes: 67},
			"MessageQueue: -1 is negative":                     {MessageQueue: -1},
			"JoinInterval: 1ms, at least 1s":                   {JoinInterval: time.Millisecond},
			`Join[1]: ""`:                                      {Join: []string{"10.0.0.1", ""}},
			"Layer.Current: 3, allowed 1 to 2":                 {Layer: membership.Versions{Min: 1, Max: 2, Current: 3}},
			"Protocol: 6: allowed 1 to 5":                      {Protocol: 6},
			"Timing.ProbeInterval: 0s, at least 1ms":           {Timing: membership.Timing{GossipNodes: 3}},
			"Timing.LeaveTimeout: 0s, at least 1ms":            {Timing: timing},
			"Zones.Share: 101, allowed 1 to 100":               {Zones: membership.Zones{Share: 101}},
			"Zones.Share: 20, allowed only if":                 {Zones: membership.Zones{Share: 20}},
			"Zones.Probes: true, allowed only if":              {Zones: membership.Zones{Probes: true}},
			"SendPlain: true, allowed only with AcceptPlain":   {SendPlain: true},
			"DeadRetention: -1ns is negative":                  {DeadRetention: -1},
			"Advertise: 0.0.0.0:7946: the":                     {Advertise: netip.MustParseAddrPort("0.0.0.0:7946")},
		} {
			n, err := tryStart(t, net, 1, c)
			if err == nil {
				n.Close()
			}
			var e *membership.ConfigError
			if want = "membership: Config." + want; !errors.As(err, &e) || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		_, err := tryStart(t, net, 1, membership.Config{MessageQueue: -1, Label: strings.Repeat("l", 256)})
		if err == nil || len(strings.Split(err.Error(), "\n")) != 2 {
			t.Errorf("not all is reported: %v", err)
		}
		start(t, net, 1, membership.Config{}) // the port is free
	})
}

func TestStartEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := membership.Start(ctx, membership.Config{}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestPortInUse(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		start(t, net, 1, membership.Config{})
		if _, err := tryStart(t, net, 1, membership.Config{}); err == nil || !strings.Contains(err.Error(), "in use") {
			t.Error(err)
		}
	})
}

func TestCallsOfAClosedNode(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		nodes := cluster(t, net, 2, membership.Config{})
		a := nodes[0]
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		for i, err := range append(everyMethod(t, a, "b"), a.Leave(t.Context()), a.Send(addrOf(2), nil), a.Broadcast("", nil)) {
			if joined, ok := errors.AsType[*membership.JoinError](err); ok {
				err = joined.Failed[0].Err
			}
			if !errors.Is(err, membership.ErrClosed) {
				t.Errorf("call %d: %v, want ErrClosed", i, err)
			}
		}
		if names(a) != "ab" {
			t.Error("the last state can't be read")
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Contexts bound the waiting, not what was begun.
func TestContextsEndTheWaiting(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		nodes := cluster(t, net, 2, membership.Config{})
		a, b := nodes[0], nodes[1]
		net.Isolate(addrOf(2).Addr(), true)
		for name, call := range map[string]func(context.Context) error{
			"Join":         func(ctx context.Context) error { _, err := a.Join(ctx, addrOf(2).String()); return err },
			"Ping":         func(ctx context.Context) error { _, err := a.Ping(ctx, "b", b.Addr()); return err },
			"SendReliable": func(ctx context.Context) error { return a.SendReliable(ctx, b.Addr(), []byte("x")) },
			"SetMeta":      func(ctx context.Context) error { return a.SetMeta(ctx, []byte("new")) },
		} {
			began := time.Now()
			if err := call(within(t, 100*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(began); took > 100*time.Millisecond {
				t.Errorf("%s took %v", name, took)
			}
		}
		net.Isolate(addrOf(2).Addr(), false)
		time.Sleep(time.Minute)
		if m, _ := b.Member("a"); string(m.Meta) != "new" {
			t.Errorf("b knows a with %q", m.Meta)
		}
	})
}

func TestLeaveTwice(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		a := cluster(t, net, 2, membership.Config{})[0]
		for range 2 {
			if err := a.Leave(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if err := a.SetMeta(t.Context(), nil); !errors.Is(err, membership.ErrLeaving) {
			t.Errorf("after leaving: %v", err)
		}
	})
}

// The others would answer, and not take it, so that it would know them and they not it.
func TestNobodyIsJoinedAfterLeave(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		a := start(t, net, 1, membership.Config{Join: []string{addrOf(2).String()}})
		time.Sleep(500 * time.Millisecond) // what was begun before Leave goes on: it found nobody
		if err := a.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		start(t, net, 2, membership.Config{})
		if n, err := a.Join(t.Context(), addrOf(2).String()); n != 0 || !errors.Is(err, membership.ErrLeaving) {
			t.Errorf("%d reached, %v", n, err)
		}
		time.Sleep(2 * membership.DefaultJoinInterval)
		if len(a.Known()) != 1 {
			t.Errorf("it has joined in the background: %v", a.Known())
		}
	})
}

func TestNothingIsSentToNoAddress(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		a := start(t, net, 1, membership.Config{})
		_, pinged := a.Ping(t.Context(), "b", netip.AddrPort{})
		for i, err := range []error{
			pinged, a.Send(netip.AddrPort{}, nil), a.SendReliable(t.Context(), netip.AddrPort{}, nil),
		} {
			if err == nil || err.Error() != "no address to send to" {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
}

func TestMessagesThatAreTooLarge(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		got := make(chan int, 10)
		a := start(t, net, 1, membership.Config{})
		b := start(t, net, 2, membership.Config{OnMessage: func(m membership.Message) { got <- len(m.Data) }})
		join(t, a, b)
		most := a.MaxMessage()
		if err := errors.Join(a.Send(b.Addr(), make([]byte, most)), a.Broadcast("", make([]byte, most))); err != nil {
			t.Error(err)
		}
		for range 2 {
			if size := <-got; size != most {
				t.Errorf("%d bytes arrived, want %d", size, most)
			}
		}
		for i, err := range []error{
			a.Send(b.Addr(), make([]byte, most+1)), a.Broadcast("", make([]byte, most+1)),
			a.SendReliable(t.Context(), b.Addr(), make([]byte, membership.StreamMessageMax+1)),
			a.SetMeta(t.Context(), make([]byte, membership.MetaMax+1)),
		} {
			if !errors.Is(err, membership.ErrTooLarge) {
				t.Errorf("call %d: %v, want ErrTooLarge", i, err)
			}
		}
		if err := a.Send(netip.AddrPort{}, []byte("x")); err == nil {
			t.Error("sent to no address")
		}
	})
}

// The loop doesn't take them, so that they pile up.
func TestSendNeverWaits(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		free := make(chan struct{})
		a := start(t, net, 1, membership.Config{Admit: func(membership.Member) error { <-free; return nil }})
		b := start(t, net, 2, membership.Config{})
		go b.Join(t.Context(), a.Addr().String())
		time.Sleep(time.Second) // a's loop waits in Admit
		sent := 0
		for range membership.OutboxMax + 1 {
			if err := a.Send(b.Addr(), []byte("x")); err == nil {
				sent++
			} else if !errors.Is(err, membership.ErrBusy) {
				t.Fatal(err)
			}
		}
		if close(free); sent != membership.OutboxMax {
			t.Errorf("%d messages wait, want %d", sent, membership.OutboxMax)
		}
	})
}

// A broadcast replaces the one with its key, and can be given up.
func TestBroadcastsAreInvalidated(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		var got journal
		a := start(t, net, 1, membership.Config{})
		b := start(t, net, 2, membership.Config{OnMessage: func(m membership.Message) { got.add(string(m.Data)) }})
		for _, x := range [][2]string{{"k", "old"}, {"k", "new"}, {"", "one"}, {"", "two"}, {"gone", "gone"}} {
			if err := a.Broadcast(x[0], []byte(x[1])); err != nil {
				t.Error(err)
			}
		}
		a.StopBroadcast("gone")
		if got := a.Broadcasting(); got != 3 {
			t.Errorf("%d wait, want 3", got)
		}
		join(t, a, b)
		time.Sleep(10 * time.Second)
		lines := got.take()
		slices.Sort(lines)
		if lines = slices.Compact(lines); !slices.Equal(lines, []string{"new", "one", "two"}) || a.Broadcasting() != 0 {
			t.Errorf("b got %q, %d still wait", lines, a.Broadcasting())
		}
	})
}

func TestWatchMembers(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		a := start(t, net, 1, membership.Config{})
		var got journal
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for members := range a.WatchMembers(ctx) {
				var line strings.Builder
				for _, m := range members {
					fmt.Fprintf(&line, "%s %v;", m.Name, m.State)
				}
				got.add(line.String())
			}
			got.add("end")
		}()
		b := start(t, net, 2, membership.Config{})
		join(t, a, b)
		synctest.Wait()
		net.Isolate(addrOf(2).Addr(), true)
		time.Sleep(time.Minute)
		cancel()
		synctest.Wait()
		want := []string{"a alive;", "a alive;b alive;", "a alive;b suspect;", "a alive;", "end"}
		if lines := got.take(); !slices.Equal(lines, want) {
			t.Errorf("watched %q, want %q", lines, want)
		}
		for range a.WatchMembers(t.Context()) {
			break
		}
	})
}

func TestEventsOfAnIterator(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		nodes := cluster(t, net, 2, membership.Config{})
		var got journal
		go func() {
			for e := range nodes[0].Events(context.Background()) {
				got.event(e)
			}
			got.add("end")
		}()
		synctest.Wait()
		join(t, nodes[0], start(t, net, 3, membership.Config{}))
		nodes[1].Leave(t.Context())
		time.Sleep(5 * time.Second)
		nodes[0].Close()
		synctest.Wait()
		want := []string{"a joined", "b joined", "c joined", "b left", "end"}
		if lines := got.take(); !slices.Equal(lines, want) {
			t.Errorf("got %q, want %q", lines, want)
		}
	})
}

// Two members of one name: the others keep the one that they know, and say so.
func TestConflict(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		conflicts := make(chan membership.Event, 10)
		a := start(t, net, 1, membership.Config{OnEvent: func(e membership.Event) {
			if e.Kind == membership.Conflict {
				conflicts <- e
			}
		}})
		b := start(t, net, 2, membership.Config{})
		join(t, a, b)
		other := start(t, net, 3, membership.Config{Name: "b", Meta: []byte("other")})
		other.Join(t.Context(), a.Addr().String())
		e := <-conflicts
		if e.Member.Addr != addrOf(2) || e.Rival.Addr != addrOf(3) || string(e.Rival.Meta) != "other" || e.Rival.Name != "b" {
			t.Errorf("%v: %+v", e, e.Rival)
		}
	})
}

// The exchange took place, so it counts: a member of one's own name may be one's own earlier
// address. Once it has answered for itself it is a conflict.
func TestJoiningOnesOwnName(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		conflicts := make(chan membership.Event, 10)
		start(t, net, 1, membership.Config{Name: "same"})
		b := start(t, net, 2, membership.Config{Name: "same", OnEvent: func(e membership.Event) {
			if e.Kind == membership.Conflict {
				conflicts <- e
			}
		}})
		if reached, err := b.Join(t.Context(), addrOf(1).String()); reached != 1 || err != nil {
			t.Errorf("%d reached, %v", reached, err)
		}
		time.Sleep(membership.LAN().ProbeTimeout)
		select {
		case e := <-conflicts:
			if !e.Member.Local || e.Rival.Addr != addrOf(1) || b.Len() != 1 {
				t.Errorf("%v: %+v, %d members", e, e.Rival, b.Len())
			}
		default:
			t.Error("no conflict is reported")
		}
	})
}

// Seeds that aren't there yet, and a partition that outlasts the memory of failed members.
func TestSeedsAreSought(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		seeds := []string{addrOf(1).String(), addrOf(2).String()}
		conf := membership.Config{Join: seeds, DeadRetention: time.Minute, JoinInterval: 10 * time.Second}
		b := start(t, net, 2, conf)
		c := start(t, net, 3, conf)
		time.Sleep(time.Second)
		wantNames(t, "c has found b", "bc", b, c)
		a := start(t, net, 1, conf)
		time.Sleep(10 * time.Second)
		wantNames(t, "the seed is there", "abc", a, b, c)
		net.Isolate(addrOf(3).Addr(), true)
		time.Sleep(10 * time.Minute)
		if _, known := c.Member("a"); known {
			t.Error("c remembers a, so that this shows nothing")
		}
		net.Isolate(addrOf(3).Addr(), false)
		time.Sleep(time.Minute)
		wantNames(t, "together again", "abc", a, b, c)
	})
}

// Two halves, each with seeds of its own, find each other after both have forgotten the other.
func TestHalvesWithSeedsMeetAgain(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		var seeds []string
		for host := range 4 {
			seeds = append(seeds, addrOf(host+1).String())
		}
		conf := membership.Config{Join: seeds, DeadRetention: time.Minute, JoinInterval: 10 * time.Second}
		a, b := start(t, net, 1, conf), start(t, net, 2, conf)
		c, d := start(t, net, 3, conf), start(t, net, 4, conf)
		time.Sleep(10 * time.Second)
		wantNames(t, "whole", "abcd", a, b, c, d)
		part := func(cut bool) {
			for _, left := range []int{1, 3} {
				for _, right := range []int{2, 4} {
					net.SetLinks(addrOf(left).Addr(), addrOf(right).Addr(), memnet.Link{Cut: cut})
				}
			}
		}
		part(true)
		time.Sleep(10 * time.Minute)
		if len(a.Known()) != 2 || len(b.Known()) != 2 {
			t.Error("the halves remember each other, so that this shows nothing")
		}
		part(false)
		time.Sleep(time.Minute)
		wantNames(t, "together again", "abcd", a, b, c, d)
	})
}

// A list of addresses may be long, and its members gone.
func TestJoinOfManyAddresses(t *testing.T) {
	if testing.Short() {
		t.Skip("4,000 addresses")
	}
	bubble(t, func(t *testing.T, net *memnet.Network) {
		a := start(t, net, 1, membership.Config{})
		b := start(t, net, 2, membership.Config{})
		addresses := []string{b.Addr().String()}
		for i := range 2000 {
			addresses = append(addresses, fmt.Sprintf("10.1.%d.%d", i/250, i%250+1))
		}
		if reached, err := a.Join(t.Context(), addresses...); reached != 1 || err != nil {
			t.Errorf("%d, %v", reached, err)
		}
		_, err := a.Join(t.Context(), addresses[1:]...)
		joined, ok := errors.AsType[*membership.JoinError](err)
		if !ok || len(joined.Failed) != 2000 {
			t.Fatalf("%v", err)
		}
		for i, f := range joined.Failed {
			if f.Address != addresses[1+i] || !strings.Contains(f.Err.Error(), "refused") {
				t.Fatalf("failure %d: %+v", i, f)
			}
		}
	})
}
