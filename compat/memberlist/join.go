package memberlist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"serf/membership"
	"serf/swim"
)

// Join exchanges states with the nodes at these addresses, which makes this node and theirs one
// cluster. An address is host, host:port, IP, IPv6 or [IPv6]:port, each with name/ in front of it if
// a transport needs the name; without a port it is Config.BindPort, and a host stands for all its
// addresses. Join returns how many addresses answered, and an error if none did. The delegates are
// told of those found before it returns.
func (m *Memberlist) Join(existing []string) (int, error) {
	if m.waitedFor() {
		return 0, membership.ErrInCallback
	}
	targets := m.resolveAll(existing)
	var addrs []string
	for i := range targets {
		if t := &targets[i]; t.err == nil {
			_, t.err = m.addressOf(Address{Addr: t.addr.String(), Name: t.name})
		}
		if targets[i].err == nil {
			addrs = append(addrs, targets[i].addr.String())
		}
	}
	// By this goroutine: the node looks whether a delegate has called.
	joined, err := m.node.Load().Join(context.Background(), addrs...)
	if joined > 0 {
		return joined, nil
	}
	return 0, joinError(targets, err)
}

// joinError says of each target why it wasn't joined, and of those that were tried what err does.
func joinError(targets []target, err error) error {
	var tried []membership.JoinFailure
	if join, ok := errors.AsType[*membership.JoinError](err); ok {
		tried, err = join.Failed, nil
	}
	var all joinedErrors
	for i := range targets {
		switch t := &targets[i]; {
		case t.err != nil && !t.addr.IsValid():
			all = append(all, t.err)
		case t.err != nil:
			all = append(all, fmt.Errorf("failed to join %s: %w", t.addr, t.err))
		case len(tried) > 0:
			all = append(all, fmt.Errorf("failed to join %s: %w", t.addr, cause(tried[0].Err)))
			tried = tried[1:]
		}
	}
	if err != nil {
		all = append(all, err)
	}
	return all.err()
}

// waitedFor tells whether the node waits for the caller, a delegate that it asks.
func (m *Memberlist) waitedFor() bool {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := m.node.Load().Join(over)
	return errors.Is(err, membership.ErrInCallback)
}

// target is an address to join, or why there is none.
type target struct {
	addr netip.AddrPort
	name string
	err  error
}

// cause is the reason why one address couldn't be joined: the address is named already.
func cause(err error) error {
	if refused, ok := errors.AsType[refusal](err); ok {
		return refused.error
	}
	if last, ok := errors.AsType[*swim.JoinError](err); ok {
		err = cmp.Or(errors.Unwrap(last.Last), last.Last)
	}
	return err
}

// refusal is why a merge was refused here.
type refusal struct{ error }

// Unwrap is what the delegate returned.
func (r refusal) Unwrap() error { return r.error }

// lookupsAtOnce bounds how many names are looked up at the same time.
const lookupsAtOnce = 16

// resolveAll returns what the addresses given to Join stand for, in their order.
func (m *Memberlist) resolveAll(existing []string) (targets []target) {
	each := make([][]target, len(existing))
	slots := make(chan struct{}, lookupsAtOnce)
	var busy sync.WaitGroup
	for i, text := range existing {
		slots <- struct{}{}
		busy.Go(func() {
			defer func() { <-slots }()
			var err error
			if each[i], err = m.resolve(text); err != nil {
				err = fmt.Errorf("failed to resolve %s: %w", text, err)
				m.logger.Printf("[WARN] memberlist: %v", err)
				each[i] = append(each[i], target{err: err})
			}
		})
	}
	busy.Wait()
	return slices.Concat(each...)
}

// resolve returns the addresses that one given to Join stands for.
func (m *Memberlist) resolve(text string) ([]target, error) {
	name, host, named := strings.Cut(text, "/")
	switch {
	case !named:
		name, host = "", text
	case name == "":
		return nil, errors.New("empty node name provided")
	}
	host, portText, err := net.SplitHostPort(withPort(host, m.conf.BindPort))
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []target{{addr: netip.AddrPortFrom(ip.Unmap(), uint16(port)), name: name}}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.conf.timing().StreamTimeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	targets := make([]target, len(ips))
	for i, ip := range ips {
		targets[i] = target{addr: netip.AddrPortFrom(ip.Unmap(), uint16(port)), name: name}
	}
	return targets, err
}

// withPort adds a port to an address that has none.
func withPort(host string, port int) string {
	colons := strings.Count(host, ":")
	bracketed := strings.HasPrefix(host, "[")
	switch {
	case bracketed && strings.LastIndexByte(host, ':') > strings.IndexByte(host, ']'):
		return host
	case !bracketed && colons == 1:
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
}
