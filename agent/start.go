package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"serf/agent/recording"
	"serf/driver"
	"serf/internal/hostaddr"
	"serf/internal/timing"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// Start binds the sockets and runs the node. ctx bounds only the start: the agent runs until Close,
// or until it has to give up, which Done reports.
func Start(ctx context.Context, c Config) (*Agent, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a := &Agent{done: make(chan struct{})}
	a.log, a.ownLog = logFor(c.Logger)
	err := a.adopt(c.Subscriptions)
	if c.OnEvent != nil {
		a.teller = newTeller(nil, a.log, &a.events)
		a.events.add(a.teller)
	}
	if err == nil {
		err = c.fill()
	}
	if err == nil {
		err = c.validate()
	}
	if err == nil {
		err = a.begin(c)
	}
	if err != nil {
		a.events.close(err)
		a.closeLog()
		return nil, err
	}
	return a, nil
}

func (a *Agent) closeLog() {
	if a.ownLog {
		a.log.Close()
	}
}

// adopt takes over the subscriptions that exist before the agent.
func (a *Agent) adopt(subs []*Subscription) error {
	for i, s := range subs {
		if s == nil || !a.events.adopt(s) {
			return newConfigError(fmt.Sprintf("Subscriptions[%d]", i), errUsedSubscription)
		}
	}
	return nil
}

var errUsedSubscription = errors.New("is nil, or was given to an agent before")

// begin is Start with a configuration that is complete.
func (a *Agent) begin(c Config) error {
	d, err := driver.Listen(driver.Config{Network: c.Network, Bind: c.Bind,
		StreamTimeout: c.Timing.StreamTimeout, Report: a.tellProblem})
	if err != nil {
		return err
	}
	a.conf, a.driver, a.ctx, a.addr = c, d, d.Context(), d.Addr()
	a.handlers.Store(&c.Handlers)
	a.tags.Store(&c.Tags)
	a.runner = a.newRunner()
	a.log.Infof("agent", "Serf agent starting")
	if err := a.startNode(); err != nil {
		d.Close()
		a.closeScripts(scriptGrace)
		a.workers.Wait()
		return err
	}
	if a.teller != nil {
		a.workers.Go(a.callOnEvent)
	}
	a.startJoins()
	a.startAddressWatch()
	go a.run()
	return nil
}

// startNode makes the node, and has the driver run it.
func (a *Agent) startNode() error {
	c, err := a.conf.node()
	if err != nil {
		return err
	}
	c.Addr = hostaddr.Complete(c.Addr, a.addr)
	c.PacketMax = min(c.PacketMax, a.conf.Network.PacketMax()) // larger messages go by stream
	a.conf.Advertise = c.Addr
	a.advertised.Store(&a.conf.Advertise)
	a.warnPublic(c.Addr.Addr())
	local := a.localAddrs()
	c.Previous = slices.DeleteFunc(c.Previous,
		func(p serf.Previous) bool { return local[p.Addr] })
	a.sendable = a.conf.host.Families(a.addr.Addr(), c.Addr.Addr())
	c.Families = a.sendable
	l := &a.loop
	l.ops = make(map[swim.OpID][]chan<- opResult)
	l.queries = make(map[swim.OpID]*Query)
	l.hold.init(a.conf.Snapshot, a.driver.Wake)
	if a.conf.KeyringChanged != nil {
		l.keyring = make(chan *wire.Keyring, 1)
		changes := l.keyring
		a.workers.Go(func() { a.keyringWorker(changes) })
	}
	c.Listener = listener{a}
	a.timing = timing.Of(&c)
	recorder, err := a.openRecorder()
	if err == nil {
		l.node, err = recording.NewNode(a.driver.Now(), c, &l.history, recorder, &l.out)
	}
	if err != nil {
		a.driver.Stop(err)
		if l.keyring != nil {
			close(l.keyring)
		}
		return err
	}
	l.node.TrackChanges(&a.views.changes)
	a.driver.Start(l.node, a.layer(), &l.out)
	return nil
}

// openRecorder begins the recording, if there is to be one.
func (a *Agent) openRecorder() (*recording.Recorder, error) {
	if a.conf.Record.Dir == "" {
		return nil, nil
	}
	r, err := recording.Open(a.conf.Record, a.driver.WallTime, a.log)
	if err != nil {
		return nil, newConfigError("Record.Dir", err)
	}
	a.recorder = r
	return r, nil
}

// run ends when the driver and all goroutines of the agent have ended.
func (a *Agent) run() {
	defer close(a.done)
	<-a.driver.Done()
	l := &a.loop
	l.node.Close()
	if a.err = a.driver.Err(); a.err != nil {
		a.log.Errorf("agent", "stopping: %v", a.err)
	} else if l.left == nil {
		a.log.Warnf("serf", "Shutdown without a Leave")
	}
	if l.keyring != nil {
		close(l.keyring)
	}
	for _, q := range l.queries { // in any order: all end
		q.end()
	}
	clear(l.queries)
	a.events.close(ErrStopped)
	a.closeScripts(scriptGrace)
	a.workers.Wait()
	a.closeLog()
}
