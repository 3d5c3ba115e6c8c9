package serf

import (
	"bytes"
	"encoding/base64"

	"serf/internal/checkpoint"
	"serf/wire"
)

// messageCoder codes messages that may carry keys: what all members are asked to do about them, and
// answers that list them. Fingerprints stand in place of the keys.
type messageCoder struct {
	c     *checkpoint.Coder
	keyOf func(wire.Fingerprint) []byte
}

// code codes a message, with its type byte or after that of a user message.
func (m messageCoder) code(p *[]byte) {
	if m.c.Restoring() {
		m.restore(p)
		return
	}
	texts := wire.KeysIn(*p)
	rest, cuts := *p, []cut(nil)
	for at := 0; at < len(rest) && len(texts) > 0; at++ {
		for _, t := range texts {
			if bytes.HasPrefix(rest[at:], t.Text) {
				cuts = append(cuts, cut{rest[:at], t})
				rest, at = rest[at+len(t.Text):], -1
				break
			}
		}
	}
	for i := range checkpoint.Slice(m.c, &cuts, 1) {
		x := &cuts[i]
		f := wire.FingerprintOf(x.key.Key)
		encoded := len(x.key.Text) > len(x.key.Key)
		m.c.Bytes(&x.before)
		m.c.Raw(f[:])
		m.c.Bool(&encoded)
	}
	m.c.Bytes(&rest)
}

// cut is a key in a message, and what comes before it and after the last one.
type cut struct {
	before []byte
	key    wire.KeyText
}

func (m messageCoder) restore(p *[]byte) {
	const least = 11 // bytes of a cut
	var before, rest []byte
	msg := []byte(nil)
	for range m.c.Len(0, least) {
		m.c.Bytes(&before)
		key := restoredKey(m.c, m.keyOf)
		var b64 bool
		if m.c.Bool(&b64); m.c.Err() != nil {
			return
		}
		if b64 {
			key = []byte(base64.StdEncoding.EncodeToString(key))
		}
		msg = append(append(msg, before...), key...)
	}
	if m.c.Bytes(&rest); msg == nil {
		*p = rest
		return
	}
	*p = append(msg, rest...)
}
