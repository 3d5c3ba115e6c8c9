package serf

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"serf/compat/memberlist"
)

// quick is a configuration on loopback whose timings suit tests.
func quick(name string) *Config {
	c := DefaultConfig()
	c.NodeName = name
	c.MemberlistConfig = memberlist.DefaultLocalConfig()
	m := c.MemberlistConfig
	m.BindAddr, m.BindPort = "127.0.0.1", 0
	m.GossipInterval, m.ProbeInterval, m.ProbeTimeout = 5*time.Millisecond, 50*time.Millisecond, 25*time.Millisecond
	m.SuspicionMult = 1
	m.LogOutput, c.LogOutput = io.Discard, io.Discard
	c.LeavePropagateDelay = 10 * time.Millisecond
	return c
}

// create starts a node, and stops it at the end of the test.
func create(t *testing.T, c *Config) *Serf {
	t.Helper()
	s, err := Create(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// pair starts two nodes that are joined. The events of the first come on the channel.
func pair(t *testing.T, change func(a, b *Config)) (a, b *Serf, events chan Event) {
	t.Helper()
	ac, bc := quick("a"), quick("b")
	events = make(chan Event, 64)
	ac.EventCh = events
	if change != nil {
		change(ac, bc)
	}
	a, b = create(t, ac), create(t, bc)
	join(t, b, a)
	want(t, events, "member-join a")
	want(t, events, "member-join b")
	return a, b, events
}

func join(t *testing.T, s, to *Serf) {
	t.Helper()
	m := to.LocalMember()
	addr := m.Name + "/" + net.JoinHostPort(m.Addr.String(), strconv.Itoa(int(m.Port)))
	if n, err := s.Join([]string{addr}, false); n != 1 || err != nil {
		t.Fatalf("joined %d, %v, want 1", n, err)
	}
}

// describe is an event as these tests write it.
func describe(e Event) string {
	switch e := e.(type) {
	case MemberEvent:
		text := e.String()
		for _, m := range e.Members {
			text += " " + m.Name
		}
		return text
	case UserEvent:
		return fmt.Sprintf("%v %s", e, e.Payload)
	}
	return e.String()
}

// want reads the next event.
func want(t *testing.T, events <-chan Event, text string) Event {
	t.Helper()
	select {
	case e := <-events:
		if got := describe(e); got != text {
			t.Fatalf("got %q, want %q", got, text)
		}
		return e
	case <-time.After(10 * time.Second):
		t.Fatalf("no event within 10 s, want %q", text)
	}
	return nil
}

func wantError(t *testing.T, what string, err error, text string) {
	t.Helper()
	if err == nil || err.Error() != text {
		t.Errorf("%s: got %v, want %q", what, err, text)
	}
}

// Events come in the order in which things happened, this node's own join first and its leave last.
func TestEventsComeInOrder(t *testing.T) {
	a, b, events := pair(t, nil)
	if err := b.SetTags(map[string]string{"role": "web"}); err != nil {
		t.Fatal(err)
	}
	e := want(t, events, "member-update b").(MemberEvent)
	if m := e.Members[0]; m.Tags["role"] != "web" || m.Status != StatusAlive || m.DelegateCur != 4 {
		t.Errorf("update: %+v", m)
	}
	for i := range 3 {
		if err := a.UserEvent("deploy", []byte{'0' + byte(i)}, false); err != nil {
			t.Fatal(err)
		}
		want(t, events, fmt.Sprintf("user-event: deploy %d", i))
	}
	if err := b.Leave(); err != nil {
		t.Fatal(err)
	}
	e = want(t, events, "member-leave b").(MemberEvent)
	if e.Members[0].Status != StatusLeft {
		t.Errorf("leave: %+v", e.Members[0])
	}
	if err := a.Leave(); err != nil {
		t.Fatal(err)
	}
	want(t, events, "member-leave a")
}

// Nobody reads EventCh: the node works as if somebody did, and nothing is sent after Shutdown.
func TestFullEventChHoldsUpNothing(t *testing.T) {
	c := quick("a")
	events := make(chan Event)
	c.EventCh = events
	a, b := create(t, c), create(t, quick("b"))
	join(t, b, a)
	for i := range 100 {
		if err := a.UserEvent(strconv.Itoa(i), nil, false); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.NumNodes(); n != 2 {
		t.Errorf("%d members, want 2", n)
	}
	want(t, events, "member-join a")
	want(t, events, "member-join b")
	want(t, events, "user-event: 0 ")
	if got := a.Stats()["events_dropped"]; got != "0" {
		t.Errorf("%s events dropped, want 0: there is room", got)
	}
	if err := a.Shutdown(); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-events:
		t.Errorf("after Shutdown: %v", e)
	default:
	}
	select {
	case <-a.ShutdownCh():
	default:
		t.Error("ShutdownCh isn't closed after Shutdown")
	}
}

// Shutdown may be called by whoever reads EventCh.
func TestReaderMayShutDown(t *testing.T) {
	c := quick("a")
	events := make(chan Event)
	c.EventCh = events
	a := create(t, c)
	done := make(chan error)
	go func() {
		<-events
		if err := a.UserEvent("unread", nil, false); err != nil {
			t.Error(err)
		}
		done <- a.Shutdown()
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestLeaveThenShutdown(t *testing.T) {
	a, b, events := pair(t, nil)
	if got := b.State(); got != SerfAlive {
		t.Errorf("state %v at first", got)
	}
	if err := b.Leave(); err != nil {
		t.Fatal(err)
	}
	want(t, events, "member-leave b")
	if got := b.State(); got != SerfLeft {
		t.Errorf("state %v after Leave", got)
	}
	if err := b.Leave(); err != nil {
		t.Error("a second Leave:", err)
	}
	_, err := b.Join([]string{"127.0.0.1:1"}, false)
	wantError(t, "Join after Leave", err, "Serf can't Join after Leave or Shutdown")
	for range 2 {
		if err := b.Shutdown(); err != nil {
			t.Error(err)
		}
	}
	if got := b.State(); got != SerfShutdown {
		t.Errorf("state %v after Shutdown", got)
	}
	wantError(t, "Leave after Shutdown", b.Leave(), "Leave called after Shutdown")
	if got := b.LocalMember(); got.Name != "b" {
		t.Errorf("LocalMember after Shutdown: %+v", got)
	}
	if got := a.Members(); len(got) != 2 || got[1].Status != StatusLeft {
		t.Errorf("members of a: %+v", got)
	}
}

// Programs take the local member's tags, change them and set them.
func TestLocalTagsMayBeChanged(t *testing.T) {
	a := create(t, quick("a"))
	tags := a.LocalMember().Tags
	tags["port"] = "80"
	if got := a.Members()[0].Tags; len(got) != 0 {
		t.Errorf("tags are %v before they are set", got)
	}
	if err := a.SetTags(tags); err != nil {
		t.Fatal(err)
	}
	if got := a.LocalMember().Tags; got["port"] != "80" {
		t.Errorf("tags are %v, want the port", got)
	}
	err := a.SetTags(map[string]string{"long": strings.Repeat("x", memberlist.MetaMaxSize)})
	wantError(t, "tags that are too long", err, "Encoded length of tags exceeds limit of 512 bytes")
}

func TestUserEventLimits(t *testing.T) {
	a := create(t, quick("a"))
	wantError(t, "512 bytes and a name", a.UserEvent("x", make([]byte, 512), false),
		"user event exceeds configured limit of 512 bytes before encoding")
	wantError(t, "encoded", a.UserEvent("x", make([]byte, 511), false),
		"encoded user event exceeds configured limit of 512 bytes after encoding")
}

func TestCreateRefuses(t *testing.T) {
	for _, tt := range []struct {
		want   string
		change func(c *Config)
	}{
		{"Protocol version '1' too low. Must be in range: [2, 5]", func(c *Config) { c.ProtocolVersion = 1 }},
		{"Protocol version '6' too high. Must be in range: [2, 5]", func(c *Config) { c.ProtocolVersion = 6 }},
		{"user event size limit exceeds limit of 9216 bytes", func(c *Config) { c.UserEventSizeLimit = 9217 }},
		{"Encoded length of tags exceeds limit of 512 bytes", func(c *Config) { c.Tags["x"] = strings.Repeat("x", 512) }},
		{"Node name contains invalid characters a_b , Valid characters include all alpha-numerics and dashes and '.' ",
			func(c *Config) { c.NodeName, c.ValidateNodeNames = "a_b", true }},
		{"Node name is 129 characters. Valid length is between 1 and 128 characters",
			func(c *Config) { c.NodeName, c.ValidateNodeNames = strings.Repeat("a", 129), true }},
		{"Failed to create memberlist: key size must be 16, 24 or 32 bytes",
			func(c *Config) { c.MemberlistConfig.SecretKey = []byte("short") }},
		{"Failed to create memberlist: MemberlistConfig.Events can't be used with Serf here",
			func(c *Config) { c.MemberlistConfig.Events = &memberlist.ChannelEventDelegate{} }},
		{`Failed to create memberlist: failed to parse bind address "here"`,
			func(c *Config) { c.MemberlistConfig.BindAddr = "here" }},
	} {
		c := quick("a")
		c.Init()
		tt.change(c)
		s, err := Create(c)
		wantError(t, "Create", err, tt.want)
		if err == nil {
			s.Shutdown()
		}
	}
}

// The error names what a program sets, which is MemberlistConfig, and not the agent's Config.
func TestCreateOnAPortInUse(t *testing.T) {
	a := create(t, quick("a"))
	c := quick("b")
	c.MemberlistConfig.BindAddr = a.LocalMember().Addr.String()
	c.MemberlistConfig.BindPort = int(a.LocalMember().Port)
	_, err := Create(c)
	want := fmt.Sprintf("Failed to create memberlist: Could not set up network transport: failed to obtain an "+
		"address: failed to start TCP listener on %q port %d: ", c.MemberlistConfig.BindAddr, c.MemberlistConfig.BindPort)
	if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "agent") {
		t.Errorf("%v, want %s", err, want)
	}
}

// Names and values that programs print and match.
func TestStrings(t *testing.T) {
	var got []string
	for e := EventMemberJoin; e <= EventQuery; e++ {
		got = append(got, e.String())
	}
	for s := StatusNone; s <= StatusFailed; s++ {
		got = append(got, s.String())
	}
	for s := SerfAlive; s <= SerfShutdown+1; s++ {
		got = append(got, s.String())
	}
	want := strings.Fields("member-join member-leave member-failed member-update member-reap user query " +
		"none alive leaving left failed alive leaving left shutdown unknown")
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for name, f := range map[string]func() string{
		"MemberStatus": MemberStatus(9).String, "EventType": EventType(9).String,
		"MemberEvent": MemberEvent{Type: EventUser}.String,
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic for a value that is none", name)
				}
			}()
			f()
		}()
	}
}

// Programs ask the membership below for their own address, and for how many members there are.
func TestMemberlistIsAnswered(t *testing.T) {
	a, b, events := pair(t, nil)
	m := a.Memberlist()
	self := a.LocalMember()
	if n := m.LocalNode(); n.Name != "a" || n.Port != self.Port || !n.Addr.Equal(self.Addr) || n.DCur != 4 {
		t.Errorf("local node: %+v", n)
	}
	if n := len(m.Members()); n != 2 || m.NumMembers() != 2 || m.GetHealthScore() != 0 || m.ProtocolVersion() != 2 {
		t.Errorf("%d members, %d, health %d, protocol %d", n, m.NumMembers(), m.GetHealthScore(), m.ProtocolVersion())
	}
	if err := b.Leave(); err != nil {
		t.Fatal(err)
	}
	want(t, events, "member-leave b")
	if n := len(m.Members()); n != 1 || m.NumMembers() != 1 || b.Memberlist().LocalNode().State != memberlist.StateLeft {
		t.Errorf("%d and %d members after a leave", n, m.NumMembers())
	}
}
