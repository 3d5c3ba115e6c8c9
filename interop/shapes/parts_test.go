package shapes

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"testing"

	"github.com/hashicorp/memberlist"
	"pgregory.net/rapid"
	own "serf/compat/memberlist"
)

// What compat/memberlist has of its own beside the original: the same operations on both.

// errText is the text of an error, for comparison.
func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// trace is what became of the broadcasts of one queue.
type trace struct{ finished []string }

// theirs and ours are broadcasts of either package. The first byte says what they are about.
type (
	theirs struct {
		text string
		to   *trace
	}
	ours        theirs
	theirNamed  struct{ theirs }
	ourNamed    struct{ ours }
	theirUnique struct{ theirs }
	ourUnique   struct{ ours }
)

func (b *theirs) Invalidates(o memberlist.Broadcast) bool { return b.text[0] == o.Message()[0] }
func (b *ours) Invalidates(o own.Broadcast) bool          { return b.text[0] == o.Message()[0] }
func (b *theirs) Message() []byte                         { return []byte(b.text) }
func (b *ours) Message() []byte                           { return []byte(b.text) }
func (b *theirs) Finished()                               { b.to.finished = append(b.to.finished, b.text) }
func (b *ours) Finished()                                 { b.to.finished = append(b.to.finished, b.text) }
func (b *theirNamed) Name() string                        { return b.text[:1] }
func (b *ourNamed) Name() string                          { return b.text[:1] }
func (*theirUnique) UniqueBroadcast()                     {}
func (*ourUnique) UniqueBroadcast()                       {}

// bothQueues has a queue of each package. Of each, anchor stays at the front without being sent: the
// original forgets a broadcast now and then after a moment in which its queue was empty.
type bothQueues struct {
	theirs               memberlist.TransmitLimitedQueue
	ours                 own.TransmitLimitedQueue
	theirTrace, ourTrace trace
	n                    int
}

const room = 60 // bytes; the anchor is larger

func (q *bothQueues) add(t *rapid.T, kind int) {
	q.n++
	text := rapid.StringMatching("[a-d]").Draw(t, "about") + fmt.Sprint(q.n) + rapid.StringMatching("x{0,20}").Draw(t, "rest")
	q.addText(kind, text)
}

func (q *bothQueues) addText(kind int, text string) {
	a, b := theirs{text, &q.theirTrace}, ours{text, &q.ourTrace}
	switch kind {
	case 0:
		q.theirs.QueueBroadcast(&a)
		q.ours.QueueBroadcast(&b)
	case 1:
		q.theirs.QueueBroadcast(&theirNamed{a})
		q.ours.QueueBroadcast(&ourNamed{b})
	case 2:
		q.theirs.QueueBroadcast(&theirUnique{a})
		q.ours.QueueBroadcast(&ourUnique{b})
	}
}

func (q *bothQueues) anchor() { q.addText(2, string(bytes.Repeat([]byte("z"), room+1))) }

func TestQueuesOfBothDoTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nodes, mult := rapid.IntRange(0, 200).Draw(t, "nodes"), rapid.IntRange(0, 4).Draw(t, "mult")
		var q bothQueues
		q.theirs.NumNodes, q.theirs.RetransmitMult = func() int { return nodes }, mult
		q.ours.NumNodes, q.ours.RetransmitMult = func() int { return nodes }, mult
		q.anchor()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch step := rapid.IntRange(0, 9).Draw(t, "step"); step {
			case 0, 1, 2:
				q.add(t, step)
			case 3:
				retain := rapid.IntRange(-1, 9).Draw(t, "retain")
				q.theirs.Prune(retain)
				q.ours.Prune(retain)
				q.anchor()
			default:
				overhead, limit := rapid.IntRange(0, 5).Draw(t, "overhead"), rapid.IntRange(-1, room).Draw(t, "limit")
				a, b := q.theirs.GetBroadcasts(overhead, limit), q.ours.GetBroadcasts(overhead, limit)
				if !reflect.DeepEqual(a, b) {
					t.Fatalf("a packet of theirs has\n%q\nof ours\n%q", a, b)
				}
			}
			if a, b := q.theirs.NumQueued(), q.ours.NumQueued(); a != b {
				t.Fatalf("theirs has %d queued, ours %d", a, b)
			}
			// Several that one step finishes have no order.
			slices.Sort(q.theirTrace.finished)
			slices.Sort(q.ourTrace.finished)
			if !slices.Equal(q.theirTrace.finished, q.ourTrace.finished) {
				t.Fatalf("theirs finished\n%q\nours\n%q", q.theirTrace.finished, q.ourTrace.finished)
			}
		}
	})
}

func TestKeyringsOfBothDoTheSame(t *testing.T) {
	t.Parallel()
	draw := rapid.Custom(func(t *rapid.T) []byte {
		size := rapid.SampledFrom([]int{16, 16, 24, 32, 0, 15, 33}).Draw(t, "size")
		return bytes.Repeat([]byte{rapid.SampledFrom([]byte("abc")).Draw(t, "key")}, size)
	})
	rapid.Check(t, func(t *rapid.T) {
		keys, primary := rapid.SliceOfN(draw, 0, 3).Draw(t, "keys"), draw.Draw(t, "primary")
		a, errA := memberlist.NewKeyring(keys, primary)
		b, errB := own.NewKeyring(keys, primary)
		if errText(errA) != errText(errB) {
			t.Fatalf("theirs: %v, ours: %v", errA, errB)
		}
		if errA != nil {
			return
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			key := draw.Draw(t, "key")
			switch step := rapid.IntRange(0, 2).Draw(t, "step"); {
			case step == 0:
				errA, errB = a.AddKey(key), b.AddKey(key)
			case step == 1:
				errA, errB = a.UseKey(key), b.UseKey(key)
			case len(a.GetKeys()) > 0: // without keys the original panics
				errA, errB = a.RemoveKey(key), b.RemoveKey(key)
			}
			if errText(errA) != errText(errB) {
				t.Fatalf("theirs: %v, ours: %v", errA, errB)
			}
			if !slices.EqualFunc(a.GetKeys(), b.GetKeys(), bytes.Equal) || !bytes.Equal(a.GetPrimaryKey(), b.GetPrimaryKey()) {
				t.Fatalf("theirs has %q, ours %q", a.GetKeys(), b.GetKeys())
			}
			if x, y := memberlist.ValidateKey(key), own.ValidateKey(key); errText(x) != errText(y) {
				t.Fatalf("theirs: %v, ours: %v", x, y)
			}
		}
	})
}

// streamOf returns a connection that has b to read, and then ends.
func streamOf(b []byte) net.Conn {
	near, far := net.Pipe()
	go func() {
		_, _ = far.Write(b)
		far.Close()
	}()
	return near
}

func TestLabelsOfBothDoTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.StringN(0, 300, 300).Draw(t, "label")
		body := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "body")
		a, errA := memberlist.AddLabelHeaderToPacket(body, label)
		b, errB := own.AddLabelHeaderToPacket(body, label)
		if !bytes.Equal(a, b) || errText(errA) != errText(errB) {
			t.Fatalf("add: theirs %q, %v, ours %q, %v", a, errA, b, errB)
		}
		if rapid.Bool().Draw(t, "any bytes") {
			a = append([]byte{244}, body...)
		}
		a = a[:rapid.IntRange(0, len(a)).Draw(t, "cut")]

		restA, labelA, errA := memberlist.RemoveLabelHeaderFromPacket(a)
		restB, labelB, errB := own.RemoveLabelHeaderFromPacket(a)
		if !bytes.Equal(restA, restB) || labelA != labelB || errText(errA) != errText(errB) {
			t.Fatalf("packet %q: theirs %q, %q, %v, ours %q, %q, %v", a, restA, labelA, errA, restB, labelB, errB)
		}

		connA, labelA, errA := memberlist.RemoveLabelHeaderFromStream(streamOf(a))
		connB, labelB, errB := own.RemoveLabelHeaderFromStream(streamOf(a))
		if labelA != labelB || errText(errA) != errText(errB) {
			t.Fatalf("stream %q: theirs %q, %v, ours %q, %v", a, labelA, errA, labelB, errB)
		}
		if errA != nil {
			return
		}
		restA, errA = io.ReadAll(connA)
		restB, errB = io.ReadAll(connB)
		if !bytes.Equal(restA, restB) || errA != nil || errB != nil {
			t.Fatalf("stream %q: theirs goes on with %q, %v, ours %q, %v", a, restA, errA, restB, errB)
		}
	})
}

func TestNetworksOfBothAreReadTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.SampledFrom([]string{"10.0.0.0/8", " fd00::/8 ", "10.0.0.1", "", "x/8", "1.2.3.4/33"})).Draw(t, "texts")
		netsA, errA := memberlist.ParseCIDRs(texts)
		netsB, errB := own.ParseCIDRs(texts)
		if !reflect.DeepEqual(netsA, netsB) || errText(errA) != errText(errB) {
			t.Fatalf("theirs %v, %v, ours %v, %v", netsA, errA, netsB, errB)
		}
		ip := rapid.SampledFrom([]net.IP{net.IPv4(10, 0, 0, 1), net.ParseIP("fd00::1"), net.IPv4(9, 9, 9, 9), nil}).Draw(t, "ip")
		a, b := memberlist.Config{CIDRsAllowed: netsA}, own.Config{CIDRsAllowed: netsB}
		if x, y := a.IPAllowed(ip), b.IPAllowed(ip); errText(x) != errText(y) {
			t.Fatalf("%s: theirs %v, ours %v", ip, x, y)
		}
	})
}

// ofAFork are fields that programs know from a fork of the original.
var ofAFork = []string{"NodeSelection", "PushPullNodes", "CompressionAlgorithm"}

// The default configurations have the same fields with the same values.
func TestDefaultsOfBothAreTheSame(t *testing.T) {
	for name, c := range map[string][2]any{
		"LAN":   {*memberlist.DefaultLANConfig(), *own.DefaultLANConfig()},
		"WAN":   {*memberlist.DefaultWANConfig(), *own.DefaultWANConfig()},
		"local": {*memberlist.DefaultLocalConfig(), *own.DefaultLocalConfig()},
	} {
		a, b := reflect.ValueOf(c[0]), reflect.ValueOf(c[1])
		for i := range b.NumField() {
			own := b.Type().Field(i).Name
			if !a.FieldByName(own).IsValid() && !slices.Contains(ofAFork, own) {
				t.Errorf("%s: theirs has no %s", name, own)
			}
		}
		for i := range a.NumField() {
			field := a.Type().Field(i)
			other := b.FieldByName(field.Name)
			if !other.IsValid() {
				t.Errorf("%s: %s is missing", name, field.Name)
				continue
			}
			if x, y := fmt.Sprint(a.Field(i)), fmt.Sprint(other); x != y {
				t.Errorf("%s: %s is %s, ours %s", name, field.Name, x, y)
			}
		}
	}
}

// Both read an address to advertise in the same way.
func TestAddressesOfBothAreTheSame(t *testing.T) {
	a, errA := memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{"0.0.0.0"}})
	b, errB := own.NewNetTransport(&own.NetTransportConfig{BindAddrs: []string{"0.0.0.0"}})
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	defer a.Shutdown()
	defer b.Shutdown()
	for _, given := range []string{"10.0.0.1", "::1", "fe80::1%lo", "name"} {
		ipA, _, errA := a.FinalAdvertiseAddr(given, 1)
		ipB, _, errB := b.FinalAdvertiseAddr(given, 1)
		if !slices.Equal(ipA, ipB) && !ipA.Equal(ipB) || errText(errA) != errText(errB) {
			t.Errorf("%q: theirs %s, %v, ours %s, %v", given, ipA, errA, ipB, errB)
		}
	}
}
