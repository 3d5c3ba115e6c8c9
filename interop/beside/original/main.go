// Original is a program that embeds memberlist: beside/ours is the same on package membership.
//
//	original NAME ADDRESS SIZE [JOIN]
//
// It prints "all" when it knows SIZE members.
package main

import (
	"fmt"
	"io"
	"log"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"
)

// delegate has nothing to say but its metadata, and hears nothing.
type delegate struct{ changed chan struct{} }

func (delegate) NodeMeta(int) []byte                  { return []byte("role=web") }
func (delegate) NotifyMsg([]byte)                     {}
func (delegate) GetBroadcasts(_, _ int) [][]byte      { return nil }
func (delegate) LocalState(bool) []byte               { return nil }
func (delegate) MergeRemoteState(_ []byte, _ bool)    {}
func (d delegate) NotifyJoin(*memberlist.Node)        { d.note() }
func (d delegate) NotifyLeave(*memberlist.Node)       { d.note() }
func (d delegate) NotifyUpdate(node *memberlist.Node) { d.note() }

func (d delegate) note() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func main() {
	size, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	addr := netip.MustParseAddrPort(os.Args[2])
	d := delegate{make(chan struct{}, 1)}
	c := memberlist.DefaultLANConfig()
	c.Name, c.BindAddr, c.BindPort, c.AdvertisePort = os.Args[1], addr.Addr().String(), int(addr.Port()), int(addr.Port())
	c.LogOutput, c.Delegate, c.Events = io.Discard, d, d
	list, err := memberlist.Create(c)
	if err != nil {
		log.Fatal(err)
	}
	if len(os.Args) > 4 {
		if _, err := list.Join(os.Args[4:]); err != nil {
			log.Fatal(err)
		}
	}
	for list.NumMembers() < size {
		select {
		case <-d.changed:
		case <-time.After(time.Second):
		}
	}
	fmt.Println("all")
	select {}
}
