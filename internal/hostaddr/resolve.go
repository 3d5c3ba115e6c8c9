package hostaddr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Resolver looks names up. [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	// LookupSRV looks up the SRV records of name itself if service and proto are empty.
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, records []*net.SRV,
		err error)
}

// Limits of one join.
const (
	// joinTargets bounds the addresses that one join contacts: each costs a stream and a whole
	// exchange of state, and one that answers is enough.
	joinTargets = 512
	// joinLookups bounds the names that are looked up at the same time: each may take its full
	// timeout.
	joinLookups = 128
	// joinLookupTimeout bounds one lookup, so that names that hang don't hold up the others. It
	// allows for a retry at a second server.
	joinLookupTimeout = 10 * time.Second
	// joinServices bounds the SRV records of one service that are followed, each by a lookup.
	joinServices = 128
)

// srvPrefix marks any name as that of a service; + can't be part of a host's name.
const srvPrefix = "dnssrv+"

// lookups looks up names, joinLookups at a time.
type lookups struct {
	resolver Resolver
	slots    chan struct{} // holds an item per lookup under way
}

// Resolve turns join addresses into addresses to contact, each once, in the order given. A join
// address is host, host:port, IP, v6, [v6] or [v6]:port; a name and a slash before it (name/host)
// are accepted and ignored. A host name stands for all its addresses. A name of the form
// _service._proto.domain without a port stands for the targets of its SRV records, the preferred
// first, if it has any; dnssrv+host does so for any name. Errors name the address and are joined;
// whatever could be resolved is returned with them. ctx bounds the whole.
func Resolve(ctx context.Context, r Resolver, addrs []string,
	defaultPort uint16) ([]netip.AddrPort, error) {
	found := make([][]netip.AddrPort, len(addrs))
	errs := make([]error, len(addrs), len(addrs)+1)
	for r := range resolveEach(ctx, r, addrs, defaultPort) {
		found[r.index], errs[r.index] = r.targets, r.err
	}
	var targets []netip.AddrPort
	seen := make(map[netip.AddrPort]bool)
	for _, list := range found {
		for _, t := range list {
			if !seen[t] {
				seen[t] = true
				targets = append(targets, t)
			}
		}
	}
	if n := len(targets); n > joinTargets {
		targets = targets[:joinTargets]
		errs = append(errs, tooManyTargets(n))
	}
	return targets, errors.Join(errs...)
}

func tooManyTargets(n int) error {
	return fmt.Errorf("%d addresses to join, the first %d are used", n, joinTargets)
}

// resolved is the result for one join address.
type resolved struct {
	index   int
	targets []netip.AddrPort
	err     error
}

// resolveEach resolves join addresses concurrently. The returned channel gets each result as soon
// as it is there, and is closed after the last; nobody has to read it.
func resolveEach(ctx context.Context, r Resolver, addrs []string,
	defaultPort uint16) <-chan resolved {
	results := make(chan resolved, len(addrs))
	l := lookups{resolver: r, slots: make(chan struct{}, joinLookups)}
	var wg sync.WaitGroup
	for i, text := range addrs {
		wg.Go(func() {
			targets, err := l.resolve(ctx, text, defaultPort)
			results <- resolved{i, targets, err}
		})
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	return results
}

// Check returns what is wrong with a join address, as far as that can be told without a lookup.
func Check(text string) error {
	_, err := parseTarget(text, DefaultPort)
	return err
}

// target is a join address that is well-formed.
type target struct {
	host string
	port uint16
	ip   netip.Addr // if the host is an address, else it is a name
	srv  bool       // the name is that of a service, whose records have the ports
}

// parseTarget parses a join address.
func parseTarget(text string, defaultPort uint16) (t target, err error) {
	if t.host, t.port, err = parseJoin(text, defaultPort); err != nil {
		return t, err
	}
	if t.ip, err = netip.ParseAddr(t.host); err == nil {
		_, err = usableTargets(text, []netip.Addr{t.ip}, t.port)
		return t, err
	}
	if t.host, t.srv = strings.CutPrefix(t.host, srvPrefix); t.srv && hasPort(text) {
		return t, fmt.Errorf("%q: SRV records say the port themselves", text)
	}
	if !canBeName(t.host) {
		return t, fmt.Errorf("%q: neither an address nor a name", text) // no need to ask the resolver
	}
	return t, nil
}

// Lengths of a host's name in DNS, in bytes.
const (
	hostNameMax  = 253
	hostLabelMax = 63
)

// canBeName reports whether a host or service can have that name. A name of digits and dots alone
// is a malformed address.
func canBeName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > hostNameMax || strings.Trim(name, "0123456789.") == "" {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > hostLabelMax || strings.IndexFunc(label, notInName) >= 0 {
			return false
		}
	}
	return true
}

func notInName(r rune) bool {
	return r < utf8.RuneSelf && !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' &&
		r <= '9' || r == '-' || r == '_')
}

// resolve resolves one join address.
func (l *lookups) resolve(ctx context.Context, text string,
	defaultPort uint16) ([]netip.AddrPort, error) {
	t, err := parseTarget(text, defaultPort)
	if err != nil {
		return nil, err
	}
	if t.ip.IsValid() {
		return usableTargets(text, []netip.Addr{t.ip}, t.port)
	}
	if !hasPort(text) && (t.srv || looksLikeService(t.host)) {
		records, err := l.services(ctx, t.host)
		switch {
		case err == nil:
			return l.resolveRecords(ctx, t.host, records)
		case t.srv || !isNotFound(err):
			return nil, err
		}
	}
	return l.resolveHost(ctx, t.host, t.port)
}

// hasPort reports whether a join address that isn't an IP includes a port.
func hasPort(text string) bool { return strings.Contains(text, ":") }

// looksLikeService reports whether name has the form of RFC 2782: _service._proto.name.
func looksLikeService(name string) bool {
	labels := strings.SplitN(name, ".", 3)
	return len(labels) == 3 && len(labels[0]) > 1 && labels[0][0] == '_' && len(labels[1]) > 1 &&
		labels[1][0] == '_'
}

func isNotFound(err error) bool {
	d, ok := errors.AsType[*net.DNSError](err)
	return ok && d.IsNotFound
}

// services returns the SRV records of name, at least one, the preferred first.
func (l *lookups) services(ctx context.Context, name string) (records []*net.SRV, err error) {
	err = l.lookup(ctx, name, func(ctx context.Context) (err error) {
		_, records, err = l.resolver.LookupSRV(ctx, "", "", name)
		return err
	})
	switch {
	case err != nil && len(records) == 0: // with records, some of them were malformed
		return nil, err
	case len(records) == 0:
		return nil, fmt.Errorf("%s: the name has no SRV records", name)
	}
	return records[:min(len(records), joinServices)], nil
}

// resolveRecords returns the addresses of the targets of SRV records, in their order.
func (l *lookups) resolveRecords(ctx context.Context, name string,
	records []*net.SRV) ([]netip.AddrPort, error) {
	found := make([][]netip.AddrPort, len(records))
	errs := make([]error, len(records))
	var wg sync.WaitGroup
	for i, r := range records {
		wg.Go(func() { found[i], errs[i] = l.resolveRecord(ctx, name, r) })
	}
	wg.Wait()
	return slices.Concat(found...), errors.Join(errs...)
}

func (l *lookups) resolveRecord(ctx context.Context, name string,
	r *net.SRV) ([]netip.AddrPort, error) {
	host := strings.TrimSuffix(r.Target, ".")
	switch {
	case host == "": // RFC 2782's way to say that there is no such service
		return nil, fmt.Errorf("%s: its SRV record says that there is none", name)
	case r.Port == 0:
		return nil, fmt.Errorf("%s: its SRV record has port 0 for %s", name, host)
	}
	return l.resolveHost(ctx, host, r.Port)
}

// resolveHost returns all addresses of a host, with port.
func (l *lookups) resolveHost(ctx context.Context, host string,
	port uint16) ([]netip.AddrPort, error) {
	var ips []netip.Addr
	err := l.lookup(ctx, host, func(ctx context.Context) (err error) {
		ips, err = l.resolver.LookupNetIP(ctx, "ip", host)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(ips) == 0:
		return nil, fmt.Errorf("%s: the name has no addresses", host)
	}
	return usableTargets(host, ips, port)
}

// lookup waits for a free slot and then asks. Its errors name the host.
func (l *lookups) lookup(ctx context.Context, host string, ask func(context.Context) error) error {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return fmt.Errorf("%s: not looked up in time: %w", host, ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, joinLookupTimeout)
	defer cancel()
	err := ask(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: looking it up took too long: %w", host, ctx.Err())
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return err // names the host itself
	}
	return fmt.Errorf("%s: %w", host, err)
}

// parseJoin splits a join address into host and port, and drops the member's name before the slash.
func parseJoin(text string, defaultPort uint16) (host string, port uint16, err error) {
	rest := text
	if name, after, ok := strings.Cut(text, "/"); ok {
		if name == "" {
			return "", 0, fmt.Errorf("%q: no name before the slash", text)
		}
		rest = after
	}
	host, port, err = splitPort(rest, defaultPort)
	switch {
	case err != nil:
		return "", 0, err
	case host == "":
		return "", 0, fmt.Errorf("%q: has no host", text)
	case port == 0:
		return "", 0, fmt.Errorf("%q: port 0, allowed 1 to 65535", text)
	}
	return host, port, nil
}

// usableTargets drops addresses that no single member can have. It fails if none is left.
func usableTargets(what string, ips []netip.Addr, port uint16) ([]netip.AddrPort, error) {
	targets := make([]netip.AddrPort, 0, len(ips))
	for _, ip := range ips {
		ip = ip.Unmap()
		if ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() {
			targets = append(targets, netip.AddrPortFrom(ip, port))
		}
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("%s: %v is no address of a member", what, ips)
	}
	return targets, nil
}
