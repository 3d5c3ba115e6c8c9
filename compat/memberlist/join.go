package memberlist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
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
	targets := make([][]target, len(existing))
	errs := make([]joinedErrors, len(existing))
	var busy sync.WaitGroup
	slots := make(chan struct{}, joinsAtOnce)
	for i, text := range existing {
		busy.Go(func() {
			var err error
			if targets[i], err = m.resolve(text); err != nil {
				errs[i] = joinedErrors{fmt.Errorf("failed to resolve %s: %w", text, err)}
				m.logger.Printf("[WARN] memberlist: %v", errs[i][0])
			}
			for j := range targets[i] {
				slots <- struct{}{}
				m.joinOne(&targets[i][j])
				<-slots
			}
		})
	}
	busy.Wait()
	joined := 0
	var all joinedErrors
	for i := range existing {
		all = append(all, errs[i]...)
		for _, t := range targets[i] {
			if t.err == nil {
				joined++
				continue
			}
			all = append(all, fmt.Errorf("failed to join %s: %w", t.addr, t.err))
			m.logger.Printf("[DEBUG] memberlist: %v", all[len(all)-1])
		}
	}
	if joined > 0 {
		return joined, nil
	}
	return 0, all.err()
}

// joinsAtOnce bounds how many addresses are joined at the same time: each exchange carries the whole
// membership.
const joinsAtOnce = 16

// target is an address to join, and how that went.
type target struct {
	addr netip.AddrPort
	name string
	err  error
}

// joinOne joins one address.
func (m *Memberlist) joinOne(t *target) {
	if _, t.err = m.addressOf(Address{Addr: t.addr.String(), Name: t.name}); t.err != nil {
		return
	}
	if _, err := m.node.Load().Join(context.Background(), t.addr.String()); err != nil {
		t.err = cause(err)
	}
}

// cause is the reason why one address couldn't be joined: the address is named already.
func cause(err error) error {
	if refused, ok := errors.AsType[refusal](err); ok {
		return refused.error
	}
	join, ok := errors.AsType[*membership.JoinError](err)
	if !ok || len(join.Failed) != 1 {
		return err
	}
	err = join.Failed[0].Err
	if last, ok := errors.AsType[*swim.JoinError](err); ok {
		err = last.Last
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
		}
	}
	return err
}

// refusal is why a merge was refused here.
type refusal struct{ error }

// Unwrap is what the delegate returned.
func (r refusal) Unwrap() error { return r.error }

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
