package main

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"serf/internal/sdnotify"
	"serf/swim/serf"
)

const (
	// statusEvery is how often the service manager is told how many members there are, if that has
	// changed.
	statusEvery = 10 * time.Second
	// aliveMin is the least pause between two signs of life, however short the watchdog is.
	aliveMin = time.Millisecond
)

// findManager looks for the service manager that started this process.
func (d *daemon) findManager() {
	m, err := sdnotify.FromEnv(d.lookupEnv)
	if err != nil {
		d.out.warn("The service manager isn't told how the agent is: %v", err)
	}
	d.manager = m
}

// told notes that the service manager couldn't be told something.
func (d *daemon) told(err error) {
	if err != nil {
		d.log.Repeatf(slog.LevelWarn, "agent", "service manager",
			"The service manager can't be told how the agent is: %v", err)
	}
}

// keepTold tells the service manager that the agent runs, and how it is, until the returned
// function is called.
func (d *daemon) keepTold() (stop func()) {
	if d.manager == nil {
		return func() {}
	}
	d.told(d.manager.Ready())
	k := keeper{
		watchdog: d.manager.Watchdog,
		check:    d.agent.Check,
		alive:    func() { d.told(d.manager.Alive()) },
		status:   func() string { return memberStatus(d.agent.AllMembers()) },
		tell:     func(status string) { d.told(d.manager.Status(status)) },
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.run(ctx)
	}()
	return func() { cancel(); <-done }
}

// stopping tells the service manager, once, that the agent has begun to end.
func (d *daemon) stopping() {
	if !d.ending {
		d.ending = true
		d.told(d.manager.Stopping())
	}
}

// keeper keeps a service manager informed.
type keeper struct {
	watchdog time.Duration // 0: no signs of life are wanted
	check    func(context.Context) error
	alive    func()
	status   func() string
	tell     func(status string)
}

// run gives a sign of life after each half of the watchdog's time in which the agent's loop has
// answered, so that one that is stuck is restarted.
func (k *keeper) run(ctx context.Context) {
	var life <-chan time.Time
	half := max(k.watchdog/2, aliveMin)
	if k.watchdog > 0 {
		t := time.NewTicker(half)
		defer t.Stop()
		life = t.C
	}
	statuses := time.NewTicker(statusEvery)
	defer statuses.Stop()
	last := k.status()
	k.tell(last)
	for {
		select {
		case <-ctx.Done():
			return
		case <-life:
			k.giveSign(ctx, half)
		case <-statuses.C:
			if now := k.status(); now != last {
				last = now
				k.tell(now)
			}
		}
	}
}

// giveSign gives one sign of life if the loop answers in time.
func (k *keeper) giveSign(ctx context.Context, in time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, in)
	defer cancel()
	if k.check(ctx) == nil {
		k.alive()
	}
}

// memberStatus counts members for a person who looks at the service.
func memberStatus(_ int, all iter.Seq[*serf.Member]) string {
	alive, failed := 0, 0
	for m := range all {
		switch m.Status {
		case serf.StatusAlive, serf.StatusLeaving:
			alive++
		case serf.StatusFailed:
			failed++
		}
	}
	if failed > 0 {
		return fmt.Sprintf("members: %d alive, %d failed", alive, failed)
	}
	return fmt.Sprintf("members: %d alive", alive)
}
