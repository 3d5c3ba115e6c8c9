package memberlist

import (
	"net"
	"sync"

	"serf/compat/memberlist"
)

// Stand-ins for what memberlist's own tests use that isn't API, where the API has the same by another
// way. own.go puts them into the tests' package.

// configs are the configurations that Create was given. A test asks for the addresses in them, which
// Create fills in.
var configs sync.Map

func Create(c *Config) (*Memberlist, error) {
	m, err := memberlist.Create(c)
	if err == nil {
		configs.Store(m, c)
	}
	return m, err
}

func configOf(m *Memberlist) *Config {
	c, _ := configs.Load(m)
	return c.(*Config)
}

// newMemberlist, setAlive and schedule are the parts of Create.
func newMemberlist(c *Config) (*Memberlist, error) { return Create(c) }
func setAlive(*Memberlist) error                   { return nil }
func schedule(*Memberlist)                         {}

// estNumNodes counts members that aren't known to be dead.
func estNumNodes(m *Memberlist) int { return m.NumMembers() }

// addrOf returns the address of a transport that tests send to.
func addrOf(t *MockTransport) net.Addr {
	ip, port, err := t.FinalAdvertiseAddr("", 0)
	if err != nil {
		panic(err)
	}
	return &net.UDPAddr{IP: ip, Port: port}
}

// memberlistBroadcast is a NamedBroadcast, the one that memberlist queues about its members.
type memberlistBroadcast struct {
	node   string
	msg    []byte
	notify chan struct{}
}

func (b *memberlistBroadcast) Name() string    { return b.node }
func (b *memberlistBroadcast) Message() []byte { return b.msg }

func (b *memberlistBroadcast) Invalidates(other Broadcast) bool {
	o, ok := other.(*memberlistBroadcast)
	return ok && o.node == b.node
}

func (b *memberlistBroadcast) Finished() {
	select {
	case b.notify <- struct{}{}:
	default:
	}
}

// Bytes of the wire format, as in package wire.
type (
	messageType       uint8
	encryptionVersion uint8
)

const (
	pingMsg     messageType = 0
	errMsg      messageType = 13
	hasLabelMsg messageType = 244

	maxEncryptionVersion encryptionVersion = 1
)
