package swim

import (
	"serf/internal/invariant"
	"serf/wire"
)

// lateState returns what a LateCarrier will say in a push/pull; nil if the layer above is none.
func (n *Node) lateState(join bool) func(room int) []byte {
	late, ok := n.cfg.Carrier.(LateCarrier)
	if !ok {
		return nil
	}
	return late.LateState(join)
}

// userState returns the user state of the layer above for a push/pull that is built now.
func (n *Node) userState(join bool) wire.Rope {
	switch n.cfg.Carrier.(type) {
	case nil, LateCarrier:
		return wire.Rope{}
	}
	return n.cfg.Carrier.State(join)
}

// appendUser returns a push/pull message without user state, in one piece, with that of s.User.
func (s *StreamOut) appendUser(message []byte) []byte {
	user := s.User(max(UserStreamMax-len(message), 0))
	if len(user) == 0 {
		return message
	}
	head, states, err := wire.ParsePushPullHeader(message[1:])
	invariant.Check(err == nil && head.UserStateLen == 0, "swim: user state of no push/pull")
	head.UserStateLen = len(user)
	const spare = 8 // bytes by which the header grows, at most
	m := head.Append(make([]byte, 0, len(message)+spare+len(user)))
	return append(append(m, states...), user...)
}
