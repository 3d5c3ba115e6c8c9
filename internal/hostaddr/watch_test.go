package hostaddr

import (
	"net/netip"
	"testing"
	"time"

	"serf/internal/errno"
	"serf/swim"
)

// fakeHost is a host whose addresses a test changes.
type fakeHost struct {
	list []Interface
	err  error
}

func (h *fakeHost) addrs() Host {
	return Host{
		All: func() ([]Interface, error) { return h.list, h.err },
		Named: func(name string) (Interface, error) {
			for _, i := range h.list {
				if i.Name == name {
					return i, h.err
				}
			}
			return Interface{}, errNoInterface
		},
		IPs: func() (ips []netip.Addr, err error) {
			for _, i := range h.list {
				ips = append(ips, i.Addrs...)
			}
			return ips, h.err
		},
		Poll: pollEvery, Grace: graceTime,
	}
}

// watched is the address watch of such a host, and its clock.
type watched struct {
	t   *testing.T
	h   fakeHost
	w   Watch
	now time.Time
}

func watch(t *testing.T, told, on string, six bool) *watched {
	ip := netip.MustParseAddr(told)
	x := &watched{t: t, now: time.Unix(1, 0)}
	x.w = *NewWatch(x.h.addrs(), six, netip.AddrPortFrom(ip, 7946), on)
	return x
}

// has sets the interfaces of the host.
func (x *watched) has(list ...Interface) { x.h.list = list }

// wantLooks looks that many times, one pollEvery apart, and requires that only the last look has
// a result: an address to advertise, "lost", "back", or nothing.
func (x *watched) wantLooks(reason string, times int, alone bool, want string) {
	x.t.Helper()
	for i := range times {
		s, err := x.w.Look(x.now, alone)
		x.now = x.now.Add(pollEvery)
		got := ""
		switch {
		case err != nil && x.h.err == nil:
			x.t.Fatalf("%s: %v", reason, err)
		case s.Move.IsValid():
			got = s.Move.String()
			x.w.Moved(&s)
		case s.Lost:
			got = "lost"
		case s.Back:
			got = "back"
		}
		if i < times-1 && got != "" || i == times-1 && got != want {
			x.t.Fatalf("%s: look %d comes to %q, want %q after %d", reason, i+1, got, want, times)
		}
	}
}

// graced is the number of looks until an address is given up.
const graced = int(graceTime/pollEvery) + 1

func down(i Interface) Interface {
	i.Up = false
	return i
}

func TestAddressWatch(t *testing.T) {
	lo := iface("lo", "127.0.0.1", "::1")
	bridge := iface("docker0", "172.17.0.1")
	eth := iface("eth0", "10.0.0.5", "2600::5")
	other := iface("eth0", "10.0.7.5", "2600::7")
	wlan := iface("wlan0", "192.168.1.5")

	x := watch(t, "10.0.0.5", "eth0", false)
	x.has(lo, eth, bridge)
	x.wantLooks("nothing changes", 100, false, "")
	x.has(lo, other, bridge)
	x.wantLooks("a new lease", 1, false, "10.0.7.5")
	x.wantLooks("that is all", 10, false, "")

	x.has(lo, iface("eth0", "fe80::1", "2600::7"), bridge)
	x.wantLooks("between two leases", graced-1, false, "")
	x.has(lo, eth, bridge)
	x.wantLooks("the old one again", 1, false, "10.0.0.5")

	x.has(lo, bridge)
	x.wantLooks("the interface is gone", graced, false, "172.17.0.1")
	x.has(lo, bridge, down(eth))
	x.wantLooks("it's still down", 10, false, "")
	x.has(lo, bridge, eth)
	x.wantLooks("it's back: others may not reach the bridge", 1, false, "10.0.0.5")

	x.has(lo, down(eth), wlan)
	x.wantLooks("unplugged, with its address: another network", graced, false, "192.168.1.5")
	x.has(lo, wlan, bridge)
	x.wantLooks("for good", 10, false, "")

	x.has(lo, down(wlan), iface("eth0", "fe80::1", "169.254.1.1"))
	x.wantLooks("no network at all", graced, false, "lost")
	x.wantLooks("told once", 100, false, "")
	x.has(lo, wlan)
	x.wantLooks("the same address is back", 1, false, "back")
	x.has(lo, iface("eth1", "2600::5"))
	x.wantLooks("one that the sockets can't take", graced, false, "lost")
	x.has(lo, other)
	x.wantLooks("and another one", 1, false, "10.0.7.5")
}

func TestAddressWatchOfBothFamilies(t *testing.T) {
	lo := iface("lo", "127.0.0.1", "::1")
	x := watch(t, "2600::5", "eth0", true)
	x.has(lo, iface("eth0", "10.0.0.5", "2600::5", "2600::6"))
	x.wantLooks("it has several", 10, false, "")
	x.has(lo, iface("eth0", "10.0.0.5", "2600::6"))
	x.wantLooks("a temporary address has ended", 1, false, "2600::6")
	x.has(lo, iface("eth0", "10.0.0.5"))
	x.wantLooks("no longer any", graced, false, "10.0.0.5")
	x.has(lo, iface("eth0", "10.0.0.5", "2600::7"))
	x.wantLooks("what others were told first is the better one", 1, false, "2600::7")
}

// An agent that starts before the network has only a loopback address to advertise. It switches to
// a better one when there is one, unless others know this one: they are on this host, and reach it
// there.
func TestAddressWatchOfALateInterface(t *testing.T) {
	lo, eth := iface("lo", "127.0.0.1"), iface("eth0", "10.0.0.5")
	x := watch(t, "127.0.0.1", "lo", false)
	x.has(lo, down(eth))
	x.wantLooks("not yet", 10, true, "")
	x.has(lo, eth)
	x.wantLooks("others on this host", 10, false, "")
	x.wantLooks("alone", 1, true, "10.0.0.5")
	x.has(lo, iface("eth0", "10.0.0.6"))
	x.wantLooks("as if it had been there at the start", 1, true, "10.0.0.6")
}

func TestAddressWatchOfAGivenAddress(t *testing.T) {
	lo, eth, other := iface("lo", "127.0.0.1"), iface("eth0", "10.0.0.5"), iface("eth0", "10.0.7.5")
	x := watch(t, "10.0.0.5", "", false)
	x.has(lo, eth)
	x.wantLooks("there", 10, false, "")
	x.has(lo, other)
	x.wantLooks("gone: said once, and nothing else is told to others", graced, false, "lost")
	x.wantLooks("once", 100, false, "")
	x.has(lo, other, eth)
	x.wantLooks("there again", 1, false, "back")
}

func TestAddressWatchThatSeesNothing(t *testing.T) {
	for _, on := range []string{"eth0", ""} {
		x := watch(t, "10.0.0.5", on, false)
		x.has(iface("eth0"))
		x.h.err = errno.NoAddr
		x.wantLooks("what can't be read isn't gone", 10, false, "")
	}
}

// The families that can be sent to are those that both the socket and the host have.
func TestFamiliesOfAHost(t *testing.T) {
	lo := iface("lo", "127.0.0.1", "::1")
	four, six := iface("eth0", "10.0.0.5", "fe80::1"), iface("eth1", "2600::5", "fe80::2")
	for _, tc := range []struct {
		bound, told string
		host        []Interface
		want        swim.Families
	}{
		{"0.0.0.0", "10.0.0.5", []Interface{lo, four, six}, swim.IPv4},
		{"10.0.0.5", "10.0.0.5", []Interface{lo, four, six}, swim.IPv4},
		{"2600::5", "2600::5", []Interface{lo, four, six}, swim.IPv6},
		{"::", "2600::5", []Interface{lo, four, six}, swim.IPv4 | swim.IPv6},
		{"::", "10.0.0.5", []Interface{lo, four}, swim.IPv4},
		{"::", "2600::5", []Interface{lo, six}, swim.IPv6},
		{"::", "::1", []Interface{lo, six}, swim.IPv4 | swim.IPv6},
		{"::", "2600::5", nil, 0}, // unknown
	} {
		h := fakeHost{list: tc.host}
		bound, told := netip.MustParseAddr(tc.bound), netip.MustParseAddr(tc.told)
		if got := h.addrs().Families(bound, told); got != tc.want {
			t.Errorf("bound to %s, telling %s: %d, want %d", tc.bound, tc.told, got, tc.want)
		}
	}
	h := fakeHost{list: []Interface{lo, four}, err: errNoInterface}
	if got := h.addrs().Families(netip.IPv6Unspecified(), netip.MustParseAddr("10.0.0.5")); got != 0 {
		t.Errorf("what can't be read is taken for %d", got)
	}
}
