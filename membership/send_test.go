package membership_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/membership"
)

// A message that doesn't fit a packet of gossip has a larger one to itself, if that is allowed.
func TestLargePacketsOfSend(t *testing.T) {
	bubble(t, func(t *testing.T, net *memnet.Network) {
		const largest = 65507 - 1 - 5 // a type, and perhaps a checksum
		a := start(t, net, 1, membership.Config{SendPacketMax: 65507})
		size := 0
		b := start(t, net, 2, membership.Config{OnMessage: func(m membership.Message) { size = len(m.Data) }})
		if err := a.Send(b.Addr(), make([]byte, largest)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if size != largest {
			t.Errorf("%d bytes arrived, want %d", size, largest)
		}
		if err := a.Send(b.Addr(), make([]byte, largest+1)); err == nil || !strings.Contains(err.Error(), "limit 65501") {
			t.Errorf("one byte more: %v", err)
		}
		if err := b.Send(a.Addr(), make([]byte, b.MaxMessage()+1)); err == nil {
			t.Error("large packets are sent without being allowed")
		}
	})
}
