package mdns

import (
	"io"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/mdns"
	"github.com/miekg/dns"

	"serf/agent"
)

func TestAddress(t *testing.T) {
	ours := "a.b._serf_prod._tcp.local."
	v4, v6 := net.IPv4(127, 0, 33, 2), net.ParseIP("fe80::2")
	for _, tc := range []struct {
		name  string
		entry mdns.ServiceEntry
		want  string // empty: none
	}{
		{"IPv4", mdns.ServiceEntry{Name: ours, AddrV4: v4, Port: 7946}, "127.0.33.2:7946"},
		{"in another case", mdns.ServiceEntry{Name: "A._SERF_Prod._tcp.local.", AddrV4: v4, Port: 1}, "127.0.33.2:1"},
		{"IPv6 of a link", mdns.ServiceEntry{Name: ours, AddrV6IPAddr: &net.IPAddr{IP: v6, Zone: "eth0"}, Port: 7946}, "[fe80::2%eth0]:7946"},
		{"another service", mdns.ServiceEntry{Name: "x._ipp._tcp.local.", AddrV4: v4, Port: 631}, ""},
		{"another cluster", mdns.ServiceEntry{Name: "x._serf_test._tcp.local.", AddrV4: v4, Port: 1}, ""},
		{"no instance", mdns.ServiceEntry{Name: "._serf_prod._tcp.local.", AddrV4: v4, Port: 1}, ""},
		{"short name", mdns.ServiceEntry{Name: "local.", AddrV4: v4, Port: 1}, ""},
		{"no address", mdns.ServiceEntry{Name: ours, Port: 1}, ""},
		{"bad address", mdns.ServiceEntry{Name: ours, AddrV4: net.IP{1, 2}, Port: 1}, ""},
		{"no port", mdns.ServiceEntry{Name: ours, AddrV4: v4}, ""},
		{"bad port", mdns.ServiceEntry{Name: ours, AddrV4: v4, Port: 65536}, ""},
	} {
		addr, ok := address(&tc.entry, "prod")
		got := ""
		if ok {
			got = addr.String()
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// An announcement must fit into a packet and come out of it unchanged.
func TestAnnouncement(t *testing.T) {
	for _, node := range []string{"web-1.example.com", `back\slash`, strings.Repeat("x", labelMax)} {
		c := Config{Cluster: "prod", Node: node, Addr: netip.MustParseAddrPort("127.0.33.1:7946")}
		m, err := newMulticast(&c)
		if err != nil {
			t.Fatal(err)
		}
		answer := dns.Msg{Answer: m.service.Records(dns.Question{Name: "_serf_prod._tcp.local.", Qtype: dns.TypePTR})}
		packet, err := answer.Pack()
		if err != nil {
			t.Errorf("%s: %v", node, err)
			continue
		}
		var back dns.Msg
		if err := back.Unpack(packet); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, rr := range back.Answer {
			switch rr := rr.(type) {
			case *dns.PTR:
				got = append(got, strings.ReplaceAll(rr.Ptr, `\\`, `\`))
			case *dns.TXT:
				got = append(got, strings.Join(rr.Txt, "|"))
			case *dns.A:
				got = append(got, rr.A.String())
			}
		}
		if d := cmp.Diff([]string{node + "._serf_prod._tcp.local.", "127.0.33.1", "Serf 'prod' cluster"}, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", node, d)
		}
	}
}

func TestLibraryLogsThroughTheAgent(t *testing.T) {
	l := agent.NewLog(io.Discard, slog.LevelError)
	defer l.Close()
	m := l.Monitor(slog.LevelDebug, 10, "")
	out := log.New(logWriter{l}, "", 0)
	out.Printf("[ERR] mdns: Failed to unpack packet: %v", "first")
	out.Printf("[ERR] mdns: Failed to unpack packet: %v", "second") // a repetition: counted
	out.Printf("no level")
	m.Close()
	var got []string
	for line, ok := m.Next(); ok; line, ok = m.Next() {
		got = append(got, line.Text[len("2006/01/02 15:04:05 "):])
	}
	if d := cmp.Diff([]string{"[DEBUG] agent.mdns: Failed to unpack packet: first", "[DEBUG] agent.mdns: no level"}, got); d != "" {
		t.Error(d)
	}
}
