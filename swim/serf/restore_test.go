package serf

import (
	"bytes"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime/metrics"
	"testing"
	"time"

	"pgregory.net/rapid"

	"serf/internal/checkpoint"
	"serf/swim"
	"serf/swim/history"
	"serf/swim/internal/swimtest"
	"serf/swim/serf/coord"
	"serf/wire"
)

var restoreAll = flag.Bool("restore", false, "restore the node of a conversation after each step")

// restores replace a node again and again by what is restored of its state: a large one less often.
type restores struct {
	wait int
	log  *history.Log // that the test has
}

func (r *restores) step(t testing.TB, n *Node) {
	t.Helper()
	if r.wait--; !*restoreAll || r.wait >= 0 {
		return
	}
	if r.log == nil {
		r.log = n.swim.History()
	}
	const often = 4 << 10 // bytes
	r.wait = restored(t, n) / often
	if r.log != nil {
		*r.log = *n.swim.History()
	}
}

// restored replaces n by what Restore makes of its state, in place, and checks that this has the
// same state, of so many bytes.
func restored(t rapid.TB, n *Node) (size int) {
	t.Helper()
	state := n.AppendState(nil)
	keyOf := keysOf(n)
	cfg, queries, changes := n.cfg, n.queries, n.table.changes
	cfg.Addr, cfg.Families, cfg.Zones = addrOf("z"), 0, Zones{} // as they were when it began
	*n = Node{}
	if err := n.restore(cfg, keyOf, state); err != nil {
		t.Fatalf("restore: %v", err)
	}
	if !bytes.Equal(n.AppendState(nil), state) {
		t.Fatal("a restored node has another state")
	}
	n.table.changes = changes
	for i, q := range queries { // that the test has
		*q = *n.queries[i]
		n.queries[i] = q
	}
	return len(state)
}

// keysOf returns the keys of n by their fingerprints: those in use, and those under way.
func keysOf(n *Node) func(wire.Fingerprint) []byte {
	keys := make(map[wire.Fingerprint][]byte)
	collect := func(msg *[]byte) {
		for _, k := range wire.KeysIn(*msg) {
			keys[wire.FingerprintOf(k.Key)] = k.Key
		}
	}
	n.gossip.queries.Code(checkpoint.Saver(nil), collect)
	for _, q := range n.queries {
		collect(&q.repeat.msg)
	}
	for _, q := range n.inbound.open {
		collect(&q.response)
	}
	if ring := n.keyring(); ring != nil {
		for _, key := range ring.Keys() {
			keys[wire.FingerprintOf(key)] = key
		}
	}
	return func(f wire.Fingerprint) []byte { return keys[f] }
}

// testKeyOf returns the testKey of a fingerprint.
func testKeyOf(f wire.Fingerprint) []byte {
	for i := range 4 {
		if key := testKey(i); wire.FingerprintOf(key) == f {
			return key
		}
	}
	return nil
}

// busy is a node in the midst of all sorts of things, with keys.
func busy(t testing.TB) *conversation {
	t.Helper()
	tn := converseWith(t, func(c *Config) {
		withKeys(2)(c)
		c.Tags = map[string]string{"role": "db", "zone": "1"}
		c.Zones = Zones{Tag: "zone"}
		c.CoalescePeriod, c.QuiescentPeriod = time.Minute, time.Minute
		c.UserCoalescePeriod, c.UserQuiescentPeriod = time.Minute, time.Minute
		c.KeyringStore = StoreReports
		c.PushPullInterval, c.ReconnectInterval = time.Minute, time.Minute
		c.Previous = []Previous{{"p", addrOf("p")}}
		c.EventSizeMax = EventSizeCeiling
	}, "b", "c", "d")
	tn.n.TrackHistory(tn.now, new(history.Log))
	tn.member("c", aliveWith("c", 2, addrOf("c"), map[string]string{"zone": "1"}))
	tn.recv("b", leaveIntent("x", 9)) // nobody knows x
	tn.recv("b", leaveIntent("d", 10))
	tn.recv("b", userEventMsg("e", "payload", 11))
	tn.recv("b", queryFrom("b", 12, 3, nil))
	tn.recv("b", quietKeyQuery(installKeyQuery, 13, testKey(3)))
	tn.recv("b", quietKeyQuery(listKeysQuery, 14, nil))
	tn.member("b", swimtest.Suspect("c", 2, "b"))
	tn.fails("d", "b", 1)
	tn.member("c", aliveWith("b", 2, addrOf("y"), nil)) // b has moved, says c
	tn.do(func(now swim.Time, out *swim.Output) error {
		p := QueryParams{Name: "q", Tags: map[string]string{"zone": "^1$"}, Nodes: []string{"b", "c"}}
		if _, err := tn.n.Query(now, p, out); err != nil {
			return err
		}
		r := KeyRequest{Command: UseKey, Key: testKey(2)}
		if _, err := tn.n.Keys(now, r, out); err != nil {
			return err
		}
		tn.n.Join(now, []netip.AddrPort{addrOf("x"), addrOf("y")}, false, out)
		return tn.n.UserEvent(now, "large", make([]byte, 4<<10), false, out)
	})
	return tn
}

// Whoever has a state without the keys learns none of them from it, also of those under way.
func TestStateHasNoKeys(t *testing.T) {
	tn := busy(t)
	state := tn.n.AppendState(nil)
	for i := 1; i < 4; i++ {
		key := testKey(i)
		text := base64.StdEncoding.EncodeToString(key)
		if bytes.Contains(state, key) || bytes.Contains(state, []byte(text)) {
			t.Errorf("the state has key %d", i)
		}
	}
	cfg := tn.n.cfg
	for i := 1; i < 4; i++ {
		without := func(f wire.Fingerprint) []byte {
			if f == wire.FingerprintOf(testKey(i)) {
				return nil
			}
			return testKeyOf(f)
		}
		if _, err := Restore(cfg, without, state); !errors.Is(err, wire.ErrKeyUnknown) {
			t.Errorf("restored without key %d: %v", i, err)
		}
	}
	if _, err := Restore(cfg, testKeyOf, state); err != nil {
		t.Error(err)
	}
	cfg.Sealer = nil
	if _, err := Restore(cfg, testKeyOf, state); err == nil {
		t.Error("restored with keys, but without a sealer")
	}
}

// A state that is damaged is refused, or is that of some node, and takes memory as it is long.
func TestDamagedStateIsRefused(t *testing.T) {
	tn := busy(t)
	state := tn.n.AppendState(nil)
	restore := func(b []byte) error {
		_, err := Restore(tn.n.cfg, testKeyOf, b)
		return err
	}
	const step = 3 // bytes; fuzzing tries all
	for n := 0; n < len(state); n += step {
		if restore(state[:n:n]) == nil {
			t.Fatalf("restored from %d of %d bytes", n, len(state))
		}
	}
	if restore(append(bytes.Clone(state), 0)) == nil {
		t.Error("restored from a byte too many")
	}
	wrong := bytes.Clone(state)
	if wrong[0] = stateVersion + 1; !errors.Is(restore(wrong), ErrStateVersion) {
		t.Error("restored from another version")
	}
	other := tn.n.cfg
	other.Name = "b"
	if _, err := Restore(other, testKeyOf, state); !errors.Is(err, checkpoint.ErrDamaged) {
		t.Errorf("restored as another member: %v", err)
	}
	most := uint64(100*len(state) + 64<<10)
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	for i := 0; i < len(state); i += step {
		b := bytes.Clone(state)
		b[i] ^= 0xff
		metrics.Read(allocated)
		before := allocated[0].Value.Uint64()
		restore(b)
		metrics.Read(allocated)
		if got := allocated[0].Value.Uint64() - before; got > most {
			t.Fatalf("byte %d of %d wrong: %d bytes of memory, limit %d", i, len(state), got, most)
		}
	}
}

// A recording is read by later programs. So the version tells whether they can: a change of the
// format fails here until stateVersion is raised, and the file written anew with -update.
func TestFormatOfStatesHasItsVersion(t *testing.T) {
	path := fmt.Sprintf("testdata/state-%d", stateVersion)
	tn := busy(t)
	if flag.Lookup("update").Value.String() == "true" { // see conversations_test.go
		if err := os.WriteFile(path, tn.n.AppendState(nil), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	state, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Restore(tn.n.cfg, testKeyOf, state)
	if err != nil || !bytes.Equal(n.AppendState(nil), state) {
		t.Errorf("a state of version %d isn't what it was: %v", stateVersion, err)
	}
}

// Whatever Restore accepts is a state that can be saved, and restored again.
func FuzzRestore(f *testing.F) {
	tn := busy(f)
	cfg := tn.n.cfg
	f.Add(tn.n.AppendState(nil))
	quiet := converse(f, "b")
	f.Add(quiet.n.AppendState(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := Restore(cfg, testKeyOf, b)
		if err != nil {
			return
		}
		state := n.AppendState(nil)
		again, err := Restore(cfg, testKeyOf, state)
		if err != nil || !bytes.Equal(again.AppendState(nil), state) {
			t.Errorf("the state of a restored node can't be restored: %v", err)
		}
	})
}

// The agent is held up while a state is saved.
func BenchmarkAppendState(b *testing.B) {
	for _, members := range []int{100, 10_000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			n := crowded(b, members)
			var state []byte
			for b.Loop() {
				state = n.AppendState(state[:0])
			}
			b.ReportMetric(float64(len(state)), "bytes")
		})
		b.Run(fmt.Sprint("restore-", members), func(b *testing.B) {
			n := crowded(b, members)
			state := n.AppendState(nil)
			for b.Loop() {
				if _, err := Restore(n.cfg, nil, state); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// crowded is a node that knows so many members for long: where they are, and why they came.
func crowded(t testing.TB, members int) *Node {
	t.Helper()
	c := testConfig("a")
	var out swim.Output
	n, err := New(0, c, &out)
	if err != nil {
		t.Fatal(err)
	}
	n.TrackHistory(0, new(history.Log))
	tags := map[string]string{"role": "web", "dc": "eu-west-1", "build": "1.2.3"}
	at := coord.Origin()
	for i := range members {
		name := fmt.Sprint("member-", i)
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 7946)
		n.Packet(swim.Time(i), addrOf("b"), aliveWith(name, 1, addr, tags), &out)
		at.Vec[i%8] = float64(i%50) / 1000
		id := uint32(n.lookup([]byte(name)))
		if err := n.coords.client.Update(id, at, time.Millisecond, n.swim.RandomFloat); err != nil {
			t.Fatal(err)
		}
		at.Vec[i%8] = 0
		out.Reset()
	}
	return n
}
