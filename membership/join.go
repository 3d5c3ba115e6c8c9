package membership

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"

	"serf/internal/hostaddr"
	"serf/swim"
)

// Resolver looks up names; [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, records []*net.SRV,
		err error)
}

// JoinError is why a Join reached nobody.
type JoinError struct {
	// Failed has the addresses in the order in which they were given; a name may have several.
	Failed []JoinFailure
}

// JoinFailure is why one address couldn't be joined.
type JoinFailure struct {
	Address string         // as it was given
	Addr    netip.AddrPort // of the member; invalid if the name couldn't be looked up
	Err     error
}

// Error is about the last failure.
func (e *JoinError) Error() string {
	if len(e.Failed) == 0 {
		return "join: no address"
	}
	text := e.Failed[len(e.Failed)-1].String()
	if n := len(e.Failed) - 1; n > 0 {
		text = fmt.Sprintf("%s (and %d more failed)", text, n)
	}
	return "join: " + text
}

// String names the address as it was given, and what it stands for.
func (f JoinFailure) String() string {
	switch {
	case !f.Addr.IsValid():
		return f.Err.Error() // which names it
	case f.Address == f.Addr.String():
		return fmt.Sprintf("%s: %v", f.Address, f.Err)
	}
	return fmt.Sprintf("%s (%v): %v", f.Address, f.Addr, f.Err)
}

// Unwrap are all errors.
func (e *JoinError) Unwrap() []error {
	errs := make([]error, len(e.Failed))
	for i := range e.Failed {
		errs[i] = e.Failed[i].Err
	}
	return errs
}

// Join exchanges states with the members at these addresses, and returns with how many that worked.
// An address is an IP or a name, perhaps with a port, else that of this node; what is before a
// slash (name/10.0.0.1:7946) is ignored. A name stands for all its addresses;
// _service._proto.domain, and dnssrv+name, for the targets of its SRV records. This node's own
// addresses count as reached, as does a member of this one's name: whether that is another node, or
// its own earlier address, is checked then, and a Conflict follows within Timing.ProbeTimeout. When
// it returns, OnEvent has been told of all members that were found, and OnState of their states.
// The error is a *JoinError if none was reached, or that of ctx, after which addresses that are
// being tried may still be reached, or ErrLeaving after Leave. Without any address it does nothing,
// and that is no error.
func (n *Node) Join(ctx context.Context, addresses ...string) (reached int, err error) {
	switch {
	case asked():
		return 0, ErrInCallback
	case n.hasLeft():
		return 0, ErrLeaving
	}
	own := hostaddr.Own(n.driver.Addr(), n.Addr())
	failed := make([][]JoinFailure, len(addresses))
	slots := make(chan struct{}, joinsAtOnce)
	var mu sync.Mutex // of reached
	var tries sync.WaitGroup
	for i := range addresses {
		slots <- struct{}{}
		tries.Go(func() {
			defer func() { <-slots }()
			var ok int
			ok, failed[i] = n.joinOne(ctx, addresses[i:i+1], own)
			mu.Lock()
			defer mu.Unlock()
			reached += ok
		})
	}
	tries.Wait()
	n.flush(ctx, n.states)
	if err := ctx.Err(); err != nil {
		return reached, err
	}
	if reached > 0 || len(addresses) == 0 {
		return reached, nil
	}
	e := new(JoinError)
	for _, f := range failed {
		e.Failed = append(e.Failed, f...)
	}
	return 0, e
}

// hasLeft tells whether Leave was called. The others would answer a join, but take nobody who
// leaves.
func (n *Node) hasLeft() bool { return n.Self().State == StateLeft }

// joinsAtOnce is how many addresses are looked up and tried at the same time. One that doesn't
// answer takes the whole time-out of a stream.
const joinsAtOnce = 256

// joinOne joins the members that one address stands for.
func (n *Node) joinOne(
	ctx context.Context, address []string, own map[netip.AddrPort]bool,
) (reached int, failed []JoinFailure) {
	targets, err := hostaddr.Resolve(ctx, n.conf.Resolver, address, n.driver.Addr().Port())
	if err != nil {
		failed = append(failed, JoinFailure{Address: address[0], Err: err})
	}
	for i, err := range n.reach(ctx, targets, own) {
		if err == nil {
			reached++
		} else {
			failed = append(failed, JoinFailure{address[0], targets[i], err})
		}
	}
	return reached, failed
}

// reach exchanges states with the members at these addresses.
func (n *Node) reach(
	ctx context.Context, targets []netip.AddrPort, own map[netip.AddrPort]bool,
) []error {
	errs := make([]error, len(targets))
	var tries sync.WaitGroup
	for i, to := range targets {
		if own[to] {
			continue
		}
		tries.Go(func() {
			_, err := n.operate(ctx, func(now swim.Time, out *swim.Output) (swim.OpID, error) {
				op := n.loop.core.Join(now, []netip.AddrPort{to}, out)
				n.loop.holds.begin(op, to)
				return op, nil
			})
			errs[i] = withoutAddress(err)
		})
	}
	tries.Wait()
	return errs
}

// withoutAddress is why the one address of a join failed, without the address.
func withoutAddress(err error) error {
	if failed, ok := errors.AsType[*swim.JoinError](err); ok {
		return cmp.Or(errors.Unwrap(failed.Last), failed.Last)
	}
	return err
}

// seekAtOnce is how many members in Config.Join one attempt to heal a partition contacts: one that
// answers is enough, and other members contact others.
const seekAtOnce = 3

// seek tries the members in Config.Join until the node leaves or stops. Nodes that start together
// should not all ask at the same moment.
func (n *Node) seek() {
	ctx := n.driver.Context()
	for pause := joinIntervalMin; ctx.Err() == nil && !n.hasLeft(); pause = min(2*pause, n.conf.JoinInterval) {
		if n.seekOnce(ctx) {
			pause = n.conf.JoinInterval
		}
		n.driver.Sleep(pause - rand.N(pause/4))
	}
}

// seekOnce joins one of the members in Config.Join that aren't living members, so that two parts of a
// cluster find each other even if each has some of them. It reports whether this node knows others.
func (n *Node) seekOnce(ctx context.Context) bool {
	targets, err := hostaddr.Resolve(ctx, n.conf.Resolver, n.conf.Join, n.driver.Addr().Port())
	if err != nil && ctx.Err() == nil {
		n.log.failed("resolve", "Failed to look up members to join: ", err)
	}
	living, alone := hostaddr.Own(n.driver.Addr(), n.Addr()), true
	for _, m := range n.Members() {
		living[m.Addr] = true
		alone = alone && m.Local
	}
	lost := slices.DeleteFunc(targets, func(to netip.AddrPort) bool { return living[to] })
	if len(lost) == 0 {
		return !alone
	}
	level := slog.LevelWarn
	if !alone { // a member that is gone for good may be in the list
		rand.Shuffle(len(lost), func(i, j int) { lost[i], lost[j] = lost[j], lost[i] })
		lost, level = lost[:min(len(lost), seekAtOnce)], slog.LevelDebug
	}
	_, err = n.operate(ctx, func(now swim.Time, out *swim.Output) (swim.OpID, error) {
		return n.loop.core.JoinOne(now, lost, out), nil
	})
	if err != nil && ctx.Err() == nil {
		n.log.failedAt(level, "join", "Failed to join: ", err)
	}
	return err == nil || !alone
}
