// Package mdns finds the members of a cluster on the local network by multicast DNS, and is found.
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
	// pollEvery is how often others are looked for, and pollSoon the first pause, which doubles up
	// to that: the first query may get lost, or come before there is a network, or anybody.
	pollEvery = time.Minute
	pollSoon  = 2 * time.Second
	// quiet is how long nothing must have been found before what was found is joined.
	quiet = 100 * time.Millisecond
	// batchMax is how many addresses are joined together: any one suffices, and anybody on the
	// network can announce many.
	batchMax = 64
	// seenMax bounds the addresses that are remembered so as not to join them again. When there are
	// more, all are forgotten: a join too many costs less.
	seenMax = 4096
	// foundQueue is how many answers wait while a join is under way. Those beyond come again.
	foundQueue = 256
)

// component is who speaks in the log.
const component = "agent.mdns"

// Config of a Service.
type Config struct {
	// Cluster is the name that members find each other by, Node this member's. See Check.
	Cluster, Node string
	// Addr is what the others are told.
	Addr netip.AddrPort
	// Interface to use; empty leaves the choice to the system.
	Interface string
	// DisableIPv4 and DisableIPv6 say how not to ask; not both. What is found may be of either
	// kind.
	DisableIPv4, DisableIPv6 bool
	// Join contacts addresses (IP:port) and returns how many answered, and an error if none did.
	Join func(ctx context.Context, addrs []string) (n int, err error)
	// Log takes the lines of this package and its library.
	Log *agent.Log

	network network // nil: multicast; tests bring their own
}

// network is how to be found and to find.
type network interface {
	// announce answers queries until stop is called.
	announce() (stop func(), err error)
	// query asks once, by IPv4 or IPv6, and hands what it finds to found until ctx ends or it has
	// waited long enough. found doesn't block.
	query(ctx context.Context, family family, found func(netip.AddrPort)) error
}

// family is a version of IP.
type family int

const (
	v4 family = 4
	v6 family = 6
)

// Service looks for members and joins them. It begins with Start.
type Service struct {
	c    Config
	stop context.CancelFunc
	wg   sync.WaitGroup // run, and its queries

	// Of the goroutine run:
	found chan netip.AddrPort
	seen  map[netip.AddrPort]bool
	batch []netip.AddrPort
	quiet <-chan time.Time // set while there is a batch
	mute  func()           // stops the announcement; nil if there is none
}

// Start checks c and begins. A network that has no multicast is no error: it's logged and tried
// again with each poll.
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

// poll asks who is there, and sees to it that others who ask are answered.
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

// query asks by all families that are enabled. One is enough.
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

// offer takes an answer of the network, or drops it.
func (s *Service) offer(addr netip.AddrPort) {
	select {
	case s.found <- addr:
	default: // it is found again by the next query
	}
}

// note puts an address aside to be joined, unless it was seen before.
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

// usable says whether addr can be a member's.
func usable(addr netip.AddrPort) bool {
	ip := addr.Addr()
	return ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && addr.Port() != 0
}

// join joins what was found. If none of it answers it counts as not seen: the next query may find
// it again.
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

// Check says whether names can be used for discovery: they become parts of DNS names.
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

// serviceName is what members of a cluster offer and look for.
func serviceName(cluster string) string { return "_serf_" + cluster + "._tcp" }

// CheckInterface says whether there is an interface of that name.
func CheckInterface(name string) error {
	if _, err := interfaceByName(name); err != nil {
		return err
	}
	return nil
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
