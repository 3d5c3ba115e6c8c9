package hostaddr

import (
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func serviceNames() fakeServices {
	return fakeServices{
		fakeNames{
			"one.test":         ips("127.0.0.1"),
			"two.test":         ips("127.0.0.2", "::1"),
			"_old._name.test":  ips("127.0.0.9"),
			"_both._tcp.test":  ips("127.0.0.8"),
			"plain.test":       ips("127.0.0.7"),
			"_x.test":          ips("127.0.0.6"),
			"nowhere.test":     ips("0.0.0.0"),
			"_gone._tcp.other": nil,
		},
		map[string][]*net.SRV{
			"_serf._tcp.test":  {{Target: "two.test.", Port: 5}, {Target: "one.test.", Port: 6}},
			"_both._tcp.test":  {{Target: "one.test.", Port: 6}},
			"plain.test":       {{Target: "one.test", Port: 7}},
			"_half._tcp.test":  {{Target: "gone.test.", Port: 5}, {Target: "one.test.", Port: 6}},
			"_none._tcp.test":  {{Target: ".", Port: 5}},
			"_zero._tcp.test":  {{Target: "one.test.", Port: 0}},
			"_empty._tcp.test": {},
		},
	}
}

func TestResolveServices(t *testing.T) {
	for _, tc := range []struct {
		why, addrs string
		want       []string
	}{
		{"records in their order, all addresses of each", "_serf._tcp.test", []string{"127.0.0.2:5", "[::1]:5", "127.0.0.1:6"}},
		{"the name of a member before it", "name/_serf._tcp.test", []string{"127.0.0.2:5", "[::1]:5", "127.0.0.1:6"}},
		{"a name that has addresses only, as ever", "_old._name.test", []string{"127.0.0.9:100"}},
		{"records go before addresses", "_both._tcp.test", []string{"127.0.0.1:6"}},
		{"with a port the addresses are meant", "_both._tcp.test:5", []string{"127.0.0.8:5"}},
		{"any name, if it is said", "dnssrv+plain.test", []string{"127.0.0.1:7"}},
		{"and only then", "plain.test", []string{"127.0.0.7:100"}},
		{"one underscore is no service", "_x.test", []string{"127.0.0.6:100"}},
		{"each address once", "_both._tcp.test one.test:6 _serf._tcp.test", []string{"127.0.0.1:6", "127.0.0.2:5", "[::1]:5"}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			got, err := Resolve(t.Context(), serviceNames(), strings.Fields(tc.addrs), 100)
			if d := cmp.Diff(tc.want, addrStrings(got)); d != "" || err != nil {
				t.Error(err, d)
			}
		})
	}
}

func TestResolveServiceErrors(t *testing.T) {
	for addr, want := range map[string]string{
		"_lost._tcp.test":     "lookup _lost._tcp.test: no such host",
		"_none._tcp.test":     "_none._tcp.test: its SRV record says that there is none",
		"_zero._tcp.test":     "_zero._tcp.test: its SRV record has port 0 for one.test",
		"_empty._tcp.test":    "_empty._tcp.test: the name has no SRV records",
		"dnssrv+one.test":     "lookup one.test: no such host",
		"dnssrv+plain.test:5": `"dnssrv+plain.test:5": SRV records say the port themselves`,
		"dnssrv+a b":          `"dnssrv+a b": neither an address nor a name`,
	} {
		got, err := Resolve(t.Context(), serviceNames(), []string{addr}, 100)
		if err == nil || err.Error() != want || len(got) != 0 {
			t.Errorf("%q: got %v, %v; want %s", addr, got, err, want)
		}
	}
}

func TestResolveServiceKeepsWhatWorks(t *testing.T) {
	got, err := Resolve(t.Context(), serviceNames(), []string{"_half._tcp.test"}, 100)
	if d := cmp.Diff([]string{"127.0.0.1:6"}, addrStrings(got)); d != "" {
		t.Error(d)
	}
	if err == nil || !strings.Contains(err.Error(), "gone.test") {
		t.Errorf("error %v doesn't name the target that doesn't exist", err)
	}
}

func TestResolveServiceLimit(t *testing.T) {
	names := fakeServices{fakeNames{"one.test": ips("127.0.0.1")}, map[string][]*net.SRV{}}
	for i := range joinServices + 1 {
		names.records["_serf._tcp.test"] = append(names.records["_serf._tcp.test"], &net.SRV{Target: "one.test.", Port: uint16(i + 1)})
	}
	got, err := Resolve(t.Context(), names, []string{"_serf._tcp.test"}, 100)
	if err != nil || len(got) != joinServices {
		t.Errorf("%d addresses, %v, want those of %d records", len(got), err, joinServices)
	}
}
