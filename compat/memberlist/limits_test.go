package memberlist

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"serf/membership"
)

// giver is a delegate that gives broadcasts, whatever it was asked for.
type giver struct {
	Delegate
	give [][]byte
}

func (g *giver) GetBroadcasts(int, int) [][]byte {
	give := g.give
	g.give = nil
	return give
}

// adder returns an add of a packet with room for so many bytes, and what was added to it.
func adder(room int) (add func([]byte) bool, added *[]string) {
	added = new([]string)
	return func(msg []byte) bool {
		if len(msg) > room {
			return false
		}
		room -= len(msg)
		*added = append(*added, string(msg[:1]))
		return true
	}, added
}

// A broadcast that no packet has room for would keep all others waiting for ever.
func TestBroadcastThatFitsNoPacketIsDropped(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	g := &giver{give: [][]byte{
		bytes.Repeat([]byte("a"), 90), bytes.Repeat([]byte("b"), largestPacket+1), bytes.Repeat([]byte("c"), 90),
	}}
	o := &overflow{m: &Memberlist{conf: &Config{Delegate: g}, logger: log.New(&lines, "", 0)}}
	for _, want := range []string{"[a]", "[c]", "[]"} {
		add, added := adder(100)
		o.fill(100, add)
		if got := fmt.Sprint(*added); got != want {
			t.Errorf("a packet carries %s, want %s", got, want)
		}
	}
	if want := "[ERR] memberlist: Dropped a broadcast of 65508 bytes, at most 65507 fit a packet\n"; lines.String() != want {
		t.Errorf("log: %s", &lines)
	}
}

func TestBroadcastsThatWaitHaveALimit(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	g := &giver{}
	for range overflowMax + 3 {
		g.give = append(g.give, []byte("x"))
	}
	o := &overflow{m: &Memberlist{conf: &Config{Delegate: g}, logger: log.New(&lines, "", 0)}}
	add, _ := adder(1)
	o.fill(100, add)
	if len(o.waiting) != overflowMax || !strings.Contains(lines.String(), "Dropped 2 broadcasts") {
		t.Errorf("%d wait; log: %s", len(o.waiting), &lines)
	}
}

// Who joins may bring as many members as fit a stream: looking each up among all would take the loop
// seconds.
func TestMembersOfAMergeAreNotLookedUpOneByOne(t *testing.T) {
	t.Parallel()
	asked := 0
	m := &Memberlist{conf: &Config{}}
	m.names.known = func() []membership.Member { asked++; return nil }
	members := make([]membership.Member, namesMax+10)
	for i := range members {
		ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		members[i] = membership.Member{Name: fmt.Sprint(i), Addr: netip.AddrPortFrom(ip, 1)}
	}
	if err := m.admitMerge(members); err != nil || asked != 0 {
		t.Errorf("asked %d times; %v", asked, err)
	}
	last := members[len(members)-1]
	if got := m.names.at(last.Addr); got != last.Name || len(m.names.byAddr) > namesMax {
		t.Errorf("%s is known as %q, of %d", last.Name, got, len(m.names.byAddr))
	}
}

// A program's logger may end with it: that of a test panics then.
func TestNothingIsSentOrLoggedAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stub, hang := newStub(), make(chan struct{})
		sent := 0
		stub.write = func([]byte, Address) error {
			sent++
			<-hang
			return errors.New("gone")
		}
		packets, _, report := bridgeOf(stub, Config{})
		for range 3 {
			if err := packets.WriteTo([]byte("x"), addrB); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		packets.Close()
		close(hang)
		synctest.Wait()
		if sent != 1 || len(report.lines) > 0 {
			t.Errorf("%d sent; log: %q", sent, report.lines)
		}
	})
}
