package interop

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"serf/swim"
)

// dialTimeout bounds a dial in memory.
const dialTimeout = time.Second

// exchangeDuels are push/pulls of 10,000 members with whole nodes, which read, answer and merge the
// request. In the first all is new, to a fresh node; in the second all is known.
func exchangeDuels(tb testing.TB) []duel {
	m := pushPullMessage(tb, largeCluster)
	request := m.append(nil)
	node, out := silentNode(tb)
	var network *silentMemberlist
	known := func() *silentMemberlist {
		if network == nil {
			network = newSilentMemberlist(tb)
			tb.Cleanup(func() { network.Shutdown() })
			must(tb, network.exchange(request))
		}
		return network
	}
	must(tb, exchange(node, out, request))
	return []duel{
		{
			name: "merge push/pull of 10000, all new", bytes: len(request),
			ours: func() error {
				fresh, out := silentNode(tb)
				return exchange(fresh, out, request)
			},
			original: func() error {
				fresh := newSilentMemberlist(tb)
				err := fresh.exchange(request)
				return errors.Join(err, fresh.Shutdown())
			},
		}, {
			name: "merge push/pull of 10000, all known", bytes: len(request),
			ours:     func() error { return exchange(node, out, request) },
			original: func() error { return known().exchange(request) },
			agree: func(t *testing.T) {
				if a, b := node.Live(), known().NumMembers(); a != largeCluster+1 || b != a {
					t.Errorf("ours knows %d members, the original %d", a, b)
				}
			},
		},
	}
}

var (
	errNotAnswered = errors.New("the push/pull wasn't answered")
	errNotMerged   = errors.New("the push/pull wasn't merged")
)

// exchange delivers a request to our node.
func exchange(n *swim.Node, out *swim.Output, request []byte) error {
	out.Reset()
	n.Stream(0, swim.StreamIn{ID: swim.Inbound | 1, Kind: swim.StreamRequest, From: peerAddr, Data: request}, out)
	if len(out.Streams) != 1 {
		return errNotAnswered
	}
	return nil
}

// exchange delivers a request to the original, and waits until it has merged it.
func (s *silentMemberlist) exchange(request []byte) error {
	conn, err := s.peer.DialAddressTimeout(memberlist.Address{Addr: s.addr}, dialTimeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		return err
	}
	// The answer is only counted: when it ends, the merge has ended.
	if n, err := io.Copy(io.Discard, conn); n == 0 || err != nil {
		return errors.Join(errNotAnswered, err)
	}
	select {
	case <-s.merged:
		return nil
	default:
		return errNotMerged
	}
}
