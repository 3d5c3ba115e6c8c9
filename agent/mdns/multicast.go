package mdns

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	// answersFor is how long answers to a query are waited for.
	answersFor = time.Second
	// packetMax is the largest packet of multicast DNS (RFC 6762, 17).
	packetMax = 9000
	port      = 5353
	// readAgain is the pause after a failed read, so that a lasting failure keeps no processor
	// busy.
	readAgain = 100 * time.Millisecond
)

// udp is the network of a family, and group the address to which all of them listen.
func (f family) udp() (network string, group netip.AddrPort) {
	if f == v4 {
		return "udp4", netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 0, 0, 251}), port)
	}
	return "udp6", netip.MustParseAddrPort("[ff02::fb]:5353")
}

// multicast is the network of the operating system.
type multicast struct {
	c       *Config
	iface   *net.Interface // nil leaves it to the system
	records *records
}

func newMulticast(c *Config) (*multicast, error) {
	iface, err := interfaceByName(c.Interface)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil || !fits(host) {
		host = "localhost" // never looked up: the answer includes the address
	}
	records, err := newRecords(c, host)
	if err != nil {
		return nil, err
	}
	return &multicast{c: c, iface: iface, records: records}, nil
}

// announce listens on both families, whatever is asked by: it is enough if one works.
func (m *multicast) announce() (stop func(), err error) {
	var conns []*net.UDPConn
	var errs []error
	var readers sync.WaitGroup
	for _, f := range []family{v4, v6} {
		network, group := f.udp()
		conn, err := net.ListenMulticastUDP(network, m.iface, net.UDPAddrFromAddrPort(group))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		conns = append(conns, conn)
		readers.Go(func() {
			m.read(conn, func(packet []byte, from netip.AddrPort) error {
				return m.answer(conn, group, packet, from)
			})
		})
	}
	if len(conns) == 0 {
		return nil, errors.Join(errs...)
	}
	return func() {
		for _, conn := range conns {
			conn.Close()
		}
		readers.Wait()
	}, nil
}

// answer answers a query. What asks from another port than that of multicast DNS expects a direct
// answer.
func (m *multicast) answer(
	conn *net.UDPConn, group netip.AddrPort, query []byte, from netip.AddrPort,
) error {
	reply, unicast, err := m.records.reply(query, from.Port() != port)
	if err != nil || reply == nil {
		return err
	}
	to := group
	if unicast {
		to = from
	}
	_, err = conn.WriteToUDPAddrPort(reply, to)
	return err
}

// query asks from a port of its own, so that answers come to it directly.
func (m *multicast) query(ctx context.Context, f family, found func(netip.AddrPort)) error {
	packet, err := question(m.c.Cluster)
	if err != nil {
		return err
	}
	network, group := f.udp()
	conn, err := net.ListenUDP(network, nil)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	if m.iface != nil {
		if f == v4 {
			err = ipv4.NewPacketConn(conn).SetMulticastInterface(m.iface)
		} else {
			err = ipv6.NewPacketConn(conn).SetMulticastInterface(m.iface)
		}
		if err != nil {
			return err
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(answersFor)); err != nil {
		return err
	}
	if _, err := conn.WriteToUDPAddrPort(packet, group); err != nil {
		return err
	}
	m.read(conn, func(packet []byte, from netip.AddrPort) error {
		return parseAnswer(packet, m.c.Cluster, from.Addr().Zone(), found)
	})
	return nil
}

// read hands packets to handle until conn is closed or its deadline has passed. Errors are noted:
// others can cause many of them, and they aren't errors of this agent.
func (m *multicast) read(conn *net.UDPConn, handle func(packet []byte, from netip.AddrPort) error) {
	buf := make([]byte, packetMax)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			time.Sleep(readAgain)
		} else {
			err = handle(buf[:n], from)
		}
		if err != nil {
			m.c.Log.Repeatf(slog.LevelDebug, component, "packet",
				"Ignored a packet of multicast DNS from %v: %v", from, err)
		}
	}
}
