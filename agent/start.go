package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"serf/internal/hostaddr"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// Start binds the sockets and runs the node. ctx bounds only the start: the agent runs until
// Shutdown, or until it has to give up, which Done reports.
func Start(ctx context.Context, c Config) (*Agent, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a := &Agent{
		calls:   make(chan func(swim.Time)),
		fires:   make(chan func(swim.Time)),
		packets: make(chan *datagram, packetQueue),
		streams: make(chan streamInput),
		idled:   make(chan struct{}),
		done:    make(chan struct{}),
	}
	err := a.adopt(c.Subscriptions)
	if c.OnEvent != nil {
		a.teller = newTeller(nil, c.Log, &a.events)
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
		return nil, err
	}
	return a, nil
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
	udp, tcp, err := c.network.Listen(c.Bind)
	if err != nil {
		return err
	}
	a.conf, a.log, a.network = c, c.Log, c.network
	a.udp, a.tcp, a.addr, a.start = udp, tcp, udp.LocalAddr(), time.Now()
	a.transport.opening = make(chan struct{}, openMax)
	a.transport.budget.Store(streamBudget)
	a.ctx, a.stop = context.WithCancelCause(context.Background())
	a.handlers.Store(&c.Handlers)
	a.tags.Store(&c.Tags)
	a.runner = a.newRunner()
	a.log.Infof("agent", "Serf agent starting")
	if err := a.startNode(); err != nil {
		udp.Close()
		tcp.Close()
		a.closeScripts(scriptGrace)
		a.workers.Wait()
		return err
	}
	a.workers.Go(a.readPackets)
	a.workers.Go(a.acceptStreams)
	if a.teller != nil {
		a.workers.Go(a.callOnEvent)
	}
	a.startJoins()
	a.startAddressWatch()
	go a.run()
	return nil
}

// startNode makes the node and handles its first outputs.
func (a *Agent) startNode() error {
	c, err := a.conf.node()
	if err != nil {
		return err
	}
	c.Addr = hostaddr.Complete(c.Addr, a.addr)
	c.PacketMax = min(c.PacketMax, a.network.PacketMax()) // larger messages go by stream
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
	l.hold.init(a.conf.Snapshot)
	if a.conf.KeyringChanged != nil {
		l.keyring = make(chan *wire.Keyring, 1)
		changes := l.keyring
		a.workers.Go(func() { a.keyringWorker(changes) })
	}
	c.Listener = listener{a}
	node, err := serf.New(a.now(), c, &l.out)
	if err != nil {
		a.stop(err)
		if l.keyring != nil {
			close(l.keyring)
		}
		return err
	}
	l.node = node
	node.TrackChanges(&a.views.changes)
	node.TrackHistory(a.now(), &l.history)
	a.sealer.Store(node.Sealer())
	a.drain()
	return nil
}

// run owns the loop and all other goroutines of the agent, and ends when they have ended.
func (a *Agent) run() {
	defer close(a.done)
	a.runLoop()
	close(a.idled)
	l := &a.loop
	if cause := context.Cause(a.ctx); !errors.Is(cause, context.Canceled) {
		a.err = cause
		a.log.Errorf("agent", "stopping: %v", cause)
	} else if l.left == nil {
		a.log.Warnf("serf", "Shutdown without a Leave")
	}
	a.udp.Close()
	a.tcp.Close()
	a.transport.conns.closeAll()
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
}
