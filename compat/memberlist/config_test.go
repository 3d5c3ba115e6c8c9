package memberlist

import (
	"errors"
	"io"
	"net"
	"slices"
	"testing"
)

func TestParseCIDRs(t *testing.T) {
	for _, c := range []struct {
		reason string
		texts  []string
		want   []string
		err    string
	}{
		{"none", nil, nil, ""},
		{"spaces", []string{" 127.0.0.0/8", "fe80::/10 "}, []string{"127.0.0.0/8", "fe80::/10"}, ""},
		{"one is wrong", []string{"10.0.0.1", "10.0.0.0/8"}, []string{"10.0.0.0/8"}, "1 error occurred:\n\t* invalid cidr: 10.0.0.1\n\n"},
		{"two are wrong", []string{"", "x"}, nil, "2 errors occurred:\n\t* invalid cidr: \n\t* invalid cidr: x\n\n"},
	} {
		nets, err := ParseCIDRs(c.texts)
		wantError(t, err, c.err)
		if nets == nil {
			t.Errorf("%s: got nil", c.reason)
		}
		var got []string
		for _, n := range nets {
			got = append(got, n.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.reason, got, c.want)
		}
	}
}

func TestIPAllowed(t *testing.T) {
	nets, _ := ParseCIDRs([]string{"10.0.0.0/8", "fd00::/8"})
	c := Config{CIDRsAllowed: nets}
	wantError(t, c.IPAllowed(net.IPv4(10, 1, 2, 3)), "")
	wantError(t, c.IPAllowed(net.ParseIP("fd00::1")), "")
	wantError(t, c.IPAllowed(net.IPv4(11, 0, 0, 1)), "11.0.0.1 is not allowed")
	c.CIDRsAllowed = []net.IPNet{}
	if c.IPMustBeChecked() || c.IPAllowed(net.IPv4(11, 0, 0, 1)) != nil {
		t.Error("without networks all are allowed")
	}
}

func TestVersionsOfAConfig(t *testing.T) {
	c := DefaultLANConfig()
	c.DelegateProtocolMin, c.DelegateProtocolMax, c.DelegateProtocolVersion = 2, 5, 4
	if got, want := c.BuildVsnArray(), []byte{1, 5, 2, 2, 5, 4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEncryptionEnabled(t *testing.T) {
	c := DefaultLANConfig()
	if c.EncryptionEnabled() {
		t.Error("without a keyring")
	}
	if c.Keyring = new(Keyring); c.EncryptionEnabled() {
		t.Error("without keys")
	}
	if err := c.Keyring.AddKey(key('a')); err != nil || !c.EncryptionEnabled() {
		t.Error("with a key", err)
	}
}

func TestJoinedErrors(t *testing.T) {
	if joinedErrors(nil).err() != nil {
		t.Error("no errors are an error")
	}
	if err := (joinedErrors{io.EOF, net.ErrClosed}).err(); !errors.Is(err, net.ErrClosed) {
		t.Error("the errors can't be told apart")
	}
}

func TestTextOfNodes(t *testing.T) {
	n := Node{Name: "a", Addr: net.ParseIP("::1"), Port: 7946}
	full := n.FullAddress()
	for _, c := range [][2]string{
		{n.String(), "a"},
		{n.Address(), "[::1]:7946"},
		{full.String(), "a ([::1]:7946)"},
		{(&Address{Addr: "b:1"}).String(), "b:1"},
		{NoPingResponseError{"a"}.Error(), "No response from node a"},
		{LogAddress(nil), "from=<unknown address>"},
		{LogAddress(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}), "from=127.0.0.1:1"},
		{LogStringAddress(""), "from=<unknown address>"},
		{LogStringAddress("b:1"), "from=b:1"},
		{LogConn(nil), "from=<unknown address>"},
		{LogConn(&pushedBack{Conn: sending(t, "")}), "from=pipe"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
}

func TestEventsByChannel(t *testing.T) {
	ch := make(chan NodeEvent, 3)
	d := ChannelEventDelegate{ch}
	n := &Node{Name: "a"}
	d.NotifyJoin(n)
	n.Name = "later"
	d.NotifyUpdate(n)
	d.NotifyLeave(n)
	for _, want := range []NodeEvent{{NodeJoin, &Node{Name: "a"}}, {NodeUpdate, n}, {NodeLeave, n}} {
		if e := <-ch; e.Event != want.Event || e.Node.Name != want.Node.Name || e.Node == n {
			t.Errorf("got %v of %s", e.Event, e.Node.Name)
		}
	}
}
