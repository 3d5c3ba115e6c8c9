package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"serf/agent"
	"serf/agent/rpc/internal/protocol"
	"serf/internal/eventfilter"
	"serf/internal/memberfilter"
	"serf/internal/std"
	"serf/swim/serf"
)

// A command is how the server answers one kind of request.
type command struct {
	body bool // a body follows the header
	// handle answers the request. An error ends the connection.
	handle func(c *conn, seq uint64, body []byte) error
}

var commandTable = map[string]command{
	protocol.CmdHandshake:       withBody((*conn).handleHandshake),
	protocol.CmdAuth:            withBody((*conn).handleAuth),
	protocol.CmdEvent:           withBody((*conn).handleEvent),
	protocol.CmdForceLeave:      withBody((*conn).handleForceLeave),
	protocol.CmdJoin:            withBody((*conn).handleJoin),
	protocol.CmdMembers:         bare((*conn).handleMembers),
	protocol.CmdMembersFiltered: withBody((*conn).handleMembersFiltered),
	protocol.CmdTags:            withBody((*conn).handleTags),
	protocol.CmdStream:          withBody((*conn).handleStream),
	protocol.CmdMonitor:         withBody((*conn).handleMonitor),
	protocol.CmdStop:            withBody((*conn).handleStop),
	protocol.CmdLeave:           bare((*conn).handleLeave),
	protocol.CmdQuery:           withBody((*conn).handleQuery),
	protocol.CmdRespond:         withBody((*conn).handleRespond),
	protocol.CmdInstallKey:      withBody(handleKey(Agent.InstallKey)),
	protocol.CmdUseKey:          withBody(handleKey(Agent.UseKey)),
	protocol.CmdRemoveKey:       withBody(handleKey(Agent.RemoveKey)),
	protocol.CmdListKeys:        bare(handleListKeys),
	protocol.CmdStats:           bare((*conn).handleStats),
	protocol.CmdCoordinate:      withBody((*conn).handleCoordinate),
	protocol.CmdHistory:         withBody((*conn).handleHistory),
	protocol.CmdFlaps:           withBody((*conn).handleFlaps),
	protocol.CmdViews:           withBody((*conn).handleViews),
	protocol.CmdHistoryAll:      withBody((*conn).handleHistoryAll),
	protocol.CmdRoundTrips:      withBody((*conn).handleRoundTrips),
}

// withBody makes a command of a function that takes the request's body.
func withBody[T any](f func(c *conn, seq uint64, req T)) command {
	return command{body: true, handle: func(c *conn, seq uint64, body []byte) error {
		var req T
		if err := c.parse(seq, body, &req); err != nil {
			return err
		}
		f(c, seq, req)
		return nil
	}}
}

// parse reads a request's body, or answers that it can't be read.
func (c *conn) parse(seq uint64, body []byte, req any) error {
	if err := protocol.Parse(body, req); err != nil {
		// A body of another shape is likely none: the client and this server no longer agree where
		// requests begin.
		c.reply(seq, "Invalid request: "+err.Error())
		return errRefused
	}
	return nil
}

// bare makes a command of a function for requests without a body.
func bare(f func(c *conn, seq uint64)) command {
	return command{handle: func(c *conn, seq uint64, _ []byte) error {
		f(c, seq)
		return nil
	}}
}

func (c *conn) handleHandshake(seq uint64, req protocol.HandshakeRequest) {
	switch {
	case req.Version != protocol.Version:
		c.reply(seq, protocol.TextUnsupportedVersion)
	case c.greeted:
		c.reply(seq, protocol.TextDuplicateHandshake)
	default:
		c.greeted = true
		c.reply(seq, "")
	}
}

func (c *conn) handleAuth(seq uint64, req protocol.AuthRequest) {
	// Comparing hashes hides the key's length, too.
	want, got := sha256.Sum256([]byte(c.s.o.AuthKey)), sha256.Sum256([]byte(req.AuthKey))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		c.reply(seq, protocol.TextInvalidToken)
		return
	}
	c.authed = true
	c.reply(seq, "")
}

// Events of one client are fired in the order of its requests, so they don't get goroutines of
// their own. Neither do changes of tags.

func (c *conn) handleEvent(seq uint64, req protocol.EventRequest) {
	turn := c.turn
	fired := func() { c.turns.renew(turn) } // it may have waited for room
	c.replyError(seq, c.s.agent.UserEventBefore(c.ctx, req.Name, req.Payload, req.Coalesce, fired))
}

func (c *conn) handleTags(seq uint64, req protocol.TagsRequest) {
	c.replyError(seq, c.s.o.SetTags(c.ctx, req.Tags, req.DeleteTags))
}

func (c *conn) handleForceLeave(seq uint64, req protocol.ForceLeaveRequest) {
	c.wait(func() {
		c.replyError(seq, c.s.agent.ForceLeave(c.ctx, req.Node, req.Prune))
	})
}

func (c *conn) handleJoin(seq uint64, req protocol.JoinRequest) {
	c.wait(func() {
		n, err := c.s.agent.Join(c.ctx, req.Existing, req.Replay)
		c.replyError(seq, err, &protocol.JoinResponse{Num: n})
	})
}

// handleLeave continues when the client hangs up: an agent can't leave halfway.
func (c *conn) handleLeave(seq uint64) {
	c.s.o.Log.Infof(component, "Graceful leave triggered")
	c.wait(func() {
		err := c.s.agent.Leave(c.s.ctx)
		if err != nil {
			c.s.o.Log.Warnf(component, "Leave failed: %v", err)
		}
		c.replyError(seq, err)
		c.stopAll() // after the records that the leave has caused, before the agent stops
		if c.s.o.Left != nil {
			c.s.o.Left()
		}
	})
}

func (c *conn) handleMembers(seq uint64) { c.replyMembers(seq, memberfilter.Filter{}) }

func (c *conn) handleMembersFiltered(seq uint64, req protocol.MembersFilteredRequest) {
	f, err := memberfilter.New(req.Name, req.Status, req.Tags)
	if err != nil {
		// Clients expect a body even after an error.
		c.replyError(seq, err, &struct{ Members memberList }{})
		return
	}
	c.replyMembers(seq, f)
}

func (c *conn) replyMembers(seq uint64, f memberfilter.Filter) {
	n, all := c.s.agent.AllMembers()
	chosen := make([]*serf.Member, 0, n)
	for m := range all {
		if f.Match(m) {
			chosen = append(chosen, m)
		}
	}
	c.sendPieces(memberPieces(seq, chosen))
}

func (c *conn) handleStats(seq uint64) {
	c.reply(seq, "", c.s.agent.Stats())
}

func (c *conn) handleCoordinate(seq uint64, req protocol.CoordinateRequest) {
	at, ok, err := c.s.agent.Coordinate(c.ctx, req.Node)
	body := &protocol.CoordinateResponse{Ok: ok && err == nil}
	if body.Ok {
		body.Coord = protocol.CoordinateBody{
			Adjustment: at.Adjustment,
			Error:      at.Error,
			Height:     at.Height,
			Vec:        at.Vec[:],
		}
	}
	c.replyError(seq, err, body)
}

type keyOperation func(a Agent, ctx context.Context, key []byte) (agent.KeyReport, error)

func handleKey(op keyOperation) func(*conn, uint64, protocol.KeyRequest) {
	return func(c *conn, seq uint64, req protocol.KeyRequest) {
		c.wait(func() {
			var r agent.KeyReport
			key, err := base64.StdEncoding.DecodeString(req.Key)
			if err != nil {
				err = fmt.Errorf("key: %w", err)
			} else {
				r, err = op(c.s.agent, c.ctx, key)
			}
			r.Keys = nil
			c.replyKeys(seq, r, err)
		})
	}
}

func handleListKeys(c *conn, seq uint64) {
	c.wait(func() {
		r, err := c.s.agent.ListKeys(c.ctx)
		c.replyKeys(seq, r, err)
	})
}

func (c *conn) replyKeys(seq uint64, r agent.KeyReport, err error) {
	if r.Messages == nil {
		r.Messages = map[string]string{}
	}
	c.replyError(seq, err, &protocol.KeyResponse{
		Keys:     r.Keys,
		Messages: r.Messages,
		NumErr:   r.NumErr,
		NumNodes: r.NumNodes,
		NumResp:  r.NumResp,
	})
}

func (c *conn) handleRespond(seq uint64, req protocol.RespondRequest) {
	id, ok := c.numbers.find(req.ID)
	if !ok {
		c.reply(seq, protocol.TextNoSuchQuery)
		return
	}
	err := c.s.agent.Respond(c.ctx, id, req.Payload)
	if errors.Is(err, serf.ErrNoQuery) {
		c.reply(seq, protocol.TextNoSuchQuery) // in the words that clients know
		return
	}
	c.replyError(seq, err)
}

func (c *conn) handleStream(seq uint64, req protocol.StreamRequest) {
	f, ok := parseFilter(req.Type)
	if !ok {
		c.reply(seq, protocol.TextInvalidFilter)
		return
	}
	begin(c, seq, &stream{},
		func() (records, error) {
			pass := func(e agent.Event) bool { return f.Match(agent.KindOf(e)) }
			feed, err := c.s.agent.StreamEvents(pass)
			return &encoded[agent.Event]{feed, c.encodeEvent}, err
		},
		func() { c.cutOff("its stream of events ended before it did") })
}

func (c *conn) handleMonitor(seq uint64, req protocol.MonitorRequest) {
	begin(c, seq, &stream{monitor: true},
		func() (records, error) {
			feed, err := c.s.agent.Monitor(req.LogLevel)
			line := func(text string) any { return &protocol.LogRecord{Log: text} }
			return &encoded[string]{feed, line}, err
		},
		c.hangUp)
}

// handleStop always succeeds: the stream may have ended by itself.
func (c *conn) handleStop(seq uint64, req protocol.StopRequest) {
	c.stop(req.Stop)
	c.reply(seq, "")
}

// doneGrace is how long the end of a query is delayed after its last answer. The original's command
// line may see the end before answers that were sent before it, and stops there.
const doneGrace = 50 * time.Millisecond

func (c *conn) endQuery(seq uint64) {
	if std.Sleep(c.ctx, doneGrace) {
		c.turns.wait(c.ctx.Done())
		c.reply(seq, "", &protocol.QueryRecord{Type: protocol.RecordDone})
	}
}

func (c *conn) handleQuery(seq uint64, req protocol.QueryRequest) {
	q := serf.QueryParams{
		Name:        req.Name,
		Payload:     req.Payload,
		Nodes:       req.FilterNodes,
		Tags:        req.FilterTags,
		WantAck:     req.RequestAck,
		RelayFactor: req.RelayFactor,
		Timeout:     time.Duration(req.Timeout),
	}
	if len(q.Nodes) == 0 {
		q.Nodes = nil // clients of HashiCorp's Serf mean all
	}
	begin(c, seq, &stream{},
		func() (records, error) {
			feed, err := c.s.agent.StartQuery(c.ctx, q)
			return &encoded[agent.Answer]{feed, encodeAnswer}, err
		},
		func() { c.endQuery(seq) })
}

// cutOff ends the connection of a client that would otherwise miss records without noticing.
func (c *conn) cutOff(why string) {
	if c.ctx.Err() != nil {
		return
	}
	c.s.cutOff.Add(1)
	c.s.o.Log.Warnf(component, "Client %v cut off: %s", c.peer(), why)
	c.hangUp()
}

func encodeAnswer(a agent.Answer) any {
	if a.Kind == agent.AnswerAck {
		return &protocol.QueryRecord{From: a.From, Type: protocol.RecordAck}
	}
	return &protocol.QueryRecord{From: a.From, Payload: a.Payload, Type: protocol.RecordResponse}
}

type memberEventRecord struct {
	Event   string
	Members memberList
}

type userEventRecord struct {
	Coalesce bool
	Event    string
	LTime    uint64
	Name     string
	Payload  []byte
}

type queryEventRecord struct {
	Event   string
	ID      uint64
	LTime   uint64
	Name    string
	Payload []byte
}

func (c *conn) encodeEvent(e agent.Event) any {
	switch e := e.(type) {
	case agent.MemberEvent:
		return &memberEventRecord{e.Type, e.Members}
	case agent.UserEvent:
		return &userEventRecord{e.Coalesce, eventfilter.User, e.LTime, e.Name, e.Payload}
	case agent.QueryEvent:
		return &queryEventRecord{eventfilter.Query, c.numbers.add(e.ID), e.LTime, e.Name, e.Payload}
	}
	panic(fmt.Sprintf("BUG: rpc: event %T", e))
}
