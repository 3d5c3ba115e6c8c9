package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent/handler"
	"serf/driver/memnet"
	"serf/internal/notes/serfnotes"
	"serf/swim"
	"serf/swim/serf"
)

var background = context.Background()

// hostAddr is the address of host i of a network in memory.
func hostAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 9, byte(i)}), DefaultPort)
}

// newMemNetwork is a network in memory, for tests in virtual time: nothing is lost, nothing takes
// time.
func newMemNetwork() *memnet.Network { return memnet.New(memnet.Config{}) }

// silent is for agents whose log nobody reads.
var silent = slog.New(slog.DiscardHandler)

// memConfig configures the agent of host i.
func memConfig(n *memnet.Network, name string, i int) Config {
	c := Config{Timing: Local(), Bind: hostAddr(i), Logger: silent, Network: n.Host(hostAddr(i).Addr())}
	c.Name = name
	c.seed = uint64(i) // for runs that repeat
	return c
}

// begin starts an agent, and stops it at the end of the test.
func begin(t *testing.T, c Config) *Agent {
	t.Helper()
	a, err := Start(background, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// beginJoined starts agents a, b, c and so on, joined to the first.
func beginJoined(t *testing.T, n *memnet.Network, count int) []*Agent {
	t.Helper()
	agents := make([]*Agent, count)
	for i := range agents {
		agents[i] = begin(t, memConfig(n, string(rune('a'+i)), i+1))
		if i > 0 {
			mustJoin(t, agents[i], agents[0])
		}
	}
	for _, a := range agents {
		wantMembers(t, a, count)
	}
	return agents
}

func mustJoin(t *testing.T, a, to *Agent) {
	t.Helper()
	if n, err := a.Join(background, []string{to.Addr().String()}, false); n != 1 || err != nil {
		t.Fatalf("joined %d, %v, want 1", n, err)
	}
}

// wantMembers waits until a has n living members.
func wantMembers(t *testing.T, a *Agent, count int) {
	t.Helper()
	s := a.Subscribe(64, nil)
	defer s.Close()
	limit := time.After(10 * time.Second)
	for living(a) != count {
		select {
		case <-s.C:
		case <-limit:
			t.Fatalf("%s knows %v, want %d living", a.conf.Name, a.Members(), count)
		}
	}
}

func living(a *Agent) (n int) {
	for _, m := range a.Members() {
		if m.Status == serf.StatusAlive {
			n++
		}
	}
	return n
}

// wantEvent waits for the next event of s.
func wantEvent(t *testing.T, s *Subscription, why string) Event {
	t.Helper()
	select {
	case e, ok := <-s.C:
		if !ok {
			t.Fatalf("%s: the subscription has ended: %v", why, s.Err())
		}
		return e
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: no event within 10 s", why)
	}
	return nil
}

func TestJoinAndLeaveAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		agents := beginJoined(t, n, 2)
		a, b := agents[0], agents[1]
		s := a.Subscribe(8, nil)
		if err := b.Leave(background); err != nil {
			t.Fatal("leave:", err)
		}
		e, ok := wantEvent(t, s, "b left").(MemberEvent)
		if !ok || e.Type != MemberLeave || len(e.Members) != 1 || e.Members[0].Name != "b" || e.Members[0].Status != serf.StatusLeft {
			t.Errorf("got %+v, want b's member-leave", e)
		}
		if m, ok := a.Member("b"); !ok || m.Status != serf.StatusLeft || m.Addr != hostAddr(2) {
			t.Errorf("Member(b) = %+v, %v, want b that left", m, ok)
		}
	})
}

func TestUserEventReachesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agents := beginJoined(t, newMemNetwork(), 3)
		var subs []*Subscription
		for _, a := range agents {
			subs = append(subs, a.Subscribe(8, nil))
		}
		payload := []byte("v1")
		if err := agents[1].UserEvent(background, "deploy", payload, true); err != nil {
			t.Fatal(err)
		}
		payload[0] = 'x' // the event is a copy
		for i, s := range subs {
			e, ok := wantEvent(t, s, "the event").(UserEvent)
			if !ok || e.Name != "deploy" || string(e.Payload) != "v1" || !e.Coalesce {
				t.Errorf("agent %d got %+v, want deploy with v1", i, e)
			}
		}
	})
}

func TestQueryIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agents := beginJoined(t, newMemNetwork(), 2)
		a, b := agents[0], agents[1]
		s := b.Subscribe(8, nil)
		began := time.Now()
		q, err := a.Query(background, serf.QueryParams{Name: "load", Payload: []byte("?"), Nodes: []string{"b"}, WantAck: true, Timeout: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		e := wantEvent(t, s, "b is asked").(QueryEvent)
		if e.From != "a" || e.Name != "load" || string(e.Payload) != "?" || e.Deadline.Sub(began) < 29*time.Second {
			t.Errorf("b was asked %+v, want load by a with nearly 30 s to go", e)
		}
		if err := b.Respond(background, e.ID, []byte("0.5")); err != nil {
			t.Fatal(err)
		}
		var got []string
		for answer := range q.Answers() {
			got = append(got, fmt.Sprintf("%v from %s: %s", answer.Kind, answer.From, answer.Payload))
		}
		slices.Sort(got)
		if want := []string{"ack from b: ", "response from b: 0.5"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the query took %v though all have answered", took)
		}
		if err := b.Respond(background, e.ID, nil); err == nil {
			t.Error("a second answer was taken")
		}
	})
}

func TestQueryEndsWithTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		q, err := a.Query(background, serf.QueryParams{Name: "load", Timeout: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		a.Close()
		for range q.Answers() { // ends, or the bubble deadlocks
		}
	})
}

func TestUnreadAnswersAreDropped(t *testing.T) {
	q := &Query{answers: make(chan Answer, 1)}
	q.offer(Answer{From: "a"})
	q.offer(Answer{From: "b"}) // doesn't wait
	if q.Dropped() != 1 {
		t.Errorf("%d dropped, want 1", q.Dropped())
	}
}

func TestSlowSubscriberDoesNotStopTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		agents := beginJoined(t, n, 2)
		a := agents[0]
		mute := a.Subscribe(4, nil)
		for i := range 1000 {
			for {
				err := a.UserEvent(background, fmt.Sprint("event ", i), nil, false)
				if err == nil {
					break
				}
				time.Sleep(100 * time.Millisecond) // the node may be busy: it says so
			}
		}
		began := time.Now()
		mustJoin(t, begin(t, memConfig(n, "c", 3)), agents[1])
		wantMembers(t, a, 3)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a learnt of c after %v, limit 2 s", took)
		}
		if got := drainAll(mute); len(got) != 4 || !errors.Is(mute.Err(), ErrSlow) {
			t.Errorf("the mute subscription has %d events and ended with %v, want 4 and ErrSlow",
				len(got), mute.Err())
		}
		if cut := a.Traffic().SubscribersCut; cut != 1 {
			t.Errorf("%d counted as cut off, want 1", cut)
		}
	})
}

func TestConsumersMayCallTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		for i := range sized(200, 1000) { // each a cycle of its own
			a, b := begin(t, memConfig(n, "a", 1)), begin(t, memConfig(n, "b", 2))
			var consumers sync.WaitGroup
			for _, agent := range []*Agent{a, b} {
				s := agent.Subscribe(64, nil)
				consumers.Go(func() {
					for range s.C {
						agent.Members()
						agent.Stats()
						agent.Subscribe(1, nil).Close()
					}
				})
			}
			mustJoin(t, b, a)
			if i%2 == 0 {
				if err := b.Leave(background); err != nil {
					t.Fatal(err)
				}
			}
			var stopping sync.WaitGroup
			for _, agent := range []*Agent{a, b, a} { // one of them twice
				stopping.Go(func() { agent.Close() })
			}
			stopping.Wait()
			consumers.Wait()
		}
	})
}

func TestStoppedAgentSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		s := a.Subscribe(8, nil)
		a.Close()
		if err := a.UserEvent(background, "x", nil, false); !errors.Is(err, ErrStopped) {
			t.Errorf("UserEvent: %v, want ErrStopped", err)
		}
		if err := a.Leave(background); !errors.Is(err, ErrStopped) {
			t.Errorf("Leave: %v, want ErrStopped", err)
		}
		if stats := a.Stats(); stats["agent"]["name"] != "a" || stats["serf"] != nil {
			t.Errorf("Stats: %v, want what needs no node", stats)
		}
		for range s.C {
		}
		if !errors.Is(s.Err(), ErrStopped) {
			t.Errorf("the subscription ended with %v, want ErrStopped", s.Err())
		}
		if a.Err() != nil {
			t.Errorf("Err: %v, want nil after Close", a.Err())
		}
	})
}

// Programs that have seen the end of an agent may still read its last state.
func TestMembersAreKnownAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agents := beginJoined(t, newMemNetwork(), 3)
		a := agents[0]
		want := a.Members()
		a.Close()
		if got := a.Members(); !reflect.DeepEqual(got, want) || len(got) != 3 {
			t.Errorf("Members: %v, want as before the end %v", got, want)
		}
		told, _ := a.AllMembers()
		_, known := a.Member("b")
		if self := a.Self(); told != 3 || !known || self.Name != "a" {
			t.Errorf("%d members told, b known %t, self %v", told, known, self)
		}
		var asking sync.WaitGroup
		for range 8 { // which is what the race detector is for
			asking.Go(func() { a.Members(); a.Tags() })
		}
		asking.Wait()
	})
}

func TestContextBoundsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		a, b := begin(t, memConfig(n, "a", 1)), begin(t, memConfig(n, "b", 2))
		ctx, cancel := context.WithCancel(background)
		cancel()
		if _, err := a.Join(ctx, []string{b.Addr().String()}, false); !errors.Is(err, context.Canceled) {
			t.Errorf("Join: %v, want context.Canceled", err)
		}
		if err := a.Leave(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Leave: %v, want context.Canceled", err)
		}
	})
}

func TestLeaveAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agents := beginJoined(t, newMemNetwork(), 2)
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if err := agents[1].Leave(background); err != nil {
					t.Error("leaving twice at once:", err)
				}
			})
		}
		both.Wait()
		if err := agents[1].Leave(background); err != nil {
			t.Error("leaving once more:", err)
		}
	})
}

func TestForceLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		agents := beginJoined(t, n, 3)
		a := agents[0]
		s := a.Subscribe(8, nil)
		agents[2].Close()
		if e := wantEvent(t, s, "c is gone").(MemberEvent); e.Type != MemberFailed || e.Members[0].Name != "c" {
			t.Fatalf("got %+v, want that c failed", e)
		}
		began := time.Now()
		if err := a.ForceLeave(background, "c", true); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v of virtual time, want no waiting: others call meanwhile", took)
		}
		for _, want := range []string{MemberLeave, MemberReap} {
			if e := wantEvent(t, s, want).(MemberEvent); e.Type != want || e.Members[0].Name != "c" {
				t.Errorf("got %+v, want %s of c", e, want)
			}
		}
		if m, ok := a.Member("c"); ok {
			t.Errorf("%+v is still listed", m)
		}
		if err := a.ForceLeave(background, "a", false); !errors.Is(err, serf.ErrSelf) {
			t.Errorf("forcing oneself: %v, want ErrSelf", err)
		}
	})
}

func TestCoordinate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		if _, ok, err := a.Coordinate(background, "a"); !ok || err != nil {
			t.Errorf("own coordinate: %v, %v, want one", ok, err)
		}
		if _, ok, err := a.Coordinate(background, "stranger"); ok || err != nil {
			t.Errorf("a stranger's: %v, %v, want none and no error", ok, err)
		}
	})
}

func TestLocatedMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := beginJoined(t, newMemNetwork(), 3)[0]
		before, _ := a.Located()
		time.Sleep(5 * time.Second) // all of them are probed
		version, all := a.Located()
		var names []string
		for m, at := range all {
			names = append(names, m.Name)
			if want, _, _ := a.Coordinate(background, m.Name); at.At != want {
				t.Errorf("%s is at %+v, want %+v", m.Name, at.At, want)
			}
		}
		if !slices.Equal(names, []string{"a", "b", "c"}) {
			t.Errorf("located: %v, want a b c", names)
		}
		if version == before {
			t.Error("the version hasn't changed")
		}
		if again, _ := a.Located(); again != version {
			t.Error("another version without a change")
		}
	})
}

func TestSetTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		c := memConfig(n, "a", 1)
		c.Tags = map[string]string{"role": "web", "old": "1"}
		a, b := begin(t, c), begin(t, memConfig(n, "b", 2))
		mustJoin(t, b, a)
		wantMembers(t, a, 2)
		s := b.Subscribe(8, nil)
		if err := a.SetTags(background, map[string]string{"dc": "east"}, []string{"old"}); err != nil {
			t.Fatal(err)
		}
		e := wantEvent(t, s, "the tags changed").(MemberEvent)
		if want := map[string]string{"role": "web", "dc": "east"}; e.Type != MemberUpdate || fmt.Sprint(e.Members[0].Tags) != fmt.Sprint(want) {
			t.Errorf("b saw %+v, want the update to %v", e, want)
		}
		if got := (*a.tags.Load())["dc"]; got != "east" {
			t.Errorf("scripts see dc=%q, want east", got)
		}
		if err := a.SetTags(background, map[string]string{"big": strings.Repeat("x", 600)}, nil); !errors.Is(err, swim.ErrTooLarge) {
			t.Errorf("tags too large: %v, want ErrTooLarge", err)
		}
		if got := a.Tags(); fmt.Sprint(got) != fmt.Sprint(map[string]string{"role": "web", "dc": "east"}) {
			t.Errorf("tags after a refused change: %v", got)
		}
	})
}

func TestReplaceTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		c := memConfig(n, "a", 1)
		c.Tags = map[string]string{"old": "1", "both": "1"}
		a := begin(t, c)
		next := map[string]string{"both": "2", "new": "3"}
		if err := a.ReplaceTags(background, next); err != nil {
			t.Fatal(err)
		}
		next["later"] = "x"
		if got, want := a.Tags(), map[string]string{"both": "2", "new": "3"}; !reflect.DeepEqual(got, want) {
			t.Errorf("tags %v, want %v: none of the old ones, and not what the caller does later",
				got, want)
		}
		if err := a.ReplaceTags(background, map[string]string{"x": strings.Repeat("y", 512)}); err == nil {
			t.Error("tags over the limit were taken")
		}
		if err := a.ReplaceTags(background, nil); err != nil || len(a.Tags()) != 0 {
			t.Errorf("none: %v, %v", a.Tags(), err)
		}
	})
}

func TestStatsHasTheSectionsOfTheRPC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		stats := a.Stats()
		for section, names := range map[string]string{
			"agent":   "name",
			"runtime": "arch cpu_count goroutines max_procs os version",
			"serf":    "coordinate_resets encrypted event_queue event_time failed health_score intent_queue left member_time members query_queue query_time",
			"settings": "awareness_max enable_compression gossip_interval gossip_nodes gossip_rate gossip_to_the_dead indirect_probes " +
				"probe_interval probe_timeout push_pull_interval reap_interval reconnect_interval reconnect_timeout retransmit_mult " +
				"stream_ping stream_timeout suspicion_max_mult suspicion_mult tombstone_timeout",
			"counters":       "event_bytes events probes_direct probes_failed probes_relayed probes_tcp queries query_bytes uptime",
			"view":           "alive digest failed leaving left members",
			"tags":           "",
			"event_handlers": "",
		} {
			if stats[section] == nil {
				t.Errorf("no section %s", section)
			}
			var got []string
			for name := range stats[section] {
				got = append(got, name)
			}
			slices.Sort(got)
			if strings.Join(got, " ") != names {
				t.Errorf("section %s has %q, want %q", section, got, names)
			}
		}
		if got := stats["serf"]["members"] + " " + stats["serf"]["encrypted"]; got != "1 false" {
			t.Errorf("members and encrypted: %s, want 1 false", got)
		}
	})
}

// encrypted gives c a key.
func encrypted(c Config, key string) Config {
	c.Keys, c.Compress = [][]byte{[]byte(key)}, true
	return c
}

func TestKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		const first, second = "0123456789abcdef", "fedcba9876543210"
		saved := make(chan [][]byte, 16)
		ca := encrypted(memConfig(n, "a", 1), first)
		ca.KeyringChanged = func(keys [][]byte) error { saved <- keys; return nil }
		a, b := begin(t, ca), begin(t, encrypted(memConfig(n, "b", 2), first))
		mustJoin(t, b, a)
		wantMembers(t, a, 2)

		r, err := b.InstallKey(background, []byte(second))
		if err != nil || r.NumNodes != 2 || r.NumResp != 2 || r.NumErr != 0 || fmt.Sprint(r.InMemory()) != "[b]" {
			t.Fatalf("install: %+v, %v, want 2 of 2, in memory only on b", r, err)
		}
		if len(saved) != 1 {
			t.Errorf("a has answered, but saved its keys %d times", len(saved))
		}
		if r, err = b.UseKey(background, []byte(second)); err != nil {
			t.Fatalf("use: %+v, %v", r, err)
		}
		if r, err = b.RemoveKey(background, []byte(second)); err == nil || r.NumErr != 2 || len(r.Messages) != 2 {
			t.Errorf("removing the primary key: %+v, %v, want 2 refusals", r, err)
		}
		if r, err = b.RemoveKey(background, []byte(first)); err != nil {
			t.Fatalf("remove: %+v, %v", r, err)
		}
		r, err = a.ListKeys(background)
		if want := map[string]int{"ZmVkY2JhOTg3NjU0MzIxMA==": 2}; err != nil || fmt.Sprint(r.Keys) != fmt.Sprint(want) || fmt.Sprint(r.Primary) != fmt.Sprint(want) {
			t.Errorf("list: %+v, %v, want %v", r, err, want)
		}
		a.Close() // the worker has saved all
		close(saved)
		var last [][]byte
		for keys := range saved {
			last = keys
		}
		if len(last) != 1 || string(last[0]) != second {
			t.Errorf("saved last: %q, want the second key alone", last)
		}
	})
}

func TestOnlyKeyHoldersGetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		a := begin(t, encrypted(memConfig(n, "a", 1), "0123456789abcdef"))
		b := begin(t, memConfig(n, "b", 2))
		if got, err := b.Join(background, []string{a.Addr().String()}, false); got != 0 || !errors.Is(err, ErrJoin) {
			t.Errorf("joined %d, %v, want ErrJoin", got, err)
		}
		if living(a) != 1 {
			t.Errorf("a knows %v, want itself alone", a.Members())
		}
	})
}

func TestLogTellsWhatPeopleGrepFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		n := newMemNetwork()
		c := memConfig(n, "a", 1)
		c.Logger = NewLog(&out, slog.LevelInfo)
		a, b := begin(t, c), begin(t, memConfig(n, "b", 2))
		mustJoin(t, b, a)
		wantMembers(t, a, 2)
		if err := a.UserEvent(background, "deploy", nil, false); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Query(background, serf.QueryParams{Name: "load"}); err != nil {
			t.Fatal(err)
		}
		if err := b.Leave(background); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		a.Close()
		got := written(c.Logger.(*Log), &out)
		for _, want := range []string{
			"[INFO] agent: Serf agent starting",
			"[INFO] serf: EventMemberJoin: a 127.0.9.1",
			"[INFO] agent: Received event: member-join",
			"[INFO] serf: EventMemberJoin: b 127.0.9.2",
			"[INFO] agent: Received event: user-event: deploy",
			"[INFO] agent: Received event: query: load",
			"[INFO] serf: EventMemberLeave: b 127.0.9.2",
			"[INFO] agent: Received event: member-leave",
			"[WARN] serf: Shutdown without a Leave",
		} {
			at := strings.Index(got, want+"\n")
			if at < 0 {
				t.Fatalf("%q is missing, or not after the line before it, in\n%s", want, got)
			}
			got = got[at:]
		}
	})
}

func TestJournalGetsLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var journal strings.Builder // written by the loop, read when it has ended
		n := newMemNetwork()
		c := memConfig(n, "a", 1)
		c.Snapshot = &testJournal{lines: &journal}
		a, b := begin(t, c), begin(t, memConfig(n, "b", 2))
		mustJoin(t, b, a)
		wantMembers(t, a, 2)
		a.Close()
		if want := "alive: b 127.0.9.2:7946\n"; !strings.Contains(journal.String(), want) {
			t.Errorf("journal %q, want %q in it", journal.String(), want)
		}
	})
}

func TestLostNameStopsTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		lost := errors.New("lost 1 to 2")
		err := a.do(background, func(swim.Time) {
			a.handleEvent(&swim.Event{Kind: serf.EventShutdown, Err: lost})
		})
		if err != nil {
			t.Fatal(err)
		}
		<-a.Done()
		if !errors.Is(a.Err(), lost) {
			t.Errorf("stopped with %v, want the vote's result", a.Err())
		}
	})
}

// The words of notes are those of package serfnotes, about the members that this agent knows.
func TestNotesNameMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		err := a.do(background, func(swim.Time) {
			self := a.loop.node.Self()
			n := swim.Note{Code: serf.NoteReconnect, Member: self.ID}
			_, w := serfnotes.Of(&n)
			if got, want := w.Fill(&n, a.subject), "Attempting reconnect to a "+self.Addr.String(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestHandlersRun(t *testing.T) {
	c := osConfig("a", loopback)
	script, want := "echo $SERF_SELF_NAME $SERF_QUERY_NAME", "a load\n"
	if runtime.GOOS == "windows" {
		script, want = "echo %SERF_SELF_NAME% %SERF_QUERY_NAME%", "a load\r\n"
	}
	h, err := handler.Parse("query:load=" + script)
	if err != nil {
		t.Fatal(err)
	}
	c.Handlers = []handler.Handler{h}
	a := begin(t, c)
	q, err := a.Query(background, serf.QueryParams{Name: "load", Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-q.Answers(); got.From != "a" || string(got.Payload) != want {
		t.Errorf("got %+v, want what the script printed, %q", got, want)
	}
	if got := a.Stats()["event_handlers"]["query:load"]; got != h.Script {
		t.Errorf("stats tell of %q, want %q", got, h.Script)
	}
	a.SetHandlers(nil)
	if got := a.Stats()["event_handlers"]; len(got) != 0 {
		t.Errorf("stats tell of %q after the handlers have gone", got)
	}
}
