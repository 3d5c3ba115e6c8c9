package mdns

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/hashicorp/mdns"

	"serf/agent"
)

// multicast is the network of the operating system.
type multicast struct {
	c       *Config
	iface   *net.Interface // nil leaves it to the system
	service *mdns.MDNSService
	log     *log.Logger
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
	// In the library's names a backslash begins an escape.
	instance := strings.ReplaceAll(c.Node, `\`, `\\`)
	service, err := mdns.NewMDNSService(instance, serviceName(c.Cluster), "", host+".",
		int(c.Addr.Port()),
		[]net.IP{c.Addr.Addr().AsSlice()}, []string{"Serf '" + c.Cluster + "' cluster"})
	if err != nil {
		return nil, err
	}
	return &multicast{c: c, iface: iface, service: service,
		log: log.New(logWriter{c.Log}, "", 0)}, nil
}

func (m *multicast) announce() (stop func(), err error) {
	server, err := mdns.NewServer(&mdns.Config{Zone: m.service, Iface: m.iface, Logger: m.log})
	if err != nil {
		return nil, err
	}
	return func() { server.Shutdown() }, nil
}

// query asks by one family: asked by both, the library gives up both if one can't send.
func (m *multicast) query(ctx context.Context, f family, found func(netip.AddrPort)) error {
	entries := make(chan *mdns.ServiceEntry, foundQueue)
	err := mdns.QueryContext(ctx, &mdns.QueryParam{
		Service:     serviceName(m.c.Cluster),
		Interface:   m.iface,
		Entries:     entries,
		DisableIPv4: f != v4,
		DisableIPv6: f != v6,
		Logger:      m.log,
	})
	close(entries)
	for e := range entries { // only at the end: until then the library may write to them
		if addr, ok := address(e, m.c.Cluster); ok {
			found(addr)
		}
	}
	return err
}

// address is the address in an entry. Other entries are ignored: the library passes on whatever is
// announced while it listens, printers for instance.
func address(e *mdns.ServiceEntry, cluster string) (netip.AddrPort, bool) {
	service := "." + serviceName(cluster) + ".local."
	if n := len(e.Name) - len(service); n <= 0 || !strings.EqualFold(e.Name[n:], service) {
		return netip.AddrPort{}, false
	}
	var ip netip.Addr
	ok := false
	switch {
	case e.AddrV4 != nil:
		ip, ok = netip.AddrFromSlice(e.AddrV4)
	case e.AddrV6IPAddr != nil:
		ip, ok = netip.AddrFromSlice(e.AddrV6IPAddr.IP)
		ip = ip.WithZone(e.AddrV6IPAddr.Zone)
	}
	if !ok || e.Port < 1 || e.Port > 0xffff {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(e.Port)), true
}

// logWriter passes the library's lines, such as "[ERR] mdns: Failed to read packet: why", to the
// agent's log. Others can cause many of them, and they aren't errors of this agent.
type logWriter struct{ to *agent.Log }

func (w logWriter) Write(b []byte) (int, error) {
	text := string(bytes.TrimSpace(b))
	if _, after, ok := strings.Cut(text, "mdns: "); ok {
		text = after
	}
	what, _, _ := strings.Cut(text, ":")
	w.to.Repeatf(slog.LevelDebug, component, "library "+what, "%s", text)
	return len(b), nil
}
