package handler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"serf/internal/eventfilter"
	"serf/internal/sdnotify"
)

// Why a script was killed.
var (
	errTimeout = errors.New("not done after")
	errClosed  = errors.New("the agent stops")
)

// run runs a queue's handler for one event, to its end or its time-out. slow is called if the
// script is slow, and has returned when run does.
func (r *Runner) run(q *queue, w *waiting, slow func()) error {
	h, e := r.handlerOf(q), &w.Event
	ctx, cancel := r.limit(h.Timeout)
	defer cancel()
	var out tail
	cmd, err := command(ctx, &h)
	if err == nil {
		name, tags := r.cfg.Self()
		cmd.Env = slices.Concat(inherited(os.Environ(), r.cfg.RPC), r.cfg.RPC.environ(),
			e.environ(name, tags))
		cmd.Stdin = bytes.NewReader(e.stdin())
		cmd.Stdout, cmd.Stderr = &out, &out // the same: written by one goroutine, in order
		cmd.WaitDelay = r.grace
		err = r.watch(cmd, &h, slow)
	}
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("killed: %w", context.Cause(ctx))
	}
	r.report(&h, e, &out, err)
	if e.Kind == eventfilter.Query && !(err == nil && len(out.buf) > 0 && r.respond(e, out.buf)) {
		e.passUp()
	}
	return err
}

// watch runs cmd, and logs when it is slow.
func (r *Runner) watch(cmd *exec.Cmd, h *Handler, slow func()) error {
	warned, limit := make(chan struct{}), r.slow
	timer := time.AfterFunc(limit, func() {
		defer close(warned)
		slow()
		r.cfg.Log(slog.LevelWarn, "Script '%s' slow, execution exceeding %v", h.Script, limit)
	})
	err := run(cmd)
	if !timer.Stop() {
		<-warned
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it succeeded; only a child still holds its output
	}
	return err
}

// handlerOf returns a queue's handler with its current time-out.
func (r *Runner) handlerOf(q *queue) Handler {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := q.handler
	if h.Timeout == 0 {
		h.Timeout = r.timeout
	}
	return h
}

// limit returns the context of one script.
func (r *Runner) limit(timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout < 0 {
		return context.WithCancel(r.life)
	}
	return context.WithTimeoutCause(r.life, timeout, fmt.Errorf("%w %v", errTimeout, timeout))
}

// report logs how a script ended.
func (r *Runner) report(h *Handler, e *Event, out *tail, err error) {
	if out.total > outputMax {
		r.cfg.Log(slog.LevelWarn, "Script '%s' generated %d bytes of output, truncated to %d",
			h.Script, out.total, outputMax)
	}
	last, before := lines(out.buf)
	if before > 0 {
		r.cfg.Log(slog.LevelDebug, "Event '%s' script output: (%d lines left out)", e.Kind, before)
	}
	for _, line := range last {
		r.cfg.Log(slog.LevelDebug, "Event '%s' script output: %s", e.Kind, escaped(line))
	}
	if err == nil {
		return
	}
	said := "it printed nothing"
	if line := lastLine(out.buf); line != "" {
		said = "its last line of output: " + line
	}
	r.cfg.Log(slog.LevelError, "Error invoking script '%s': %v, for %s; %s", excerpt(h.Script), err,
		excerpt(e.String()), said)
}

// respond answers a query, and reports whether that succeeded.
func (r *Runner) respond(e *Event, output []byte) bool {
	if e.Respond == nil {
		return false
	}
	if err := e.Respond(output); err != nil {
		r.cfg.Log(slog.LevelWarn, "Failed to respond to query '%s': %v", e, err)
		return false
	}
	return true
}

// Prefixes of the variables that scripts are given.
var (
	eventVariables = []string{"SERF_EVENT=", "SERF_SELF_NAME=", "SERF_SELF_ROLE=", "SERF_TAG_",
		"SERF_USER_EVENT=", "SERF_USER_LTIME=", "SERF_QUERY_NAME=", "SERF_QUERY_LTIME="}
	rpcVariables = []string{rpcAddr, rpcAuth, rpcAuthFile}
)

const (
	rpcAddr = "SERF_RPC_ADDR="
	rpcAuth = "SERF_RPC_AUTH="
	// rpcAuthFile isn't set, but one that is inherited would exclude rpcAuth.
	rpcAuthFile = "SERF_RPC_AUTH_FILE="
)

// inherited is what a script gets of the agent's own environment. An agent started by a handler
// must not pass that handler's event on to its own scripts, and a script can't speak for the agent
// to its service manager.
func inherited(environ []string, rpc RPC) []string {
	return slices.DeleteFunc(environ, func(v string) bool {
		set := func(prefix string) bool { return strings.HasPrefix(v, prefix) }
		name, _, _ := strings.Cut(v, "=")
		return slices.ContainsFunc(eventVariables, set) ||
			slices.Contains(sdnotify.Variables, name) || rpc.Addr != "" &&
			slices.ContainsFunc(rpcVariables, set)
	})
}

// environ returns the variables by which commands find this agent.
func (r RPC) environ() (env []string) {
	if r.Addr != "" {
		env = append(env, rpcAddr+r.Addr)
		if r.Auth != "" {
			env = append(env, rpcAuth+r.Auth)
		}
	}
	return env
}
