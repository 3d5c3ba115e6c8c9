package server

import (
	"maps"
	"slices"

	"serf/agent/rpc/internal/protocol"
	"serf/internal/std"
)

// A stream sends the values of a feed to a client, until the feed or the connection ends. The
// connection's reader goroutine begins and stops streams.
type stream struct {
	monitor bool
	// Set once the feed has begun, guarded by conn.mu.
	close   func()        // ends the feed
	stopped chan struct{} // closed by a stop: from then on its records wait for no answer
	done    chan struct{} // closed when the last record was sent
}

// reserve makes room for a stream under seq, or returns the text to refuse it with.
func (c *conn) reserve(seq uint64, st *stream) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.streams[seq] != nil:
		return protocol.TextStreamExists
	case st.monitor && c.monitored:
		return protocol.TextMonitorExists
	case c.s.streams.Add(1) > int64(c.s.o.streams):
		c.s.streams.Add(-1)
		return protocol.TextTooManyStreams
	}
	c.streams[seq] = st
	c.monitored = c.monitored || st.monitor
	return ""
}

// release forgets a stream and reports whether it was there.
func (c *conn) release(seq uint64, st *stream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[seq] != st {
		return false
	}
	delete(c.streams, seq)
	c.s.streams.Add(-1)
	c.monitored = c.monitored && !st.monitor
	return true
}

// stop ends the stream under seq, if there is one. No record of it is sent after stop has returned.
func (c *conn) stop(seq uint64) {
	c.mu.Lock()
	st := c.streams[seq]
	begun := st != nil && st.close != nil
	c.mu.Unlock()
	if !begun || !c.release(seq, st) {
		return
	}
	close(st.stopped)
	st.close()
	<-st.done
}

// stopAll stops all streams, and waits up to lingerTimeout until their records were sent.
func (c *conn) stopAll() {
	c.mu.Lock()
	seqs := slices.Collect(maps.Keys(c.streams)) // in any order: all are stopped
	c.mu.Unlock()
	stopped := make(chan struct{})
	c.work.Go(func() {
		defer close(stopped)
		for _, seq := range seqs {
			c.stop(seq)
		}
	})
	std.Await(stopped, lingerTimeout)
}

// closeStreams ends all feeds, and so all streams.
func (c *conn) closeStreams() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, st := range c.streams { // order-free: all are closed
		if st.close != nil {
			st.close()
		}
	}
}

// records are the values of a feed, as bodies of a stream's records.
type records interface {
	next() (body any, ok bool)
	Len() int
	Close()
}

// encoded makes records of a feed.
type encoded[T any] struct {
	Feed[T]
	body func(T) any
}

func (e *encoded[T]) next() (any, bool) {
	v, ok := e.Next()
	if !ok {
		return nil, false
	}
	return e.body(v), true
}

// begin answers a request for a stream and starts it. subscribe begins the feed, and ended is
// called if it ends without having been stopped.
func begin(c *conn, seq uint64, st *stream, subscribe func() (records, error), ended func()) {
	if text := c.reserve(seq, st); text != "" {
		c.reply(seq, text)
		return
	}
	feed, err := subscribe()
	if err != nil {
		c.release(seq, st)
		c.replyError(seq, err)
		return
	}
	c.mu.Lock()
	st.close, st.stopped, st.done = feed.Close, make(chan struct{}), make(chan struct{})
	c.mu.Unlock()
	c.reply(seq, "")
	c.work.Go(func() {
		defer close(st.done)
		sent := pump(c, seq, feed, st.stopped)
		feed.Close()
		for ok := !sent; ok; { // nobody will read the rest
			_, ok = feed.next()
		}
		if c.release(seq, st) && sent && c.ctx.Err() == nil {
			ended()
		}
	})
}

// pump sends the records of a feed until it ends, and reports whether all were sent. They wait for
// answers that come first, unless stopped is closed.
func pump(c *conn, seq uint64, feed records, stopped <-chan struct{}) bool {
	header := &protocol.ResponseHeader{Seq: seq}
	var b []byte
	for {
		body, ok := feed.next()
		if !ok {
			return true
		}
		b = protocol.Append(b[:0], header, body)
		for len(b) < batchMax && feed.Len() > 0 {
			if body, ok = feed.next(); !ok {
				break
			}
			b = protocol.Append(b, header, body)
		}
		c.turns.wait(stopped)
		if !c.send(b) {
			return false
		}
	}
}
