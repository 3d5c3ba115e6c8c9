package memnet_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/swim"
)

// The example in a bubble, where an hour takes no time.
func TestExampleInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(memnet.Config{Link: memnet.Link{Delay: time.Millisecond, Loss: 0.1}, Seed: 3})
		began, lost := time.Now(), []time.Duration(nil)
		for _, hosts := range [][2]netip.AddrPort{{addrA, addrB}, {addrB, addrA}} {
			d, err := begin(net, hosts[0], hosts[1], func(kind swim.EventKind) {
				if hosts[0] == addrA && kind == peerGone {
					lost = append(lost, time.Since(began))
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
		}
		time.Sleep(time.Minute)
		net.Isolate(hostB, true)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(lost); n == 0 || lost[n-1] < 62*time.Second || lost[n-1] > 64*time.Second {
			t.Errorf("missed after %v, want about 3 s after the minute", lost)
		}
	})
}
