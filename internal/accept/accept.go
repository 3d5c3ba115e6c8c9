// Package accept takes connections from a listener for as long as that is open, and ends them. It
// doesn't know what is spoken on them.
package accept

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"serf/internal/std"
)

// Pauses between attempts to accept, when the system has run out of file descriptors or the like.
const (
	pauseMin = 5 * time.Millisecond
	pauseMax = time.Second
)

// notConnected is what AcceptEx of Wine says of a connection that was reset before it was accepted,
// WSAENOTCONN. What Windows and others say then package net doesn't pass on.
const notConnected = syscall.Errno(10057)

// Loop hands connections to admit until ln is closed or ctx is done. failed is called when
// accepting fails, once until it works again.
func Loop(ctx context.Context, ln net.Listener, admit func(net.Conn), failed func(error)) {
	var wait time.Duration
	for {
		nc, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed) || ctx.Err() != nil:
			if err == nil {
				nc.Close()
			}
			return
		case err == nil:
			wait = 0
			admit(nc)
			continue
		case errors.Is(err, notConnected):
			continue // nothing is wrong here, and the next one may be waiting
		case wait == 0:
			failed(err)
		}
		wait = min(max(2*wait, pauseMin), pauseMax)
		std.Sleep(ctx, wait)
	}
}

// HangUp closes a connection from any goroutine. It closes what is below TLS, which would first
// tell the client, and wait for one that doesn't read.
func HangUp(nc net.Conn) {
	if over, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = over.NetConn()
	}
	nc.Close()
}

// Linger lets the client read the last answer: a connection that is closed while something is
// unread takes the answer with it. What the client still sends is read by r, which reads from nc,
// up to most bytes and for up to d.
func Linger(nc net.Conn, r io.Reader, most int64, d time.Duration) {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	nc.SetReadDeadline(time.Now().Add(d))
	io.CopyN(io.Discard, r, most)
}
