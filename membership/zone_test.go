package membership_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/membership"
)

// Broadcasts go mostly to the own zone, which here is the metadata. Without zones half of them would
// go to the other one.
func TestZonesKeepBroadcastsApart(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		const members = 48
		of := func(_, meta []byte) uint64 { return membership.ZoneKey(meta) }
		var near, far atomic.Int32
		var first *membership.Node
		for i := range members {
			zone := "ab"[i%2 : i%2+1]
			c := membership.Config{Name: zone + string(rune('A'+i)), Meta: []byte(zone), Zones: membership.Zones{Of: of}}
			if i == 0 {
				c.Zones = membership.Zones{} // takes them at run time
			}
			c.OnMessage = func(m membership.Message) {
				if m.From.Addr().As4()[3]%2 == byte(i+1)%2 {
					near.Add(1)
				} else {
					far.Add(1)
				}
			}
			n := start(t, net, i+1, c)
			if first == nil {
				first = n
				continue
			}
			join(t, first, n)
		}
		time.Sleep(time.Minute)
		if err := first.SetZones(t.Context(), membership.Zones{Of: of, Share: 101}); err == nil || !strings.Contains(err.Error(), "zone share") {
			t.Errorf("a share of 101: %v", err)
		}
		if err := first.SetZones(t.Context(), membership.Zones{Of: of}); err != nil {
			t.Fatal(err)
		}
		near.Store(0)
		far.Store(0)
		for range 20 {
			if err := first.Broadcast("", []byte("news")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
		}
		synctest.Wait()
		if in, out := near.Load(), far.Load(); in+out < 100 || out*100 > 35*(in+out) {
			t.Errorf("%d messages from the own zone, %d from the other", in, out)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if err := first.SetZones(t.Context(), membership.Zones{}); !errors.Is(err, membership.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}
