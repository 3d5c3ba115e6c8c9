package memberlist_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"serf/compat/memberlist"
	"serf/membership"
)

// The node waits for a delegate that it asks: if Join waited for the node, both would for ever.
func TestJoinByDelegateThatIsAskedReturnsAnError(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a, b := start(t, network, "a"), start(t, network, "b")
		got := make(chan error, 1)
		join := sync.OnceFunc(func() {
			_, err := a.Join([]string{b.addr, "a name"})
			got <- err
		})
		a.on(func(h *hooks) {
			h.refuse = func(*memberlist.Node) error { join(); return nil }
		})
		b.join(t, a)
		if err := <-got; !errors.Is(err, membership.ErrInCallback) {
			t.Errorf("got %v", err)
		}
		want(t, "the node goes on", names(a.Members()), "a,b")
	})
}

// Join waits for delegates to be told, but not for the one that has called it.
func TestJoinByDelegateThatIsToldDoesNotWaitForIt(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a, b, c := start(t, network, "a"), start(t, network, "b"), start(t, network, "c")
		took := make(chan time.Duration, 1)
		join := sync.OnceFunc(func() {
			began := time.Now()
			if _, err := a.Join([]string{c.addr}); err != nil {
				t.Error(err)
			}
			took <- time.Since(began)
		})
		a.on(func(h *hooks) { h.event = join })
		b.join(t, a)
		if d := <-took; d > time.Second {
			t.Errorf("took %v", d)
		}
	})
}

// A delegate that is asked changes the keys while somebody else does, who waits for the node.
func TestKeysChangedByDelegateThatIsAsked(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		encrypted := func(c *memberlist.Config, _ *recorder) { c.SecretKey = make([]byte, 16) }
		a, b := start(t, network, "a", encrypted), start(t, network, "b", encrypted)
		b.join(t, a)
		ring := a.conf.Keyring
		add := func(b byte) error { return ring.AddKey(append(make([]byte, 15), b)) }
		var busy sync.WaitGroup
		once := sync.OnceFunc(func() {
			busy.Go(func() {
				if err := add(1); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // the other waits for the node
			if err := add(2); err != nil {
				t.Error(err)
			}
		})
		a.on(func(h *hooks) {
			h.ask = func(what string) {
				if what == "broadcasts" {
					once()
				}
			}
		})
		began := time.Now()
		time.Sleep(time.Second)
		busy.Wait()
		if d := time.Since(began); d > 1500*time.Millisecond || len(ring.GetKeys()) != 3 {
			t.Errorf("%d keys after %v", len(ring.GetKeys()), d)
		}
	})
}
