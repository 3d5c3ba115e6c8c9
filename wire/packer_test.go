package wire

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// A packer compared with a model: it never exceeds its size, and never refuses a message that fits.
func TestPacker(t *testing.T) {
	var p Packer
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, 3000).Draw(t, "max")
		p.Reset(limit)
		var want [][]byte
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 400), 0, 300).Draw(t, "sizes") {
			msg := bytes.Repeat([]byte{8}, n)
			with := append(want[:len(want):len(want)], msg)
			fits := n > 0 && len(with) <= CompoundMax && packedSize(with) <= limit
			if room := p.Room(); n > 0 && (n <= room) != fits {
				t.Fatalf("room %d for a message of %d: fits is %v", room, n, fits)
			}
			if p.Add(msg) != fits {
				t.Fatalf("message of %d after %d in %d bytes: fits is %v", n, len(want), limit,
					fits)
			}
			if fits {
				want = with
			}
		}
		packet := p.AppendTo([]byte("x"))[1:]
		if len(packet) != p.Len() || len(packet) > limit || p.Count() != len(want) {
			t.Fatalf("%d bytes with %d messages: Len %d, Count %d", len(packet), len(want), p.Len(),
				p.Count())
		}
		if len(want) == 0 {
			return
		}
		got, err := (*Sealer)(nil).OpenPacket(packet, new(Scratch), nil)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d messages of %d, %v", len(got), len(want), err)
		}
	})
}

func packedSize(msgs [][]byte) int {
	n := len(bytes.Join(msgs, nil))
	if len(msgs) > 1 {
		n += 2 + 2*len(msgs)
	}
	return n
}

func TestPackerInPlace(t *testing.T) {
	var p Packer
	p.Reset(20)
	if !p.End((&Nack{Seq: 1}).Append(p.Begin())) {
		t.Fatal("no room for a nack")
	}
	if p.End((&Nack{Seq: 2}).Append(p.Begin())) {
		t.Error("two nacks in 20 bytes")
	}
	if want := (&Nack{Seq: 1}).Append(nil); !bytes.Equal(p.AppendTo(nil), want) {
		t.Errorf("got %x, want %x", p.AppendTo(nil), want)
	}
	if p.End(p.Begin()) {
		t.Error("an empty message was taken")
	}
}

func TestPackerPartLimit(t *testing.T) {
	var p Packer
	p.Reset(1 << 20)
	if p.Add(make([]byte, partMax+1)) {
		t.Error("a part longer than its length can say was taken")
	}
	for range 2 {
		if !p.Add(make([]byte, partMax)) {
			t.Error("the longest part was turned away")
		}
	}
}

func TestPackerCountLimit(t *testing.T) {
	var p Packer
	p.Reset(1 << 20)
	for range CompoundMax {
		if !p.Add([]byte{1}) {
			t.Fatalf("only %d messages fit", p.Count())
		}
	}
	if p.Room() != 0 || p.Add([]byte{1}) {
		t.Errorf("more than %d messages fit", CompoundMax)
	}
}
