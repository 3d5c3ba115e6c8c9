package driver_test

import (
	"context"
	"fmt"
	"net/netip"

	"serf/driver"
	"serf/swim"
)

// member is a node of plain membership, and what runs it.
type member struct {
	*driver.Driver
	node   *swim.Node
	joined chan string // names
}

// newMember starts one on a free port of this host.
func newMember(name string, seed uint64) (*member, error) {
	d, err := driver.Listen(driver.Config{Bind: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		return nil, err
	}
	c := swim.DefaultConfig(swim.Local())
	c.Name, c.Addr, c.Seed = name, d.Addr(), seed
	out := new(swim.Output)
	node, err := swim.New(d.Now(), c, out)
	if err != nil {
		d.Close()
		return nil, err
	}
	m := &member{Driver: d, node: node, joined: make(chan string, 16)}
	d.Start(node, driver.Layer{Handle: m.handle}, out)
	return m, nil
}

// handle passes on who joined. It runs on the loop, and doesn't wait.
func (m *member) handle(_ swim.Time, out *swim.Output) {
	for _, e := range out.Events {
		if e.Kind != swim.EventJoined {
			continue
		}
		select {
		case m.joined <- m.node.Roster().Name(e.Member):
		default:
		}
	}
}

// Two nodes of plain membership on UDP and TCP.
func Example() {
	a, err := newMember("a", 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	b, err := newMember("b", 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	b.Do(context.Background(), func(now swim.Time, out *swim.Output) {
		b.node.Join(now, []netip.AddrPort{a.Addr()}, out)
	})
	fmt.Println("a knows", <-a.joined, <-a.joined)
	fmt.Println("b knows", <-b.joined, <-b.joined)
	// Output:
	// a knows a b
	// b knows b a
}
