package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"serf/internal/errno"
	"serf/swim"
	"serf/wire"
)

func TestStreamFailuresHaveReasons(t *testing.T) {
	op := func(err error) error { return &net.OpError{Op: "read", Err: err} }
	for _, tc := range []struct {
		err  error
		want StreamFailure
	}{
		{errBusy, StreamBusy},
		{errBudget, StreamBusy},
		{dialError{op(errno.ConnRefused)}, StreamConnect},
		{dialError{context.DeadlineExceeded}, StreamConnect},
		{context.DeadlineExceeded, StreamTimeout},
		{cutShort(5, op(os.ErrDeadlineExceeded)), StreamTimeout},
		{answerError{op(os.ErrDeadlineExceeded)}, StreamTimeout},
		{cutShort(0, io.EOF), StreamCut},
		{cutShort(9, io.EOF), StreamCut},
		{op(&os.SyscallError{Syscall: "write", Err: syscall.EPIPE}), StreamCut},
		{wire.ErrLabel, StreamLabel},
		{wire.ErrNoLabel, StreamLabel},
		{fmt.Errorf("block: %w", wire.ErrNoKey), StreamKey},
		{wire.ErrNotEncrypted, StreamKey},
		{errors.New("anything"), StreamMalformed},
	} {
		if got := streamFailure(tc.err); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.err, got, tc.want)
		}
	}
}

// The node tells a host that is down from one on which nothing listens.
func TestStreamsThatAreRefusedAreToldApart(t *testing.T) {
	for err, want := range map[error]bool{
		dialError{os.NewSyscallError("connect", errno.ConnRefused)}: true, dialError{context.DeadlineExceeded}: false,
		errno.ConnRefused: false,
	} {
		if got := errors.Is(err, swim.ErrStreamRefused); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}

// Nor is one whose process stands still like one that closes the connection.
func TestStreamsWithoutAnAnswerAreToldApart(t *testing.T) {
	for err, want := range map[error]bool{
		answerError{cutShort(0, os.ErrDeadlineExceeded)}: true, answerError{io.EOF}: false,
		dialError{os.ErrDeadlineExceeded}: false,
	} {
		if got := errors.Is(err, swim.ErrStreamSilent); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}
