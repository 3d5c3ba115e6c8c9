package swim

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"serf/wire"
)

// slow is a layer above whose state takes long to build.
type slow struct {
	chatter
	state []byte
	calls []string
}

func (s *slow) State(bool) wire.Rope { panic("built on the spot") }

func (s *slow) LateState(join bool) func(room int) []byte {
	if s.state == nil {
		return nil
	}
	s.calls = append(s.calls, map[bool]string{true: "join", false: "exchange"}[join])
	return func(room int) []byte { return s.state[:min(room, len(s.state))] }
}

func TestStateThatIsBuiltLate(t *testing.T) {
	above := &slow{state: []byte(strings.Repeat("x", 300))}
	tn := converseWith(t, func(c *Config) { c.Carrier = above }, "b")
	b, _ := tn.n.Lookup([]byte("b"))
	tn.n.PushPull(tn.now, b, &tn.out)
	tn.n.Stream(tn.now, StreamIn{ID: Inbound | 1, Kind: StreamRequest, From: addrOf("b"), Data: pushPullMsg(true, "")}, &tn.out)
	if want := []string{"exchange", "join"}; !slices.Equal(above.calls, want) {
		t.Errorf("asked for %q, want %q", above.calls, want)
	}
	for i, s := range tn.out.Streams {
		m := s.Message()
		pp, err := wire.ParsePushPull(m[1:])
		if err != nil || !bytes.Equal(pp.UserState, above.state) || pp.Nodes != 2 || pp.Join != (i == 1) {
			t.Errorf("stream %d: %d members, join %v, state of %d bytes, %v", i, pp.Nodes, pp.Join, len(pp.UserState), err)
		}
	}
	if len(tn.out.Streams) != 2 {
		t.Errorf("%d streams, want the call and the answer", len(tn.out.Streams))
	}
}

// Receivers refuse larger blocks.
func TestLateStateKeepsToTheLimitOfABlock(t *testing.T) {
	above := &slow{state: make([]byte, wire.StreamBlockMax)}
	tn := converseWith(t, func(c *Config) { c.Carrier = above }, "b")
	b, _ := tn.n.Lookup([]byte("b"))
	tn.n.PushPull(tn.now, b, &tn.out)
	if m := tn.out.Streams[0].Message(); len(m) > UserStreamMax+8 || len(m) < UserStreamMax-8 {
		t.Errorf("a message of %d bytes, limit about %d", len(m), UserStreamMax)
	}
}

func TestNoLateState(t *testing.T) {
	above := new(slow)
	tn := converseWith(t, func(c *Config) { c.Carrier = above }, "b")
	b, _ := tn.n.Lookup([]byte("b"))
	tn.n.PushPull(tn.now, b, &tn.out)
	above.state = []byte{}
	tn.n.PushPull(tn.now, b, &tn.out)
	for _, s := range tn.out.Streams {
		pp, err := wire.ParsePushPull(s.Message()[1:])
		if err != nil || len(pp.UserState) > 0 || pp.Nodes != 2 {
			t.Errorf("%d members, state of %d bytes, %v; want none", pp.Nodes, len(pp.UserState), err)
		}
	}
}
