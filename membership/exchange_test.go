package membership_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/membership"
)

// Each exchange carries the states of both, and says whether somebody joins.
func TestStatesAreExchanged(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		timing := membership.LAN()
		timing.PushPullInterval = 10 * time.Second
		var got journal
		of := func(name string) membership.Config {
			return membership.Config{
				Timing: timing,
				State:  func(join bool) []byte { return fmt.Appendf(nil, "%s %v", name, join) },
				OnState: func(s membership.RemoteState) {
					got.add(fmt.Sprintf("%s got %s (%v)", name, s.Data, s.Join))
				},
			}
		}
		a, b := start(t, net, 1, of("a")), start(t, net, 2, of("b"))
		join(t, b, a)
		synctest.Wait()
		lines := got.take()
		slices.Sort(lines)
		if want := []string{"a got b true (true)", "b got a true (true)"}; !slices.Equal(lines, want) {
			t.Errorf("a join: %q, want %q", lines, want)
		}
		time.Sleep(21 * time.Second)
		lines = got.take()
		slices.Sort(lines)
		if n := len(lines); n < 6 || n > 12 || lines[0] != "a got b false (false)" || lines[n-1] != "b got a false (false)" {
			t.Errorf("two intervals: %q", lines)
		}
	})
}

// Nobody would read more.
func TestStateThatIsTooLarge(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		sizes := make(chan int, 10)
		size := 1 << 20
		a := start(t, net, 1, membership.Config{State: func(bool) []byte { return make([]byte, size) }})
		b := start(t, net, 2, membership.Config{OnState: func(s membership.RemoteState) { sizes <- len(s.Data) }})
		join(t, a, b)
		if got := <-sizes; got != size {
			t.Errorf("%d bytes arrived of %d", got, size)
		}
		size = 20 << 20
		c := start(t, net, 3, membership.Config{OnState: func(s membership.RemoteState) { sizes <- len(s.Data) }})
		join(t, a, c)
		wantNames(t, "the exchange goes on", "abc", c)
		if got := a.Stats().StatesMissing; got != 1 || len(sizes) > 0 {
			t.Errorf("%d states counted as missing, %d arrived", got, len(sizes))
		}
	})
}

// A handler isn't asked for lines that it doesn't want.
func TestLogKeepsToItsLevel(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		var log strings.Builder
		errorsOnly := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})
		a := start(t, net, 1, membership.Config{
			Logger: slog.New(errorsOnly), State: func(bool) []byte { return make([]byte, 20<<20) },
		})
		join(t, a, start(t, net, 2, membership.Config{}))
		missing := a.Stats().StatesMissing
		if a.Close(); missing == 0 || log.Len() > 0 {
			t.Errorf("%d states are missing; log: %s", missing, &log)
		}
	})
}

// What Join returns isn't a warning as well: programs that try again and again would fill their logs.
func TestFailedJoinIsReturnedNotWarnedOf(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		var log strings.Builder
		all := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
		a := start(t, net, 1, membership.Config{Logger: slog.New(all)})
		_, err := a.Join(t.Context(), "127.0.0.99:1")
		a.Close()
		if err == nil || strings.Contains(log.String(), "level=WARN") ||
			!strings.Contains(log.String(), "127.0.0.99:1") {
			t.Errorf("Join: %v; log: %s", err, &log)
		}
	})
}

func TestMessagesThatNobodyTakesAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		free := make(chan struct{})
		a := start(t, net, 1, membership.Config{MessageQueue: 10, OnMessage: func(membership.Message) { <-free }})
		b := start(t, net, 2, membership.Config{})
		join(t, a, b)
		for range 15 {
			b.Send(a.Addr(), []byte("x"))
		}
		time.Sleep(time.Second)
		if got := a.Stats().MessagesDropped; got != 5 {
			t.Errorf("%d dropped, want 5", got)
		}
		close(free)
	})
}

func TestAdmission(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		foreign := errors.New("of another cluster")
		var events journal
		a := start(t, net, 1, membership.Config{
			OnEvent: events.event,
			Admit: func(m membership.Member) error {
				if string(m.Meta) == "bad" {
					return foreign
				}
				return nil
			},
		})
		events.take()
		x := start(t, net, 2, membership.Config{Name: "x", Meta: []byte("bad")})
		if reached, err := x.Join(t.Context(), a.Addr().String()); reached != 1 || err != nil {
			t.Errorf("x's own view: %d, %v", reached, err)
		}
		time.Sleep(time.Minute)
		if _, known := a.Member("x"); known || a.Stats().Protocol.RefusedMembers == 0 {
			t.Errorf("x is known: %v; %d refusals counted", known, a.Stats().Protocol.RefusedMembers)
		}
		b := start(t, net, 3, membership.Config{Name: "b"})
		join(t, a, b)
		if lines := events.take(); !slices.Equal(lines, []string{"b joined"}) {
			t.Errorf("reported %q", lines)
		}
	})
}

func TestMergesAreAdmitted(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		foreign := errors.New("of another cluster")
		var asked journal
		admit := func(members []membership.Member) error {
			var all strings.Builder
			for _, m := range members {
				fmt.Fprintf(&all, "%s %v %s %d;", m.Name, m.State, m.Meta, m.Layer.Current)
			}
			asked.add(all.String())
			return foreign
		}
		layer := membership.Versions{Min: 1, Max: 3, Current: 2}
		a := start(t, net, 1, membership.Config{AdmitMerge: admit, Meta: []byte("m"), Layer: layer})
		b := start(t, net, 2, membership.Config{AdmitMerge: admit, Layer: layer})
		reached, err := b.Join(t.Context(), a.Addr().String())
		joined, ok := errors.AsType[*membership.JoinError](err)
		if reached != 0 || !ok || !errors.Is(err, foreign) || !errors.Is(err, membership.ErrMergeRefused) {
			t.Errorf("%d, %v", reached, err)
		}
		if ok && (len(joined.Failed) != 1 || joined.Failed[0].Addr != a.Addr() || joined.Failed[0].Address != a.Addr().String()) {
			t.Errorf("failed: %+v", joined.Failed)
		}
		wantNames(t, "apart", "a", a)
		wantNames(t, "apart", "b", b)
		lines := asked.take()
		slices.Sort(lines)
		if want := []string{"a alive m 2;", "b alive  2;"}; !slices.Equal(lines, want) {
			t.Errorf("asked about %q, want %q", lines, want)
		}
	})
}

func key(i byte) []byte { return bytes.Repeat([]byte{i}, 32) }

func TestKeysAreRotated(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		ctx := t.Context()
		nodes := cluster(t, net, 3, membership.Config{Keys: [][]byte{key(1)}})
		for _, step := range []func(*membership.Node) error{
			func(n *membership.Node) error { return n.AddKey(ctx, key(2)) },
			func(n *membership.Node) error { return n.UseKey(ctx, key(2)) },
			func(n *membership.Node) error { return n.RemoveKey(ctx, key(1)) },
		} {
			for _, n := range nodes {
				if err := step(n); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				wantNames(t, "during the rotation", "abc", nodes...)
			}
		}
		for _, n := range nodes {
			if got := n.Keys(); len(got) != 1 || !bytes.Equal(got[0], key(2)) {
				t.Errorf("%s has %d keys", n.Name(), len(got))
			}
		}
		stranger := start(t, net, 4, membership.Config{Keys: [][]byte{key(1)}})
		if _, err := stranger.Join(within(t, time.Minute), nodes[0].Addr().String()); err == nil {
			t.Error("a member with the old key has joined")
		}
		a := nodes[0]
		for what, err := range map[error]error{
			membership.ErrKeyPrimary: a.RemoveKey(ctx, key(2)),
			membership.ErrKeyUnknown: a.UseKey(ctx, key(3)),
			membership.ErrKeySize:    a.AddKey(ctx, []byte("short")),
			membership.ErrNoKeys:     start(t, net, 5, membership.Config{}).AddKey(ctx, key(1)),
		} {
			if !errors.Is(err, what) {
				t.Errorf("%v, want %v", err, what)
			}
		}
	})
}

// A cluster without encryption gets it without a pause: keys that accept and send plain text, then
// no more of the one, then of the other.
func TestEncryptionIsTurnedOnInARunningCluster(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		ctx := t.Context()
		nodes := cluster(t, net, 3, membership.Config{})
		for _, step := range []func(*membership.Node) error{
			func(n *membership.Node) error { return n.SetPlain(ctx, true, true) },
			func(n *membership.Node) error { return n.SetKeys(ctx, key(1)) },
			func(n *membership.Node) error { return n.SetPlain(ctx, true, false) },
			func(n *membership.Node) error { return n.SetPlain(ctx, false, false) },
		} {
			for _, n := range nodes {
				if err := step(n); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				wantNames(t, "during the change", "abc", nodes...)
			}
		}
		for _, n := range nodes {
			if dropped := n.Stats().Protocol.DroppedPackets; dropped > 0 {
				t.Errorf("%s couldn't read %d packets", n.Name(), dropped)
			}
		}
		plain := start(t, net, 4, membership.Config{})
		if _, err := plain.Join(within(t, time.Minute), nodes[0].Addr().String()); err == nil {
			t.Error("a member without a key has joined")
		}
		if small, large := nodes[0].MaxMessage(), plain.MaxMessage(); small >= large {
			t.Errorf("messages of up to %d bytes encrypted, %d plain", small, large)
		}
	})
}

func TestLabelsKeepClustersApart(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		nodes := cluster(t, net, 2, membership.Config{Label: "blue", Compress: true})
		green := start(t, net, 3, membership.Config{Label: "green"})
		if _, err := green.Join(within(t, time.Minute), nodes[0].Addr().String()); err == nil {
			t.Error("joined another cluster")
		}
		wantNames(t, "blue", "ab", nodes...)
	})
}
