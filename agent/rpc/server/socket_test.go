package server

import (
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent/rpc"
	"serf/internal/systest"
)

func listenUnix(t *testing.T, path string) net.Listener {
	t.Helper()
	ln, err := ListenUnix(path, 0o600, NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// url is the address of a socket.
func url(path string) string {
	if path = filepath.ToSlash(path); path[0] != '/' {
		path = "/" + path
	}
	return "unix://" + path
}

func TestServeOnSocketAndPort(t *testing.T) {
	t.Parallel()
	path := systest.SocketPath(t)
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(port, &fakeAgent{}, Options{})
	defer s.Close()
	s.Add(listenUnix(t, path))
	for _, addr := range []string{url(path), port.Addr().String()} {
		c, err := rpc.Dial(t.Context(), addr, rpc.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Stats(t.Context()); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
		c.Close()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if len(left) > 0 || err != nil {
		t.Errorf("files after the end: %v, %v", left, err)
	}
}

func TestSocketOfADeadAgentIsReplaced(t *testing.T) {
	t.Parallel()
	path := systest.SocketPath(t)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal("the test needs a socket without a listener:", err)
	}
	ln := listenUnix(t, path)
	go func() { ln.Accept() }()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestSocketOfALivingOneIsLeftAlone(t *testing.T) {
	t.Parallel()
	agent := systest.SocketPath(t)
	listenUnix(t, agent)
	program := systest.SocketPath(t) // takes no lock
	ln, err := net.Listen("unix", program)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, path := range []string{agent, program} {
		if _, err := ListenUnix(path, 0o600, NoGroup); !errors.Is(err, ErrSocketInUse) {
			t.Error(err)
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal("its listener was disturbed:", err)
		}
		c.Close()
	}
}

func TestFileInPlaceOfASocketStays(t *testing.T) {
	t.Parallel()
	path := systest.SocketPath(t)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(path, 0o600, NoGroup); !errors.Is(err, ErrNoSocket) {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); string(b) != "mine" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestSocketNeedsItsFolder(t *testing.T) {
	t.Parallel()
	_, err := ListenUnix(filepath.Join(systest.SocketPath(t), "s"), 0o600, NoGroup)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Close doesn't wait for a client that doesn't read. TLS would first tell it of the end.
func TestHangingUpDoesNotWaitForTLS(t *testing.T) {
	cert, err := tls.LoadX509KeyPair(systest.NewAuthority(t).Server("s"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe() // takes only what is read
		defer far.Close()
		own := tls.Server(near, &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true})
		go tls.Client(far, &tls.Config{InsecureSkipVerify: true}).Handshake()
		if err := own.Handshake(); err != nil {
			t.Fatal(err)
		}
		c := newConn(&Server{ctx: t.Context()}, own)
		start := time.Now()
		c.hangUp()
		if d := time.Since(start); d > 0 {
			t.Errorf("it took %v", d)
		}
		if _, err := far.Write([]byte{1}); !errors.Is(err, io.ErrClosedPipe) {
			t.Error("the connection is still open:", err)
		}
	})
}
