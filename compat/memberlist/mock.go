package memberlist

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"time"
)

// MockNetwork makes transports that carry packets and streams in memory, for tests. Its zero value
// is ready to use.
type MockNetwork struct {
	mu     sync.Mutex
	byAddr map[string]*MockTransport
	byName map[string]*MockTransport
	port   int
}

// MockAddress is the address of a MockTransport.
type MockAddress struct {
	addr string
}

// Network returns "mock".
func (a *MockAddress) Network() string { return "mock" }

// String returns the address as host:port.
func (a *MockAddress) String() string { return a.addr }

// MockTransport is a transport of a MockNetwork.
type MockTransport struct {
	inlet
	net  *MockNetwork
	addr *MockAddress
	port int
}

var _ NodeAwareTransport = (*MockTransport)(nil)

// mockIP is the address of all transports: they differ by port.
var mockIP = net.IPv4(127, 0, 0, 1)

// NewTransport returns a transport with an address of its own, for the node called name. Others of
// the network reach it by either.
func (n *MockNetwork) NewTransport(name string) *MockTransport {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byAddr == nil {
		n.byAddr = make(map[string]*MockTransport)
		n.byName = make(map[string]*MockTransport)
	}
	n.port++
	t := &MockTransport{
		inlet: newInlet(),
		net:   n,
		addr:  &MockAddress{fmt.Sprintf("%s:%d", mockIP, n.port)},
		port:  n.port,
	}
	n.byAddr[t.addr.addr] = t
	n.byName[name] = t
	return t
}

// find returns the transport with an address or, if the address has one, a name.
func (n *MockNetwork) find(a Address) (*MockTransport, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t, found := n.byAddr[a.Addr]
	if a.Name != "" {
		t, found = n.byName[a.Name]
	}
	if !found {
		return nil, fmt.Errorf("no route to %s", &a)
	}
	return t, nil
}

// FinalAdvertiseAddr returns the transport's own address.
func (t *MockTransport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return mockIP, t.port, nil
}

// WriteTo is WriteToAddress without a name.
func (t *MockTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, Address{Addr: addr})
}

// WriteToAddress hands a copy of b over to the transport with that name, or else that address. It
// waits until that takes it, or ends.
func (t *MockTransport) WriteToAddress(b []byte, a Address) (time.Time, error) {
	to, err := t.net.find(a)
	if err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	to.packet(&Packet{Buf: bytes.Clone(b), From: t.addr, Timestamp: now}) // packets may get lost
	return now, nil
}

// DialTimeout is DialAddressTimeout without a name.
func (t *MockTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream to the transport with that name, or else that address. It waits
// until that takes it, or ends.
func (t *MockTransport) DialAddressTimeout(a Address, _ time.Duration) (net.Conn, error) {
	to, err := t.net.find(a)
	if err != nil {
		return nil, err
	}
	far, near := net.Pipe()
	if err := to.stream(far); err != nil {
		return nil, err
	}
	return near, nil
}

// Shutdown ends the transport: what others send to it is lost.
func (t *MockTransport) Shutdown() error {
	t.close()
	return nil
}
