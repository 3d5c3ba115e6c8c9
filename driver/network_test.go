package driver

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"serf/internal/errno"
)

// Each system has its own error numbers.
func TestExplainBind(t *testing.T) {
	const inUse = "address already in use: another agent may be running there; stop it or choose another with -x"
	for _, tc := range []struct {
		err  error
		want string
	}{
		{errno.AddrInUse, inUse},
		{errno.NoAddr, "no interface of this host has that address; choose another with -x"},
		{errno.NoAccess, "permission denied: " + errno.NoAccessRemedy + " with -x"},
		{os.ErrPermission, "permission denied: " + errno.NoAccessRemedy + " with -x"},
		{errors.New("something else"), "something else"},
	} {
		// As package net wraps it.
		err := &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(loopback), Err: os.NewSyscallError("bind", tc.err)}
		if tc.want == "something else" {
			err.Err = tc.err
		}
		if got := ExplainBind(err, "-x"); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.err, got, tc.want)
		}
	}
}

// Without its own number, an error of a real socket would not be recognised.
func TestExplainBindKnowsRealErrors(t *testing.T) {
	taken, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().(*net.TCPAddr).AddrPort()
	if _, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(addr)); !errors.Is(err, errno.AddrInUse) {
		t.Errorf("a taken port: %v", err)
	}
	foreign := netip.MustParseAddrPort("192.0.2.1:0") // reserved for documentation
	if _, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(foreign)); !errors.Is(err, errno.NoAddr) {
		t.Errorf("an address of nobody here: %v", err)
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	t.Parallel()
	d := listen(t, Config{Bind: loopback})
	_, err := Listen(Config{Bind: d.Addr()})
	want := "bind " + d.Addr().String() + ": address already in use: another agent may be running there; stop it or choose another with Config.Bind"
	if !errors.Is(err, errno.AddrInUse) || err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestConfigsThatAreRefused(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Config{
		"bind address: not set":           {},
		"stream timeout: -1s is negative": {Bind: loopback, StreamTimeout: -time.Second},
	} {
		if _, err := Listen(c); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// loopback is where the tests with real sockets listen; the port is any free one.
var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func listen(t *testing.T, c Config) *Driver {
	t.Helper()
	d, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}
