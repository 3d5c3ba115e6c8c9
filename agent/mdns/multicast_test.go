package mdns

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
)

func name(s string) dnsmessage.Name { return dnsmessage.MustNewName(s) }

// pack makes a response of these records.
func pack(t *testing.T, resources ...dnsmessage.Resource) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: resources}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packet
}

// parsed is what a packet says of the members of cluster prod.
func parsed(t *testing.T, packet []byte) []string {
	t.Helper()
	var got []string
	err := parseAnswer(packet, "prod", "eth0", func(a netip.AddrPort) { got = append(got, a.String()) })
	if err != nil {
		t.Error(err)
	}
	return got
}

// TestAddress: only a member of the cluster that has an address and a port is found.
func TestAddress(t *testing.T) {
	t.Parallel()
	host := name("host.")
	srv := func(instance string, port uint16) dnsmessage.Resource {
		return record(name(instance), &dnsmessage.SRVResource{Port: port, Target: host})
	}
	a := record(host, &dnsmessage.AResource{A: [4]byte{127, 0, 33, 2}})
	link := record(host, &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("fe80::2").As16()})
	mapped := record(host, &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("::ffff:127.0.33.3").As16()})
	const ours = "a.b._serf_prod._tcp.local."
	for what, tc := range map[string]struct {
		records []dnsmessage.Resource
		want    []string
	}{
		"IPv4":                     {[]dnsmessage.Resource{srv(ours, 7946), a}, []string{"127.0.33.2:7946"}},
		"the address before":       {[]dnsmessage.Resource{a, srv(ours, 7946)}, []string{"127.0.33.2:7946"}},
		"in another case":          {[]dnsmessage.Resource{srv("A._SERF_Prod._tcp.local.", 1), a}, []string{"127.0.33.2:1"}},
		"IPv6 of a link":           {[]dnsmessage.Resource{srv(ours, 1), link}, []string{"[fe80::2%eth0]:1"}},
		"IPv4 in IPv6":             {[]dnsmessage.Resource{srv(ours, 1), mapped}, []string{"127.0.33.3:1"}},
		"two":                      {[]dnsmessage.Resource{srv(ours, 1), a, srv("x"+ours, 2)}, []string{"127.0.33.2:1", "127.0.33.2:2"}},
		"another service":          {[]dnsmessage.Resource{srv("x._ipp._tcp.local.", 631), a}, nil},
		"another cluster":          {[]dnsmessage.Resource{srv("x._serf_test._tcp.local.", 1), a}, nil},
		"no instance":              {[]dnsmessage.Resource{srv("_serf_prod._tcp.local.", 1), a}, nil},
		"short name":               {[]dnsmessage.Resource{srv("local.", 1), a}, nil},
		"no address":               {[]dnsmessage.Resource{srv(ours, 1)}, nil},
		"the address of another":   {[]dnsmessage.Resource{srv(ours, 1), record(name("other."), a.Body)}, nil},
		"no port":                  {[]dnsmessage.Resource{srv(ours, 0), a}, nil},
		"an address but no member": {[]dnsmessage.Resource{a}, nil},
	} {
		if d := cmp.Diff(tc.want, parsed(t, pack(t, tc.records...))); d != "" {
			t.Errorf("%s: -want +got:\n%s", what, d)
		}
	}
}

// TestQueriesAreNoAnswers: one's own question comes back by multicast.
func TestQueriesAreNoAnswers(t *testing.T) {
	t.Parallel()
	q, err := question("prod")
	if err != nil || parsed(t, q) != nil {
		t.Errorf("%v, %v", err, parsed(t, q))
	}
	if parseAnswer([]byte("short"), "prod", "", nil) == nil {
		t.Error("garbage is an answer")
	}
}

func testRecords(t *testing.T, node, addr string) *records {
	t.Helper()
	c := Config{Cluster: "prod", Node: node, Addr: netip.MustParseAddrPort(addr)}
	if err := Check(c.Cluster, c.Node); err != nil {
		t.Fatal(err)
	}
	r, err := newRecords(&c, "host")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAnnouncement: the answer to our question leads back to the member, whatever its name is.
func TestAnnouncement(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat(strings.Repeat("x", labelMax)+".", 4)[:nameMax-len("._serf_prod._tcp")]
	for _, node := range []string{"web-1.example.com", `back\slash`, "größe", longest} {
		for _, addr := range []string{"127.0.33.1:7946", "[2001:db8::1]:1"} {
			q, err := question("prod")
			if err != nil {
				t.Fatal(err)
			}
			packet, unicast, err := testRecords(t, node, addr).reply(q, true)
			if err != nil || !unicast {
				t.Fatalf("%s: %v, unicast %v", node, err, unicast)
			}
			if d := cmp.Diff([]string{addr}, parsed(t, packet)); d != "" {
				t.Errorf("%s: -want +got:\n%s", node, d)
			}
			var m dnsmessage.Message
			if err := m.Unpack(packet); err != nil {
				t.Fatal(err)
			}
			ptr := m.Answers[0].Body.(*dnsmessage.PTRResource).PTR.String()
			txt := m.Answers[3].Body.(*dnsmessage.TXTResource).TXT[0]
			if ptr != node+"._serf_prod._tcp.local." || txt != "Serf 'prod' cluster" {
				t.Errorf("%s: %q, %q", node, ptr, txt)
			}
		}
	}
}

// TestReplies: which questions are answered, with which types of records, and to whom.
func TestReplies(t *testing.T) {
	t.Parallel()
	const all = "PTR SRV A TXT"
	for _, tc := range []struct {
		name    string
		kind    dnsmessage.Type
		class   dnsmessage.Class
		legacy  bool
		want    string
		unicast bool
	}{
		{"_serf_prod._tcp.local.", dnsmessage.TypePTR, 1, false, all, false},
		{"_serf_prod._tcp.local.", dnsmessage.TypePTR, 1 | unicastWanted, false, all, true},
		{"_SERF_prod._tcp.LOCAL.", dnsmessage.TypeALL, 1, true, all, true},
		{"_serf_prod._tcp.local.", dnsmessage.TypeA, 1, true, "", false},
		{"_serf_test._tcp.local.", dnsmessage.TypePTR, 1, true, "", false},
		{enumeration, dnsmessage.TypePTR, 1, true, "PTR", true},
		{"n._serf_prod._tcp.local.", dnsmessage.TypeSRV, 1, true, "SRV A TXT", true},
		{"host.", dnsmessage.TypeA, 1, true, "A", true},
	} {
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{
			{Name: name("other."), Type: dnsmessage.TypePTR, Class: 1}, // of another query in the packet
			{Name: name(tc.name), Type: tc.kind, Class: tc.class}}}
		query, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		packet, unicast, err := testRecords(t, "n", "127.0.33.1:7946").reply(query, tc.legacy)
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		if packet != nil {
			var back dnsmessage.Message
			if err := back.Unpack(packet); err != nil {
				t.Fatal(err)
			}
			for i := range back.Answers {
				types = append(types, strings.TrimPrefix(back.Answers[i].Header.Type.String(), "Type"))
			}
			if echoed := back.ID == 7 && len(back.Questions) == 1; echoed != tc.legacy || !back.Response {
				t.Errorf("%v: ID %d, %d questions", tc, back.ID, len(back.Questions))
			}
		}
		if got := strings.Join(types, " "); got != tc.want || unicast != tc.unicast {
			t.Errorf("%v: %q, unicast %v", tc, got, unicast)
		}
	}
}

// TestGarbageIsNotAnswered: what isn't a standard query gets no reply.
func TestGarbageIsNotAnswered(t *testing.T) {
	t.Parallel()
	r := testRecords(t, "n", "127.0.33.1:7946")
	q, err := question("prod")
	if err != nil {
		t.Fatal(err)
	}
	for what, h := range map[string]dnsmessage.Header{"response": {Response: true}, "status": {OpCode: 2}, "error": {RCode: 3}} {
		var m dnsmessage.Message
		if err := m.Unpack(q); err != nil {
			t.Fatal(err)
		}
		m.Header = h
		packet, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if reply, _, err := r.reply(packet, true); reply != nil || err != nil {
			t.Errorf("%s: answered, %v", what, err)
		}
	}
	for n := range q {
		if reply, _, err := r.reply(q[:n], true); reply != nil || err == nil {
			t.Errorf("the first %d bytes are answered", n)
		}
	}
}

func FuzzPackets(f *testing.F) {
	q, err := question("prod")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(q)
	c := Config{Cluster: "prod", Node: "n", Addr: netip.MustParseAddrPort("127.0.33.1:7946")}
	r, err := newRecords(&c, "host")
	if err != nil {
		f.Fatal(err)
	}
	reply, _, err := r.reply(q, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(reply)
	f.Fuzz(func(t *testing.T, packet []byte) {
		answer, _, _ := r.reply(packet, true)
		if len(answer) > packetMax {
			t.Errorf("answer of %d bytes", len(answer))
		}
		_ = parseAnswer(packet, "prod", "", func(a netip.AddrPort) {
			if a.Port() == 0 {
				t.Error("port 0")
			}
		})
	})
}
