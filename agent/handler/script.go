package handler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"time"
)

var (
	errKilled = errors.New("killed")        // a script was
	errClosed = errors.New("runner closed") // and this is why
)

// run runs a script for one event, to its end or that of its time.
func (r *Runner) run(script string, e *Event) error {
	ctx, cancel := r.limit()
	defer cancel()
	var out tail
	cmd := shell(ctx, script)
	name, tags := r.cfg.Self()
	cmd.Env = append(os.Environ(), e.environ(name, tags)...)
	cmd.Stdin = bytes.NewReader(e.stdin())
	cmd.Stdout, cmd.Stderr = &out, &out // the same: written by one goroutine, in order
	cmd.WaitDelay = r.grace

	warned := make(chan struct{})
	slow := time.AfterFunc(r.slow, func() {
		defer close(warned)
		r.cfg.Log(slog.LevelWarn, "Script '%s' slow, execution exceeding %v", script, r.slow)
	})
	err := cmd.Run()
	if !slow.Stop() {
		<-warned
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well; only a child of it still holds its output
	}
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("%w: %w", errKilled, context.Cause(ctx))
	}
	r.report(script, e, &out, err)
	if e.Kind == Query && !(err == nil && len(out.buf) > 0 && r.respond(e, out.buf)) {
		e.passUp()
	}
	return err
}

// limit returns the context of one script.
func (r *Runner) limit() (context.Context, context.CancelFunc) {
	if r.cfg.Timeout < 0 {
		return context.WithCancel(r.life)
	}
	return context.WithTimeoutCause(r.life, r.cfg.Timeout, fmt.Errorf("not done after %v", r.cfg.Timeout))
}

// report logs how a script ended.
func (r *Runner) report(script string, e *Event, out *tail, err error) {
	if out.total > outputMax {
		r.cfg.Log(slog.LevelWarn, "Script '%s' generated %d bytes of output, truncated to %d", script, out.total, outputMax)
	}
	r.cfg.Log(slog.LevelDebug, "Event '%s' script output: %s", e.Kind, out.buf)
	if err != nil {
		r.cfg.Log(slog.LevelError, "Error invoking script '%s': %v", script, err)
	}
}

// respond answers a query, and says whether that worked.
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
