package swim

import (
	"fmt"
	"testing"
	"time"

	"serf/wire"
)

// TestMembersAreSentWhatTheyUnderstand: what a member may be sent depends on the greatest protocol
// version that it understands.
func TestMembersAreSentWhatTheyUnderstand(t *testing.T) {
	for _, c := range []struct {
		max                byte
		stream, nack, sums bool
	}{
		{max: 2},
		{max: 3, stream: true},
		{max: 4, stream: true, nack: true},
		{max: 5, stream: true, nack: true, sums: true},
	} {
		t.Run(fmt.Sprintf("protocol %d", c.max), func(t *testing.T) {
			tn := converse(t)
			for _, name := range []string{"b", "c"} {
				m := wire.Alive{
					Inc: 1, Node: []byte(name), Addr: addrOf(name).Addr().AsSlice(), Port: addrOf(name).Port(),
					Vsn: []byte{1, c.max, 2, 0, 0, 0},
				}
				tn.recv(name, m.Append(nil))
			}
			tn.advance(time.Second - 1)
			tn.forget()
			tn.now++
			tn.n.Tick(tn.now, &tn.out)
			sums := wire.Type(tn.out.Packets[0].Data[0]) == wire.TypeCRC
			tn.collect()
			if sums != c.sums {
				t.Errorf("the ping has a checksum: %v, want %v", sums, c.sums)
			}
			target := tn.lastPinged()
			helper := map[string]string{"b": "c", "c": "b"}[target]
			tn.advance(500 * time.Millisecond)
			request := helper + ": ping-req " + target
			if c.nack {
				request += " nack"
			}
			tn.want("no ack: ask the other", request)
			if c.stream {
				tn.want("and try a stream", target+": stream ping "+target)
			}
			tn.wantNone("it wouldn't be understood", "*: stream ping *")
		})
	}
}
