package agent

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
)

// Each system has its own error numbers.
func TestExplainBind(t *testing.T) {
	const inUse = "address already in use: another agent may be running there; stop it or choose another with -x"
	for _, tc := range []struct {
		err  error
		want string
	}{
		{errAddrInUse, inUse},
		{errNoAddr, "no interface of this host has that address; choose another with -x"},
		{errNoAccess, "permission denied: " + noAccessRemedy + " with -x"},
		{os.ErrPermission, "permission denied: " + noAccessRemedy + " with -x"},
		{errors.New("something else"), "something else"},
	} {
		// As package net wraps it.
		err := &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(hostAddr(1)), Err: os.NewSyscallError("bind", tc.err)}
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
	if _, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(addr)); !errors.Is(err, errAddrInUse) {
		t.Errorf("a taken port: %v", err)
	}
	foreign := netip.MustParseAddrPort("192.0.2.1:0") // reserved for documentation
	if _, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(foreign)); !errors.Is(err, errNoAddr) {
		t.Errorf("an address of nobody here: %v", err)
	}
}
