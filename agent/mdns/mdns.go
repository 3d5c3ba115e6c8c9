// Package mdns finds the members of a cluster on the local network by multicast DNS, and lets them
// find this one.
package mdns

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"serf/agent"
)

const (
	// pollEvery is how often others are looked for. pollSoon is the first pause, which doubles up
	// to that: the first query may get lost, or come before there is a network or another member.
	pollEvery = time.Minute
	pollSoon  = 2 * time.Second
	// quiet is how long nothing must have been found before what was found is joined.
	quiet = 100 * time.Millisecond
	// batchMax is how many addresses are joined together: one that answers is enough, and anybody
	// on the network can announce many.
	batchMax = 64
	// seenMax bounds the addresses that are remembered so as not to join them again. When there are
	// more, all are forgotten: an extra join costs less.
	seenMax = 4096
	// foundQueue is how many answers may wait while a join is under way. Further ones are found
	// again later.
	foundQueue = 256
)

// component is who speaks in the log.
const component = "agent.mdns"

// Config of a Service.
type Config struct {
	// Cluster is the name by which members find each other, Node the name of this one. See Check.
	Cluster, Node string
	// Addr is the address that is announced.
	Addr netip.AddrPort
	// Interface to use; empty leaves the choice to the system.
	Interface string
	// DisableIPv4 and DisableIPv6 exclude a way of asking; not both. What is found may be of either
	// kind.
	DisableIPv4, DisableIPv6 bool
	// Join contacts addresses (IP:port) and returns how many answered, and an error if none did.
	Join func(ctx context.Context, addrs []string) (n int, err error)
	// Log takes the lines of this package.
	Log *agent.Log

	network network // nil: multicast; tests bring their own
}

// network announces this member and finds others.
type network interface {
	// announce answers queries until stop is called.
	announce() (stop func(), err error)
	// query asks once, by IPv4 or IPv6, and passes what it finds to found, which doesn't block,
	// until ctx ends or it has waited long enough.
	query(ctx context.Context, family family, found func(netip.AddrPort)) error
}

// family is a version of IP.
type family int

const (
	v4 family = 4
	v6 family = 6
)

// Service looks for members and joins them. Start begins it.
type Service struct {
	c    Config
	stop context.CancelFunc
	wg   sync.WaitGroup // run, and its queries

	// Owned by the goroutine run:
	found chan netip.AddrPort
	seen  map[netip.AddrPort]bool
	batch []netip.AddrPort
	quiet <-chan time.Time // set while there is a batch
	mute  func()           // stops the announcement; nil if there is none
}

// Start checks c and begins. A network without multicast is no error: it is logged and tried again
// with each poll.
func Start(c Config) (*Service, error) {
	if err := Check(c.Cluster, c.Node); err != nil {
		return nil, err
	}
	if c.network == nil {
		m, err := newMulticast(&c)
		if err != nil {
			return nil, err
		}
		c.network = m
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{c: c, stop: stop, found: make(chan netip.AddrPort, foundQueue),
		seen: make(map[netip.AddrPort]bool)}
	s.wg.Go(func() { s.run(ctx) })
	return s, nil
}

// Close ends the service and the joins that are under way. A query takes up to a second to end.
// Close may be called again.
func (s *Service) Close() {
	s.stop()
	s.wg.Wait()
}

func (s *Service) run(ctx context.Context) {
	pause := pollSoon
	poll := time.NewTimer(pause)
	defer poll.Stop()
	defer func() {
		if s.mute != nil {
			s.mute()
		}
	}()
	s.poll(ctx)
	for {
		select {
		case addr := <-s.found:
			s.note(addr)
		case <-s.quiet:
			s.join(ctx)
		case <-poll.C:
			pause = min(2*pause, pollEvery)
			poll.Reset(pause)
			s.poll(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// poll looks for others, and makes sure that their queries are answered.
func (s *Service) poll(ctx context.Context) {
	if s.mute == nil {
		mute, err := s.c.network.announce()
		if err != nil {
			s.c.Log.Repeatf(slog.LevelWarn, component, "announce",
				"Can't be found by others, trying again every %v: %v", pollEvery, err)
		}
		s.mute = mute
	}
	s.wg.Go(func() { s.query(ctx) })
}

// query asks by all families that are enabled. It is enough if one works.
func (s *Service) query(ctx context.Context) {
	var families []family
	if !s.c.DisableIPv4 {
		families = append(families, v4)
	}
	if !s.c.DisableIPv6 {
		families = append(families, v6)
	}
	errs := make([]error, len(families))
	var wg sync.WaitGroup
	for i, f := range families {
		wg.Go(func() { errs[i] = s.c.network.query(ctx, f, s.offer) })
	}
	wg.Wait()
	failed := 0
	for _, err := range errs {
		if err != nil {
			failed++
		}
	}
	level := slog.LevelDebug
	if failed == len(families) {
		level = slog.LevelWarn
	}
	for i, err := range errs {
		if err != nil && ctx.Err() == nil {
			s.c.Log.Repeatf(level, component, fmt.Sprint("query", families[i]),
				"Can't look for others by IPv%d, trying again every "+
					"%v: %v", families[i], pollEvery, err)
		}
	}
}

// offer queues an answer, or drops it.
func (s *Service) offer(addr netip.AddrPort) {
	select {
	case s.found <- addr:
	default: // it is found again by the next query
	}
}

// note queues an address to be joined, unless it was seen before.
func (s *Service) note(addr netip.AddrPort) {
	if !usable(addr) || addr == s.c.Addr || s.seen[addr] || len(s.batch) >= batchMax {
		return
	}
	if len(s.seen) >= seenMax {
		clear(s.seen)
	}
	s.seen[addr] = true
	s.batch = append(s.batch, addr)
	s.quiet = time.After(quiet)
}

// usable reports whether addr can be that of a member.
func usable(addr netip.AddrPort) bool {
	ip := addr.Addr()
	return ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && addr.Port() != 0
}

// join joins what was found. If nothing answers, the addresses count as not seen: the next query
// may find them again.
func (s *Service) join(ctx context.Context) {
	batch := s.batch
	s.batch, s.quiet = nil, nil
	addrs := make([]string, len(batch))
	for i, addr := range batch {
		addrs[i] = addr.String()
	}
	n, err := s.c.Join(ctx, addrs)
	if n > 0 {
		s.c.Log.Infof(component, "Joined %d hosts", n)
		return
	}
	for _, addr := range batch {
		delete(s.seen, addr)
	}
	if err != nil && ctx.Err() == nil {
		s.c.Log.Repeatf(slog.LevelWarn, component, "join",
			"Failed to join, trying again when they are found again: %v", err)
	}
}

// Check returns an error if the names can't be used for discovery: they become parts of DNS names.
func Check(cluster, node string) error {
	if strings.IndexFunc(cluster, notPlain) >= 0 || !fits(serviceName(cluster)) {
		return fmt.Errorf("discover: %q: only letters, digits, dots, dashes and underscores, "+
			"no part between dots empty or over %d bytes", cluster, labelMax)
	}
	if !fits(node + "." + serviceName(cluster)) {
		return fmt.Errorf("discover: node name %q: no part between dots may be empty or over %d "+
			"bytes, "+
			"%d with that of the cluster", node, labelMax, nameMax)
	}
	return nil
}

// Limits of DNS, in bytes. nameMax leaves room for ".local." and the lengths.
const (
	labelMax = 63
	nameMax  = 245
)

func fits(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > labelMax {
			return false
		}
	}
	return len(name) <= nameMax
}

func notPlain(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' ||
		r == '-' || r == '_')
}

// serviceName is the DNS-SD service of a cluster's members.
func serviceName(cluster string) string { return "_serf_" + cluster + "._tcp" }

// CheckInterface returns an error if there is no interface of that name.
func CheckInterface(name string) error {
	_, err := interfaceByName(name)
	return err
}

func interfaceByName(name string) (*net.Interface, error) {
	if name == "" {
		return nil, nil
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("mdns interface %q: there is no such interface", name)
	}
	return i, nil
}
