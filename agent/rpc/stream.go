package rpc

// A stream sends to a client what a feed gives, until the feed or the connection ends. The
// connection's reader goroutine begins streams and stops them.
type stream struct {
	monitor bool
	close   func()        // ends the feed
	done    chan struct{} // closed when the last record was sent
}

// reserve makes room for a stream under seq, or returns the text to refuse it with.
func (c *conn) reserve(seq uint64, st *stream) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.streams[seq] != nil:
		return textStreamExists
	case st.monitor && c.monitored:
		return textMonitorExists
	case len(c.streams) >= streamsMax:
		return textTooManyStreams
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
	c.monitored = c.monitored && !st.monitor
	return true
}

// stop ends the stream under seq, if there is one. After it returns no record of it is sent.
func (c *conn) stop(seq uint64) {
	c.mu.Lock()
	st := c.streams[seq]
	c.mu.Unlock()
	if st == nil || !c.release(seq, st) {
		return
	}
	st.close()
	<-st.done
}

// closeStreams ends all feeds, and so all streams.
func (c *conn) closeStreams() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, st := range c.streams { // order-free: all are closed
		st.close()
	}
}

// begin answers a request for a stream and starts it. subscribe begins the feed, convert makes
// the body of a record, and ended is called if the feed ends without having been stopped.
func begin[T any](c *conn, seq uint64, st *stream, subscribe func() (Feed[T], error), convert func(T) any, ended func()) {
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
	st.close, st.done = feed.Close, make(chan struct{})
	c.reply(seq, "")
	c.work.Go(func() {
		defer close(st.done)
		sent := pump(c, seq, feed, convert)
		feed.Close()
		if c.release(seq, st) && sent && c.ctx.Err() == nil {
			ended()
		}
	})
}

// pump sends the records of a feed until it ends, and reports whether all went out.
func pump[T any](c *conn, seq uint64, feed Feed[T], convert func(T) any) bool {
	header := &responseHeader{Seq: seq}
	var b []byte
	for {
		v, ok := feed.Next()
		if !ok {
			return true
		}
		b = appendValues(b[:0], header, convert(v))
		for len(b) < batchMax && feed.Len() > 0 {
			if v, ok = feed.Next(); !ok {
				break
			}
			b = appendValues(b, header, convert(v))
		}
		if !c.send(b) {
			return false
		}
	}
}
