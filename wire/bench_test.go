package wire

import (
	"bytes"
	"testing"
)

// hotPaths are what members do many times a second. None may allocate.
func hotPaths(t testing.TB) map[string]func() {
	paths := map[string]func(){}
	add := func(name string, f func() error) {
		paths[name] = func() {
			if err := f(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	addCodecs(add)
	alive := exampleAlive().Append(nil)
	body := compound(bytes.Split(bytes.Repeat(append(alive, "|"...), 11), []byte("|"))[:11]...)
	keys := keyring(t, key(32, 1), key(16, 2))
	for name, s := range map[string]*Sealer{
		"plain":      nil,
		"compressed": {Compress: true},
		"encrypted":  {Keys: keys, Nonce: countingNonce(), EncryptVersion: 1, Label: "blue"},
		"everything": {Keys: keys, Nonce: countingNonce(), Compress: true, Label: "blue"},
	} {
		sc, packet := new(Scratch), s.SealPacket(nil, body, true, new(Scratch))
		dst, msgs := make([]byte, 0, 2000), make([][]byte, 0, 20)
		add("seal "+name, func() error {
			dst = s.SealPacket(dst[:0], body, true, sc)
			return nil
		})
		add("open "+name, func() error {
			var err error
			msgs, err = s.OpenPacket(packet, sc, msgs[:0])
			return err
		})
	}
	var p Packer
	add("pack", func() error {
		p.Reset(1400)
		for p.Add(alive) {
		}
		return nil
	})
	return paths
}

func addCodecs(add func(string, func() error)) {
	b := make([]byte, 0, 1000)
	codec := func(name string, m message, parse func([]byte) error) {
		add(name, func() error {
			b = m.Append(b[:0])
			return parse(b[1:])
		})
	}
	codec("ping", &Ping{1, []byte("member-1"), []byte{10, 0, 0, 1}, 7946, []byte("member-2")},
		func(p []byte) error { _, err := ParsePing(p); return err })
	codec("ack", &Ack{1, AppendAckPayload(nil, &Coordinate{})},
		func(p []byte) error {
			m, err := ParseAck(p)
			if err == nil {
				_, err = ParseAckPayload(m.Payload)
			}
			return err
		})
	codec("alive", exampleAlive(), func(p []byte) error { _, err := ParseAlive(p); return err })
	codec("suspect", &Suspect{3, []byte("member-1"), []byte("member-2")},
		func(p []byte) error { _, err := ParseSuspect(p); return err })
	codec("user event", &UserEvent{true, 70000, []byte("deploy"), make([]byte, 100)},
		func(p []byte) error { _, err := ParseUserEvent(p); return err })
	q := &Query{Addr: []byte{10, 0, 0, 1}, ID: 1 << 30, LTime: 900, Name: []byte("uptime"),
		Port: 7946, SourceNode: []byte("member-1"), Timeout: 15e9}
	q.Filters.AddNodes("member-1", "member-2")
	q.Filters.AddTag("role", "web")
	codec("query", q, func(p []byte) error {
		m, err := ParseQuery(p)
		for it := m.Filters.Iter(); it.Next() && err == nil; {
			switch it.Kind {
			case FilterNode:
				_, err = ParseNodeFilter(it.Body)
			case FilterTag:
				_, err = ParseTagFilter(it.Body)
			}
		}
		return err
	})
	tags := []Tag{{"dc", "east"}, {"role", "web"}}
	add("tags", func() error {
		b = AppendTags(b[:0], tags)
		parsed, err := ParseTags(b)
		for it := parsed.Iter(); it.Next(); {
		}
		return err
	})
	addStates(add)
}

func addStates(add func(string, func() error)) {
	state := bigPushPull(10_000, 100)[1:]
	add("push/pull of 10000", func() error {
		pp, err := ParsePushPull(state)
		n := 0
		for it := pp.States(); it.Next(); n++ {
		}
		if err == nil && n != 10_000 {
			err = ErrShort
		}
		return err
	})
	serf := bigSerfState(10_000)
	add("serf state of 10000", func() error {
		s, err := ParseSerfState(serf[1:])
		for it := s.StatusLTimes.Iter(); it.Next(); {
		}
		for it := s.Events.Iter(); it.Next(); {
			for e := it.Slot.Iter(); e.Next(); {
			}
		}
		return err
	})
}

func bigSerfState(members int) []byte {
	w := AppendSerfState(nil, 512, 512)
	for i := range 512 {
		if i%2 == 0 {
			w.EmptySlot()
			continue
		}
		w.Slot(uint64(i), 1)
		w.Event([]byte("deploy"), []byte("v1.2.3"))
	}
	w.LeftMembers(9, 0)
	w.StatusLTimes(7, members)
	for i := range members {
		w.StatusLTime(string([]byte{'m', byte('a' + i>>8), byte(i)}), uint64(i))
	}
	return w.Bytes()
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	for name, f := range hotPaths(t) {
		if n := testing.AllocsPerRun(5, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Refusing must not cost more than accepting.
func TestRefusingDoesNotAllocate(t *testing.T) {
	sc, msgs := new(Scratch), make([][]byte, 0, 20)
	s := &Sealer{Keys: keyring(t, key(16, 1), key(16, 2))}
	other := &Sealer{Keys: keyring(t, key(16, 3)), Nonce: countingNonce()}
	packet := other.SealPacket(nil, exampleAlive().Append(nil), true, sc)
	bomb := compressed(t, make([]byte, 1<<20))
	if n := testing.AllocsPerRun(5, func() {
		s.OpenPacket(packet, sc, msgs)
		(*Sealer)(nil).OpenPacket(bomb, sc, msgs)
		ParsePing(bomb)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHotPaths(b *testing.B) {
	for name, f := range hotPaths(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkStream(b *testing.B) {
	msg := bigPushPull(10_000, 100_000)
	for name, s := range streamSealers(b) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(msg)))
			for b.Loop() {
				r := NewStreamReader(s)
				feed(r, s.SealStream(nil, msg), 1<<16)
				if _, err := s.OpenStream(r.Block()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
