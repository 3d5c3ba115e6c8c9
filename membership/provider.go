package membership

import (
	"context"
	"sync/atomic"
)

// provider calls Config.State, on a goroutine of its own, for the goroutines of streams.
type provider struct {
	node    *Node
	wanted  chan want // unbuffered: whoever wants a state waits
	missing atomic.Uint64
}

// want is a state that is wanted.
type want struct {
	join bool
	got  chan []byte // capacity 1
}

func newProvider(n *Node) *provider { return &provider{node: n, wanted: make(chan want)} }

// run calls the function until the node stops.
func (p *provider) run() {
	for {
		select {
		case w := <-p.wanted:
			report(func() { w.got <- p.node.conf.State(w.join) })
		case <-p.node.driver.Context().Done():
			return
		}
	}
}

// state returns the state of at most room bytes that an exchange takes along: none if it is larger,
// or takes too long.
func (p *provider) state(join bool, room int) []byte {
	timeout := p.node.conf.Timing.StreamTimeout / 2
	ctx, cancel := context.WithTimeout(p.node.driver.Context(), timeout)
	defer cancel()
	w := want{join: join, got: make(chan []byte, 1)}
	select {
	case p.wanted <- w:
	case <-ctx.Done():
		return p.miss("State doesn't return", "timeout", timeout)
	}
	select {
	case s := <-w.got:
		if len(s) > room {
			return p.miss("State is too large", "bytes", len(s), "limit", room)
		}
		return s
	case <-ctx.Done():
		return p.miss("State takes too long", "timeout", timeout)
	}
}

// miss notes that an exchange goes on without a state.
func (p *provider) miss(text string, args ...any) []byte {
	if p.node.driver.Context().Err() == nil {
		p.missing.Add(1)
		p.node.log.warn("An exchange goes on without what this node has to say: "+text, args...)
	}
	return nil
}
