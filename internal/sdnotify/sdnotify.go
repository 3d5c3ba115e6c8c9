// Package sdnotify tells systemd, or another service manager that speaks its protocol, how a
// service is: datagrams of lines NAME=VALUE to the socket that $NOTIFY_SOCKET names. It doesn't
// decide what is told when.
package sdnotify

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// sendTimeout bounds how long the manager may take to make room for a message.
	sendTimeout = time.Second
	// statusMax bounds a status, in bytes: it is shown in one line.
	statusMax = 256
)

// Variables are those of the environment by which a manager speaks to one service, and not to what
// that runs.
var Variables = []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}

// Manager is what waits for messages. Methods of a nil *Manager do nothing.
type Manager struct {
	conn *net.UnixConn

	// Watchdog is the longest pause between two calls of Alive after which the manager considers
	// the service stuck; 0 means that it doesn't.
	Watchdog time.Duration
}

// FromEnv returns the manager that variables name, as os.LookupEnv has them, or nil if there is
// none.
func FromEnv(lookup func(name string) (string, bool)) (*Manager, error) {
	path, ok := lookup("NOTIFY_SOCKET")
	if !ok || path == "" {
		return nil, nil
	}
	if path[0] != '/' && path[0] != '@' { // @ begins the name of an abstract socket
		return nil, fmt.Errorf("NOTIFY_SOCKET: %q, want an absolute path or @name", path)
	}
	watchdog, err := watchdogFrom(lookup)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return &Manager{conn: conn, Watchdog: watchdog}, nil
}

// watchdogFrom reads how often the manager wants to hear from this process.
func watchdogFrom(lookup func(name string) (string, bool)) (time.Duration, error) {
	if pid, ok := lookup("WATCHDOG_PID"); ok && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil // another process is watched
	}
	text, ok := lookup("WATCHDOG_USEC")
	if !ok {
		return 0, nil
	}
	usec, err := strconv.ParseInt(text, 10, 64)
	if err != nil || usec <= 0 || usec > math.MaxInt64/int64(time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC: %q, want a number of microseconds", text)
	}
	return time.Duration(usec) * time.Microsecond, nil
}

// Ready says that the service has started, or finished reloading.
func (m *Manager) Ready() error { return m.send("READY=1") }

// Reloading says that the service reads its configuration again. Ready has to follow.
func (m *Manager) Reloading() error {
	if m == nil {
		return nil
	}
	return m.send("RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(monotonic().Microseconds(), 10))
}

// Stopping says that the service has begun to end.
func (m *Manager) Stopping() error { return m.send("STOPPING=1") }

// Alive says that the service isn't stuck.
func (m *Manager) Alive() error { return m.send("WATCHDOG=1") }

// Status says how the service is, for people.
func (m *Manager) Status(text string) error {
	text = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
	if len(text) > statusMax {
		text = strings.ToValidUTF8(text[:statusMax], "")
	}
	return m.send("STATUS=" + text)
}

func (m *Manager) send(text string) error {
	if m == nil {
		return nil
	}
	m.conn.SetWriteDeadline(time.Now().Add(sendTimeout))
	_, err := m.conn.Write([]byte(text))
	return err
}

// Close ends the messages.
func (m *Manager) Close() error {
	if m == nil {
		return nil
	}
	if err := m.conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
