// Package rpcaddr reads the addresses of an agent's RPC, as agents listen on them and clients
// connect to them: host:port, tls://host:port and unix:///path. It neither looks names of hosts up
// nor opens anything.
package rpcaddr

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// Networks of an address.
const (
	TCP  = "tcp"
	TLS  = "tls"
	Unix = "unix"
)

// PathMax is the longest path of a socket on this system, in bytes: the system keeps it with a zero
// at its end.
const PathMax = len(syscall.RawSockaddrUnix{}.Path) - 1

// ListMax is how many addresses an agent listens on at most.
const ListMax = 16

const scheme = "://"

// Addr is an address.
type Addr struct {
	Network string // TCP, TLS or Unix
	Address string // host:port, or the path of a socket
}

// String is a in the form that Parse takes.
func (a Addr) String() string {
	switch {
	case a.Network == TCP:
		return a.Address
	case a.Network == Unix && !strings.HasPrefix(a.Address, "/"): // C:/path
		return Unix + scheme + "/" + filepath.ToSlash(a.Address)
	}
	return a.Network + scheme + a.Address
}

// Parse reads one address whose port is at least portMin, which is 0 where the system may choose
// one. The port may be a name. The error goes on after the address: "want host:port, ...".
func Parse(s string, portMin int) (Addr, error) {
	network, address, found := strings.Cut(s, scheme)
	if !found {
		network, address = TCP, s
	}
	if network == Unix {
		return parsePath(address)
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil && port != "" && (network == TCP && !found || network == TLS) {
		n, err := net.LookupPort("tcp", port)
		if err == nil && n >= portMin {
			return Addr{network, address}, nil
		}
	}
	return Addr{}, fmt.Errorf("want host:port, port %d to 65535, tls://host:port or unix:///path",
		portMin)
}

// parsePath reads the path of a socket.
func parsePath(path string) (Addr, error) {
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/")
	}
	switch {
	case !filepath.IsAbs(path):
		return Addr{}, errors.New("want an absolute path, as in unix:///run/serf/rpc.sock")
	case len(path) > PathMax:
		return Addr{}, fmt.Errorf("its path has %d bytes, and one of a socket at most %d here",
			len(path), PathMax)
	}
	return Addr{Unix, path}, nil
}

// ParseList reads the addresses to listen on, with commas between them. The error is as that of
// Parse.
func ParseList(s string) (all []Addr, err error) {
	for part := range strings.SplitSeq(s, ",") {
		a, err := Parse(strings.TrimSpace(part), 0)
		switch {
		case err != nil && part != s:
			return nil, fmt.Errorf("%w, at %q", err, strings.TrimSpace(part))
		case err != nil:
			return nil, err
		case slices.Contains(all, a):
			return nil, fmt.Errorf("want each address once, and %v comes twice", a)
		case len(all) == ListMax:
			return nil, fmt.Errorf("want at most %d addresses", ListMax)
		}
		all = append(all, a)
	}
	return all, nil
}
