package wire

import "encoding/base64"

// KeyText is a key that a message carries, and the bytes of the message that are the key: itself,
// or its base64.
type KeyText struct{ Key, Text []byte }

// KeysIn returns the keys that a message of Serf carries, in requests about keys and answers to
// them, passed on or not. The message has its Serf type byte, or that of a user message before it.
func KeysIn(msg []byte) (list []KeyText) {
	if len(msg) > 0 && Type(msg[0]) == TypeUser {
		msg = msg[1:]
	}
	if len(msg) > 0 && SerfType(msg[0]) == SerfRelay {
		r, err := ParseRelay(msg[1:])
		if err != nil {
			return nil
		}
		msg = r.Msg
	}
	p := keyPayload(msg)
	if len(p) == 0 {
		return nil
	}
	add := func(key, text []byte) {
		if _, err := NewKeyring(key); err == nil {
			list = append(list, KeyText{key, text})
		}
	}
	encoded := func(text []byte) {
		if key, err := base64.StdEncoding.AppendDecode(nil, text); err == nil {
			add(key, text)
		}
	}
	switch SerfType(p[0]) {
	case SerfKeyRequest:
		if r, err := ParseKeyRequest(p[1:]); err == nil {
			add(r.Key, r.Key)
		}
	case SerfKeyAnswer:
		a, err := ParseKeyAnswer(p[1:])
		if err != nil {
			return nil
		}
		for it := a.Keys.Iter(); it.Next(); {
			encoded(it.Elem)
		}
		encoded(a.PrimaryKey)
	}
	return list
}

// keyPayload returns the payload of a query or a response.
func keyPayload(msg []byte) []byte {
	if len(msg) == 0 {
		return nil
	}
	switch SerfType(msg[0]) {
	case SerfQuery:
		if m, err := ParseQuery(msg[1:]); err == nil {
			return m.Payload
		}
	case SerfQueryResponse:
		if m, err := ParseQueryResponse(msg[1:]); err == nil {
			return m.Payload
		}
	}
	return nil
}
