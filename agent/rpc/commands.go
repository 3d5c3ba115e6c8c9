package rpc

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"time"
)

// A command is how the server answers one kind of request.
type command struct {
	body bool // a body follows the header
	// handle answers the request. An error ends the connection.
	handle func(c *conn, seq uint64, body []byte) error
}

var commandTable = map[string]command{
	cmdHandshake:       withBody((*conn).handleHandshake),
	cmdAuth:            withBody((*conn).handleAuth),
	cmdEvent:           withBody((*conn).handleEvent),
	cmdForceLeave:      withBody((*conn).handleForceLeave),
	cmdJoin:            withBody((*conn).handleJoin),
	cmdMembers:         bare((*conn).handleMembers),
	cmdMembersFiltered: withBody((*conn).handleMembersFiltered),
	cmdTags:            withBody((*conn).handleTags),
	cmdStream:          withBody((*conn).handleStream),
	cmdMonitor:         withBody((*conn).handleMonitor),
	cmdStop:            withBody((*conn).handleStop),
	cmdLeave:           bare((*conn).handleLeave),
	cmdQuery:           withBody((*conn).handleQuery),
	cmdRespond:         withBody((*conn).handleRespond),
	cmdInstallKey:      withBody(handleKey(KeyInstall)),
	cmdUseKey:          withBody(handleKey(KeyUse)),
	cmdRemoveKey:       withBody(handleKey(KeyRemove)),
	cmdListKeys:        bare(handleListKeys),
	cmdStats:           bare((*conn).handleStats),
	cmdCoordinate:      withBody((*conn).handleCoordinate),
}

// withBody makes a command of a function that takes the request's body.
func withBody[T any, P interface {
	*T
	request
}](f func(c *conn, seq uint64, req T)) command {
	return command{body: true, handle: func(c *conn, seq uint64, body []byte) error {
		var req T
		if err := parseRequest(body, P(&req)); err != nil {
			// A body of another shape is likely no body: the client and this server
			// no longer agree where requests begin.
			c.reply(seq, "Invalid request: "+err.Error())
			return errRefused
		}
		f(c, seq, req)
		return nil
	}}
}

// bare makes a command of a function for requests without a body.
func bare(f func(c *conn, seq uint64)) command {
	return command{handle: func(c *conn, seq uint64, _ []byte) error {
		f(c, seq)
		return nil
	}}
}

func (c *conn) handleHandshake(seq uint64, req handshakeRequest) {
	switch {
	case req.Version != version:
		c.reply(seq, textUnsupportedVersion)
	case c.greeted:
		c.reply(seq, textDuplicateHandshake)
	default:
		c.greeted = true
		c.reply(seq, "")
	}
}

func (c *conn) handleAuth(seq uint64, req authRequest) {
	// Of the sums, so that the time doesn't tell the key's length either.
	want, got := sha256.Sum256([]byte(c.s.o.AuthKey)), sha256.Sum256([]byte(req.AuthKey))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		c.reply(seq, textInvalidToken)
		return
	}
	c.authed = true
	c.reply(seq, "")
}

// Events of one client are fired in the order of its requests, so they are not done on goroutines
// of their own. The same holds for tags.

func (c *conn) handleEvent(seq uint64, req eventRequest) {
	turn := c.turn
	fired := func() { c.turns.renew(turn) } // it may have waited for room
	c.replyError(seq, c.s.agent.UserEvent(c.ctx, req.Name, req.Payload, req.Coalesce, fired))
}

func (c *conn) handleTags(seq uint64, req tagsRequest) {
	c.replyError(seq, c.s.agent.SetTags(c.ctx, req.Tags, req.DeleteTags))
}

func (c *conn) handleForceLeave(seq uint64, req forceLeaveRequest) {
	c.wait(func() {
		c.replyError(seq, c.s.agent.ForceLeave(c.ctx, req.Node, req.Prune))
	})
}

func (c *conn) handleJoin(seq uint64, req joinRequest) {
	c.wait(func() {
		n, err := c.s.agent.Join(c.ctx, req.Existing, req.Replay)
		c.replyError(seq, err, &joinResponse{Num: signed(n)})
	})
}

// handleLeave goes on when the client hangs up: what it asked for can't be half done.
func (c *conn) handleLeave(seq uint64) {
	c.s.o.Log.Infof(component, "Graceful leave triggered")
	c.wait(func() {
		err := c.s.agent.Leave(c.s.ctx)
		if err != nil {
			c.s.o.Log.Warnf(component, "Leave failed: %v", err)
		}
		c.replyError(seq, err)
		c.stopAll() // with what the leave has caused, before the agent stops
		if c.s.o.Left != nil {
			c.s.o.Left()
		}
	})
}

func (c *conn) handleMembers(seq uint64) {
	l, _ := c.s.listings.Get().(*listing)
	if l == nil {
		l = newListing()
	}
	defer c.s.listings.Put(l)
	l.reset()
	c.s.agent.EachMember(l.add)
	c.send(l.answer(seq))
}

func (c *conn) handleMembersFiltered(seq uint64, req membersFilteredRequest) {
	f, err := newMemberFilter(req)
	if err != nil {
		// Clients expect a body here, whatever the header says.
		c.replyError(seq, err, &membersResponse{})
		return
	}
	var all []Member
	c.s.agent.EachMember(func(m *Member, left int) {
		all = append(slices.Grow(all, left+1), *m)
	})
	chosen := slices.DeleteFunc(all, func(m Member) bool { return !f.match(&m) }) // the agent needn't wait for that
	c.reply(seq, "", &membersResponse{chosen})
}

func (c *conn) handleStats(seq uint64) {
	c.reply(seq, "", c.s.agent.Stats())
}

func (c *conn) handleCoordinate(seq uint64, req coordinateRequest) {
	at, ok, err := c.s.agent.Coordinate(c.ctx, req.Node)
	body := &coordinateResponse{Ok: ok && err == nil}
	if body.Ok {
		body.Coord = wireCoordinate{
			Adjustment: at.Adjustment,
			Error:      at.Error,
			Height:     at.Height,
			Vec:        at.Vec[:],
		}
	}
	c.replyError(seq, err, body)
}

func handleKey(op KeyOp) func(*conn, uint64, keyRequest) {
	return func(c *conn, seq uint64, req keyRequest) {
		c.wait(func() { c.replyKeys(seq, op, req.Key) })
	}
}

func handleListKeys(c *conn, seq uint64) {
	c.wait(func() { c.replyKeys(seq, KeyList, "") })
}

func (c *conn) replyKeys(seq uint64, op KeyOp, key string) {
	r, err := c.s.agent.Keys(c.ctx, op, key)
	body := &keyResponse{
		Messages: r.Messages,
		NumNodes: signed(r.Members),
		NumErr:   signed(r.Errors),
		NumResp:  signed(r.Responses),
	}
	if body.Messages == nil {
		body.Messages = map[string]string{}
	}
	if op == KeyList {
		body.Keys = r.Keys
	}
	c.replyError(seq, err, body)
}

func (c *conn) handleRespond(seq uint64, req respondRequest) {
	id, ok := c.asked.find(req.ID)
	if !ok {
		c.reply(seq, textNoSuchQuery)
		return
	}
	c.replyError(seq, c.s.agent.Respond(c.ctx, id, req.Payload))
}

func (c *conn) handleStream(seq uint64, req streamRequest) {
	f, err := ParseFilter(req.Type)
	if err != nil {
		c.replyError(seq, err)
		return
	}
	begin(c, seq, &stream{},
		func() (Feed[Event], error) { return c.s.agent.Subscribe(f) },
		c.encodeEvent,
		func() { c.cutOff("its stream of events ended before it did") })
}

func (c *conn) handleMonitor(seq uint64, req monitorRequest) {
	begin(c, seq, &stream{monitor: true},
		func() (Feed[string], error) { return c.s.agent.Monitor(req.LogLevel) },
		func(line string) any { return &logRecord{line} },
		c.hangUp)
}

// handleStop always succeeds: the stream may have ended by itself.
func (c *conn) handleStop(seq uint64, req stopRequest) {
	c.stop(req.Stop)
	c.reply(seq, "")
}

// doneGrace is how long the end of a query waits behind its last answer. The original's command
// line stops at whichever it sees first of the end and of the answers before it.
const doneGrace = 50 * time.Millisecond

func (c *conn) endQuery(seq uint64) {
	select {
	case <-time.After(doneGrace):
		c.turns.wait(c.ctx.Done())
		c.reply(seq, "", &queryRecord{Type: recordDone})
	case <-c.ctx.Done():
	}
}

func (c *conn) handleQuery(seq uint64, req queryRequest) {
	q := QueryParams{
		Name:        req.Name,
		Payload:     req.Payload,
		Nodes:       req.FilterNodes,
		Tags:        req.FilterTags,
		WantAck:     req.RequestAck,
		RelayFactor: req.RelayFactor,
		Timeout:     time.Duration(req.Timeout),
	}
	begin(c, seq, &stream{},
		func() (Feed[Answer], error) { return c.s.agent.Query(c.ctx, q) },
		encodeAnswer,
		func() { c.endQuery(seq) })
}

// cutOff ends the connection of a client that would otherwise miss something without noticing.
func (c *conn) cutOff(why string) {
	if c.ctx.Err() != nil {
		return
	}
	c.s.cutOff.Add(1)
	c.s.o.Log.Warnf(component, "Client %v cut off: %s", c.nc.RemoteAddr(), why)
	c.hangUp()
}

func encodeAnswer(a Answer) any {
	if a.Ack {
		return &queryRecord{From: a.From, Type: recordAck}
	}
	return &queryRecord{From: a.From, Payload: a.Payload, Type: recordResponse}
}

func (c *conn) encodeEvent(e Event) any {
	switch e.Type {
	case UserEvent:
		return &userEventRecord{
			Coalesce: e.Coalesce,
			Event:    e.Type,
			LTime:    e.LTime,
			Name:     e.Name,
			Payload:  e.Payload,
		}
	case QueryEvent:
		return &queryEventRecord{
			Event:   e.Type,
			ID:      c.asked.add(e.ID),
			LTime:   e.LTime,
			Name:    e.Name,
			Payload: e.Payload,
		}
	case MemberJoin, MemberLeave, MemberFailed, MemberUpdate, MemberReap:
		return &memberEventRecord{Event: e.Type, Members: wireMembers(e.Members)}
	}
	panic(fmt.Sprintf("BUG: rpc: event of type %q", e.Type))
}
