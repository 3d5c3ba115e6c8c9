package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"serf/agent"
	"serf/agent/config"
	"serf/agent/handler"
	"serf/agent/rpc/server"
	"serf/agent/snapshot"
	"serf/driver"
	"serf/internal/certs"
	"serf/internal/sdnotify"
	"serf/internal/textwrap"
)

// leaveTimeout bounds a graceful leave that a signal asked for. Service managers kill what takes
// much longer.
const leaveTimeout = 3 * time.Second

// gcPercent is how much an agent's memory may grow before garbage is collected: by half of what is
// in use. The agent shares its host with what the host is there for, and has so little to do that
// the time isn't noticed. GOGC overrides it.
const gcPercent = 50

// signalQueue lets a burst of signals wait while one is handled.
const signalQueue = 4

// runAgent is `serf agent`: it runs until a signal, an RPC client's leave or a failure ends it.
func runAgent(ctx context.Context, args []string, e env) int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	signals := make(chan os.Signal, signalQueue)
	signal.Notify(signals, agentSignals...)
	defer signal.Stop(signals)
	if len(surviveSignals) > 0 { // none would mean all
		unread := make(chan os.Signal, 1)
		signal.Notify(unread, surviveSignals...)
		defer signal.Stop(unread)
	}
	return asService(signals, func() int { return serveAgent(ctx, args, e, signals) })
}

// serveAgent is runAgent with signals from anywhere. The end of ctx counts as an interrupt.
func serveAgent(ctx context.Context, args []string, e env, signals <-chan os.Signal) int {
	out := newConsole(e.Stdout, e.Stderr)
	defer out.close()
	d := &daemon{
		args: args, out: out, stderr: e.Stderr, lookupEnv: e.LookupEnv, signals: signals,
		left: make(chan struct{}, 1), moved: make(chan struct{}, 1), loaded: make(chan loading, 1),
	}
	var code int
	var runs bool
	caught, ended := d.await(ctx, func() { code, runs = d.begin(ctx) })
	switch {
	case !ended:
		out.fail("Caught signal: %v, ending before the start is done", caught)
		return exitError
	case !runs:
		return code
	}
	code, over := exitOK, false
	if caught != nil {
		code, over = d.signal(caught)
	}
	if !over {
		code = d.run(ctx)
	}
	if caught, ended = d.await(context.Background(), d.stop); !ended {
		out.fail("Caught signal: %v, ending before all is written", caught)
		return exitError
	}
	return code
}

// begin reads the configuration and starts the agent. If it doesn't run, code is the exit code.
func (d *daemon) begin(ctx context.Context) (code int, runs bool) {
	s, err := loadSetup(d.args)
	if errors.Is(err, flag.ErrHelp) {
		io.WriteString(d.out.out, agentUsage())
		return exitOK, false
	}
	d.out.json.Store(s.conf.LogFormat == formatJSON)
	if err != nil {
		d.out.fail("'serf agent -h' lists the options and keys.")
		d.out.problems(err) // last, because programs that start agents show the last line
		return exitError, false
	}
	for _, w := range s.warnings {
		d.out.warn("%s", w)
	}
	d.setup, d.began = s, s.conf
	d.findManager()
	if err := d.start(ctx); err != nil {
		d.out.fail("Error %v", err)
		d.manager.Status("Error " + err.Error()) // it is shown already
		return exitError, false
	}
	d.endTold = d.keepTold()
	return exitOK, true
}

func agentUsage() string {
	return "Usage: serf agent [options]\n\n" +
		textwrap.Fill("Runs a Serf agent in the foreground, until a signal ends it. "+signalUsage, 0) +
		"\n\n" + config.Usage()
}

// daemon is a running `serf agent`.
type daemon struct {
	args    []string
	setup   setup         // from the last start or reload
	began   config.Config // from the start: some of it can't change since
	out     *console
	stderr  io.Writer
	signals <-chan os.Signal
	left    chan struct{} // capacity 1: an RPC client made the agent leave
	moved   chan struct{} // capacity 1: another address is advertised

	lookupEnv func(string) (string, bool)
	manager   *sdnotify.Manager // nil without a service manager that wants to know
	endTold   func()            // ends what keepTold began
	ending    bool

	loaded   chan loading // capacity 1: what a reload has read
	loading  bool         // the reload is still being read
	loadNext bool         // another reload was asked for meanwhile

	log      *agent.Log
	locks    config.Locks
	tags     *tagKeeper         // nil without a tags file
	snapshot *snapshot.Snapshot // nil without one
	agent    *agent.Agent
	rpc      *server.Server
	rpcCerts *certs.Live // nil without an address with TLS
	http     httpSide
	extras   extras
}

// start starts the agent and its RPC server, or nothing.
func (d *daemon) start(ctx context.Context) error {
	conf := &d.setup.conf
	d.out.step("Starting Serf agent...")
	// RPC comes first: an agent that can't have its port must not be seen in the cluster.
	listeners, err := d.listenRPC(ctx)
	if err != nil {
		return err
	}
	err = d.http.listen(ctx, conf, func(text string) { d.out.warn("%s", text) })
	if err != nil {
		closeRPC(listeners)
		return err
	}
	d.log = agent.NewLogAs(d.setup.logFormat(), d.out, d.setup.level())
	ac := d.setup.agentConfig()
	err = d.setup.checkPorts(listeners)
	if err == nil {
		err = d.lockFiles()
	}
	if err == nil {
		err = d.openExtras(&ac)
	}
	if err == nil {
		err = d.openSnapshot(&ac)
	}
	if err == nil {
		ac.Logger, ac.AddressChanged = d.log, d.noteMoved
		ac.HandlerRPC = handler.RPC{Addr: handlerAddr(listeners), Auth: conf.RPCAuth}
		d.agent, err = agent.Start(ctx, ac)
	}
	if err != nil {
		closeRPC(listeners)
		d.http.close()
		d.closeSnapshot()
		d.closeExtras()
		d.locks.Release()
		d.out.mute() // the log would only repeat the error
		d.log.Close()
		var bind *agent.BindError
		if errors.As(err, &bind) {
			err = fmt.Errorf("bind %v: %s", bind.Addr,
				driver.ExplainBind(bind.Err, conf.Setting("bind")))
		}
		return fmt.Errorf("starting Serf agent: %w", d.setup.recordError(err))
	}
	d.logStart(listeners)
	d.serveRPC(listeners)
	d.startHTTP()
	d.startExtras()
	d.out.step("Serf agent running!")
	d.describe(shownRPC(listeners))
	return nil
}

// lockFiles keeps other agents from the files that this one writes.
func (d *daemon) lockFiles() (err error) {
	var warnings []string
	d.locks, warnings, err = d.setup.conf.Lock()
	for _, w := range warnings {
		d.out.warn("%s", w)
	}
	return err
}

// run joins, then waits for the end of the agent, and returns the exit code.
func (d *daemon) run(ctx context.Context) int {
	if code, ended := d.join(ctx); ended {
		return code
	}
	d.out.logFollows()
	for {
		if code, ended := d.next(ctx, nil); ended {
			return code
		}
	}
}

// next handles one event; done is one more channel to wait for, or nil. It returns the exit code if
// the event ended the agent.
func (d *daemon) next(ctx context.Context, done <-chan struct{}) (code int, ended bool) {
	select {
	case s := <-d.signals:
		return d.signal(s)
	case <-ctx.Done():
		return d.signal(os.Interrupt)
	case <-d.left:
		return exitOK, true
	case l := <-d.loaded:
		d.reload(l)
		return 0, false
	case <-d.moved:
		d.restartDiscovery()
		return 0, false
	case <-d.agent.Done():
		d.out.fail("The agent has stopped: %v", d.agent.Err())
		return exitError, true
	case <-done:
		return 0, false
	}
}

// join contacts the members of -join. If none answers, the agent ends.
func (d *daemon) join(ctx context.Context) (code int, ended bool) {
	conf := &d.setup.conf
	if len(conf.Join) == 0 {
		return 0, false
	}
	d.out.step("Joining cluster...(replay: %v)", conf.Replay)
	joinCtx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	var n int
	var err error
	go func() {
		defer close(done)
		n, err = d.agent.Join(joinCtx, conf.Join, conf.Replay)
	}()
	defer func() { cancel(); <-done }()
	for {
		if code, ended := d.next(ctx, done); ended {
			return code, true
		}
		select {
		case <-done:
		default:
			continue // a signal that doesn't end the agent
		}
		if err != nil {
			d.out.fail("Error joining the cluster: %v", err)
			return exitError, true
		}
		d.out.detail("Join completed. Synced with %d initial agents", n)
		return 0, false
	}
}

// signal acts on a signal, and returns the exit code if that ended the agent.
func (d *daemon) signal(s os.Signal) (code int, ended bool) {
	if s == dumpSignal {
		d.dump()
		return 0, false
	}
	d.out.step("Caught signal: %v", s)
	conf := &d.setup.conf
	switch {
	case s == reloadSignal:
		d.reopenLog()
		d.told(d.manager.Reloading())
		d.load()
		return 0, false
	case s == reopenSignal:
		d.reopenLog()
		return 0, false
	case s == os.Interrupt && !conf.SkipLeaveOnInterrupt,
		s == syscall.SIGTERM && conf.LeaveOnTerminate:
		return d.leave(), true
	}
	return exitError, true
}

// leave tells the cluster that this member leaves, within leaveTimeout and the user's patience.
func (d *daemon) leave() int {
	d.stopping()
	d.out.step("Gracefully shutting down agent...")
	d.log.Infof("agent", "requesting graceful leave from Serf")
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.agent.Leave(ctx) }()
	return d.awaitLeave(done)
}

// awaitLeave waits for the end of a leave, or for another signal to end.
func (d *daemon) awaitLeave(done <-chan error) int {
	for {
		select {
		case err := <-done:
			if err != nil {
				d.out.fail("Error leaving the cluster: %v", err)
				return exitError
			}
			return exitOK
		case s := <-d.signals:
			if isEnd(s) {
				d.out.fail("Caught signal: %v, ending at once", s)
				return exitError
			}
		}
	}
}

// stop stops what start started.
func (d *daemon) stop() {
	d.stopping()
	d.endTold()
	d.log.Infof("agent", "requesting serf shutdown")
	d.stopExtras()
	d.http.close()
	d.rpc.Close()
	d.tags.close()
	d.agent.Close()
	d.extras.collector.CloseHandlers(d.agent.HandlerStats())
	d.closeSnapshot()
	d.locks.Release()
	d.log.Infof("agent", "shutdown complete")
	d.closeExtras()
	d.out.mute() // unless the log is shown already
	d.log.Close()
	d.manager.Close()
}

// keepTags returns what sets the tags for clients: the agent, and the file that keeps them.
func (d *daemon) keepTags() setTags {
	path := d.setup.conf.TagsFile
	if path == "" {
		return d.agent.SetTags
	}
	d.tags = &tagKeeper{set: d.agent.SetTags, path: path, tags: d.agent.Tags, log: d.log}
	return d.tags.SetTags
}
