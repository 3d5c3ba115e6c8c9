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
	texts := keysIn(*p)
	rest, cuts := *p, []cut(nil)
	for at := 0; at < len(rest) && len(texts) > 0; at++ {
		for _, t := range texts {
			if bytes.HasPrefix(rest[at:], t.text) {
				cuts = append(cuts, cut{rest[:at], t})
				rest, at = rest[at+len(t.text):], -1
				break
			}
		}
	}
	for i := range checkpoint.Slice(m.c, &cuts, 1) {
		x := &cuts[i]
		f := wire.FingerprintOf(x.key.key)
		m.c.Bytes(&x.before)
		m.c.Raw(f[:])
		m.c.Bool(&x.key.base64)
	}
	m.c.Bytes(&rest)
}

// cut is a key in a message, and what comes before it and after the last one.
type cut struct {
	before []byte
	key    keyText
}

// keyText is a key as a message has it.
type keyText struct {
	key, text []byte
	base64    bool
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

// keysIn returns the keys that a message carries.
func keysIn(msg []byte) (list []keyText) {
	if len(msg) > 0 && wire.Type(msg[0]) == wire.TypeUser {
		msg = msg[1:]
	}
	if len(msg) == 0 {
		return nil
	}
	add := func(key, text []byte, base64 bool) {
		if _, err := wire.NewKeyring(key); err == nil {
			list = append(list, keyText{key, text, base64})
		}
	}
	switch wire.SerfType(msg[0]) {
	case wire.SerfQuery:
		m, err := wire.ParseQuery(msg[1:])
		if err != nil || len(m.Payload) == 0 || wire.SerfType(m.Payload[0]) != wire.SerfKeyRequest {
			return nil
		}
		if r, err := wire.ParseKeyRequest(m.Payload[1:]); err == nil {
			add(r.Key, r.Key, false)
		}
	case wire.SerfQueryResponse:
		m, err := wire.ParseQueryResponse(msg[1:])
		if err != nil || len(m.Payload) == 0 || wire.SerfType(m.Payload[0]) != wire.SerfKeyAnswer {
			return nil
		}
		a, err := wire.ParseKeyAnswer(m.Payload[1:])
		if err != nil {
			return nil
		}
		encoded := func(text []byte) {
			if key, err := base64.StdEncoding.AppendDecode(nil, text); err == nil {
				add(key, text, true)
			}
		}
		for it := a.Keys.Iter(); it.Next(); {
			encoded(it.Elem)
		}
		encoded(a.PrimaryKey)
	}
	return list
}
