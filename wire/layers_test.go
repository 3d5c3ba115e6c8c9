package wire

import (
	"bytes"
	"testing"
)

func TestLayersOfAPacket(t *testing.T) {
	ping := (&Ping{Seq: 1, Node: []byte("a")}).Append(nil)
	long := AppendUser(nil, bytes.Repeat([]byte("text "), 100))
	keys := keyring(t, key(16, 1), key(32, 2))
	none := Layers{Key: NoKey}
	with := func(set func(*Layers)) Layers {
		l := none
		set(&l)
		return l
	}
	for _, c := range []struct {
		name   string
		sealer Sealer
		body   []byte
		crc    bool
		want   Layers
	}{
		{"plain", Sealer{}, ping, false, none},
		{"checksum", Sealer{}, ping, true, with(func(l *Layers) { l.CRC = true })},
		{"label", Sealer{Label: "x"}, ping, false, with(func(l *Layers) { l.Label = true })},
		{"compressed", Sealer{Compress: true}, long, false, with(func(l *Layers) { l.Compressed = true })},
		{"compound", Sealer{}, compound(ping, ping), false, with(func(l *Layers) { l.Compound = true })},
		{"key", Sealer{Keys: keys, EncryptVersion: 1}, ping, true,
			with(func(l *Layers) { l.Key, l.Encryption, l.CRC = 0, 1, true })},
		{"all", *(&Sealer{Keys: keys, Label: "x", Compress: true}).WithKey(1), long, true,
			Layers{Label: true, Key: 1, CRC: true, Compressed: true}},
	} {
		c.sealer.Nonce = countingNonce()
		var sc Scratch
		p := c.sealer.SealPacket(nil, c.body, c.crc, &sc)
		c.sealer.Keys = nil
		if c.want.Key != NoKey {
			c.sealer.Keys = keys
		}
		if got, err := c.sealer.LayersOf(p, &sc); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
		for n := range p {
			c.sealer.LayersOf(p[:n], &sc) // doesn't panic
		}
	}
	if _, err := (*Sealer)(nil).LayersOf([]byte{byte(TypeLabel), 1, 'x', 0}, new(Scratch)); err != ErrLabel {
		t.Errorf("another cluster's label: %v", err)
	}
}
