package wire

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"serf/internal/msgpack"
)

// structures returns where the structs of a message begin: those of its maps whose keys are fields.
func structures(t *testing.T, msg []byte) (at []int) {
	t.Helper()
	var walk func(p int, key string) (end int)
	walk = func(p int, key string) (end int) {
		elements := func(count int, maps bool) {
			for range count {
				var key string
				if maps {
					start := p
					p = walk(p, "")
					c := msgpack.Cursor{P: msg[start:p]}
					key = string(c.Name())
				}
				p = walk(p, key)
			}
		}
		switch b := msg[p]; {
		case b>>4 == 0x8:
			if key != "Tags" && key != "StatusLTimes" {
				at = append(at, p)
			}
			p++
			elements(int(b&0xf), true)
			return p
		case b>>4 == 0x9:
			p++
			elements(int(b&0xf), false)
			return p
		case b == 0xdc:
			n := int(msg[p+1])<<8 | int(msg[p+2])
			p += 3
			elements(n, false)
			return p
		}
		c := msgpack.Cursor{P: msg[p:]}
		if c.Skip(); c.Err != nil {
			t.Fatalf("at %d of %x: %v", p, msg, c.Err)
		}
		return len(msg) - len(c.P)
	}
	for p := 0; p < len(msg); {
		p = walk(p, "")
	}
	return at
}

// withUnknown returns msg with an additional field in the struct that begins at at, before the
// others.
func withUnknown(msg []byte, at int, value []byte) []byte {
	n := int(msg[at] & 0xf)
	return slices.Concat(msg[:at], []byte{0xde, 0, byte(n + 1)}, []byte("\xa7Unknown"), value,
		msg[at+1:])
}

// Members of later versions may add fields to any struct.
func TestUnknownFieldsAreSkippedInEachStructure(t *testing.T) {
	values := [][]byte{[]byte("\xc0"), []byte("\x01"), []byte("\xa3abc"), []byte("\x92\x01\xa1x"),
		[]byte("\x81\xa4Name\xa1x")}
	type nested struct {
		body       []byte
		structures int
		understood func(body []byte) (string, error)
	}
	cases := make(map[string]nested)
	for file, how := range map[string]struct {
		build func(testing.TB, vector) message
		read  func([]byte) (message, error)
	}{"memberlist.json": {memberMessage, parseMember}, "serf.json": {serfMessage, parseSerf}} {
		for _, v := range loadVectors(t, file) {
			switch how.build(t, v).(type) {
			case nil, *PushPullHeader, *UserMsgHeader, *Relay:
				continue
			}
			kind, body := v.bytes(t)[0], v.bytes(t)[1:]
			cases[v.Name] = nested{body, 1, func(body []byte) (string, error) {
				m, err := how.read(append([]byte{kind}, body...))
				if err != nil {
					return "", err
				}
				return string(m.Append(nil)), nil
			}}
		}
	}
	delete(cases, "conflict-response-unknown") // nothing at all

	relay := Relay{DestIP: []byte{1, 2, 3, 4}, DestPort: 5, DestZone: []byte("z"),
		DestName: []byte("n")}
	cases["relay"] = nested{relay.Append(nil)[1:], 2, func(body []byte) (string, error) {
		m, err := ParseRelay(append(body, 'x')) // what it carries
		return string(m.Append(nil)), err
	}}

	ask, answer := exampleAsk(), exampleAskAnswer()
	cases["ask"] = nested{ask.Append(nil)[1:], 1, func(body []byte) (string, error) {
		m, err := ParseAsk(body)
		return string(m.Append(nil)), err
	}}
	cases["ask answer"] = nested{answer.Append(nil)[1:], 1, func(body []byte) (string, error) {
		m, err := ParseAskAnswer(body)
		return string(m.Append(nil)), err
	}}

	w := AppendSerfState(nil, 9, 2)
	w.EmptySlot()
	w.Slot(7, 2)
	w.Event([]byte("a"), []byte("pa"))
	w.Event([]byte("b"), nil)
	w.LeftMembers(8, 1)
	w.LeftMember("m")
	w.StatusLTimes(5, 1)
	w.StatusLTime("n", 3)
	cases["state of Serf"] = nested{w.Bytes()[1:], 4, understoodState}

	head := PushPullHeader{Nodes: 2}
	states := head.Append(nil)[1:]
	for _, name := range []string{"a", "b"} {
		s := NodeState{Addr: []byte{1, 2, 3, 4}, Inc: 3, Meta: []byte("m"), Name: []byte(name),
			Port: 5, Vsn: []byte{1, 2, 3, 4, 5, 6}}
		states = s.Append(states)
	}
	cases["push/pull"] = nested{states, 3, understoodStates}

	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			at := structures(t, c.body)
			if len(at) != c.structures {
				t.Fatalf("%d structures in %x, want %d", len(at), c.body, c.structures)
			}
			want, err := c.understood(c.body)
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range at {
				for _, v := range values {
					body := withUnknown(c.body, p, v)
					if got, err := c.understood(body); err != nil || got != want {
						t.Errorf("structure %d with a field %x: %v\n got %q\nwant %q\n  of %x", i,
							v, err, got, want, body)
					}
				}
			}
		})
	}
}

func understoodState(body []byte) (string, error) {
	s, err := ParseSerfState(body)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, s.EventLTime, s.LTime, s.QueryLTime, s.Events.Len())
	for it := s.Events.Iter(); it.Next(); {
		fmt.Fprintln(&b, "slot", it.Slot.LTime, it.Slot.Len())
		for e := it.Slot.Iter(); e.Next(); {
			fmt.Fprintf(&b, "event %q %q\n", e.Event.Name, e.Event.Payload)
		}
	}
	for it := s.LeftMembers.Iter(); it.Next(); {
		fmt.Fprintf(&b, "left %q\n", it.Elem)
	}
	for it := s.StatusLTimes.Iter(); it.Next(); {
		fmt.Fprintf(&b, "status %q %d\n", it.Name, it.LTime)
	}
	return b.String(), nil
}

func understoodStates(body []byte) (string, error) {
	m, err := ParsePushPull(body)
	if err != nil {
		return "", err
	}
	var b []byte
	for it := m.States(); it.Next(); {
		b = it.State.Append(b)
	}
	return string(b), nil
}
