package accept

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// outcomes is a listener whose attempts to accept end as listed, and then for good.
type outcomes struct {
	net.Listener
	list []error
	last error
}

func (l *outcomes) Accept() (net.Conn, error) {
	if len(l.list) == 0 {
		return nil, l.last
	}
	err := l.list[0]
	l.list = l.list[1:]
	c, _ := net.Pipe()
	return c, err
}

func TestFailuresAreReportedOnceUntilItWorksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("too many open files")
		l := &outcomes{list: []error{full, full, nil, full, nil, nil}, last: net.ErrClosed}
		admitted, failed := 0, 0
		began := time.Now()
		Loop(t.Context(), l, func(net.Conn) { admitted++ }, func(error) { failed++ })
		if admitted != 3 || failed != 2 {
			t.Errorf("%d admitted, %d failures reported; want 3, 2", admitted, failed)
		}
		if d := time.Since(began); d != 4*pauseMin { // 1 and 2, and again 1
			t.Errorf("paused for %v", d)
		}
	})
}

// Clients that hang up at once keep no others waiting.
func TestConnectionsThatWereResetCostNoPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := &net.OpError{Op: "accept", Err: os.NewSyscallError("acceptex", notConnected)}
		l := &outcomes{list: []error{gone, gone, nil}, last: net.ErrClosed}
		admitted := 0
		began := time.Now()
		Loop(t.Context(), l, func(net.Conn) { admitted++ }, func(err error) { t.Error(err) })
		if d := time.Since(began); admitted != 1 || d != 0 {
			t.Errorf("%d admitted, after %v", admitted, d)
		}
	})
}

func TestPausesAreBoundedAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		l := &outcomes{last: errors.New("always")}
		calls := 0
		began := time.Now()
		Loop(ctx, countingListener{l, &calls}, nil, func(error) {})
		if d := time.Since(began); d != time.Minute || calls < 60 || calls > 70 {
			t.Errorf("%d attempts, over %v", calls, d)
		}
	})
}

type countingListener struct {
	net.Listener
	calls *int
}

func (l countingListener) Accept() (net.Conn, error) { *l.calls++; return l.Listener.Accept() }

// overTLS is a connection that would say goodbye, and wait for a client that doesn't read.
type overTLS struct {
	net.Conn
	t *testing.T
}

func (c overTLS) NetConn() net.Conn { return c.Conn }
func (c overTLS) Close() error      { c.t.Error("it is told"); return c.Conn.Close() }

func TestHangUpTellsNobody(t *testing.T) {
	t.Parallel()
	for _, over := range []bool{false, true} {
		ours, theirs := net.Pipe()
		if over {
			ours = overTLS{ours, t}
		}
		HangUp(ours)
		if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
	}
}

func TestLingerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		began := time.Now()
		Linger(ours, ours, 10, time.Second)
		if d := time.Since(began); d != time.Second {
			t.Errorf("a silent client is waited for %v", d)
		}
		go theirs.Write([]byte(strings.Repeat("x", 20)))
		began = time.Now()
		Linger(ours, ours, 10, time.Second)
		if d := time.Since(began); d != 0 {
			t.Errorf("a client that sends much is waited for %v", d)
		}
		ours.Close()
	})
}
