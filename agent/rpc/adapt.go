package rpc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"serf/agent"
	"serf/swim/serf"
	"serf/swim/serf/coord"
)

const (
	// eventsMax is how many events may wait for a client before it's cut off. A burst of
	// 10,000 events has to fit, as fast as they can be fired.
	eventsMax = 1 << 14

	// linesMax is how many log lines may wait for a monitor before some are left out.
	linesMax = 1 << 10
)

// ForAgent makes an agent what a Server serves.
func ForAgent(a *agent.Agent) Agent { return &adapter{a} }

type adapter struct{ a *agent.Agent }

func (x *adapter) EachMember(f func(*Member, int)) {
	var adapted Member // one for all
	x.a.EachMember(func(m serf.Member, left int) {
		adapted = adaptMember(&m)
		f(&adapted, left)
	})
}

func adaptMembers(list []serf.Member) []Member {
	members := make([]Member, len(list))
	for i := range list {
		members[i] = adaptMember(&list[i])
	}
	return members
}

func adaptMember(m *serf.Member) Member {
	v := &m.Versions
	return Member{
		Name:     m.Name,
		Addr:     m.Addr,
		Tags:     m.Tags,
		Status:   statusName(m.Status),
		Protocol: Versions{Min: v[0], Max: v[1], Current: v[2]},
		Delegate: Versions{Min: v[3], Max: v[4], Current: v[5]},
	}
}

func statusName(s serf.Status) string {
	switch s {
	case serf.StatusAlive:
		return "alive"
	case serf.StatusLeaving:
		return "leaving"
	case serf.StatusLeft:
		return "left"
	case serf.StatusFailed:
		return "failed"
	}
	return "none"
}

func (x *adapter) Stats() map[string]map[string]string { return x.a.Stats() }

func (x *adapter) Coordinate(ctx context.Context, name string) (coord.Coordinate, bool, error) {
	return x.a.Coordinate(ctx, name)
}

func (x *adapter) Join(ctx context.Context, addrs []string, replay bool) (int, error) {
	return x.a.Join(ctx, addrs, replay)
}

func (x *adapter) Leave(ctx context.Context) error { return x.a.Leave(ctx) }

func (x *adapter) ForceLeave(ctx context.Context, name string, prune bool) error {
	return x.a.ForceLeave(ctx, name, prune)
}

func (x *adapter) UserEvent(ctx context.Context, name string, payload []byte, coalesce bool, before func()) error {
	return x.a.UserEventBefore(ctx, name, payload, coalesce, before)
}

func (x *adapter) SetTags(ctx context.Context, set map[string]string, remove []string) error {
	return x.a.SetTags(ctx, set, remove)
}

func (x *adapter) Respond(ctx context.Context, id uint64, payload []byte) error {
	err := x.a.Respond(ctx, id, payload)
	if errors.Is(err, serf.ErrNoQuery) {
		return ErrNoSuchQuery // in the words that clients know
	}
	return err
}

func (x *adapter) Keys(ctx context.Context, op KeyOp, key string) (KeyReport, error) {
	var raw []byte
	if op != KeyList {
		var err error
		if raw, err = base64.StdEncoding.DecodeString(key); err != nil {
			return KeyReport{}, fmt.Errorf("key: %w", err)
		}
	}
	var r agent.KeyReport
	var err error
	switch op {
	case KeyInstall:
		r, err = x.a.InstallKey(ctx, raw)
	case KeyUse:
		r, err = x.a.UseKey(ctx, raw)
	case KeyRemove:
		r, err = x.a.RemoveKey(ctx, raw)
	case KeyList:
		r, err = x.a.ListKeys(ctx)
	}
	return KeyReport{
		Members:   r.NumNodes,
		Responses: r.NumResp,
		Errors:    r.NumErr,
		Messages:  r.Messages,
		Keys:      r.Keys,
	}, err
}

func (x *adapter) Query(ctx context.Context, p QueryParams) (Feed[Answer], error) {
	q, err := x.a.Query(ctx, serf.QueryParams{
		Name:        p.Name,
		Payload:     p.Payload,
		Nodes:       p.Nodes,
		Tags:        p.Tags,
		WantAck:     p.WantAck,
		RelayFactor: p.RelayFactor,
		Timeout:     p.Timeout,
	})
	if err != nil {
		return nil, err
	}
	return &answerFeed{c: q.Answers(), stopped: make(chan struct{})}, nil
}

// answerFeed is the answers to a query. The query itself can't be stopped.
type answerFeed struct {
	c       <-chan agent.Answer
	stop    sync.Once
	stopped chan struct{}
}

func (f *answerFeed) Next() (Answer, bool) {
	select {
	case a, ok := <-f.c:
		return Answer{From: a.From, Ack: a.Kind == agent.AnswerAck, Payload: a.Payload}, ok
	case <-f.stopped:
		return Answer{}, false
	}
}

func (f *answerFeed) Len() int { return len(f.c) }
func (f *answerFeed) Close()   { f.stop.Do(func() { close(f.stopped) }) }

func (x *adapter) Subscribe(f Filter) (Feed[Event], error) {
	b := x.a.SubscribeBacklog(eventsMax, func(e agent.Event) bool { return f.Match(kindAndName(e)) })
	if err := b.Err(); err != nil {
		return nil, err
	}
	return eventFeed{b}, nil
}

func kindAndName(e agent.Event) (kind, name string) {
	switch e := e.(type) {
	case agent.MemberEvent:
		return e.Type, ""
	case agent.UserEvent:
		return UserEvent, e.Name
	case agent.QueryEvent:
		return QueryEvent, e.Name
	}
	panic(fmt.Sprintf("BUG: rpc: event %T", e))
}

type eventFeed struct{ *agent.Backlog }

func (f eventFeed) Next() (Event, bool) {
	e, ok := f.Backlog.Next()
	if !ok {
		return Event{}, false
	}
	return adaptEvent(e), true
}

func adaptEvent(e agent.Event) Event {
	kind, name := kindAndName(e)
	switch e := e.(type) {
	case agent.UserEvent:
		return Event{Type: kind, Name: name, Payload: e.Payload, LTime: e.LTime, Coalesce: e.Coalesce}
	case agent.QueryEvent:
		return Event{Type: kind, Name: name, Payload: e.Payload, LTime: e.LTime, ID: e.ID}
	case agent.MemberEvent:
		return Event{Type: kind, Members: adaptMembers(e.Members)}
	}
	panic(fmt.Sprintf("BUG: rpc: event %T", e))
}

func (x *adapter) Monitor(level string) (Feed[string], error) {
	l, err := agent.ParseLevel(level)
	if err != nil {
		return nil, errors.New("Unknown log level: " + strings.ToUpper(level))
	}
	return lineFeed{x.a.Log().Monitor(l, linesMax, "this monitor reads too slowly")}, nil
}

// lineFeed is a monitor of the log: the lines from before, then those that follow.
type lineFeed struct{ *agent.Monitor }

func (f lineFeed) Next() (string, bool) {
	line, ok := f.Monitor.Next()
	return line.Text, ok
}
