package memberlist_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"serf/compat/memberlist"
)

// member is a Memberlist on a network in memory, whose delegates record what they are told.
type member struct {
	*memberlist.Memberlist
	*recorder
	conf *memberlist.Config
	addr string // host:port
}

// recorder is every kind of delegate.
type recorder struct {
	name  string
	queue memberlist.TransmitLimitedQueue

	mu       sync.Mutex
	hooks    hooks
	calls    []string // what was called, in words
	acks     []string // of pings, which come at any time
	meta     string
	state    string
	inEvents int // calls of an EventDelegate that haven't returned
	nodes    []*memberlist.Node
}

// hooks are what a test wants to be done in a call; nil: nothing.
type hooks struct {
	event           func()
	msg, state, ack func()
	ask             func(what string)
	refuse          func(n *memberlist.Node) error
	merge           func(peers []*memberlist.Node) error
}

// on changes the hooks.
func (r *recorder) on(change func(h *hooks)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.hooks)
}

// hooked returns them.
func (r *recorder) hooked() hooks {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hooks
}

func call(f func()) {
	if f != nil {
		f()
	}
}

func (r *recorder) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
}

// take returns what was called since the last take.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// saw tells whether a call was recorded, and takes all.
func (r *recorder) saw(call string) bool { return slices.Contains(r.take(), call) }

func (r *recorder) setMeta(meta string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.meta = meta
}

func (r *recorder) NodeMeta(limit int) []byte {
	r.add("meta %d", limit)
	r.mu.Lock()
	defer r.mu.Unlock()
	return []byte(r.meta)
}

func (r *recorder) NotifyMsg(b []byte) {
	r.add("msg %s", b)
	call(r.hooked().msg)
	clear(b) // the slice is only borrowed, but nobody else uses it
}

func (r *recorder) asked(what string) {
	if ask := r.hooked().ask; ask != nil {
		ask(what)
	}
}

func (r *recorder) GetBroadcasts(overhead, limit int) [][]byte {
	r.asked("broadcasts")
	return r.queue.GetBroadcasts(overhead, limit)
}

func (r *recorder) LocalState(join bool) []byte {
	r.add("state, join %t", join)
	r.asked("state")
	r.mu.Lock()
	defer r.mu.Unlock()
	return []byte(r.state)
}

func (r *recorder) MergeRemoteState(b []byte, join bool) {
	r.add("remote %s, join %t", b, join)
	call(r.hooked().state)
}

func (r *recorder) event(kind string, n *memberlist.Node) {
	r.mu.Lock()
	if r.inEvents++; r.inEvents > 1 {
		r.calls = append(r.calls, "two events at once")
	}
	r.calls = append(r.calls, fmt.Sprintf("%s %s %s", kind, n.Name, n.Meta))
	r.nodes = append(r.nodes, n)
	r.mu.Unlock()
	call(r.hooked().event)
	r.mu.Lock()
	r.inEvents--
	r.mu.Unlock()
}

func (r *recorder) NotifyJoin(n *memberlist.Node)   { r.event("join", n) }
func (r *recorder) NotifyLeave(n *memberlist.Node)  { r.event("leave", n) }
func (r *recorder) NotifyUpdate(n *memberlist.Node) { r.event("update", n) }

func (r *recorder) NotifyAlive(n *memberlist.Node) error {
	if refuse := r.hooked().refuse; refuse != nil {
		return refuse(n)
	}
	return nil
}

func (r *recorder) NotifyMerge(peers []*memberlist.Node) error {
	var names []string
	for _, n := range peers {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	r.add("merge %s", strings.Join(names, ","))
	if merge := r.hooked().merge; merge != nil {
		return merge(peers)
	}
	return nil
}

func (r *recorder) NotifyConflict(existing, other *memberlist.Node) {
	r.add("conflict %s: %s, %s", existing.Name, existing.Address(), other.Address())
}

func (r *recorder) AckPayload() []byte {
	r.asked("payload")
	return []byte("ack of " + r.name)
}

func (r *recorder) NotifyPingComplete(n *memberlist.Node, rtt time.Duration, payload []byte) {
	if rtt < 0 || rtt > time.Second {
		r.add("rtt %s", rtt)
	}
	r.mu.Lock()
	r.acks = append(r.acks, n.Name+": "+string(payload))
	r.mu.Unlock()
	call(r.hooked().ack)
}

// start makes a member; change, if set, changes its configuration and recorder first.
func start(t *testing.T, network *memberlist.MockNetwork, name string, change ...func(*memberlist.Config, *recorder)) *member {
	t.Helper()
	transport := network.NewTransport(name)
	r := &recorder{name: name, state: "state of " + name, meta: "meta of " + name}
	c := memberlist.DefaultLANConfig()
	c.Name, c.Transport = name, transport
	c.Logger = log.New(io.Discard, "", 0)
	c.Delegate, c.Events, c.Conflict, c.Merge, c.Ping, c.Alive = r, r, r, r, r, r
	for _, f := range change {
		f(c, r)
	}
	r.queue.RetransmitMult = c.RetransmitMult
	var ml *memberlist.Memberlist
	var mu sync.Mutex
	r.queue.NumNodes = func() int {
		mu.Lock()
		defer mu.Unlock()
		if ml == nil {
			return 1
		}
		return ml.NumMembers()
	}
	created, err := memberlist.Create(c)
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	ml = created
	mu.Unlock()
	t.Cleanup(func() { _ = created.Shutdown() })
	return &member{Memberlist: created, recorder: r, conf: c, addr: created.LocalNode().Address()}
}

func (m *member) join(t *testing.T, others ...*member) {
	t.Helper()
	for _, o := range others {
		if n, err := m.Join([]string{o.addr}); n != 1 || err != nil {
			t.Fatalf("%s joins %s: %d, %v", m.conf.Name, o.conf.Name, n, err)
		}
	}
}

func sorted(calls []string) []string {
	slices.Sort(calls)
	return calls
}

func names(nodes []*memberlist.Node) string {
	var names []string
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

func want(t *testing.T, reason string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s:\n got %v\nwant %v", reason, got, want)
	}
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T, network *memberlist.MockNetwork)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, &memberlist.MockNetwork{}) })
}

// bubbleIn runs one case of a test in virtual time.
func bubbleIn(t *testing.T, name string, f func(t *testing.T, network *memberlist.MockNetwork)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { bubble(t, f) })
}

func TestCreateTellsOfItself(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a := start(t, network, "a", func(c *memberlist.Config, _ *recorder) {
			c.DelegateProtocolMin, c.DelegateProtocolMax, c.DelegateProtocolVersion = 2, 5, 4
			c.ProtocolVersion = 3
		})
		want(t, "before Create returns", a.take(), []string{"meta 512", "join a meta of a"})
		n := a.LocalNode()
		want(t, "itself", *n, memberlist.Node{
			Name: "a", Addr: n.Addr, Port: n.Port, Meta: []byte("meta of a"),
			PMin: 1, PMax: 5, PCur: 3, DMin: 2, DMax: 5, DCur: 4,
		})
		want(t, "members", names(a.Members()), "a")
		want(t, "number", a.NumMembers(), 1)
		want(t, "health", a.GetHealthScore(), 0)
		want(t, "version", a.ProtocolVersion(), 3)
	})
}

func TestJoinTellsBeforeItReturns(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a, b, c := start(t, network, "a", noExchanges), start(t, network, "b", noExchanges), start(t, network, "c", noExchanges)
		b.join(t, a)
		time.Sleep(time.Second)
		for _, m := range []*member{a, b, c} {
			m.take()
		}
		c.join(t, a)
		want(t, "who joins", sorted(c.take()), []string{
			"join a meta of a", "join b meta of b", "merge a,b", "remote state of a, join true", "state, join true"})
		want(t, "members", names(c.Members()), "a,b,c")
		time.Sleep(time.Millisecond)
		want(t, "who is joined through", sorted(a.take()), []string{
			"join c meta of c", "merge c", "remote state of c, join true", "state, join true"})
		time.Sleep(time.Second)
		want(t, "who hears by gossip", b.saw("join c meta of c"), true)
	})
}

func TestJoinCountsAndNamesWhatFailed(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a, b := start(t, network, "a"), start(t, network, "b")
		n, err := a.Join([]string{"127.0.0.1:99", b.addr, "/x"})
		want(t, "one is enough", fmt.Sprint(n, err), "1 <nil>")
		n, err = a.Join([]string{"127.0.0.1:99", "127.0.0.1:98", "/" + b.addr, "c/127.0.0.1:97"})
		want(t, "none", fmt.Sprint(n, " ", err), "0 4 errors occurred:\n"+
			"\t* failed to join 127.0.0.1:99: no route to 127.0.0.1:99\n"+
			"\t* failed to join 127.0.0.1:98: no route to 127.0.0.1:98\n"+
			"\t* failed to resolve /"+b.addr+": empty node name provided\n"+
			"\t* failed to join 127.0.0.1:97: no route to c (127.0.0.1:97)\n\n")
		n, err = a.Join(nil)
		want(t, "nobody", fmt.Sprint(n, err), "0 <nil>")
		n, err = a.Join([]string{"b/" + b.addr})
		want(t, "with its name", fmt.Sprint(n, err), "1 <nil>")
	})
}

func TestStatesAreExchangedFromTimeToTime(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a, b := start(t, network, "a"), start(t, network, "b")
		a.join(t, b)
		time.Sleep(time.Second)
		a.take()
		time.Sleep(2 * a.conf.PushPullInterval)
		got := a.take()
		want(t, "asked", slices.Contains(got, "state, join false"), true)
		want(t, "told", slices.Contains(got, "remote state of b, join false"), true)
		want(t, "merges aren't asked about", slices.Contains(got, "merge a,b"), false)
		a.mu.Lock()
		defer a.mu.Unlock()
		want(t, "acks", a.acks[0], "b: ack of b")
	})
}

// text is a broadcast.
type text struct {
	s        string
	finished chan struct{}
}

func (b *text) Invalidates(memberlist.Broadcast) bool { return false }
func (b *text) Message() []byte                       { return []byte(b.s) }
func (b *text) Finished()                             { close(b.finished) }

func TestBroadcastsReachAll(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 5)
		for _, m := range all[1:] { // programs pass on what is new to them
			m.on(func(h *hooks) {
				h.msg = sync.OnceFunc(func() { m.queue.QueueBroadcast(&text{"hello", make(chan struct{})}) })
			})
		}
		b := &text{"hello", make(chan struct{})}
		all[0].queue.QueueBroadcast(b)
		<-b.finished
		time.Sleep(2 * time.Second)
		for _, m := range all[1:] {
			got := m.take()
			want(t, m.conf.Name, slices.Contains(got, "msg hello"), true)
		}
		want(t, "left in the queue", all[0].queue.NumQueued(), 0)
	})
}

// The queue has the newest first, and who receives a packet takes its last message first.
func TestMessagesOfOnePacketComeInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 2)
		var sent []string
		for i := range 5 {
			s := fmt.Sprint("number ", i)
			sent = append(sent, "msg "+s)
			all[0].queue.QueueBroadcast(&text{s, make(chan struct{})})
		}
		time.Sleep(time.Second)
		var got []string
		for _, call := range all[1].take() {
			if strings.HasPrefix(call, "msg") && !slices.Contains(got, call) { // some come again
				got = append(got, call)
			}
		}
		want(t, "received", got, sent)
	})
}

// noExchanges leaves out the calls that come at any time.
func noExchanges(c *memberlist.Config, _ *recorder) { c.PushPullInterval = 0 }

// cluster starts members that know each other.
func cluster(t *testing.T, network *memberlist.MockNetwork, n int, change ...func(*memberlist.Config, *recorder)) []*member {
	t.Helper()
	var all []*member
	for i := range n {
		m := start(t, network, string(rune('a'+i)), change...)
		if i > 0 {
			m.join(t, all[0])
		}
		all = append(all, m)
	}
	time.Sleep(3 * time.Second)
	for _, m := range all {
		want(t, m.conf.Name+" knows", m.NumMembers(), n)
		m.take()
	}
	return all
}

func TestMessages(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 2)
		a, b := all[0], all[1]
		to := b.LocalNode()
		udp := &net.UDPAddr{IP: to.Addr, Port: int(to.Port)}
		large := strings.Repeat("x", 100_000)
		for i, err := range []error{
			a.SendBestEffort(to, []byte("one")),
			a.SendToUDP(to, []byte("two")),
			a.SendTo(udp, []byte("three")),
			a.SendToAddress(to.FullAddress(), []byte("four")),
			a.SendToAddress(memberlist.Address{Addr: b.addr}, []byte("five")),
			a.SendReliable(to, []byte("six")),
			a.SendToAddress(memberlist.Address{Addr: "[::ffff:127.0.0.1]" + strings.TrimPrefix(b.addr, "127.0.0.1")}, []byte("seven")),
			a.SendToTCP(to, []byte(large)),
		} {
			if err != nil {
				t.Errorf("message %d: %v", i+1, err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		got := b.take()
		for _, msg := range []string{"one", "two", "three", "four", "five", "six", "seven", large} {
			want(t, "received once", count(got, "msg "+msg), 1)
		}
		err := a.SendReliable(&memberlist.Node{Name: "z", Addr: net.IPv4(127, 0, 0, 1), Port: 99}, []byte("lost"))
		want(t, "to nobody", err, "no route to z (127.0.0.1:99)")
	})
}

func count(calls []string, call string) (n int) {
	for _, c := range calls {
		if c == call {
			n++
		}
	}
	return n
}

func TestUpdateNode(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 3, noExchanges)
		a := all[0]
		a.take()
		a.setMeta("new")
		if err := a.UpdateNode(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		want(t, "told before it returns", a.saw("update a new"), true)
		want(t, "itself", a.LocalNode().Meta, []byte("new"))
		time.Sleep(time.Second)
		for _, m := range all[1:] {
			want(t, m.conf.Name, count(m.take(), "update a new"), 1)
		}
		if err := a.UpdateNode(0); err != nil {
			t.Errorf("without a time-out: %v", err)
		}
		want(t, "no event without a change", a.saw("update a new"), false)
	})
}

func TestMetadataBeyondTheLimit(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a := start(t, network, "a", func(_ *memberlist.Config, r *recorder) { r.meta = strings.Repeat("x", memberlist.MetaMaxSize) })
		want(t, "at the limit", len(a.LocalNode().Meta), memberlist.MetaMaxSize)
		a.setMeta(strings.Repeat("x", memberlist.MetaMaxSize+1))
		defer func() {
			want(t, "beyond it", recover(), "Node meta data provided is longer than the limit")
		}()
		_ = a.UpdateNode(time.Second)
	})
}

func TestLeave(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 3)
		a, b, c := all[0], all[1], all[2]
		if err := a.Leave(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		want(t, "itself, before it returns", a.saw("leave a meta of a"), true)
		want(t, "members of who has left", names(a.Members()), "b,c")
		if err := a.Leave(10 * time.Second); err != nil {
			t.Errorf("again: %v", err)
		}
		time.Sleep(2 * time.Second)
		for _, m := range []*member{b, c} {
			want(t, m.conf.Name, count(m.take(), "leave a meta of a"), 1)
			want(t, "members", names(m.Members()), "b,c")
		}
		if n, err := a.Join([]string{"b"}); n != 0 || err == nil {
			t.Errorf("a join afterwards: %d, %v", n, err)
		}
		_ = a.Shutdown()
		defer func() { want(t, "after Shutdown", recover(), "leave after shutdown") }()
		_ = a.Leave(time.Second)
	})
}

func TestLeaveAlone(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a := start(t, network, "a")
		before := time.Now()
		if err := a.Leave(time.Minute); err != nil {
			t.Error(err)
		}
		want(t, "nobody to wait for", time.Since(before), time.Duration(0))
	})
}

func TestAMemberThatCrashes(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 3)
		_ = all[2].Shutdown()
		all[2].take()
		time.Sleep(time.Minute)
		for _, m := range all[:2] {
			want(t, m.conf.Name, count(m.take(), "leave c meta of c"), 1)
			want(t, "members", names(m.Members()), "a,b")
		}
		want(t, "who has ended is told nothing", all[2].take(), []string(nil))
		if err := all[2].Shutdown(); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}

func TestMergeIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a := start(t, network, "a")
		b := start(t, network, "b", func(_ *memberlist.Config, r *recorder) {
			r.hooks.merge = func([]*memberlist.Node) error { return errors.New("not ours") }
		})
		n, err := b.Join([]string{a.addr})
		want(t, "the delegate's error", fmt.Sprint(n, " ", err), "0 1 error occurred:\n\t* failed to join "+a.addr+": not ours\n\n")
		want(t, "members", names(b.Members()), "b")
		want(t, "no state is taken", b.saw("remote state of a, join true"), false)
	})
}

func TestMembersAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a := start(t, network, "a", func(_ *memberlist.Config, r *recorder) {
			r.hooks.refuse = func(n *memberlist.Node) error {
				if n.Name == "b" && string(n.Meta) == "meta of b" {
					return errors.New("not b")
				}
				return nil
			}
		})
		b, c := start(t, network, "b"), start(t, network, "c")
		b.join(t, a)
		c.join(t, a)
		time.Sleep(10 * time.Second)
		want(t, "who refuses", names(a.Members()), "a,c")
		want(t, "no event", a.saw("join b meta of b"), false)
	})
}

func TestPing(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a, b := start(t, network, "a"), start(t, network, "b")
		n := b.LocalNode()
		addr := &net.UDPAddr{IP: n.Addr, Port: int(n.Port)}
		if rtt, err := a.Ping("b", addr); err != nil || rtt < 0 || rtt > time.Second {
			t.Errorf("got %s, %v", rtt, err)
		}
		before := time.Now()
		_, err := a.Ping("another", &net.UDPAddr{IP: n.Addr, Port: int(n.Port)})
		if err == nil {
			t.Error("a node with another name answered")
		}
		_ = b.Shutdown()
		_, err = a.Ping("b", addr)
		want(t, "nobody", errors.As(err, &memberlist.NoPingResponseError{}), true)
		want(t, "text", err, "No response from node b")
		want(t, "time", time.Since(before) <= 2*a.conf.ProbeTimeout, true)
	})
}

func TestTwoMembersWithOneName(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 2)
		twin := start(t, network, "z", func(c *memberlist.Config, _ *recorder) { c.Name = "b" })
		_, _ = twin.Join([]string{all[0].addr})
		time.Sleep(10 * time.Second)
		want(t, "told", slices.Contains(all[0].take(), "conflict b: "+all[1].addr+", "+twin.addr), true)
		want(t, "who was first stays", names(all[0].Members()), "a,b")
	})
}

func TestKeysAreChangedWhileMembersRun(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		first, second := []byte("sixteen bytes: 1"), []byte("sixteen bytes: 2")
		all := cluster(t, network, 3, func(c *memberlist.Config, _ *recorder) { c.SecretKey = first })
		each := func(f func(k *memberlist.Keyring) error) {
			t.Helper()
			for _, m := range all {
				if err := f(m.conf.Keyring); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(10 * time.Second)
			want(t, "members", names(all[0].Members()), "a,b,c")
		}
		each(func(k *memberlist.Keyring) error { return k.AddKey(second) })
		each(func(k *memberlist.Keyring) error { return k.UseKey(second) })
		each(func(k *memberlist.Keyring) error { return k.RemoveKey(first) })
		for _, key := range [][]byte{first, nil} {
			d := start(t, network, "d", func(c *memberlist.Config, _ *recorder) { c.SecretKey = key })
			if n, err := d.Join([]string{all[0].addr}); n != 0 || err == nil {
				t.Errorf("with key %q: %d, %v", key, n, err)
			}
		}
		e := start(t, network, "e", func(c *memberlist.Config, _ *recorder) { c.SecretKey = second })
		e.join(t, all[0])
		if err := all[1].SendBestEffort(all[2].LocalNode(), []byte("sealed")); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		want(t, "received", all[2].saw("msg sealed"), true)
	})
}

func TestEncryptionIsTurnedOn(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		key := []byte("sixteen bytes: 1")
		all := cluster(t, network, 2)
		for i, step := range []struct{ in, out bool }{{false, false}, {false, true}, {true, true}} {
			next := start(t, network, string(rune('c'+i)), func(c *memberlist.Config, _ *recorder) {
				c.SecretKey, c.GossipVerifyIncoming, c.GossipVerifyOutgoing = key, step.in, step.out
			})
			if i > 0 { // those without keys were replaced
				_ = all[0].Leave(time.Second)
				_ = all[0].Shutdown()
				all = all[1:]
			}
			if i < 2 {
				next.join(t, all[len(all)-1])
			}
			all = append(all, next)
		}
	})
}

func TestLabelsKeepClustersApart(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		labelled := func(label string) func(*memberlist.Config, *recorder) {
			return func(c *memberlist.Config, _ *recorder) { c.Label = label }
		}
		a, b := start(t, network, "a", labelled("x")), start(t, network, "b", labelled("x"))
		b.join(t, a)
		for _, label := range []string{"", "y"} {
			c := start(t, network, "c", labelled(label))
			if n, err := c.Join([]string{a.addr}); n != 0 || err == nil {
				t.Errorf("label %q: %d, %v", label, n, err)
			}
		}
	})
}

// elsewhere is a transport that says that it is at another address.
type elsewhere struct {
	memberlist.NodeAwareTransport
	ip   net.IP
	args *string
}

func (e elsewhere) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	if e.ip == nil {
		return nil, 0, errors.New("nowhere")
	}
	if e.args != nil {
		*e.args = fmt.Sprint(ip, " ", port)
	}
	return e.ip, 4711, nil
}

func at(ip net.IP, args *string) func(*memberlist.Config, *recorder) {
	return func(c *memberlist.Config, _ *recorder) {
		c.Transport = elsewhere{c.Transport.(memberlist.NodeAwareTransport), ip, args}
	}
}

func TestNetworksThatAreAllowed(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		allowed, _ := memberlist.ParseCIDRs([]string{"127.0.0.0/8", "10.0.0.0/8"})
		a := start(t, network, "a", func(c *memberlist.Config, _ *recorder) { c.CIDRsAllowed = allowed })
		start(t, network, "b", at(net.IPv4(10, 1, 1, 1), nil)).join(t, a)
		start(t, network, "c", at(net.IPv4(11, 1, 1, 1), nil)).join(t, a)
		time.Sleep(10 * time.Second)
		want(t, "members", names(a.Members()), "a,b")
	})
}

func TestTheTransportSaysWhatIsAdvertised(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		var args string
		a := start(t, network, "a", at(net.IPv4(10, 1, 1, 1), &args), func(c *memberlist.Config, _ *recorder) {
			c.AdvertiseAddr, c.AdvertisePort = "10.9.9.9", 99
		})
		want(t, "asked with", args, "10.9.9.9 99")
		want(t, "itself", a.LocalNode().Address(), "10.1.1.1:4711")

		c := memberlist.DefaultLANConfig()
		c.Transport = elsewhere{NodeAwareTransport: network.NewTransport("b")}
		_, err := memberlist.Create(c)
		want(t, "an error", err, "failed to get final advertise address: nowhere")
	})
}

func TestConfigurationsThatCreateRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		ring, _ := memberlist.NewKeyring(nil, []byte("sixteen bytes: 1"))
		for _, c := range []struct {
			change func(*memberlist.Config)
			err    string
		}{
			{func(c *memberlist.Config) { c.ProtocolVersion = 0 }, "protocol version '0' too low. Must be in range: [1, 5]"},
			{func(c *memberlist.Config) { c.ProtocolVersion = 6 }, "protocol version '6' too high. Must be in range: [1, 5]"},
			{func(c *memberlist.Config) { c.DelegateProtocolVersion = 2 }, "delegate protocol version '2' must be in range: [0, 0]"},
			{func(c *memberlist.Config) { c.SecretKey = []byte("short") }, "key size must be 16, 24 or 32 bytes"},
			{func(c *memberlist.Config) { c.SecretKey, c.Keyring = []byte("short"), ring }, "key size must be 16, 24 or 32 bytes"},
			{func(c *memberlist.Config) { c.LogOutput = io.Discard },
				"cannot specify both LogOutput and Logger; please choose a single log configuration setting"},
			{func(c *memberlist.Config) { c.Label = strings.Repeat("l", 256) }, `could not use "` + strings.Repeat("l", 256) + `" as a label: too long`},
			{func(c *memberlist.Config) { c.CompressionAlgorithm = "snappy" }, `compression algorithm "snappy" isn't supported, only "lzw"`},
		} {
			conf := memberlist.DefaultLANConfig()
			conf.Name, conf.Transport, conf.Logger = "a", network.NewTransport("a"), log.New(io.Discard, "", 0)
			c.change(conf)
			m, err := memberlist.Create(conf)
			want(t, "refused", err, c.err)
			if m != nil {
				t.Error("got a Memberlist with an error")
			}
		}
	})
}

func TestSecretKeyBecomesThePrimaryOne(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		first, second := []byte("sixteen bytes: 1"), []byte("sixteen bytes: 2")
		ring, _ := memberlist.NewKeyring(nil, first)
		a := start(t, network, "a", func(c *memberlist.Config, _ *recorder) { c.Keyring, c.SecretKey = ring, second })
		want(t, "in the ring given", string(ring.GetPrimaryKey()), string(second))
		b := start(t, network, "b", func(c *memberlist.Config, _ *recorder) { c.SecretKey = second })
		b.join(t, a)
		want(t, "a ring was made", b.conf.Keyring.GetKeys(), [][]byte{second})
	})
}

func TestDelegatesThatDoNotUnderstandEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		speaks := func(min, max, current uint8) func(*memberlist.Config, *recorder) {
			return func(c *memberlist.Config, _ *recorder) {
				c.DelegateProtocolMin, c.DelegateProtocolMax, c.DelegateProtocolVersion = min, max, current
			}
		}
		a, b := start(t, network, "a", speaks(2, 4, 4)), start(t, network, "b", speaks(2, 3, 3))
		_, err := b.Join([]string{a.addr})
		want(t, "too new", err, "1 error occurred:\n\t* failed to join "+a.addr+
			": Node 'a' delegate protocol version (4) is incompatible: [2, 3]\n\n")
		want(t, "members", names(b.Members()), "b")
		c := start(t, network, "c", speaks(1, 5, 4))
		c.join(t, a)
	})
}

// An AliveDelegate is asked about its own node, too, which doesn't see itself if it is refused.
func TestANodeThatRefusesItself(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a := start(t, network, "a")
		b := start(t, network, "b", func(_ *memberlist.Config, r *recorder) {
			r.hooks.refuse = func(n *memberlist.Node) error {
				if n.Name == "b" {
					return errors.New("not b")
				}
				return nil
			}
		})
		want(t, "it doesn't see itself", fmt.Sprint(names(b.Members()), b.NumMembers()), "0")
		want(t, "no event", b.saw("join b meta of b"), false)
		b.join(t, a)
		want(t, "but others", fmt.Sprint(names(b.Members()), b.NumMembers()), "a1")
	})
}

// What a delegate gives beyond the room goes with the next packets.
func TestDelegatesThatGiveTooMuch(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		const messages = 500
		a := start(t, network, "a")
		var once sync.Once
		b := start(t, network, "b", func(c *memberlist.Config, r *recorder) {
			c.Delegate = generous{r, func() (all [][]byte) {
				once.Do(func() {
					for i := range messages {
						all = append(all, fmt.Appendf(nil, "%d of many messages", i))
					}
				})
				return all
			}}
		})
		b.join(t, a)
		time.Sleep(time.Minute)
		var got int
		for _, call := range a.take() {
			if strings.HasSuffix(call, "of many messages") {
				got++
			}
		}
		want(t, "messages", got, messages)
	})
}

// generous is a delegate that doesn't look at the limit.
type generous struct {
	*recorder
	give func() [][]byte
}

func (g generous) GetBroadcasts(int, int) [][]byte { return g.give() }

// The original sends plain text then, which others that are set up likewise refuse.
func TestMemberThatRefusesPlainTextSendsNone(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		set := func(c *memberlist.Config, _ *recorder) {
			c.SecretKey, c.GossipVerifyOutgoing = []byte("sixteen bytes: 1"), false
		}
		start(t, network, "b", set).join(t, start(t, network, "a", set))
	})
}
