package memberlist_test

import (
	"fmt"
	"io"
	"log"
	"time"

	"serf/compat/memberlist"
)

// Two nodes in one process, on a network in memory. Without Transport they have sockets.
func Example() {
	var network memberlist.MockNetwork
	create := func(name string) *memberlist.Memberlist {
		c := memberlist.DefaultLANConfig()
		c.Name, c.Transport, c.LogOutput = name, network.NewTransport(name), io.Discard
		m, err := memberlist.Create(c)
		if err != nil {
			log.Fatal(err)
		}
		return m
	}
	a, b := create("a"), create("b")
	defer a.Shutdown()
	defer b.Shutdown()
	if _, err := b.Join([]string{a.LocalNode().Address()}); err != nil {
		log.Fatal(err)
	}
	for _, n := range b.Members() {
		fmt.Println(n.Name, n.Address())
	}
	if err := b.Leave(time.Second); err != nil {
		log.Fatal(err)
	}
	// Output:
	// a 127.0.0.1:1
	// b 127.0.0.1:2
}

// A message that is sent until about all nodes have it. A later one of the same name replaces it.
func ExampleTransmitLimitedQueue() {
	queue := memberlist.TransmitLimitedQueue{NumNodes: func() int { return 10 }, RetransmitMult: 1}
	queue.QueueBroadcast(note{"color", "red"})
	queue.QueueBroadcast(note{"color", "blue"})
	for queue.NumQueued() > 0 {
		fmt.Printf("%q\n", queue.GetBroadcasts(3, 1400))
	}
	// Output:
	// red isn't sent any more
	// ["blue"]
	// blue isn't sent any more
	// ["blue"]
}

// note is a memberlist.NamedBroadcast.
type note struct{ name, text string }

func (n note) Name() string                          { return n.name }
func (n note) Message() []byte                       { return []byte(n.text) }
func (n note) Finished()                             { fmt.Println(n.text, "isn't sent any more") }
func (n note) Invalidates(memberlist.Broadcast) bool { return false } // isn't asked: it has a name

// Keys that are exchanged while nodes use them: each step on all nodes before the next.
func ExampleKeyring() {
	first, second := []byte("sixteen bytes: 1"), []byte("sixteen bytes: 2")
	ring, err := memberlist.NewKeyring(nil, first) // Config.Keyring
	if err != nil {
		log.Fatal(err)
	}
	for _, step := range []func([]byte) error{ring.AddKey, ring.UseKey} {
		if err := step(second); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(ring.RemoveKey(second))
	fmt.Println(ring.RemoveKey(first))
	fmt.Printf("%q\n", ring.GetKeys())
	// Output:
	// removing the primary key is not allowed
	// <nil>
	// ["sixteen bytes: 2"]
}
