// Package replay runs what an agent recorded again.
package replay

import (
	"errors"

	"serf/agent/recording"
	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
)

// Player is a node that gets the inputs of a recorded one.
type Player struct {
	Node *serf.Node
	// Out has the effects of the inputs since the last Reset; Mark is where those of the last begin.
	Out  swim.Output
	Mark recording.Mark
	// History is that of the node.
	History history.Log

	keys    recording.Keys
	conf    serf.Config
	answers recording.Answers
	nonces  recording.Nonces
	sums    recording.Summer
}

// errNoStart: only the first segment of a run makes a node.
var errNoStart = errors.New("the recording doesn't begin with the start of the agent")

// Begin makes the node of a checkpoint, or gets ready to make it by the first entry.
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
	if p.Node, err = serf.Restore(conf, keys.Of, c.State); err != nil {
		return nil, err
	}
	p.Node.TrackHistory(c.At, &p.History)
	return p, nil
}

// Continue goes on with the next segment of the same run, whose node this one should be.
func (p *Player) Continue(c *recording.Checkpoint) { p.nonces.Seed(c.Nonces) }

// Play gives an entry to the node. It returns what comes of it, which should be what e says. The
// error is that there is no node.
func (p *Player) Play(e *recording.Entry) (recording.Effects, error) {
	p.answers.Give(e.Answers)
	p.Mark = recording.MarkOf(&p.Out)
	if e.Kind == recording.KindStart {
		return p.start(e)
	}
	if p.Node == nil {
		return recording.Effects{}, errNoStart
	}
	op, err := e.Apply(p.Node, &p.Out)
	p.keys.AddFrom(p.Node)
	return p.sums.Sum(p.Mark, &p.Out, op, err), nil
}

func (p *Player) start(e *recording.Entry) (recording.Effects, error) {
	node, err := serf.New(e.At, p.conf, &p.Out)
	if err != nil {
		return recording.Effects{}, err
	}
	p.Node = node
	node.TrackHistory(e.At, &p.History)
	return p.sums.Sum(p.Mark, &p.Out, 0, nil), nil
}
