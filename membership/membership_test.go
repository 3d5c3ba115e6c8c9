package membership_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/membership"
)

func TestMembersJoinFailAndLeave(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		nodes := cluster(t, net, 4, membership.Config{Meta: []byte("x")})
		wantNames(t, "joined", "abcd", nodes...)
		net.Isolate(addrOf(4).Addr(), true)
		time.Sleep(30 * time.Second)
		wantNames(t, "d is cut off", "abc", nodes[:3]...)
		if m, ok := nodes[0].Member("d"); !ok || m.State != membership.StateFailed {
			t.Errorf("d is %v, %v", m.State, ok)
		}
		if err := nodes[1].Leave(within(t, time.Minute)); err != nil {
			t.Error(err)
		}
		wantNames(t, "b has left", "ac", nodes[0], nodes[2])
		if m := nodes[1].Self(); m.State != membership.StateLeft || nodes[1].Len() != 2 {
			t.Errorf("b itself: %v, %d members", m.State, nodes[1].Len())
		}
		net.Isolate(addrOf(4).Addr(), false)
		time.Sleep(time.Minute)
		wantNames(t, "d is back", "acd", nodes[0], nodes[2], nodes[3])
	})
}

func TestOperations(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		var got journal
		nodes := cluster(t, net, 3, membership.Config{
			OnMessage:  func(m membership.Message) { got.add(string(m.Data)) },
			AckPayload: func(b []byte) []byte { return append(b, "pay"...) },
		})
		a, b := nodes[0], nodes[1]
		pong, err := a.Ping(t.Context(), "b", b.Addr())
		if err != nil || pong.RTT != 2*time.Millisecond || string(pong.Payload) != "pay" {
			t.Errorf("ping: %+v, %v", pong, err)
		}
		if _, err := a.Ping(t.Context(), "x", addrOf(9)); !errors.Is(err, membership.ErrNoAnswer) {
			t.Errorf("ping of nobody: %v", err)
		}
		if err := a.Send(b.Addr(), []byte("packet")); err != nil {
			t.Error(err)
		}
		if err := a.SendReliable(t.Context(), b.Addr(), []byte("stream")); err != nil {
			t.Error(err)
		}
		if err := a.SendReliable(t.Context(), addrOf(9), []byte("stream")); err == nil {
			t.Error("sent to nobody")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		lines := got.take()
		slices.Sort(lines)
		if want := []string{"packet", "stream"}; !slices.Equal(lines, want) {
			t.Errorf("b got %q, want %q", lines, want)
		}
		if err := a.Broadcast("k", []byte("news")); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		if lines := got.take(); len(lines) < 2 || lines[0] != "news" {
			t.Errorf("the others got %q", lines)
		}
		if err := a.SetMeta(t.Context(), []byte("y")); err != nil {
			t.Error(err)
		}
		for _, n := range nodes {
			if m, _ := n.Member("a"); string(m.Meta) != "y" {
				t.Errorf("%s: a's metadata are %q", n.Name(), m.Meta)
			}
		}
	})
}

func TestEventsAreReportedInTime(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		a := start(t, net, 1, membership.Config{})
		var got journal
		b := start(t, net, 2, membership.Config{OnEvent: func(e membership.Event) {
			time.Sleep(time.Second) // and they wait
			got.event(e)
		}})
		if lines := got.take(); !slices.Equal(lines, []string{"b joined"}) {
			t.Errorf("Start reported %q", lines)
		}
		join(t, a, b)
		if lines := got.take(); !slices.Equal(lines, []string{"a joined"}) {
			t.Errorf("Join reported %q", lines)
		}
		b.Leave(t.Context())
		if lines := got.take(); !slices.Equal(lines, []string{"b left"}) {
			t.Errorf("Leave reported %q", lines)
		}
	})
}
