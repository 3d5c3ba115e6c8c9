package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"serf/internal/hostaddr"
	"serf/swim"
	"serf/swim/serf"
)

// Limits of the agent's own attempts to join.
const (
	// seekAtOnce is how many seeds one attempt to heal a partition contacts: one that answers is
	// enough, and other members contact others.
	seekAtOnce = 3
	// seekTimeout bounds how long one attempt looks up names: another one follows.
	seekTimeout = time.Minute
)

// errExhausted ends the agent when Join.Max attempts found nobody.
var errExhausted = errors.New("maximum retry join attempts made")

// startJoins starts the goroutine that looks for other members.
func (a *Agent) startJoins() {
	if j := a.conf.Join; len(j.Retry)+len(j.Seeds) > 0 {
		a.workers.Go(a.seek)
	}
}

// join is Join without its log lines. This member's own addresses count as joined: it is common to
// list all seeds on all of them.
func (a *Agent) join(ctx context.Context, addrs []string, replay bool) (n int, err error) {
	if len(addrs) == 0 {
		return 0, nil
	}
	n, own, err := a.reach(ctx, addrs, replay)
	if n+own > 0 {
		return n + own, nil
	}
	return 0, joinError(len(addrs), err)
}

// reach contacts the members at join addresses. It returns how many answered, and how many of the
// addresses are this member's own. A name that takes long to look up doesn't hold up the others.
// err says why nobody answered, and which names couldn't be resolved.
func (a *Agent) reach(ctx context.Context, addrs []string, replay bool) (n, own int, err error) {
	var mu sync.Mutex // of n and failed
	var failed error
	var contacts sync.WaitGroup
	find := hostaddr.Finder{Resolver: a.conf.Resolver, Port: a.addr.Port(), Own: a.localAddrs()}
	own, err = find.Each(ctx, addrs, func(batch []netip.AddrPort) {
		contacts.Go(func() {
			reached, err := a.contact(ctx, batch, replay)
			mu.Lock()
			defer mu.Unlock()
			n += reached
			switch {
			case failed == nil:
				failed = err
			case err != nil:
				failed = fmt.Errorf("%w; %w", failed, err)
			}
		})
	})
	contacts.Wait()
	if n > 0 {
		failed = nil
	}
	return n, own, errors.Join(failed, err)
}

// contact exchanges states with addrs and returns how many answered; an error only if none did.
func (a *Agent) contact(ctx context.Context, addrs []netip.AddrPort, replay bool) (int, error) {
	return a.runJoin(ctx,
		func(now swim.Time) swim.OpID { return a.loop.node.Join(now, addrs, replay, &a.loop.out) })
}

// contactOne exchanges states with the first of addrs that answers.
func (a *Agent) contactOne(ctx context.Context, addrs []netip.AddrPort) error {
	_, err := a.runJoin(ctx,
		func(now swim.Time) swim.OpID { return a.loop.node.JoinOne(now, addrs, &a.loop.out) })
	return err
}

// runJoin starts a join and waits for its end.
func (a *Agent) runJoin(ctx context.Context, begin func(now swim.Time) swim.OpID) (int, error) {
	r, err := a.operate(ctx,
		func(now swim.Time, result chan<- opResult) { a.loop.wait(begin(now), result) })
	if err != nil {
		return 0, err
	}
	if r.n == 0 {
		return 0, joinFailures(r.err)
	}
	return r.n, nil
}

// joinFailures is the error of a join with the failures of several addresses, if err has them.
func joinFailures(err error) error {
	e, ok := errors.AsType[*swim.JoinError](err)
	if !ok {
		return err
	}
	all := e.First[0]
	for _, next := range e.First[1:] {
		all = fmt.Errorf("%w; %w", all, next)
	}
	if more := e.Failed - len(e.First); more > 0 {
		all = fmt.Errorf("%w; and %d more", all, more)
	}
	return all
}

// joinError is the error of a join of n addresses.
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

// localAddrs are the addresses by which this member reaches itself.
func (a *Agent) localAddrs() map[netip.AddrPort]bool {
	return hostaddr.Own(a.addr, *a.advertised.Load())
}

// seek joins the addresses of Retry, and then looks every Interval for seeds that no living member
// has, to join them again. So an agent that was cut off finds its way back however long that took,
// and so do two halves of a cluster.
func (a *Agent) seek() {
	if len(a.conf.Join.Retry) > 0 && !a.joinRetrying() {
		return
	}
	for a.driver.Sleep(a.conf.Join.Interval) {
		a.seekLost()
	}
}

// retrySoon is the pause after the first attempt, which may have come a moment too early: the
// members of a cluster are often started all at once. It doubles each time, up to Interval.
const retrySoon = 250 * time.Millisecond

// joinRetrying joins the addresses of Retry. It returns false if the agent is stopping. Pauses
// shorter than Interval count as fractions of an attempt, so that Max stands for the same time as
// without them.
func (a *Agent) joinRetrying() bool {
	j := &a.conf.Join
	a.log.Infof("agent", "Joining cluster...(replay: %v)", j.Replay)
	left := time.Duration(j.Max-1) * j.Interval // for all pauses, if there is a Max
	for soon := retrySoon; ; soon *= 2 {
		n, err := a.tryRetry()
		switch {
		case a.ctx.Err() != nil:
			return false
		case err == nil:
			a.log.Infof("agent", "Join completed. Synced with %d initial agents", n)
			return true
		case j.Max > 0 && left <= 0:
			a.log.Errorf("agent", "maximum retry join attempts made, exiting")
			a.driver.Stop(errExhausted)
			return false
		}
		soon = min(soon, j.Interval)
		// Members that start together should not all ask at the same moment.
		pause := soon - rand.N(soon/4)
		if j.Max > 0 {
			pause = min(pause, left)
			left -= pause
		}
		a.log.Repeatf(slog.LevelWarn, "agent", "retry join", "Join failed: %v, retrying in %v", err,
			pause.Round(time.Millisecond))
		if !a.driver.Sleep(pause) {
			return false
		}
		if soon == j.Interval && len(j.Seeds) > 0 {
			a.seekLost() // a way back while none of Retry answers
		}
	}
}

// tryRetry makes one attempt, in random order. Finding only this member is no failure: that is how
// the first member of a cluster starts. The seeds are tried again later.
func (a *Agent) tryRetry() (n int, err error) {
	j := &a.conf.Join
	seeds := slices.Clone(j.Retry)
	rand.Shuffle(len(seeds), func(i, k int) { seeds[i], seeds[k] = seeds[k], seeds[i] })
	n, own, err := a.reach(a.ctx, seeds, j.Replay)
	if n > 0 || own > 0 && err == nil {
		return n, nil
	}
	return 0, joinError(len(j.Retry), err)
}

// seekLost joins some of the seeds that no living member has, others each time. An agent that is
// alone tries all of them until one answers.
func (a *Agent) seekLost() {
	ctx, cancel := context.WithTimeout(a.ctx, seekTimeout)
	defer cancel()
	seeds := slices.Concat(a.conf.Join.Retry, a.conf.Join.Seeds)
	found, err := hostaddr.Resolve(ctx, a.conf.Resolver, seeds, a.addr.Port())
	if err != nil {
		a.log.Repeatf(slog.LevelDebug, "agent", "seek resolve", "seeds: %v", err)
	}
	lost, alone := a.withoutLiving(found)
	if len(lost) == 0 {
		return
	}
	rand.Shuffle(len(lost), func(i, j int) { lost[i], lost[j] = lost[j], lost[i] })
	if !alone {
		lost = lost[:min(len(lost), seekAtOnce)]
	}
	// This is a join with replay, like any push/pull between members: past events are new here, or
	// are recognised as duplicates.
	err = a.contactOne(a.ctx, lost)
	switch {
	case err == nil:
		a.log.Infof("agent", "joined: one of %d seeds that no living member had", len(lost))
	case a.ctx.Err() == nil:
		a.log.Repeatf(slog.LevelDebug, "agent", "seek", "seeds that no living member has: %v", err)
	}
}

// withoutLiving returns the addresses that no living member has, and whether this member is alone.
func (a *Agent) withoutLiving(addrs []netip.AddrPort) (lost []netip.AddrPort, alone bool) {
	living := a.localAddrs()
	others := 0
	a.read(func() {
		for m := range a.loop.node.All() {
			if m.Status != serf.StatusAlive && m.Status != serf.StatusLeaving {
				continue
			}
			living[m.Addr] = true
			if via, ok := a.loop.node.Swim().Route(m.Addr); ok {
				living[via] = true // a seed may be its address in the other version of IP
			}
			others++
		}
	})
	for _, addr := range addrs {
		if !living[addr] {
			lost = append(lost, addr)
		}
	}
	return lost, others < 2
}
