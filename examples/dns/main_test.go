package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"serf/agent"
	"serf/examples/internal/clustertest"
)

// Go's resolver asks the program, and finds no member any more that has left.
func TestServe(t *testing.T) {
	t.Parallel()
	ctx := clustertest.Context(t)
	start := func(name, port string, others ...*agent.Agent) *agent.Agent {
		return clustertest.Start(t, clustertest.Config(name, map[string]string{"role": "web", "port": port}), others...)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := clustertest.Start(t, clustertest.Config("dns-1", nil))
	done := make(chan bool)
	go func() {
		defer close(done)
		serve(conn, a)
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	start("web-1", "8001", a)
	web2 := start("Web-2", "8002", a)
	clustertest.WaitFor(t, a, "three members", func(members []agent.Member) bool { return len(members) == 3 })

	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	want := func(targets ...string) {
		t.Helper()
		_, records, err := r.LookupSRV(ctx, "", "", "web.serf.")
		var got []string
		for _, srv := range records {
			got = append(got, fmt.Sprintf("%s:%d", srv.Target, srv.Port))
			ips, err := r.LookupNetIP(ctx, "ip4", srv.Target)
			if err != nil || len(ips) != 1 || ips[0] != netip.MustParseAddr("127.0.0.1") {
				t.Errorf("%s: %v, %v", srv.Target, ips, err)
			}
		}
		if slices.Sort(got); err != nil || !slices.Equal(got, targets) {
			t.Errorf("SRV of web.serf.: %v, %v; want %v", got, err, targets)
		}
	}
	want("Web-2.node.serf.:8002", "web-1.node.serf.:8001")
	if ips, err := r.LookupNetIP(ctx, "ip4", "WEB.serf."); err != nil || len(ips) != 2 {
		t.Errorf("A of WEB.serf.: %v, %v; want two addresses", ips, err)
	}
	if err := web2.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	clustertest.WaitFor(t, a, "Web-2 has left", func(members []agent.Member) bool { return members[0].Status == agent.StatusLeft })
	want("web-1.node.serf.:8001")
	_, err = r.LookupNetIP(ctx, "ip4", "web-2.node.serf.")
	if notFound := (*net.DNSError)(nil); !errors.As(err, &notFound) || !notFound.IsNotFound {
		t.Errorf("A of a member that has left: %v, want that there is none", err)
	}
}

func ask(t *testing.T, name string, kind dnsmessage.Type, members []agent.Member) dnsmessage.Message {
	t.Helper()
	q := dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{
		{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}}
	query, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var reply dnsmessage.Message
	b := answer(query, members)
	if err := reply.Unpack(b); err != nil || len(b) > packetMax || reply.ID != 7 || !reply.Response {
		t.Fatalf("%s: %d bytes, %v, %v", name, len(b), reply.Header, err)
	}
	return reply
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	var members []agent.Member
	add := func(name, addr string, s agent.Status) {
		members = append(members, agent.Member{Name: name, Addr: netip.MustParseAddrPort(addr), Status: s,
			Tags: map[string]string{"role": "web", "port": "80"}})
	}
	add("four", "127.0.0.1:1", agent.StatusAlive)
	add("six", "[::1]:1", agent.StatusAlive)
	add("failed", "127.0.0.2:1", agent.StatusFailed)
	add(strings.Repeat("x", 64), "127.0.0.3:1", agent.StatusAlive) // no label of DNS
	for _, tt := range []struct {
		name    string
		kind    dnsmessage.Type
		code    dnsmessage.RCode
		answers int
	}{
		{"web.serf.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, 2},
		{"web.serf.", dnsmessage.TypeAAAA, dnsmessage.RCodeSuccess, 1},
		{"web.serf.", dnsmessage.TypeSRV, dnsmessage.RCodeSuccess, 2},
		{"six.node.serf.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, 0},
		{"failed.node.serf.", dnsmessage.TypeA, dnsmessage.RCodeNameError, 0},
		{"db.serf.", dnsmessage.TypeSRV, dnsmessage.RCodeNameError, 0},
		{"serf.", dnsmessage.TypeA, dnsmessage.RCodeNameError, 0},
	} {
		reply := ask(t, tt.name, tt.kind, members)
		if reply.RCode != tt.code || len(reply.Answers) != tt.answers || reply.Truncated {
			t.Errorf("%s %s: %v, %v; want %s with %d answers", tt.name, tt.kind, reply.Header, reply.Answers, tt.code, tt.answers)
		}
	}
	for i := range 100 {
		add(fmt.Sprintf("web-%d", i), fmt.Sprintf("127.0.1.%d:1", i), agent.StatusAlive)
	}
	if reply := ask(t, "web.serf.", dnsmessage.TypeA, members); !reply.Truncated || len(reply.Answers) < 25 {
		t.Errorf("100 members: truncated %v, %d answers; want as many as fit", reply.Truncated, len(reply.Answers))
	}
}

func TestGarbageGetsNoAnswer(t *testing.T) {
	t.Parallel()
	m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("web.serf.")}}}
	query, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for n := range query {
		if b := answer(query[:n], nil); b != nil {
			t.Errorf("%d bytes of %d: %q", n, len(query), b)
		}
	}
	if reply := answer(query, nil); reply == nil || answer(reply, nil) != nil {
		t.Errorf("a query gets %q, an answer %q", reply, answer(reply, nil))
	}
}
