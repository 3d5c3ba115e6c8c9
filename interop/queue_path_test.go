package interop

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/memberlist"

	"serf/swim"
	"serf/wire"
)

const (
	// queued is how many messages wait while packets are filled. Ours holds swim.QueueMax, and
	// drops the rest.
	queued = 10_000
	// packetRoom is what a packet has for messages.
	packetRoom   = 1400
	partOverhead = 2
	// queueMembers is the size of the cluster, on which the retransmit limit depends:
	// retransmitFactor for each decimal digit.
	queueMembers     = 1000
	retransmitFactor = 4
	retransmits      = 4 * retransmitFactor
	// waiting is how many messages go through an empty queue together. For that many ours keeps its
	// memory; after more it releases it, and next time allocates for each message.
	waiting = 64
)

// queueDuels are the broadcast queues: filling a packet from a long queue, and a message's life
// from being queued until it has reached its retransmit limit.
func queueDuels() []duel {
	return []duel{fillDuel(), lifeDuel()}
}

var errNothingQueued = errors.New("the packet stays empty")

// news is a broadcast of the original.
type news struct {
	name string
	msg  []byte
}

func (n *news) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(*news)
	return ok && o.name == n.name
}
func (n *news) Name() string    { return n.name }
func (n *news) Message() []byte { return n.msg }
func (n *news) Finished()       {}

// newsOf is the broadcast about member i.
func newsOf(i int) *news {
	m := wire.Alive{Inc: uint32(i), Node: []byte(memberName(i)), Addr: exampleAddr, Port: 7946, Meta: exampleMeta, Vsn: exampleVsn}
	return &news{memberName(i), m.Append(nil)}
}

func newOriginalQueue() *memberlist.TransmitLimitedQueue {
	return &memberlist.TransmitLimitedQueue{NumNodes: func() int { return queueMembers }, RetransmitMult: retransmitFactor}
}

// fillDuel fills one packet after the other. Before each, one new message is queued, because each
// packet sends about one for the last time.
func fillDuel() duel {
	var q swim.Queue
	theirs := newOriginalQueue()
	var messages []*news
	for i := range queued {
		n := newsOf(i)
		messages = append(messages, n)
		q.Add(uint64(i+1), n.msg)
		theirs.QueueBroadcast(n)
	}
	var p wire.Packer
	var turn, turnOriginal int
	return duel{
		name: fmt.Sprintf("fill a packet at %d queued", queued), packet: true, bytes: packetRoom,
		ours: func() error {
			i := turn % queued
			turn++
			q.Add(uint64(i+1), messages[i].msg)
			p.Reset(packetRoom)
			if q.Fill(&p, retransmits, 1); p.Count() == 0 {
				return errNothingQueued
			}
			return nil
		},
		original: func() error {
			theirs.QueueBroadcast(messages[turnOriginal%queued])
			turnOriginal++
			if len(theirs.GetBroadcasts(partOverhead, packetRoom)) == 0 {
				return errNothingQueued
			}
			return nil
		},
		agree: func(t *testing.T) {
			p.Reset(packetRoom)
			q.Fill(&p, retransmits, 1)
			if a, b := p.Count(), len(theirs.GetBroadcasts(partOverhead, packetRoom)); a != b {
				t.Errorf("ours puts %d messages into a packet, the original %d", a, b)
			}
		},
	}
}

// lifeDuel has a burst of messages go through an empty queue until each has reached its retransmit
// limit.
func lifeDuel() duel {
	var q swim.Queue
	var p wire.Packer
	theirs := newOriginalQueue()
	var messages []*news
	for i := range waiting {
		messages = append(messages, newsOf(i))
	}
	var sent, sentOriginal int
	own := func() error {
		for i, n := range messages {
			q.Add(uint64(i+1), n.msg)
		}
		for sent = 0; q.Len() > 0; sent += p.Count() {
			p.Reset(packetRoom)
			q.Fill(&p, retransmits, 1)
		}
		return nil
	}
	original := func() error {
		for _, n := range messages {
			theirs.QueueBroadcast(n)
		}
		for sentOriginal = 0; theirs.NumQueued() > 0; {
			sentOriginal += len(theirs.GetBroadcasts(partOverhead, packetRoom))
		}
		return nil
	}
	return duel{
		name: "a message's life in the queue", packet: true, bytes: len(messages[0].msg), times: waiting, ours: own, original: original,
		agree: func(t *testing.T) {
			must(t, errors.Join(own(), original()))
			if want := waiting * retransmits; sent != want || sentOriginal != want {
				t.Errorf("ours sent %d messages, the original %d, want %d", sent, sentOriginal, want)
			}
		},
	}
}
