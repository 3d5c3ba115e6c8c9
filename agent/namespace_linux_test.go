package agent

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"serf/driver"
	"serf/internal/hostaddr"
	"serf/internal/systest"
	"serf/swim/serf"
)

// inNamespace runs the calling test again in a network namespace of its own, which ends with it,
// and reports whether this is that second run.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if systest.InNamespace() {
		return true
	}
	if testing.Short() {
		t.Skip("what hosts go through here takes them seconds")
	}
	t.Parallel()
	systest.RunInNamespace(t, nil)
	return false
}

// lan is some hosts on one wire: a bridge in the namespace of the test, and a namespace for each of
// them. Probes and address watches are ten times as fast as usual.
type lan struct {
	t      *testing.T
	bridge string
	hosts  int
}

// newLAN makes a LAN; n distinguishes it from others in the namespace.
func newLAN(t *testing.T, n int) *lan {
	l := &lan{t: t, bridge: fmt.Sprint("br", n), hosts: 100 * n}
	l.ip("link", "add", l.bridge, "type", "bridge")
	l.ip("link", "set", l.bridge, "up")
	return l
}

// ip runs the command ip in the namespace of the test.
func (l *lan) ip(args ...string) {
	l.t.Helper()
	systest.MustSetUp(l.t, systest.IP(l.t.Context(), args...))
}

// lanHost is one host, with the network for its agents.
type lanHost struct {
	*lan
	ns int // a file descriptor
}

// add makes a host with these addresses, such as 10.0.0.1/24, on eth0.
func (l *lan) add(addrs ...string) *lanHost {
	l.t.Helper()
	h := &lanHost{lan: l}
	var err error
	apart(func() {
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			h.ns, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
	})
	systest.MustSetUp(l.t, err)
	l.t.Cleanup(func() { unix.Close(h.ns) })
	l.hosts++
	h.plug("eth0", l.hosts, addrs...)
	h.ip("link", "set", "lo", "up")
	return h
}

// plug adds an interface to the host; n must be unique.
func (h *lanHost) plug(name string, n int, addrs ...string) {
	h.t.Helper()
	here, there := fmt.Sprint("v", n), fmt.Sprint("e", n)
	h.lan.ip("link", "add", here, "type", "veth", "peer", "name", there)
	h.lan.ip("link", "set", here, "master", h.bridge, "up")
	h.lan.ip("link", "set", there, "netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.ns))
	h.ip("link", "set", there, "name", name)
	h.ip("link", "set", name, "up")
	for _, a := range addrs {
		h.address("add", a, name)
	}
}

// address adds or deletes an address.
func (h *lanHost) address(what, addr, name string) {
	h.t.Helper()
	args := []string{"address", what, addr, "dev", name}
	if strings.Contains(addr, ":") && what == "add" {
		args = append(args, "nodad") // usable at once
	}
	h.ip(args...)
}

// ip runs the command ip on the host.
func (h *lanHost) ip(args ...string) {
	h.t.Helper()
	var err error
	h.on(func() { err = systest.IP(h.t.Context(), args...) })
	systest.MustSetUp(h.t, err)
}

// on runs f on the host: on a thread that is in its namespace, and that ends with f.
func (h *lanHost) on(f func()) {
	apart(func() {
		if err := unix.Setns(h.ns, unix.CLONE_NEWNET); err != nil {
			panic(err) // f must not run elsewhere
		}
		f()
	})
}

// apart runs f on a thread of its own.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: it ends with the goroutine
		f()
	}()
	<-done
}

func (h *lanHost) PacketMax() int { return driver.System().PacketMax() }

func (h *lanHost) Listen(bind netip.AddrPort) (udp driver.PacketConn, tcp driver.StreamListener, err error) {
	h.on(func() { udp, tcp, err = driver.System().Listen(bind) })
	return udp, tcp, err
}

func (h *lanHost) Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (conn net.Conn, err error) {
	h.on(func() { conn, err = driver.System().Dial(ctx, from, to) })
	return conn, err
}

// addrs reads the host's addresses.
func (h *lanHost) addrs() hostaddr.Host {
	s := hostaddr.System
	return hostaddr.Host{
		All: func() (l []hostaddr.Interface, err error) { h.on(func() { l, err = s.All() }); return l, err },
		Named: func(name string) (i hostaddr.Interface, err error) {
			h.on(func() { i, err = s.Named(name) })
			return i, err
		},
		IPs:   func() (ips []netip.Addr, err error) { h.on(func() { ips, err = s.IPs() }); return ips, err },
		Poll:  s.Poll / 10,
		Grace: s.Grace / 10,
	}
}

// agent starts an agent on the host, as the command does, and joins it to others.
func (h *lanHost) agent(name string, spec AddressSpec, join ...string) *Agent {
	h.t.Helper()
	host := h.addrs()
	addrs, err := hostaddr.Choose(spec, host.All)
	if err != nil {
		h.t.Fatal(err)
	}
	c := Config{Timing: LAN(), Logger: silent, Bind: addrs.Bind, Interface: addrs.Interface, Network: h, host: host}
	c.Name, c.Advertise = name, addrs.Advertise
	c.Timing.ProbeInterval /= 10
	c.Timing.ProbeTimeout /= 10
	a := begin(h.t, c)
	if len(join) > 0 {
		if n, err := a.Join(background, join, false); n != len(join) {
			h.t.Fatalf("%s joined %d of %v: %v", name, n, join, err)
		}
	}
	return a
}

// wantPlaces waits until all agents have a member alive at an address.
func wantPlaces(t *testing.T, within time.Duration, name, at string, agents ...*Agent) {
	t.Helper()
	want := netip.AddrPortFrom(netip.MustParseAddr(at), DefaultPort)
	limit := time.After(within)
	for _, a := range agents {
		s := a.Subscribe(64, nil)
		for {
			m, _ := a.Member(name)
			if m.Addr == want && m.Status == serf.StatusAlive {
				break
			}
			select {
			case <-s.C:
			case <-limit:
				t.Fatalf("%s has %s at %v, %v, want alive at %v after %v",
					a.conf.Name, name, m.Addr, m.Status, want, within)
			}
		}
		s.Close()
	}
}

// The address of a running host changes while the agent is bound to all addresses: it notices, and
// advertises the new one. An agent that was told what to advertise keeps that.
func TestAddressOfARunningHostChanges(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLAN(t, 1)
	one, two, three := l.add("10.77.0.1/16"), l.add("10.77.0.2/16", "10.77.1.2/16"), l.add("10.77.0.3/16")
	a := one.agent("a", AddressSpec{})
	b := two.agent("b", AddressSpec{Advertise: "10.77.0.2"}, "10.77.0.1")
	c := three.agent("c", AddressSpec{}, "10.77.0.1")
	wantPlaces(t, 10*time.Second, "c", "10.77.0.3", a, b, c)
	events := a.Subscribe(64, isFailure)
	defer events.Close()

	three.address("del", "10.77.0.3/16", "eth0")
	three.address("add", "10.77.9.3/16", "eth0")
	wantPlaces(t, 10*time.Second, "c", "10.77.9.3", a, b, c)
	if err := c.UserEvent(background, "hello", nil, false); err != nil {
		t.Error(err)
	}

	// Another interface gets one, and the first is unplugged.
	three.plug("eth1", 9, "10.77.9.4/16")
	three.ip("link", "set", "eth0", "down")
	two.address("del", "10.77.0.2/16", "eth0")
	wantPlaces(t, 10*time.Second, "c", "10.77.9.4", a, c)
	if got := b.Self().Addr.Addr().String(); got != "10.77.0.2" {
		t.Errorf("b, that was given its address, tells %s", got)
	}
	select {
	case e := <-events.C:
		if ms := e.(MemberEvent).Members; slices.ContainsFunc(ms, func(m serf.Member) bool { return m.Name == "c" }) {
			t.Errorf("c, which never stopped, is told to have failed")
		}
	default:
	}
}

// One host has only IPv4, one only IPv6, and a third one both. Whichever of its addresses the third
// advertises, nobody considers a running member failed, and all learn of one that has failed.
func TestFamiliesOfHosts(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for i, told := range []string{"fd00::3", "10.77.0.3"} {
		t.Run(told, func(t *testing.T) {
			t.Parallel()
			testFamilies(t, newLAN(t, i), told)
		})
	}
}

// testFamilies is TestFamiliesOfHosts with a third host that advertises one of its addresses.
func testFamilies(t *testing.T, l *lan, told string) {
	both, four, six := l.add("10.77.0.3/16", "fd00::3/64"), l.add("10.77.0.1/16"), l.add("fd00::2/64")
	c := both.agent("c", AddressSpec{Bind: "[::]", Advertise: told})
	a := four.agent("a", AddressSpec{}, "10.77.0.3")
	b := six.agent("b", AddressSpec{}, "fd00::3")
	all := []*Agent{a, b, c}
	var failed []*Subscription
	for _, x := range all {
		wantMembers(t, x, len(all))
		failed = append(failed, x.Subscribe(64, isFailure))
	}
	quiet := time.After(1500 * time.Millisecond) // some 15 probes each; a suspicion lasts for 0.4 s at least
	for i := range failed {
		select {
		case e := <-failed[i].C:
			t.Fatalf("at %s: %v %v", all[i].conf.Name, e, e.(MemberEvent).Members)
		case <-quiet:
			quiet = time.After(0)
		}
	}
	for _, x := range []struct {
		from, to *Agent
		want     bool
	}{{a, b, false}, {b, a, false}, {c, a, true}, {c, b, true}, {a, c, true}, {b, c, true}} {
		to, reaches := x.to.Self().Addr, false
		x.from.read(func() { reaches = x.from.loop.node.Swim().CanReach(to) })
		if reaches != x.want {
			t.Errorf("from %s to %v there is a way: %v", x.from.conf.Name, to, reaches)
		}
	}
	for addr, x := range map[string]*Agent{"10.77.0.3": a, "fd00::3": b} {
		seed := netip.AddrPortFrom(netip.MustParseAddr(addr), DefaultPort)
		if lost, _ := x.withoutLiving([]netip.AddrPort{seed}); len(lost) > 0 {
			t.Errorf("to %s the other address of c is nobody's", x.conf.Name)
		}
	}
	b.Close()
	wantEvent(t, failed[0], "the one with IPv6 is gone")
	wantEvent(t, failed[2], "the one with IPv6 is gone")
}

// isFailure lets the events of failed members through.
func isFailure(e Event) bool {
	m, ok := e.(MemberEvent)
	return ok && m.Type == MemberFailed
}
