package memberlist_test

import (
	"io"
	"log"
	"net"
	"strconv"
	"strings"
	"testing"

	"serf/compat/memberlist"
)

func onLoopback(name string) *memberlist.Config {
	c := memberlist.DefaultLocalConfig()
	c.Name, c.BindAddr, c.BindPort, c.Logger = name, "127.0.0.1", 0, log.New(io.Discard, "", 0)
	return c
}

func create(t *testing.T, c *memberlist.Config) *memberlist.Memberlist {
	t.Helper()
	m, err := memberlist.Create(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Shutdown() })
	return m
}

func TestSocketsOfItsOwn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *memberlist.Config){
		"sockets":            func(*memberlist.Config) {},
		"names are required": func(c *memberlist.Config) { c.RequireNodeNames = true },
		"labels unchecked":   func(c *memberlist.Config) { c.SkipInboundLabelCheck = true },
	} {
		a, b := onLoopback("a"), onLoopback("b")
		change(a)
		first := create(t, a)
		want(t, name+": the port that was bound", []int{a.BindPort, a.AdvertisePort, int(first.LocalNode().Port)},
			[]int{a.BindPort, a.BindPort, a.BindPort})
		if a.BindPort == 0 {
			t.Errorf("%s: no port", name)
		}
		second := create(t, b)
		if n, err := second.Join([]string{"a/" + first.LocalNode().Address()}); n != 1 || err != nil {
			t.Errorf("%s: join: %d, %v", name, n, err)
		}
		want(t, name, names(second.Members()), "a,b")
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	t.Parallel()
	c := onLoopback("a")
	first := create(t, c)
	taken := onLoopback("b")
	taken.BindPort = c.BindPort
	for _, named := range []bool{false, true} {
		taken.RequireNodeNames = named
		_, err := memberlist.Create(taken)
		prefix := `could not set up network transport: failed to obtain an address: failed to start TCP listener on "127.0.0.1" port ` + strconv.Itoa(c.BindPort) + ": "
		if err == nil || !strings.HasPrefix(err.Error(), prefix) {
			t.Errorf("got %v", err)
		}
	}
	_ = first.Shutdown()
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.BindPort)))
	if err != nil {
		t.Fatalf("the port isn't free after Shutdown: %v", err)
	}
	_ = ln.Close()
}

func TestAdvertisedAddresses(t *testing.T) {
	t.Parallel()
	c := onLoopback("a")
	c.AdvertiseAddr, c.AdvertisePort = "10.1.1.1", 99
	m := create(t, c)
	want(t, "with a port that the system chose", m.LocalNode().Address(), "10.1.1.1:"+strconv.Itoa(c.BindPort))

	c = onLoopback("b")
	c.AdvertiseAddr = "a name"
	_, err := memberlist.Create(c)
	want(t, "no address", err, `failed to get final advertise address: failed to parse advertise address "a name"`)
}
