package hostaddr

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
)

// hosts is a Resolver that knows some names.
type hosts map[string][]string

func (h hosts) LookupNetIP(_ context.Context, _, host string) (ips []netip.Addr, err error) {
	list, ok := h[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	for _, text := range list {
		ips = append(ips, netip.MustParseAddr(text))
	}
	return ips, nil
}

func (hosts) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", nil, errors.New("nobody asks for services")
}

func TestNamesOfOwnAddressesAreResolved(t *testing.T) {
	known := hosts{"localhost": {"::1", "127.0.0.1"}, "node-1": {"10.1.2.3"}, "six": {"2600::1"}, "both": {"2600::9", "9.9.9.9"}, "mapped.": {"::ffff:10.1.2.4"}, "3com": {"10.0.0.1"}}
	for _, tt := range []struct {
		spec, want Spec
		reason     string
	}{
		{Spec{Bind: "localhost"}, Spec{Bind: "127.0.0.1"}, "localhost is 127.0.0.1"},
		{Spec{Bind: "localhost:5"}, Spec{Bind: "127.0.0.1:5"}, "localhost is 127.0.0.1"},
		{Spec{Bind: "six"}, Spec{Bind: "2600::1"}, "six is 2600::1"},
		{Spec{Bind: "six:0"}, Spec{Bind: "[2600::1]:0"}, "six is 2600::1"},
		{Spec{Bind: "mapped."}, Spec{Bind: "10.1.2.4"}, "mapped. is 10.1.2.4"},
		{Spec{Bind: "3com"}, Spec{Bind: "10.0.0.1"}, "3com is 10.0.0.1"},
		{Spec{Advertise: "both"}, Spec{Advertise: "9.9.9.9"}, "both is 9.9.9.9"},
		{Spec{Bind: "six", Advertise: "both:7"}, Spec{Bind: "2600::1", Advertise: "[2600::9]:7"}, "six is 2600::1, both is 2600::9"},
		{Spec{Bind: "::", Advertise: "both"}, Spec{Bind: "::", Advertise: "9.9.9.9"}, "both is 9.9.9.9"},
		{Spec{Bind: "2600::1", Advertise: "node-1"}, Spec{Bind: "2600::1", Advertise: "10.1.2.3"}, "node-1 is 10.1.2.3"},
		{Spec{Bind: "node-1", Interface: "eth0", Advertise: "9.9.9.9:1"}, Spec{Bind: "10.1.2.3", Interface: "eth0", Advertise: "9.9.9.9:1"}, "node-1 is 10.1.2.3"},
	} {
		got, reason, err := ResolveNames(t.Context(), known, tt.spec)
		if err != nil || got != tt.want || reason != tt.reason {
			t.Errorf("%+v: %+v, %q, %v; want %+v, %q",
				tt.spec, got, reason, err, tt.want, tt.reason)
		}
	}
}

// What isn't a name isn't looked up: Choose accepts or refuses it.
func TestAddressesAreNotLookedUp(t *testing.T) {
	for _, text := range []string{"", "1.2.3.4", "1.2.3.4:5", ":5", "::", "::1", "[::1]:5", "[::1]", "fe80::1%eth0", "300.1.2.3", "1.2.3", "10", "a:b:c", "[a]:5", "a b", "10.0.0.0/8", "0x7f000001", "."} {
		spec := Spec{Bind: text, Advertise: text}
		if got, reason, err := ResolveNames(t.Context(), hosts{}, spec); err != nil || got != spec || reason != "" {
			t.Errorf("%q: %+v, %q, %v", text, got, reason, err)
		}
	}
}

func TestNamesThatCannotBeResolved(t *testing.T) {
	known := hosts{"none": {}, "many": {"224.0.0.1"}}
	for _, tt := range []struct {
		spec Spec
		want string
	}{
		{Spec{Bind: "gone"}, "bind: lookup gone: no such host"},
		{Spec{Advertise: "gone:5"}, "advertise: lookup gone: no such host"},
		{Spec{Bind: "none"}, "bind: none: the name has no addresses"},
		{Spec{Bind: "many"}, "bind: many: [224.0.0.1] is no address of a member"},
	} {
		got, _, err := ResolveNames(t.Context(), known, tt.spec)
		if err == nil || err.Error() != tt.want || got != tt.spec {
			t.Errorf("%+v: %+v, %v, want %s", tt.spec, got, err, tt.want)
		}
	}
}
