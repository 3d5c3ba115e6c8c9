// Command dns runs a member that answers DNS queries by who is alive: web.serf. stands for the
// members with the tag role=web, and web-1.node.serf. for the member web-1. A and AAAA give
// addresses, SRV hosts with the ports in the tag "port". A crash shows after some seconds. An
// answer that doesn't fit a packet is cut, and says so.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"serf/agent"

	"golang.org/x/net/dns/dnsmessage"
)

const memberZone = ".node.serf."
const packetMax = 512 // bytes, which all clients take

func main() {
	var conf agent.Config
	flag.StringVar(&conf.Name, "name", "dns-1", "`name` of this member, which no other has")
	flag.TextVar(&conf.Bind, "bind", netip.MustParseAddrPort("127.0.0.1:7946"), "gossip `IP:port`")
	join := flag.String("join", "127.0.0.1:7946", "`address` of a member")
	listen := flag.String("dns", "127.0.0.1:5353", "`IP:port` for DNS, by UDP")
	flag.Parse()
	conf.Join.Retry = []string{*join}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := agent.Run(ctx, conf, func(ctx context.Context, a *agent.Agent) error {
		conn, err := net.ListenPacket("udp", *listen)
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { conn.Close() })
		serve(conn, a)
		return nil // the member leaves
	})
	if err != nil {
		log.Fatal(err)
	}
}

// serve answers queries until conn is closed.
func serve(conn net.PacketConn, a *agent.Agent) {
	query := make([]byte, packetMax)
	for {
		n, from, err := conn.ReadFrom(query)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if reply := answer(query[:n], a.Members()); err == nil && reply != nil {
			conn.WriteTo(reply, from) // a client that hears nothing asks again
		}
	}
}

// answer returns the reply to a query; nil if it is none.
func answer(query []byte, members []agent.Member) (packed []byte) {
	var p dnsmessage.Parser
	header, _ := p.Start(query)
	q, err := p.Question() // fails, too, where Start did
	if err != nil || header.Response {
		return nil
	}
	header.Response, header.Authoritative, header.RCode = true, true, dnsmessage.RCodeNameError
	reply := dnsmessage.Message{Header: header, Questions: []dnsmessage.Question{q}}
	rand.Shuffle(len(members), func(i, k int) { members[i], members[k] = members[k], members[i] })
	for _, m := range members {
		if reply.Truncated || !named(m, strings.ToLower(q.Name.String())) {
			continue
		}
		reply.RCode = dnsmessage.RCodeSuccess // even if there is nothing of that type
		before := reply.Answers
		if body := record(m, q.Type); body != nil {
			h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 2} // seconds
			reply.Answers = append(before, dnsmessage.Resource{Header: h, Body: body})
		}
		b, err := reply.Pack()
		if reply.Truncated = len(b) > packetMax; err != nil || reply.Truncated {
			reply.Answers = before // no more room, or the host's name isn't one for DNS
		}
	}
	packed, _ = reply.Pack() // as above, or without answers
	return packed
}

// named says whether a name stands for a member, alone or with others.
func named(m agent.Member, name string) bool {
	own, shared := strings.ToLower(m.Name)+memberZone, strings.ToLower(m.Tags["role"])+".serf."
	return m.Status == agent.StatusAlive && (name == own || name == shared)
}

// record returns a member's record of a type, or nil.
func record(m agent.Member, t dnsmessage.Type) dnsmessage.ResourceBody {
	ip := m.Addr.Addr().Unmap()
	port, err := strconv.ParseUint(m.Tags["port"], 10, 16)
	host, _ := dnsmessage.NewName(m.Name + memberZone)
	switch {
	case t == dnsmessage.TypeA && ip.Is4():
		return &dnsmessage.AResource{A: ip.As4()}
	case t == dnsmessage.TypeAAAA && ip.Is6():
		return &dnsmessage.AAAAResource{AAAA: ip.As16()}
	case t == dnsmessage.TypeSRV && err == nil:
		return &dnsmessage.SRVResource{Port: uint16(port), Target: host}
	}
	return nil
}
