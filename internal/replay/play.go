// Package replay runs what an agent recorded again: it checks that the same comes of it, tells what
// happened, and makes tests of it.
package replay

import (
	"errors"
	"fmt"
	"net/netip"

	"serf/agent/recording"
	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
	"serf/wire"
)

// Player is a node that gets the inputs of a recorded one.
type Player struct {
	Node *serf.Node
	// Out has the effects of the last input.
	Out swim.Output
	// Wrong is how many questions the node asked during the last input that it hadn't asked when it
	// was recorded, or the reverse.
	Wrong int

	op      swim.OpID // that the last call returned
	err     error
	history history.Log // of a node that was started here
	keys    recording.Keys
	ring    *wire.Keyring // the node's, whose keys are among keys
	conf    serf.Config
	answers recording.Answers
	nonces  recording.Nonces
	sums    recording.Summer
	words   words
	byAddr  map[netip.AddrPort]string // names of members, as of named
	named   serf.Digest
	at      swim.Time // of the last input
}

// errNoStart: only the first segment of a run makes a node.
var errNoStart = errors.New("the recording doesn't begin with the start of the agent")

// Begin makes the node of a checkpoint, or gets ready to make it by the first entry. Keys that the
// node comes to know are added to keys.
func Begin(c *recording.Checkpoint, keys recording.Keys) (*Player, error) {
	p := &Player{keys: keys}
	conf, err := c.NodeConfig(keys, &p.answers, &p.nonces)
	if err != nil {
		return nil, err
	}
	p.conf = conf
	if c.State == nil {
		return p, nil
	}
	keyOf := func(print wire.Fingerprint) []byte { return keys[print] }
	p.Node, err = serf.Restore(conf, keyOf, c.State)
	return p, err
}

// Play gives an entry to the node. It returns what comes of it, which should be what e says. The
// error is that there is no node, or that one of another build breaks on it.
func (p *Player) Play(e *recording.Entry) (got recording.Effects, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("the node panicked: %v", broken)
		}
	}()
	p.Out.Reset()
	p.answers.Give(e.Answers)
	p.answers.Wrong = 0
	p.op, p.err, p.at = 0, nil, e.At
	switch {
	case e.Kind == recording.KindStart:
		if p.Node, err = serf.New(e.At, p.conf, &p.Out); err != nil {
			return got, err
		}
		p.Node.TrackHistory(e.At, &p.history)
	case p.Node == nil:
		return got, errNoStart
	default:
		p.op, p.err = e.Apply(p.Node, &p.Out)
	}
	if s := p.Node.Sealer(); s != nil && s.Keys != nil && s.Keys != p.ring {
		p.ring = s.Keys
		p.keys.Add(p.ring.Keys()...)
	}
	p.Wrong = p.answers.Wrong + p.answers.Give(nil)
	return p.sums.Sum(recording.Mark{}, &p.Out, p.op, p.err), nil
}

// History is that of the node.
func (p *Player) History() *history.Log { return p.Node.Swim().History() }

// Name is that of the node.
func (p *Player) Name() string { return p.conf.Name }
