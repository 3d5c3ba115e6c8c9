package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"serf/swim"
	"serf/swim/serf"
)

// Limits of looking for others.
const (
	// seekAtOnce is how many seeds one attempt to heal contacts: one that answers is enough.
	seekAtOnce = 3
	// seekTimeout bounds one attempt: DNS and dead addresses take their time, but the next
	// attempt shall come.
	seekTimeout = time.Minute
)

// errExhausted ends the agent when Join.Max attempts found nobody.
var errExhausted = errors.New("maximum retry join attempts made")

// startJoins starts the goroutines that look for others by themselves.
func (a *Agent) startJoins() {
	j := a.conf.Join
	if len(j.Previous) > 0 {
		a.workers.Go(a.rejoin)
	}
	if len(j.Retry)+len(j.Seeds) > 0 {
		a.workers.Go(a.seek)
	}
}

// join is Join without its log lines. This member's own addresses count as
// joined without more ado: to list all seeds on all of them is common.
func (a *Agent) join(ctx context.Context, addrs []string, replay bool) (n int, err error) {
	if len(addrs) == 0 {
		return 0, nil
	}
	others, own, err := a.resolve(ctx, addrs)
	if len(others) == 0 {
		if own > 0 {
			return own, nil
		}
		return 0, joinError(len(addrs), err)
	}
	n, joinErr := a.contact(ctx, others, replay)
	if joinErr != nil && own == 0 {
		return 0, errors.Join(joinErr, err)
	}
	return n + own, nil
}

// contact exchanges states with addrs and returns how many answered; an error only if none did.
func (a *Agent) contact(ctx context.Context, addrs []netip.AddrPort, replay bool) (int, error) {
	result := make(chan opResult, 1)
	err := a.do(ctx, func(now swim.Time) {
		l := &a.loop
		l.wait(l.node.Join(now, addrs, replay, &l.out), result)
	})
	if err != nil {
		return 0, err
	}
	r, err := a.await(ctx, result)
	if err != nil {
		return 0, err
	}
	if r.n == 0 {
		return 0, joinError(len(addrs), r.err)
	}
	return r.n, nil
}

// joinError words the failure of a join of n addresses.
func joinError(n int, last error) error {
	tried := fmt.Sprintf("%d addresses tried", n)
	if n == 1 {
		tried = "1 address tried"
	}
	if last == nil {
		return fmt.Errorf("%w: %s", ErrJoin, tried)
	}
	return fmt.Errorf("%w: %s: %w", ErrJoin, tried, last)
}

// resolve turns addrs into addresses, each once, and counts this member's own
// instead of returning them. err tells of names that couldn't be
// resolved; the others are good nevertheless.
func (a *Agent) resolve(ctx context.Context, addrs []string) (others []netip.AddrPort, own int, err error) {
	found, err := ResolveJoin(ctx, a.conf.Resolver, addrs, a.addr.Port())
	local := a.localAddrs()
	for _, addr := range found {
		if local[addr] {
			own++
			continue
		}
		others = append(others, addr)
	}
	return others, own, err
}

// localAddrs are the addresses at which this agent itself would answer.
func (a *Agent) localAddrs() map[netip.AddrPort]bool {
	local := map[netip.AddrPort]bool{a.addr: true, *a.told.Load(): true}
	if !a.addr.Addr().IsUnspecified() {
		return local
	}
	ifaces, err := net.InterfaceAddrs()
	if err != nil {
		return local // less is known, but nothing is wrong
	}
	for _, i := range ifaces {
		if n, ok := i.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				local[netip.AddrPortFrom(ip.Unmap(), a.addr.Port())] = true
			}
		}
	}
	return local
}

// rejoin tries the members of an earlier run, one after the other, until one answers.
func (a *Agent) rejoin() {
	previous := make([]netip.AddrPort, 0, len(a.conf.Join.Previous))
	local := a.localAddrs()
	for _, addr := range a.conf.Join.Previous {
		if !local[unmap(addr)] {
			previous = append(previous, addr)
		}
	}
	if len(previous) == 0 {
		return
	}
	rand.Shuffle(len(previous), func(i, j int) { previous[i], previous[j] = previous[j], previous[i] })
	for _, addr := range previous {
		a.log.Infof("serf", "Attempting re-join to previously known node: %v", addr)
		// With replay: the snapshot's clocks keep out what this member has seen already.
		_, err := a.contact(a.ctx, []netip.AddrPort{addr}, true)
		if err == nil {
			a.log.Infof("serf", "Re-joined to previously known node: %v", addr)
			return
		}
		if a.ctx.Err() != nil {
			return
		}
	}
	a.log.Warnf("serf", "Failed to re-join any previously known node")
}

// seek joins the addresses of Retry, then looks every Interval whether there are
// seeds that no living member has: they are joined again. So an agent that was cut off finds
// back however long it took, and so do two halves of a cluster.
func (a *Agent) seek() {
	if len(a.conf.Join.Retry) > 0 && !a.joinRetrying() {
		return
	}
	for sleep(a.ctx, a.conf.Join.Interval) {
		a.seekLost()
	}
}

// joinRetrying joins the addresses of Retry, and reports false if the agent is stopping.
func (a *Agent) joinRetrying() bool {
	j := &a.conf.Join
	a.log.Infof("agent", "Joining cluster...(replay: %v)", j.Replay)
	for attempt := 1; ; attempt++ {
		n, err := a.tryRetry()
		switch {
		case a.ctx.Err() != nil:
			return false
		case err == nil:
			a.log.Infof("agent", "Join completed. Synced with %d initial agents", n)
			return true
		case j.Max > 0 && attempt >= j.Max:
			a.log.Errorf("agent", "maximum retry join attempts made, exiting")
			a.stop(errExhausted)
			return false
		}
		a.log.Repeatf(LevelWarn, "agent", "retry join", "Join failed: %v, retrying in %v", err, j.Interval)
		if !sleep(a.ctx, j.Interval) {
			return false
		}
	}
}

// tryRetry makes one attempt. To find nobody but oneself is no failure: that is
// how the first member of a cluster starts; the seeds are looked at again later.
func (a *Agent) tryRetry() (n int, err error) {
	ctx, cancel := context.WithTimeout(a.ctx, seekTimeout)
	defer cancel()
	j := &a.conf.Join
	others, own, err := a.resolve(ctx, j.Retry)
	if len(others) == 0 {
		if own > 0 && err == nil {
			return 0, nil
		}
		return 0, joinError(len(j.Retry), err)
	}
	return a.contact(ctx, others, j.Replay)
}

// seekLost joins some of the seeds that no living member has.
func (a *Agent) seekLost() {
	ctx, cancel := context.WithTimeout(a.ctx, seekTimeout)
	defer cancel()
	j := &a.conf.Join
	seeds := append(append([]string(nil), j.Retry...), j.Seeds...)
	others, _, err := a.resolve(ctx, seeds)
	if err != nil {
		a.log.Repeatf(LevelDebug, "agent", "seek resolve", "seeds: %v", err)
	}
	lost := a.withoutLiving(others)
	if len(lost) == 0 {
		return
	}
	rand.Shuffle(len(lost), func(i, j int) { lost[i], lost[j] = lost[j], lost[i] })
	lost = lost[:min(len(lost), seekAtOnce)]
	// With replay, as in any exchange between members: these events are news
	// here, and those that aren't are known as duplicates.
	n, err := a.contact(ctx, lost, true)
	switch {
	case err == nil:
		a.log.Infof("agent", "joined: %d nodes of the seeds that no living member had", n)
	case a.ctx.Err() == nil:
		a.log.Repeatf(LevelDebug, "agent", "seek", "seeds that no living member has: %v", err)
	}
}

// withoutLiving returns those of addrs that no living member has.
func (a *Agent) withoutLiving(addrs []netip.AddrPort) []netip.AddrPort {
	living := make(map[netip.AddrPort]bool)
	for _, m := range a.Members() {
		if m.Status == serf.StatusAlive || m.Status == serf.StatusLeaving {
			living[m.Addr] = true
		}
	}
	var lost []netip.AddrPort
	for _, addr := range addrs {
		if !living[addr] {
			lost = append(lost, addr)
		}
	}
	return lost
}
