package agent

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver"
	"serf/driver/memnet"
)

// story is a cluster in memory whose members are restarted. It records whom any of them considers
// failed.
type story struct {
	t       *testing.T
	net     *memnet.Network
	agents  []*Agent
	outs    []*syncBuffer // their logs, of their last lives
	starts  uint64
	sealing []sealing   // of the next start
	failed  chan string // "a: c" if a calls c failed
}

func newStory(t *testing.T, members int, s sealing) *story {
	st := &story{t: t, net: newMemNetwork(), agents: make([]*Agent, members), outs: make([]*syncBuffer, members), failed: make(chan string, 1000)}
	st.sealing = slices.Repeat([]sealing{s}, members)
	for i := range members {
		st.start(i)
	}
	time.Sleep(settling)
	st.wantWhole("at the start")
	return st
}

// sealing is how a member seals its messages.
type sealing struct {
	keys                   [][]byte
	label                  string
	acceptPlain, sendPlain bool
}

func (s *sealing) put(c *Config) {
	c.Keys, c.Label, c.AcceptPlain, c.SendPlain = s.keys, s.label, s.acceptPlain, s.sendPlain
	c.Compress = true
}

// settling is time enough for all members to learn of any change.
const settling = 45 * time.Second

func memberName(i int) string { return string(rune('a' + i)) }

// start starts member i, which looks for all others.
func (s *story) start(i int) {
	s.t.Helper()
	s.starts++
	c := memConfig(s.net, memberName(i), i+1)
	c.seed = s.starts
	s.sealing[i].put(&c)
	for other := range s.agents {
		if other != i {
			c.Join.Retry = append(c.Join.Retry, hostAddr(other+1).String())
		}
	}
	s.outs[i] = new(syncBuffer)
	c.Logger = NewLog(s.outs[i], slog.LevelWarn)
	s.t.Cleanup(c.Logger.(*Log).Close)
	a := begin(s.t, c)
	s.agents[i] = a
	sub := a.Subscribe(1000, func(e Event) bool { m, ok := e.(MemberEvent); return ok && m.Type == MemberFailed })
	go func() {
		for e := range sub.C {
			for _, m := range e.(MemberEvent).Members {
				s.failed <- c.Name + ": " + m.Name
			}
		}
	}()
}

// wantWhole checks that all know all, and that no failure was reported since the last time.
func (s *story) wantWhole(when string) {
	s.t.Helper()
	synctest.Wait()
	for _, a := range s.agents {
		if got := living(a); got != len(s.agents) {
			s.t.Errorf("%s: %s knows %d living members", when, a.conf.Name, got)
		}
	}
	for len(s.failed) > 0 {
		s.t.Errorf("%s: called failed by %s", when, <-s.failed)
	}
}

// forgive forgets failures that were expected.
func (s *story) forgive() {
	synctest.Wait()
	for len(s.failed) > 0 {
		<-s.failed
	}
}

// wantEventReaches fires an event at one member and checks who gets it.
func (s *story) wantEventReaches(from int, when string) {
	s.t.Helper()
	var subs []*Subscription
	for _, a := range s.agents {
		subs = append(subs, a.Subscribe(8, func(e Event) bool { _, ok := e.(UserEvent); return ok }))
	}
	if err := s.agents[from].UserEvent(background, when, nil, false); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(settling)
	for i, sub := range subs {
		if len(sub.C) != 1 {
			s.t.Errorf("%s: %s got %d events from %s",
				when, memberName(i), len(sub.C), memberName(from))
		}
		sub.Close()
	}
}

func storyKey(i byte) []byte { return slices.Repeat([]byte{i}, 32) }

func storyKeys(keys ...byte) (list [][]byte) {
	for _, k := range keys {
		list = append(list, storyKey(k))
	}
	return list
}

func TestEncryptionIsTurnedOnWithoutDowntime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 3, sealing{})
		for _, step := range []struct {
			name              string
			plainIn, plainOut bool
		}{
			{"all get the key", true, true},
			{"all encrypt", true, false},
			{"all insist", false, false},
		} {
			for i := range s.agents {
				s.sealing[i] = sealing{keys: storyKeys(1), acceptPlain: step.plainIn, sendPlain: step.plainOut}
				s.agents[i].Close()
				s.start(i)
				time.Sleep(settling)
				s.wantWhole(step.name + ": " + memberName(i))
			}
			s.wantEventReaches(0, step.name)
		}
		// A member without the key doesn't get in.
		stranger := begin(t, memConfig(s.net, "x", 9))
		if n, err := stranger.Join(background, []string{hostAddr(1).String()}, false); n != 0 || err == nil {
			t.Errorf("without the key: joined %d", n)
		}
		if got := s.agents[0].Stats()["dropped"]["streams_no_key"]; got != "1" {
			t.Errorf("%s streams without the key, want 1", got)
		}
	})
}

// Addresses are reused: one of a former member of blue is now that of a member of green.
func TestLabelKeepsClustersApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blue := newStory(t, 3, sealing{label: "blue"})
		blue.agents[2].Close()
		var out syncBuffer
		log := NewLog(&out, slog.LevelWarn)
		c := memConfig(blue.net, "g1", 3)
		c.Label, c.Logger = "green", log
		c.Join.Retry = []string{hostAddr(4).String()}
		green := begin(t, c)
		c = memConfig(blue.net, "g2", 4)
		c.Label = "green"
		mate := begin(t, c)
		const minutes = 10
		for range minutes { // a blue member gets the idea to join green now and then
			if _, err := blue.agents[0].Join(background, []string{hostAddr(4).String()}, false); err == nil {
				t.Fatal("blue joined green")
			}
			time.Sleep(time.Minute)
		}
		for _, a := range []*Agent{blue.agents[0], blue.agents[1]} {
			for _, m := range a.Members() {
				if strings.HasPrefix(m.Name, "g") {
					t.Errorf("%s knows %s of green", a.conf.Name, m.Name)
				}
			}
		}
		for _, a := range []*Agent{green, mate} {
			if got := len(a.Members()); got != 2 {
				t.Errorf("%s of green knows %d members", a.conf.Name, got)
			}
		}
		m, _, _ := green.Counters()
		if m.DroppedLabels == 0 || green.Stats()["dropped"]["packets_other_label"] != fmt.Sprint(m.DroppedLabels) {
			t.Errorf("%d packets of blue counted, stats %v",
				m.DroppedLabels, green.Stats()["dropped"])
		}
		if got := mate.Traffic().StreamFailures[driver.StreamLabel]; got == 0 {
			t.Error("no stream of blue was counted")
		}
		wantOneLineAMinute(t, written(log, &out), "Dropped a packet from "+hostAddr(1).String()+": labelled, and not as this cluster", minutes)
	})
}

// wantOneLineAMinute checks that a lasting condition is logged, and not too often.
func wantOneLineAMinute(t *testing.T, log, line string, minutes int) {
	t.Helper()
	if n := strings.Count(log, line); n == 0 || n > minutes+1 {
		t.Errorf("%d lines in %d minutes that say %q:\n%s", n, minutes, line, log)
	}
}

// A member is down while the key is changed (F26 in docs/failures.md).
func TestMemberThatMissedTheNewKeyRejoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 3, sealing{keys: storyKeys(1)})
		s.agents[2].Close()
		time.Sleep(settling)
		for _, change := range []func() (KeyReport, error){
			func() (KeyReport, error) { return s.agents[0].InstallKey(background, storyKey(2)) },
			func() (KeyReport, error) { return s.agents[0].UseKey(background, storyKey(2)) },
		} {
			if _, err := change(); err != nil {
				t.Fatal(err)
			}
		}
		s.start(2) // its keyring file has the old key
		time.Sleep(settling)
		s.forgive()
		for i := range 10 {
			time.Sleep(time.Minute)
			s.wantWhole(fmt.Sprintf("%d minutes later", i+1))
		}
		s.wantEventReaches(0, "from who has the new key")
		s.wantEventReaches(2, "from who has the old one")

		// The change can be made up for, and then the old key can go.
		for _, change := range []func() (KeyReport, error){
			func() (KeyReport, error) { return s.agents[0].InstallKey(background, storyKey(2)) },
			func() (KeyReport, error) { return s.agents[0].UseKey(background, storyKey(2)) },
			func() (KeyReport, error) { return s.agents[0].RemoveKey(background, storyKey(1)) },
		} {
			time.Sleep(time.Second)
			if r, err := change(); err != nil || r.NumResp != 3 {
				t.Fatalf("%d answers, %v", r.NumResp, err)
			}
		}
		time.Sleep(settling)
		s.wantWhole("at the end")
	})
}

// What can't work is at least logged, on both sides (F26 in docs/failures.md).
func TestRemovedKeyIsToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 3, sealing{keys: storyKeys(1)})
		s.net.Isolate(hostAddr(3).Addr(), true)
		time.Sleep(settling)
		for _, change := range []func() (KeyReport, error){
			func() (KeyReport, error) { return s.agents[0].InstallKey(background, storyKey(2)) },
			func() (KeyReport, error) { return s.agents[0].UseKey(background, storyKey(2)) },
			func() (KeyReport, error) { return s.agents[0].RemoveKey(background, storyKey(1)) },
		} {
			if _, err := change(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		s.net.Isolate(hostAddr(3).Addr(), false)
		const minutes = 10
		time.Sleep(minutes * time.Minute)
		for hears, from := range map[int]int{0: 2, 2: 0} {
			a := s.agents[hears]
			m, _, _ := a.Counters()
			if m.DroppedKeys == 0 || a.Stats()["dropped"]["packets_no_key"] != fmt.Sprint(m.DroppedKeys) {
				t.Errorf("%s counted %d packets, stats %v",
					memberName(hears), m.DroppedKeys, a.Stats()["dropped"])
			}
			line := "Dropped a packet from " + hostAddr(from+1).String() + ": no installed keys could decrypt the message"
			wantOneLineAMinute(t, written(a.log, s.outs[hears]), line, minutes)
		}
	})
}

func TestKeysNameWhoDidNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 3, sealing{keys: storyKeys(1)})
		s.net.Isolate(hostAddr(3).Addr(), true)
		r, err := s.agents[0].InstallKey(background, storyKey(2))
		if err == nil || r.NumNodes != 3 || r.NumResp != 2 || len(r.InMemory()) != 2 || r.Messages["c"] != noAnswer {
			t.Errorf("%v, %+v, want that c gave no answer", err, r)
		}
	})
}
