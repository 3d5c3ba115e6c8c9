package driver

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"serf/internal/errno"
	"serf/swim"
	"serf/wire"
)

// StreamFailure is why a stream failed or was refused, accepted or dialled.
type StreamFailure uint8

// Why streams fail. Every failure is counted as one of these.
const (
	StreamRefused   StreamFailure = iota // accepted, but too many are open
	StreamBusy                           // too many are being dialled, or bring large messages
	StreamConnect                        // the peer can't be connected to
	StreamTimeout                        // connected, but the rest took too long
	StreamCut                            // the peer closed the connection, or it broke
	StreamLabel                          // another cluster's label, or none
	StreamKey                            // no key of ours opens it, or it should be encrypted and isn't
	StreamMalformed                      // anything else that makes no sense
	StreamFailures  int           = iota // how many there are
)

// String returns the reason in one word, for metrics.
func (f StreamFailure) String() string {
	return [StreamFailures]string{"refused", "busy", "connect", "timeout", "cut", "label", "key",
		"malformed"}[f]
}

// dialError marks a failure to connect.
type dialError struct{ error }

func (e dialError) Unwrap() error { return e.error }

// Is tells the node that nothing listens there.
func (e dialError) Is(target error) bool {
	return target == swim.ErrStreamRefused && errors.Is(e.error, errno.ConnRefused)
}

// answerError marks a failure to get an answer through a connection.
type answerError struct{ error }

func (e answerError) Unwrap() error { return e.error }

// Is tells the node that the host is up, and the process silent.
func (e answerError) Is(target error) bool {
	return target == swim.ErrStreamSilent && errors.Is(e.error, os.ErrDeadlineExceeded)
}

// streamFailure classifies the error of a stream's goroutine.
func streamFailure(err error) StreamFailure {
	_, dial := errors.AsType[dialError](err)
	_, broken := errors.AsType[syscall.Errno](err)
	switch {
	case dial:
		return StreamConnect
	case errors.Is(err, errBusy), errors.Is(err, errBudget):
		return StreamBusy
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return StreamTimeout
	case wire.IsLabelError(err):
		return StreamLabel
	case wire.IsKeyError(err):
		return StreamKey
	case broken, errors.Is(err, errNoAnswer), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrClosedPipe), errors.Is(err, net.ErrClosed):
		return StreamCut
	}
	return StreamMalformed
}

// countFailure counts a stream that failed, unless the driver's own end did that.
func (d *Driver) countFailure(f StreamFailure) {
	if d.ctx.Err() == nil {
		d.counts.Change(func(c *Counters) { c.StreamFailures[f]++ })
	}
}
