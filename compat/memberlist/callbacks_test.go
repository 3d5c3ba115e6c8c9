package memberlist_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"serf/compat/memberlist"
)

func addrOf(n *memberlist.Node) net.Addr { return &net.UDPAddr{IP: n.Addr, Port: int(n.Port)} }

// reads is what every callback may call.
func reads(m *memberlist.Memberlist) string {
	return fmt.Sprintln(names(m.Members()), m.NumMembers(), m.LocalNode().Name, m.GetHealthScore(), m.ProtocolVersion())
}

// Who is told something may call everything, what waits for the node as well.
func TestCallbacksThatTellMayCallEverything(t *testing.T) {
	for _, kind := range []string{"event", "message", "state", "ack"} {
		t.Run(kind, func(t *testing.T) {
			bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
				all := cluster(t, network, 3)
				a, b := all[0], all[1]
				everything := sync.OnceFunc(func() {
					n := b.LocalNode()
					_, pinged := a.Ping("b", addrOf(n))
					_, joined := a.Join([]string{b.addr})
					for i, err := range []error{
						pinged, joined, a.UpdateNode(time.Second),
						a.SendReliable(n, []byte("r")), a.SendBestEffort(n, []byte("u")),
					} {
						if err != nil {
							t.Errorf("call %d: %v", i, err)
						}
					}
					a.add("done, %s", reads(a.Memberlist))
				})
				switch kind {
				case "event":
					a.on(func(h *hooks) { h.event = everything })
					b.setMeta("new")
					_ = b.UpdateNode(time.Second)
				case "message":
					a.on(func(h *hooks) { h.msg = everything })
					_ = b.SendReliable(a.LocalNode(), []byte("go"))
				case "state":
					a.on(func(h *hooks) { h.state = everything })
					b.join(t, a)
				case "ack":
					a.on(func(h *hooks) { h.ack = everything })
				}
				time.Sleep(time.Minute)
				want(t, kind, a.saw("done, a,b,c 3 a 0 2\n"), true)
			})
		})
	}
}

// Who is asked something may read.
func TestCallbacksThatAskMayRead(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 2)
		a := all[0]
		asked := make(map[string]string)
		var mu sync.Mutex
		note := func(what string) {
			got := reads(a.Memberlist)
			mu.Lock()
			defer mu.Unlock()
			asked[what] = got
		}
		a.on(func(h *hooks) {
			h.refuse = func(*memberlist.Node) error { note("alive"); return nil }
			h.merge = func([]*memberlist.Node) error { note("merge"); return nil }
			h.ask = note
		})
		a.join(t, all[1])
		start(t, network, "c").join(t, a)
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		for _, what := range []string{"alive", "merge", "broadcasts", "state", "payload"} {
			if !strings.HasSuffix(asked[what], " a 0 2\n") {
				t.Errorf("%s: got %q", what, asked[what])
			}
		}
	})
}

// Whoever is asked may change keys, too: the node takes them as soon as it doesn't wait any more.
func TestKeysChangedByACallbackThatAsks(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		first, second := []byte("sixteen bytes: 1"), []byte("sixteen bytes: 2")
		all := cluster(t, network, 2, func(c *memberlist.Config, _ *recorder) { c.SecretKey = first })
		change := sync.OnceFunc(func() {
			if err := all[0].conf.Keyring.AddKey(second); err != nil {
				t.Error(err)
			}
		})
		all[0].on(func(h *hooks) { h.ask = func(string) { change() } })
		time.Sleep(10 * time.Second)
		c := start(t, network, "c", func(c *memberlist.Config, _ *recorder) { c.SecretKey = second })
		c.join(t, all[0]) // it answers with the key of the question
	})
}

// A program that answers a message under the lock that it also takes to give its state.
func TestSendingUnderTheLockOfTheState(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 2)
		a, b := all[0], all[1]
		lock := make(chan bool, 1) // virtual time doesn't pass while somebody waits for a sync.Mutex
		a.on(func(h *hooks) {
			h.ask = func(what string) {
				if what == "state" {
					lock <- true
					defer func() { <-lock }()
				}
			}
			h.msg = func() {
				lock <- true
				defer func() { <-lock }()
				time.Sleep(3 * time.Second) // an exchange begins meanwhile
				if err := a.SendBestEffort(b.LocalNode(), []byte("answer")); err != nil {
					t.Error(err)
				}
			}
		})
		go func() {
			time.Sleep(time.Second)
			b.join(t, a)
		}()
		_ = b.SendBestEffort(a.LocalNode(), []byte("question"))
		time.Sleep(5 * time.Second)
		want(t, "answered", count(b.take(), "msg answer"), 1)
	})
}

// A program that doesn't return is a member like any other.
func TestSlowDelegatesHoldUpNothing(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 3)
		a, b, c := all[0], all[1], all[2]
		hang := make(chan struct{})
		wait := func() { <-hang }
		a.on(func(h *hooks) { h.msg, h.state, h.event = wait, wait, wait })
		_ = b.SendBestEffort(a.LocalNode(), []byte("stop"))
		b.setMeta("new")
		_ = b.UpdateNode(time.Second)
		time.Sleep(5 * time.Minute)
		want(t, "nobody misses it", slices.Contains(b.take(), "leave a meta of a"), false)
		_ = c.Shutdown()
		time.Sleep(time.Minute)
		want(t, "it notices who fails", names(a.Members()), "a,b")
		close(hang)
		time.Sleep(time.Second)
		got := a.take()
		want(t, "told once it can be", count(got, "update b new")+count(got, "leave c meta of c"), 2)
	})
}

func TestNodesAreSnapshots(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 2)
		a, b := all[0], all[1]
		before := a.Members()
		b.setMeta("new")
		_ = b.UpdateNode(time.Second)
		time.Sleep(time.Second)
		for _, n := range before {
			want(t, "unchanged", string(n.Meta), "meta of "+n.Name)
			n.Name, n.Addr = "changed", nil
		}
		want(t, "nobody else's", names(a.Members()), "a,b")
		_ = b.Shutdown()
		time.Sleep(time.Minute)
		a.mu.Lock()
		defer a.mu.Unlock()
		last := a.nodes[len(a.nodes)-1]
		want(t, "state of who failed", fmt.Sprint(last.Name, last.State), fmt.Sprint("b", memberlist.StateDead))
	})
}

func TestNothingIsToldAfterShutdown(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 2)
		a, b := all[0], all[1]
		for range 100 {
			_ = b.SendReliable(a.LocalNode(), []byte("msg"))
		}
		_ = a.Shutdown()
		a.take()
		time.Sleep(time.Minute)
		want(t, "told", a.take(), []string(nil))
		for what, err := range map[string]error{
			"SendBestEffort": a.SendBestEffort(b.LocalNode(), nil),
			"SendReliable":   a.SendReliable(b.LocalNode(), nil),
			"UpdateNode":     a.UpdateNode(time.Second),
		} {
			if err == nil {
				t.Errorf("%s after the end: no error", what)
			}
		}
		if n, err := a.Join([]string{b.addr}); n != 0 || err == nil {
			t.Errorf("Join after the end: %d, %v", n, err)
		}
		want(t, "reads still work", a.LocalNode().Name, "a")
	})
}

func TestShutdownByACallback(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 2)
		a, b := all[0], all[1]
		a.on(func(h *hooks) {
			h.msg = func() {
				_ = a.Shutdown()
				a.add("ended")
			}
		})
		_ = b.SendBestEffort(a.LocalNode(), []byte("end"))
		time.Sleep(2 * time.Minute)
		want(t, "it returned", a.saw("ended"), true)
		want(t, "others", names(b.Members()), "b")
	})
}

// One that is called by others meanwhile doesn't keep them waiting for itself.
func TestShutdownByACallbackWhileOthersCallIt(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 2)
		a, b := all[0], all[1]
		a.on(func(h *hooks) {
			h.msg = func() {
				time.Sleep(time.Second)
				_ = a.Shutdown()
			}
		})
		_ = b.SendBestEffort(a.LocalNode(), []byte("end"))
		time.Sleep(time.Second / 2)
		before := time.Now()
		_ = a.Shutdown()
		want(t, "until the callback returns", time.Since(before) < time.Second, true)
	})
}

// More messages wait than may: those that come last are lost, and that is said.
func TestMessagesThatWait(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		var out lockedBuffer
		const depth = 10
		a := start(t, network, "a", func(c *memberlist.Config, _ *recorder) {
			c.HandoffQueueDepth, c.Logger = depth, log.New(&out, "", 0)
		})
		b := start(t, network, "b")
		b.join(t, a)
		hang := make(chan struct{})
		a.on(func(h *hooks) { h.msg = func() { <-hang } })
		for i := range 3 * depth {
			if err := b.SendReliable(a.LocalNode(), fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		close(hang)
		time.Sleep(time.Minute)
		var got []string
		for _, call := range a.take() {
			if text, ok := strings.CutPrefix(call, "msg "); ok {
				got = append(got, text)
			}
		}
		var first []string
		for i := range depth { // the one that is being handled included
			first = append(first, fmt.Sprint(i))
		}
		want(t, "the first", got, first)
		if !strings.Contains(out.String(), "[WARN] memberlist: ") {
			t.Errorf("nothing is said of what was dropped:\n%s", out.String())
		}
	})
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestLevelsOfTheLog(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		var out lockedBuffer
		a := start(t, network, "a", func(c *memberlist.Config, _ *recorder) {
			c.Logger, c.LogOutput = nil, &out
		})
		b := start(t, network, "b")
		b.join(t, a)
		_ = b.Shutdown()
		time.Sleep(time.Minute)
		for line := range strings.Lines(out.String()) {
			_, text, _ := strings.Cut(line, " [") // after the time
			if level, ok := strings.CutSuffix(strings.Split(text, " ")[0], "]"); !ok || !slices.Contains([]string{"DEBUG", "INFO", "WARN", "ERR"}, level) ||
				!strings.HasPrefix(text, level+"] memberlist: ") {
				t.Errorf("got %q", line)
			}
		}
		for _, line := range []string{
			"[INFO] memberlist: Suspect b has failed, no acks received\n",
			"[INFO] memberlist: Marking b as failed, suspect timeout reached (0 peer confirmations)\n",
		} {
			if !strings.Contains(out.String(), line) {
				t.Errorf("%q is missing:\n%s", line, out.String())
			}
		}
	})
}

func TestNamesOfNodesAreRequired(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		all := cluster(t, network, 1)
		a := all[0]
		b := start(t, network, "b", func(c *memberlist.Config, _ *recorder) { c.RequireNodeNames = true })
		const missing = "memberlist: node names are required by configuration but one was not provided"
		n, err := b.Join([]string{a.addr})
		want(t, "join without a name", fmt.Sprint(n, " ", err), "0 1 error occurred:\n\t* failed to join "+a.addr+": "+missing+"\n\n")
		if n, err = b.Join([]string{"a/" + a.addr}); n != 1 || err != nil {
			t.Errorf("with its name: %d, %v", n, err)
		}
		want(t, "send without a name", b.SendToAddress(memberlist.Address{Addr: a.addr}, nil), missing)
		want(t, "send with one", b.SendToAddress(memberlist.Address{Addr: a.addr, Name: "a"}, []byte("x")), nil)
		want(t, "send reliably without a name", b.SendReliable(&memberlist.Node{Addr: a.LocalNode().Addr, Port: a.LocalNode().Port}, nil), missing)
		time.Sleep(5 * time.Minute)
		want(t, "they know each other", names(a.Members())+names(b.Members()), "a,ba,b")
	})
}

// opened is a transport that takes the label off.
type opened struct {
	memberlist.NodeAwareTransport
	packets chan *memberlist.Packet
	streams chan net.Conn
}

func (o opened) PacketCh() <-chan *memberlist.Packet { return o.packets }
func (o opened) StreamCh() <-chan net.Conn           { return o.streams }

func (o opened) run(done <-chan struct{}) {
	for {
		select {
		case p := <-o.NodeAwareTransport.PacketCh():
			p.Buf, _, _ = memberlist.RemoveLabelHeaderFromPacket(p.Buf)
			o.packets <- p
		case conn := <-o.NodeAwareTransport.StreamCh():
			go func() {
				if conn, _, err := memberlist.RemoveLabelHeaderFromStream(conn); err == nil {
					o.streams <- conn
				}
			}()
		case <-done:
			return
		}
	}
}

func TestTransportsThatTakeTheLabelOff(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		done := make(chan struct{})
		opening := func(c *memberlist.Config, _ *recorder) {
			o := opened{c.Transport.(memberlist.NodeAwareTransport), make(chan *memberlist.Packet, 100), make(chan net.Conn, 100)}
			go o.run(done)
			c.Transport, c.SkipInboundLabelCheck = o, true
		}
		secret := func(c *memberlist.Config, _ *recorder) {
			c.Label, c.SecretKey = "x", []byte("sixteen bytes: 1")
		}
		a, b := start(t, network, "a", secret, opening), start(t, network, "b", secret)
		b.join(t, a)
		time.Sleep(5 * time.Minute)
		want(t, "they know each other", names(a.Members())+names(b.Members()), "a,ba,b")
		close(done)
	})
}

// unpingable is a transport whose packets are lost from a certain time on.
type unpingable struct {
	memberlist.NodeAwareTransport
	lost *atomic.Bool
}

func (u unpingable) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	if u.lost.Load() {
		return time.Now(), nil
	}
	return u.NodeAwareTransport.WriteToAddress(b, a)
}

// A member that only streams reach stays one, unless pings by stream are turned off for it.
func TestPingsByStreamCanBeTurnedOff(t *testing.T) {
	for off, view := range map[string]string{"": "a,b", "b": "a", "c": "a,b", "all": "a"} {
		bubbleIn(t, "off for "+off, func(t *testing.T, network *memberlist.MockNetwork) {
			var lost atomic.Bool
			all := cluster(t, network, 2, func(c *memberlist.Config, _ *recorder) {
				c.Transport = unpingable{c.Transport.(memberlist.NodeAwareTransport), &lost}
				c.PushPullInterval = 0
				c.DisableTcpPings = off == "all" && c.Name == "a"
				c.DisableTcpPingsForNode = func(name string) bool { return name == off }
			})
			lost.Store(true)
			time.Sleep(time.Minute)
			want(t, "b's view", names(all[1].Members()), "a,b")
			want(t, "a's view", names(all[0].Members()), view)
		})
	}
}

// Nothing is sent to others by itself.
func TestIntervalsOfZero(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		var sent counted
		off := func(c *memberlist.Config, _ *recorder) {
			c.ProbeInterval, c.GossipInterval, c.PushPullInterval = 0, 0, 0
			c.Transport = countedTransport{c.Transport.(memberlist.NodeAwareTransport), &sent}
		}
		a, b := start(t, network, "a", off), start(t, network, "b", off)
		b.join(t, a)
		before := sent.load()
		time.Sleep(time.Hour)
		want(t, "packets in an hour", sent.load()-before, 0)
		want(t, "members", names(a.Members())+names(b.Members()), "a,ba,b")
	})
}

type counted struct {
	mu sync.Mutex
	n  int
}

func (c *counted) load() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

type countedTransport struct {
	memberlist.NodeAwareTransport
	sent *counted
}

func (c countedTransport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	c.sent.mu.Lock()
	c.sent.n++
	c.sent.mu.Unlock()
	return c.NodeAwareTransport.WriteToAddress(b, a)
}

func TestTransportsThatFail(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		a := start(t, network, "a", func(c *memberlist.Config, _ *recorder) {
			c.Transport = failing{c.Transport.(memberlist.NodeAwareTransport)}
		})
		if err := a.Shutdown(); err != nil {
			t.Errorf("the transport's error is for the log: %v", err)
		}
	})
}

type failing struct{ memberlist.NodeAwareTransport }

func (f failing) Shutdown() error {
	return errors.Join(f.NodeAwareTransport.Shutdown(), errors.New("broken"))
}
