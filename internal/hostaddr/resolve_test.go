package hostaddr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeNames answers lookups; a name that isn't in it doesn't exist, one with nil hangs.
type fakeNames map[string][]netip.Addr

func (f fakeNames) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	ips, ok := f[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if ips == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return ips, nil
}

func (f fakeNames) LookupSRV(ctx context.Context, service, proto, host string) (string, []*net.SRV, error) {
	return "", nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// fakeServices also has SRV records.
type fakeServices struct {
	fakeNames
	records map[string][]*net.SRV
}

func (f fakeServices) LookupSRV(ctx context.Context, service, proto, host string) (string, []*net.SRV, error) {
	if service != "" || proto != "" {
		return "", nil, errors.New("asked for a service by its parts")
	}
	if r, ok := f.records[host]; ok {
		return host, r, nil
	}
	return f.fakeNames.LookupSRV(ctx, service, proto, host)
}

func ips(texts ...string) []netip.Addr {
	list := []netip.Addr{}
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

func addrStrings(addrs []netip.AddrPort) (list []string) {
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return list
}

func TestResolveJoin(t *testing.T) {
	names := fakeNames{
		"one":         ips("127.0.0.1"),
		"many.test":   ips("127.0.0.1", "127.0.0.2", "::1"),
		"mapped.test": ips("::ffff:127.0.0.3"),
		"mixed.test":  ips("0.0.0.0", "127.0.0.4", "224.0.0.1"),
	}
	for _, tc := range []struct {
		addrs string
		want  []string
	}{
		{"127.0.0.1", []string{"127.0.0.1:100"}},
		{"127.0.0.1:5", []string{"127.0.0.1:5"}},
		{"::1", []string{"[::1]:100"}},
		{"[::1]", []string{"[::1]:100"}},
		{"[::1]:5", []string{"[::1]:5"}},
		{"name/127.0.0.1:5", []string{"127.0.0.1:5"}},
		{"name/[::1]:5", []string{"[::1]:5"}},
		{"name/::1", []string{"[::1]:100"}},
		{"one", []string{"127.0.0.1:100"}},
		{"one:5", []string{"127.0.0.1:5"}},
		{"name/one:5", []string{"127.0.0.1:5"}},
		{"many.test:5", []string{"127.0.0.1:5", "127.0.0.2:5", "[::1]:5"}},
		{"mapped.test", []string{"127.0.0.3:100"}},
		{"mixed.test", []string{"127.0.0.4:100"}},
		{"many.test one 127.0.0.2:100 127.0.0.9", []string{"127.0.0.1:100", "127.0.0.2:100", "[::1]:100", "127.0.0.9:100"}},
		{"", nil},
	} {
		t.Run(tc.addrs, func(t *testing.T) {
			got, err := Resolve(t.Context(), names, strings.Fields(tc.addrs), 100)
			if d := cmp.Diff(tc.want, addrStrings(got)); d != "" || err != nil {
				t.Error(err, d)
			}
		})
	}
}

func TestResolveJoinErrorsNameTheAddress(t *testing.T) {
	names := fakeNames{"empty.test": ips(), "nowhere.test": ips("0.0.0.0")}
	for addr, want := range map[string]string{
		"":             `"": has no address`,
		":5":           `":5": has no host`,
		"/one":         `"/one": no name before the slash`,
		"name/":        `"": has no address`,
		"a/b/c":        `"a/b/c": neither an address nor a name`,
		"x,y":          `"x,y": neither an address nor a name`,
		"10.0.0.256":   `"10.0.0.256": neither an address nor a name`,
		"one:x":        `"one:x": port "x", allowed 0 to 65535`,
		"one:65536":    `"one:65536": port "65536", allowed 0 to 65535`,
		"one:0":        `"one:0": port 0, allowed 1 to 65535`,
		"1:2:3":        `"1:2:3": neither an address nor a name`,
		"[one]:5":      `lookup one: no such host`,
		"gone.test":    `lookup gone.test: no such host`,
		"empty.test":   `empty.test: the name has no addresses`,
		"nowhere.test": `nowhere.test: [0.0.0.0] is no address of a member`,
		"0.0.0.0":      `0.0.0.0: [0.0.0.0] is no address of a member`,
		"224.0.0.1:5":  `224.0.0.1:5: [224.0.0.1] is no address of a member`,
	} {
		got, err := Resolve(t.Context(), names, []string{addr}, 100)
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, %v; want %s", addr, got, err, want)
		}
	}
}

func TestResolveJoinKeepsWhatWorks(t *testing.T) {
	got, err := Resolve(t.Context(), fakeNames{"one": ips("127.0.0.1")}, []string{"gone", "one", "lost"}, 100)
	if d := cmp.Diff([]string{"127.0.0.1:100"}, addrStrings(got)); d != "" {
		t.Error(d)
	}
	if err == nil || !strings.Contains(err.Error(), "gone") || !strings.Contains(err.Error(), "lost") {
		t.Errorf("error %v doesn't name both that failed", err)
	}
}

// hanging returns n names that never resolve.
func hanging(names fakeNames, n int) (list []string) {
	for i := range n {
		name := fmt.Sprint("hangs", i)
		names[name] = nil
		list = append(list, name)
	}
	return list
}

func TestResolveJoinHangingNamesGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := fakeNames{"one": ips("127.0.0.1")}
		addrs := append(hanging(names, joinLookups), "one", "127.0.0.2")
		start := time.Now()
		got, err := Resolve(t.Context(), names, addrs, 100)
		if d := cmp.Diff([]string{"127.0.0.1:100", "127.0.0.2:100"}, addrStrings(got)); d != "" {
			t.Error(d)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "hangs0: looking it up took too long") {
			t.Error(err)
		}
		if took := time.Since(start); took != joinLookupTimeout {
			t.Errorf("took %v, each lookup has %v", took, joinLookupTimeout)
		}
	})
}

func TestResolveJoinEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		names := fakeNames{}
		start := time.Now()
		_, err := Resolve(ctx, names, hanging(names, 3*joinLookups), 100)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v with a limit of 3s", took)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), ": not looked up in time") {
			t.Error(err)
		}
	})
}

func TestResolveJoinLimit(t *testing.T) {
	addr := func(i int) string { return fmt.Sprintf("127.0.%d.%d", i>>8, i&255) }
	var many []string
	for i := range joinTargets {
		many = append(many, addr(i+1))
	}
	if got, err := Resolve(t.Context(), nil, many, 100); err != nil || len(got) != joinTargets {
		t.Errorf("at the limit: %d addresses, error %v", len(got), err)
	}
	got, err := Resolve(t.Context(), nil, append(many, addr(joinTargets+1)), 100)
	if err == nil || len(got) != joinTargets {
		t.Errorf("over the limit: %d addresses, error %v", len(got), err)
	}
}
