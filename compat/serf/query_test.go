package serf

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/compat/memberlist"
)

// answers reads a response until it is finished, as programs do that don't want to wait for the
// deadline.
func answers(t *testing.T, r *QueryResponse) (list []string) {
	t.Helper()
	for !r.Finished() {
		select {
		case name, ok := <-r.AckCh():
			if ok {
				list = append(list, "ack "+name)
			}
		case n, ok := <-r.ResponseCh():
			if ok {
				list = append(list, n.From+": "+string(n.Payload))
			}
		case <-time.After(10 * time.Second): // is it finished?
			t.Fatalf("not finished within 10 s, have %v", list)
		}
	}
	slices.Sort(list)
	return list
}

func TestQueryIsAnsweredOnce(t *testing.T) {
	_, b, events := pair(t, nil)
	params := &QueryParam{RequestAck: true, Timeout: time.Minute, RelayFactor: 1}
	r, err := b.Query("load", []byte("now?"), params)
	if err != nil {
		t.Fatal(err)
	}
	q := want(t, events, "query: load").(*Query)
	if string(q.Payload) != "now?" || q.SourceNode() != "b" || time.Until(q.Deadline()) < time.Second*50 {
		t.Errorf("the query: %q from %q until %v", q.Payload, q.SourceNode(), q.Deadline())
	}
	if r.Finished() || time.Until(r.Deadline()) < time.Second*50 {
		t.Error("finished before anybody has answered")
	}
	wantError(t, "an answer that is too large", q.Respond(make([]byte, 1024)),
		"failed to respond to key query: response exceeds limit of 1024 bytes")
	if err := q.Respond([]byte("0.5")); err != nil {
		t.Fatal(err)
	}
	wantError(t, "a second answer", q.Respond([]byte("0.6")),
		"failed to respond to key query: response already sent")
	want := []string{"a: 0.5", "ack a", "ack b"}
	if got := answers(t, r); !slices.Equal(got, want) {
		t.Errorf("answers %v, want %v, long before the deadline", got, want)
	}
	select {
	case n, ok := <-r.ResponseCh():
		t.Errorf("ResponseCh delivers %v, %v before the deadline", n, ok)
	default:
	}
	r.Close()
	if n, ok := <-r.ResponseCh(); ok {
		t.Errorf("ResponseCh delivers %v after Close", n)
	}
}

// The channels are closed at the deadline, for programs that read them to their end.
func TestChannelsOfQueriesAreClosed(t *testing.T) {
	a := create(t, quick("a"))
	params := &QueryParam{RequestAck: true, Timeout: 20 * time.Millisecond}
	r, err := a.Query("load", nil, params)
	if err != nil {
		t.Fatal(err)
	}
	var acks []string
	for name := range r.AckCh() {
		acks = append(acks, name)
	}
	for n := range r.ResponseCh() {
		t.Errorf("nobody answers, but %v", n)
	}
	if !slices.Equal(acks, []string{"a"}) || time.Now().Before(r.Deadline()) {
		t.Errorf("acks %v, and the channels are closed before the deadline", acks)
	}
}

func TestQueryIsNotAnsweredLate(t *testing.T) {
	a, _, events := pair(t, nil)
	r, err := a.Query("load", nil, &QueryParam{Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.AckCh() != nil {
		t.Error("acks that nobody asked for")
	}
	q := want(t, events, "query: load").(*Query)
	if got := answers(t, r); len(got) != 0 || !r.Finished() {
		t.Errorf("answers %v, finished %v at the deadline", got, r.Finished())
	}
	<-time.After(time.Until(q.Deadline()) + time.Millisecond)
	wantError(t, "an answer after the deadline", q.Respond(nil),
		"failed to respond to key query: response is past the deadline")
}

func TestQueryCanBeClosed(t *testing.T) {
	a, _, events := pair(t, nil)
	r, err := a.Query("load", nil, &QueryParam{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	q := want(t, events, "query: load").(*Query)
	r.Close()
	if got := answers(t, r); len(got) != 0 || !r.Finished() {
		t.Errorf("answers %v, finished %v after Close", got, r.Finished())
	}
	if err := q.Respond(nil); err != nil {
		t.Error("answering what its asker closed:", err)
	}
	r.Close()
}

func TestQueryAsksWhomItNames(t *testing.T) {
	a, b, events := pair(t, func(a, b *Config) { a.Tags = map[string]string{"role": "web-1"} })
	for _, tt := range []struct {
		params QueryParam
		want   []string
	}{
		{QueryParam{FilterNodes: []string{"b"}}, []string{"ack b"}},
		{QueryParam{FilterNodes: []string{}, FilterTags: map[string]string{"role": "web"}}, []string{"ack a"}},
		{QueryParam{FilterTags: map[string]string{"role": "^web-"}}, []string{"ack a"}},
		{QueryParam{FilterTags: map[string]string{"role": "^db"}}, nil},
	} {
		tt.params.RequestAck, tt.params.Timeout = true, time.Minute
		if tt.want == nil { // it lasts that long
			tt.params.Timeout = 50 * time.Millisecond
		}
		r, err := b.Query("who", nil, &tt.params)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range max(len(tt.want), 1) { // what is asked in vain is finished at its deadline
			if name, ok := <-r.AckCh(); ok {
				got = append(got, "ack "+name)
			}
		}
		r.Close()
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.params, got, tt.want)
		}
	}
	want(t, events, "query: who")
	_, err := a.Query("large", make([]byte, 1024), nil)
	wantError(t, "a query that is too large", err, "query exceeds limit of 1024 bytes")
	// ceil(log10(3)) is 1.
	if got, want := a.DefaultQueryTimeout(), 16*5*time.Millisecond; got != want {
		t.Errorf("default time-out %v, want %v", got, want)
	}
}

func TestQueriesNeedProtocol4(t *testing.T) {
	c := quick("a")
	c.ProtocolVersion = 3
	if _, err := create(t, c).Query("x", nil, nil); err != FeatureNotSupported {
		t.Errorf("got %v, want FeatureNotSupported", err)
	}
}

// key is a key as configurations have it.
func key(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), 32)))
}

// Keys that are changed by one member are those of all: in their keyrings, and in their files.
func TestKeysAreChangedEverywhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keyring")
	configs := make([]*Config, 2)
	a, b, _ := pair(t, func(ac, bc *Config) {
		configs[0], configs[1] = ac, bc
		for _, c := range configs {
			c.QueryTimeoutMult = 2000 // of 5 ms: the file is synced to a disk that may be busy
			c.MemberlistConfig.SecretKey = []byte(strings.Repeat("1", 32))
		}
		bc.KeyringFile = file
	})
	if !a.EncryptionEnabled() || create(t, quick("c")).EncryptionEnabled() {
		t.Error("EncryptionEnabled says otherwise")
	}
	m := a.KeyManager()
	for _, change := range []struct {
		name string
		do   func(string, *KeyRequestOptions) (*KeyResponse, error)
		key  string
	}{
		{"install", m.InstallKeyWithOptions, key('2')},
		{"use", m.UseKeyWithOptions, key('2')},
		{"remove", m.RemoveKeyWithOptions, key('1')},
	} {
		r, err := change.do(change.key, &KeyRequestOptions{RelayFactor: 1})
		if err != nil || r.NumNodes != 2 || r.NumResp != 2 || r.NumErr != 0 || len(r.Messages) != 0 {
			t.Errorf("%s: %+v, %v", change.name, r, err)
		}
	}
	r, err := b.KeyManager().ListKeys()
	if err != nil || len(r.Keys) != 1 || r.Keys[key('2')] != 2 || r.PrimaryKeys[key('2')] != 2 {
		t.Errorf("list: %+v, %v", r, err)
	}
	for _, c := range configs {
		if got := c.MemberlistConfig.Keyring.GetKeys(); len(got) != 1 || got[0][0] != '2' {
			t.Errorf("the keyring of %s has %q", c.NodeName, got)
		}
	}
	want := "[\n  \"" + key('2') + "\"\n]"
	if got, err := os.ReadFile(file); string(got) != want || err != nil {
		t.Errorf("the file has %q, %v, want %q", got, err, want)
	}
	r, err = m.RemoveKey(key('2'))
	if err == nil || err.Error() != "2/2 nodes reported failure" || r.NumErr != 2 || len(r.Messages) != 2 {
		t.Errorf("removing the primary key: %+v, %v", r, err)
	}
	if r, err := m.UseKey("no base64"); err == nil || r == nil {
		t.Errorf("a key that is no base64: %+v, %v", r, err)
	}
}

// A program may also change the keys of one member, in the Keyring that it configured.
func TestKeyringMayBeChanged(t *testing.T) {
	var ring *memberlist.Keyring
	a, b, _ := pair(t, func(a, b *Config) {
		for _, c := range []*Config{a, b} {
			c.QueryTimeoutMult = 2000 // of 5 ms: this host may be busy
			c.MemberlistConfig.SecretKey = []byte(strings.Repeat("1", 32))
		}
		var err error
		ring, err = memberlist.NewKeyring(nil, a.MemberlistConfig.SecretKey)
		if err != nil {
			t.Fatal(err)
		}
		a.MemberlistConfig.Keyring = ring
	})
	if err := ring.AddKey([]byte(strings.Repeat("2", 32))); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Serf{a, b} {
		r, err := s.KeyManager().ListKeys()
		if err != nil || r.Keys[key('1')] != 2 || r.Keys[key('2')] != 1 || len(r.PrimaryKeys) != 1 {
			t.Errorf("keys as %s sees them: %+v, %v", s.name, r, err)
		}
	}
	if _, err := b.KeyManager().InstallKey(key('3')); err != nil {
		t.Fatal(err)
	}
	if got := ring.GetKeys(); len(got) != 3 || got[0][0] != '1' {
		t.Errorf("after a change of the cluster the Keyring has %q", got)
	}
}

// A member that comes back finds the others by its snapshot, and hears no event again.
func TestSnapshotRejoins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot")
	seen := make(chan Event, 8)
	a, b, events := pair(t, func(_, b *Config) { b.SnapshotPath, b.EventCh = path, seen })
	if err := a.UserEvent("deploy", nil, false); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"member-join b", "member-join a", "user-event: deploy "} {
		want(t, seen, text)
	}
	want(t, events, "user-event: deploy ")
	port := int(b.LocalMember().Port)
	if err := b.Shutdown(); err != nil {
		t.Fatal(err)
	}
	want(t, events, "member-failed b")
	c := quick("b")
	c.SnapshotPath, c.MemberlistConfig.BindPort = path, port
	again := make(chan Event, 8)
	c.EventCh = again
	create(t, c)
	want(t, events, "member-join b")
	want(t, again, "member-join b")
	want(t, again, "member-join a")
	select {
	case e := <-again:
		t.Errorf("after its restart it gets %v", describe(e))
	case <-time.After(50 * time.Millisecond):
	}
}

type listedFor time.Duration

func (d listedFor) ReconnectTimeout(m *Member, timeout time.Duration) time.Duration {
	if m.Name == "b" && timeout == time.Hour {
		return time.Duration(d)
	}
	return timeout
}

func TestReconnectTimeoutOverride(t *testing.T) {
	a, b, events := pair(t, func(a, _ *Config) {
		a.ReapInterval, a.ReconnectTimeout = 5*time.Millisecond, time.Hour
		a.ReconnectTimeoutOverride = listedFor(time.Millisecond)
	})
	b.Shutdown()
	want(t, events, "member-failed b")
	want(t, events, "member-reap b")
	if n := a.NumNodes(); n != 1 {
		t.Errorf("%d members, want 1", n)
	}
}

func TestFailedMemberIsRemoved(t *testing.T) {
	a, b, events := pair(t, nil)
	b.Shutdown()
	want(t, events, "member-failed b")
	if err := a.RemoveFailedNode("b"); err != nil {
		t.Fatal(err)
	}
	want(t, events, "member-leave b")
	if err := a.RemoveFailedNodePrune("b"); err != nil {
		t.Fatal(err)
	}
	want(t, events, "member-reap b")
	if n := a.NumNodes(); n != 1 {
		t.Errorf("%d members, want 1", n)
	}
	if err := a.RemoveFailedNode("stranger"); err != nil {
		t.Error("a member that is unknown here:", err)
	}
}

func TestCoordinates(t *testing.T) {
	a, b, _ := pair(t, func(_, b *Config) { b.DisableCoordinates = true })
	here, err := a.GetCoordinate()
	if err != nil || !here.IsValid() || len(here.Vec) != 8 {
		t.Fatalf("%+v, %v", here, err)
	}
	if _, err := b.GetCoordinate(); err == nil || err.Error() != "Coordinates are disabled" {
		t.Errorf("disabled: %v", err)
	}
	if _, ok := a.GetCachedCoordinate("stranger"); ok {
		t.Error("the coordinate of a stranger")
	}
	if _, ok := b.Stats()["coordinate_resets"]; ok {
		t.Error("figures of coordinates where there are none")
	}
}

// What Serf takes of a memberlist.Config reaches the node.
func TestMembershipIsRead(t *testing.T) {
	c := memberlist.DefaultWANConfig()
	c.BindAddr, c.AdvertiseAddr, c.AdvertisePort = "127.0.0.1", "192.0.2.1", 7000
	m, err := readMembership(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.bind.String() + " " + m.advertise.String(); got != "127.0.0.1:7946 192.0.2.1:7000" {
		t.Error("addresses:", got)
	}
	c.BindPort = 0
	if m.timing.ProbeInterval != 5*time.Second || m.timing.GossipNodes != 4 {
		t.Errorf("timing: %+v", m.timing)
	}
	if m, err = readMembership(c); err != nil || m.advertise.Port() != 0 {
		t.Errorf("a port that the system chooses: advertised as %v, %v", m.advertise, err)
	}
}
