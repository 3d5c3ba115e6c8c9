package serf

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"serf/compat/memberlist"
)

// oneDatacenter is a MergeDelegate as Consul has one.
type oneDatacenter struct {
	dc string

	mu    sync.Mutex
	asked int
}

func (d *oneDatacenter) NotifyMerge(members []*Member) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	for _, m := range members {
		if m.Tags["dc"] != d.dc {
			return errors.New("Member '" + m.Name + "' part of wrong datacenter '" + m.Tags["dc"] + "'")
		}
	}
	return nil
}

func TestMergeIsDecided(t *testing.T) {
	nodes := make(map[string]*Serf)
	for name, dc := range map[string]string{"a": "east", "b": "east", "c": "west"} {
		c := quick(name)
		c.Tags = map[string]string{"dc": dc}
		c.Merge = &oneDatacenter{dc: dc}
		nodes[name] = create(t, c)
	}
	a, b, c := nodes["a"], nodes["b"], nodes["c"]
	join(t, a, b)
	m := a.LocalMember()
	_, err := c.Join([]string{net.JoinHostPort(m.Addr.String(), strconv.Itoa(int(m.Port)))}, false)
	if err == nil || !strings.Contains(err.Error(), "Member 'a' part of wrong datacenter 'east'") {
		t.Errorf("joining another data centre: %v", err)
	}
	if a.NumNodes() != 2 || c.NumNodes() != 1 {
		t.Errorf("%d and %d members, want 2 and 1", a.NumNodes(), c.NumNodes())
	}
	if asked := a.config.Merge.(*oneDatacenter).asked; asked == 0 {
		t.Error("the one that was joined wasn't asked")
	}
}

func TestAddressesAreAllowed(t *testing.T) {
	c := quick("a")
	var err error
	if c.MemberlistConfig.CIDRsAllowed, err = memberlist.ParseCIDRs([]string{"192.0.2.0/24"}); err != nil {
		t.Fatal(err)
	}
	a, b := create(t, c), create(t, quick("b"))
	m := b.LocalMember()
	a.Join([]string{net.JoinHostPort(m.Addr.String(), strconv.Itoa(int(m.Port)))}, false)
	if n := a.NumNodes(); n != 1 {
		t.Errorf("%d members, want 1: the other's address isn't allowed", n)
	}
}
