package rpc

import (
	"context"
	"errors"
	"time"

	"serf/agent/rpc/internal/protocol"
	"serf/swim/history"
)

// ErrNoHistory means that the agent doesn't know the command: it is HashiCorp's, or an older one.
var ErrNoHistory = errors.New("the agent keeps no history of its members")

// History returns why a member's state changed, as the agent saw it; ok is false if it knows
// nothing of that name. The error is ErrNoHistory if the agent can't tell; it hangs up then.
func (c *Client) History(ctx context.Context, name string) (h history.Member, ok bool, err error) {
	var resp protocol.HistoryResponse
	err = c.call(ctx, protocol.CmdHistory, &protocol.HistoryRequest{Name: name}, &resp)
	if err != nil || !resp.Known {
		return history.Member{}, false, orUnknown(err, ErrNoHistory)
	}
	h = history.Member{
		Name: resp.Name, AsSeenBy: resp.AsSeenBy, Status: resp.Status, Dropped: resp.Dropped,
		Changes: make([]history.Change, len(resp.Changes)),
	}
	for i := range resp.Changes {
		h.Changes[i] = changeOf(&resp.Changes[i])
	}
	return h, true, nil
}

// orUnknown is err, or unknown if the agent doesn't know the command.
func orUnknown(err, unknown error) error {
	if errors.Is(err, RemoteError(protocol.TextUnsupportedCommand)) {
		return unknown
	}
	return err
}

func changeOf(b *protocol.Change) history.Change {
	c := history.Change{
		Seq: b.Seq, Time: stampOf(b.Time), From: history.ParseState(b.From),
		To: history.ParseState(b.To), Cause: history.ParseCause(b.Cause),
		Learned: history.ParseLearned(b.Learned), Incarnation: uint32(b.Incarnation),
		Accuser: b.Accuser, Via: b.Via, Addr: b.Addr, Confirmations: b.Confirmations,
		Hoped: b.Hoped, Confirmers: b.Confirmers, Refute: b.Refute, Paused: b.Paused,
		LastPing: b.LastPing, Health: b.Health, Text: b.Text,
	}
	if b.Probed {
		c.Probe = &history.Steps{
			Relays: b.Relays, Nacks: b.Nacks, NacksHoped: b.NacksHoped,
			TCP: history.ParseTCP(b.TCP),
		}
	}
	return c
}

func stampOf(ms int64) history.Stamp { return history.Stamp{Time: time.UnixMilli(ms)} }

// Flaps returns who changed most within the last since, and who accused others, as the agent saw
// it. The error is ErrNoHistory if the agent can't tell; it hangs up then.
func (c *Client) Flaps(ctx context.Context, since time.Duration) (history.Flaps, error) {
	var resp protocol.FlapsResponse
	err := c.call(ctx, protocol.CmdFlaps, &protocol.FlapsRequest{Since: int64(since)}, &resp)
	if err != nil {
		return history.Flaps{}, orUnknown(err, ErrNoHistory)
	}
	f := history.Flaps{
		AsSeenBy: resp.AsSeenBy, Since: time.Duration(resp.Since).Seconds(), More: resp.More,
		Accusations: resp.Accusations, Summary: resp.Summary,
		Members: []history.Flapper{}, Accusers: []history.Accuser{},
	}
	for _, m := range resp.Members {
		f.Members = append(f.Members, history.Flapper{
			Name: m.Name, Changes: m.Changes, Accused: m.Accused, Failed: m.Failed,
			Refuted: m.Refuted, Last: stampOf(m.Last),
		})
	}
	for _, b := range resp.Accusers {
		a := history.Accuser{
			Name: b.Name, Accusations: b.Accusations, Refuted: b.Refuted, Self: b.Self,
		}
		if b.Health >= 0 {
			a.Health = &b.Health
		}
		f.Accusers = append(f.Accusers, a)
	}
	for _, t := range resp.TCPOnly {
		f.TCPOnly = append(f.TCPOnly,
			history.TCPOnly{Name: t.Name, Times: t.Times, Last: stampOf(t.Last)})
	}
	return f, nil
}
