package hostaddr

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// iface is an interface that is up.
func iface(name string, addrs ...string) Interface {
	i := Interface{Name: name, Up: true}
	for _, a := range addrs {
		i.Addrs = append(i.Addrs, netip.MustParseAddr(a))
	}
	return i
}

// these is a list of a host's interfaces.
func these(all ...Interface) func() ([]Interface, error) {
	return func() ([]Interface, error) { return all, nil }
}

func TestParseAddress(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"1.2.3.4", "1.2.3.4:7946"},
		{"1.2.3.4:5", "1.2.3.4:5"},
		{"1.2.3.4:0", "1.2.3.4:0"},
		{":5", "0.0.0.0:5"},
		{"::1", "[::1]:7946"},
		{"::", "[::]:7946"},
		{"[::1]", "[::1]:7946"},
		{"[::1]:65535", "[::1]:65535"},
		{"[fe80::1%eth0]:5", "[fe80::1%eth0]:5"},
		{"::ffff:1.2.3.4", "1.2.3.4:7946"},
		{"[::ffff:1.2.3.4]:5", "1.2.3.4:5"},
	} {
		got, err := Parse(tc.text, DefaultPort)
		if err != nil || got.String() != tc.want {
			t.Errorf("%q: got %v, %v; want %s", tc.text, got, err, tc.want)
		}
	}
	for _, text := range []string{"", "[]", "[", "]", ":", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:http", "[::1", "[::1]5", "[::1]:",
		"1.2.3", "host", "host:5", "a:b:c", "[1.2.3.4]:x", "1.2.3.4:5:6"} {
		if got, err := Parse(text, DefaultPort); err == nil {
			t.Errorf("%q is accepted as %v", text, got)
		} else if !strings.Contains(err.Error(), text) {
			t.Errorf("%q: the error doesn't name it: %v", text, err)
		}
	}
}

func TestChooseAddresses(t *testing.T) {
	lo := iface("lo", "127.0.0.1", "::1")
	private := iface("eth0", "fe80::1", "10.1.2.3")
	public := iface("eth1", "8.8.4.4", "2600::1")
	shared := iface("wan0", "100.64.0.9")
	six := iface("eth6", "fe80::2", "2600::2", "fd00::2")
	linkLocal := iface("auto", "169.254.1.1", "fe80::3")
	down := Interface{Name: "off", Addrs: private.Addrs}
	for _, tc := range []struct {
		name            string
		spec            Spec
		interfaces      []Interface
		bind, advertise string
		reason          string
	}{
		{"private goes first", Spec{}, []Interface{lo, public, private, six}, "0.0.0.0:7946", "10.1.2.3:7946", "on eth0, private IPv4 address"},
		{"shared address space is private", Spec{}, []Interface{lo, public, shared}, "0.0.0.0:7946", "100.64.0.9:7946", "on wan0, private IPv4 address"},
		{"the first among equals", Spec{}, []Interface{shared, private}, "0.0.0.0:7946", "100.64.0.9:7946", "on wan0, private IPv4 address"},
		{"else a public one", Spec{}, []Interface{lo, six, linkLocal, public}, "0.0.0.0:7946", "8.8.4.4:7946", "on eth1, public IPv4 address (no private IPv4 address found)"},
		{"else IPv6", Spec{}, []Interface{lo, six, linkLocal}, "[::]:7946", "[fd00::2]:7946", "on eth6, private IPv6 address (no private IPv4 address found)"},
		{"else this host alone", Spec{}, []Interface{linkLocal, lo, down}, "0.0.0.0:7946", "127.0.0.1:7946",
			"on lo, loopback address, which only this host can reach (no private IPv4 address found)"},
		{"[::] wants IPv6", Spec{Bind: "[::]:5"}, []Interface{lo, private, public}, "[::]:5", "[2600::1]:5", "on eth1, public IPv6 address (no private IPv6 address found)"},
		{"[::] takes IPv4 if need be", Spec{Bind: "::"}, []Interface{lo, private}, "[::]:7946", "10.1.2.3:7946", "on eth0, private IPv4 address (no private IPv6 address found)"},
		{"port alone", Spec{Bind: ":5"}, []Interface{private}, "0.0.0.0:5", "10.1.2.3:5", "on eth0, private IPv4 address"},
		{"address given", Spec{Bind: "8.8.4.4:5"}, []Interface{private, public}, "8.8.4.4:5", "8.8.4.4:5", ""},
		{"loopback given", Spec{Bind: "127.0.0.1"}, []Interface{private}, "127.0.0.1:7946", "127.0.0.1:7946", ""},
		{"link-local IPv4 given", Spec{Bind: "169.254.1.1"}, nil, "169.254.1.1:7946", "169.254.1.1:7946", ""},
		{"port for tests", Spec{Bind: "127.0.0.1:0"}, nil, "127.0.0.1:0", "127.0.0.1:0", ""},
		{"interface", Spec{Interface: "eth1"}, []Interface{lo, private, public}, "8.8.4.4:7946", "8.8.4.4:7946", "on eth1, public IPv4 address (no private IPv4 address found)"},
		{"interface and port", Spec{Bind: ":5", Interface: "eth0"}, []Interface{lo, private}, "10.1.2.3:5", "10.1.2.3:5", "on eth0, private IPv4 address"},
		{"interface for IPv6", Spec{Bind: "::", Interface: "eth1"}, []Interface{public}, "[2600::1]:7946", "[2600::1]:7946", "on eth1, public IPv6 address (no private IPv6 address found)"},
		{"interface has the address", Spec{Bind: "2600::1", Interface: "eth1"}, []Interface{public}, "[2600::1]:7946", "[2600::1]:7946", ""},
		{"advertise", Spec{Bind: ":5", Advertise: "9.9.9.9"}, []Interface{private}, "0.0.0.0:5", "9.9.9.9:5", ""},
		{"advertise with a port", Spec{Advertise: "9.9.9.9:6"}, nil, "0.0.0.0:7946", "9.9.9.9:6", ""},
		{"advertise IPv6", Spec{Advertise: "[2600::9]:6"}, nil, "0.0.0.0:7946", "[2600::9]:6", ""},
		{"advertise on an interface", Spec{Interface: "eth0", Advertise: "9.9.9.9"}, []Interface{private}, "10.1.2.3:7946", "9.9.9.9:7946", ""},
		{"advertise loopback to loopback", Spec{Bind: "127.0.0.1", Advertise: "127.0.0.2"}, nil, "127.0.0.1:7946", "127.0.0.2:7946", ""},
		{"link-local bind, other advertised", Spec{Bind: "fe80::1%eth0", Advertise: "2600::9"}, nil, "[fe80::1%eth0]:7946", "[2600::9]:7946", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Choose(tc.spec, these(tc.interfaces...))
			if err != nil {
				t.Fatal(err)
			}
			want := []string{tc.bind, tc.advertise, tc.reason}
			if d := cmp.Diff(want, []string{got.Bind.String(), got.Advertise.String(), got.Reason}); d != "" {
				t.Error(d)
			}
		})
	}
}

// With a named address no list of interfaces is needed, and one that can't be read does no harm.
func TestInterfacesAreListedIfNeeded(t *testing.T) {
	errDenied := errors.New("netlink: permission denied")
	for _, tc := range []struct {
		spec   Spec
		needed bool
	}{
		{Spec{Bind: "10.1.2.3"}, false},
		{Spec{Bind: "[2600::1]:5"}, false},
		{Spec{Bind: "127.0.0.1:0"}, false},
		{Spec{Advertise: "10.1.2.3"}, false},
		{Spec{Bind: "[::]:5", Advertise: "10.1.2.3"}, false},
		{Spec{}, true},
		{Spec{Bind: ":5"}, true},
		{Spec{Bind: "::"}, true},
		{Spec{Bind: "10.1.2.3", Interface: "eth0"}, true},
		{Spec{Advertise: "10.1.2.3", Interface: "eth0"}, true},
	} {
		_, err := Choose(tc.spec, func() ([]Interface, error) { return nil, errDenied })
		if tc.needed != errors.Is(err, errDenied) || !tc.needed && err != nil {
			t.Errorf("%+v: %v", tc.spec, err)
		}
		if tc.needed && !strings.Contains(err.Error(), "name an address with bind or advertise") {
			t.Errorf("%+v: no way out: %v", tc.spec, err)
		}
	}
}

func TestChooseAddressesRefuses(t *testing.T) {
	lo := iface("lo", "127.0.0.1")
	eth := iface("eth0", "10.1.2.3", "fe80::1")
	empty := iface("tun0", "fe80::2")
	off := Interface{Name: "off", Addrs: eth.Addrs}
	for _, tc := range []struct {
		spec Spec
		want string // what the error tells
	}{
		{Spec{Bind: "host"}, `bind: "host": want IP, IP:port, [v6]:port, :port or the name of a host`},
		{Spec{Bind: "224.0.0.1"}, "bind: 224.0.0.1 is a multicast address"},
		{Spec{Bind: "fe80::1%eth0"}, "bind: fe80::1%eth0: a link-local address means nothing"},
		{Spec{Interface: "eth7"}, `interface: no "eth7" here, there are lo, eth0, tun0, off`},
		{Spec{Interface: "off"}, "interface: off is down"},
		{Spec{Interface: "tun0"}, "interface: tun0 has no usable address, it has [fe80::2]"},
		{Spec{Interface: "eth0", Bind: "10.1.2.4"}, "interface: eth0 doesn't have the address 10.1.2.4, it has [10.1.2.3 fe80::1]"},
		{Spec{Advertise: "0.0.0.0"}, "advertise: 0.0.0.0: the others can't send to the unspecified address"},
		{Spec{Advertise: "::"}, "advertise: ::: the others can't send to the unspecified address"},
		{Spec{Advertise: ":7946"}, "advertise: 0.0.0.0: the others can't send to the unspecified address"},
		{Spec{Advertise: "239.1.1.1"}, "advertise: 239.1.1.1: one member's address can't be that of many"},
		{Spec{Advertise: "ff02::1"}, "advertise: ff02::1: one member's address can't be that of many"},
		{Spec{Advertise: "255.255.255.255"}, "advertise: 255.255.255.255: one member's address can't be that of many"},
		{Spec{Advertise: "fe80::1"}, "advertise: fe80::1: a link-local address means nothing"},
		{Spec{Advertise: "127.0.0.1"}, "advertise: 127.0.0.1: the others would send to themselves; bind to it"},
		{Spec{Advertise: "9.9.9.9:0"}, `advertise: "9.9.9.9:0": nobody can reach port 0`},
		{Spec{Advertise: "name"}, `advertise: "name": want IP`},
	} {
		_, err := Choose(tc.spec, these(lo, eth, empty, off))
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%+v: got %v, want %s", tc.spec, err, tc.want)
		}
	}
	_, err := Choose(Spec{}, these(empty, off))
	if err == nil || !strings.Contains(err.Error(), "set advertise, or bind to 127.0.0.1") {
		t.Errorf("no address at all: %v", err)
	}
}

func TestIsPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "172.15.255.255": true, "172.32.0.0": true, "2600::1": true, "::ffff:8.8.8.8": true,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "100.64.0.1": false, "127.0.31.1": false, "169.254.0.1": false,
		"192.0.2.2": false, "::1": false, "fd00::2": false, "fe80::1%eth0": false, "2001:db8::1": false, "::ffff:10.0.0.1": false,
		"224.0.0.1": false, "0.0.0.0": false, "255.255.255.255": false,
	} {
		if got := IsPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: public is %v", text, got)
		}
	}
	if IsPublic(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestNetInterfacesHasLoopback(t *testing.T) {
	list, err := Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		for _, ip := range i.Addrs {
			if i.Up && ip.IsLoopback() {
				return
			}
		}
	}
	t.Errorf("no loopback address among %v", list)
}
