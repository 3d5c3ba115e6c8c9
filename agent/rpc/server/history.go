package server

import (
	"fmt"
	"time"

	"serf/agent/rpc/internal/protocol"
	"serf/swim"
	"serf/swim/history"
)

// handleHistory answers with what is known of a member. As with coordinates, there is a body even
// after an error.
func (c *conn) handleHistory(seq uint64, req protocol.HistoryRequest) {
	var resp protocol.HistoryResponse
	if len(req.Name) == 0 || len(req.Name) > swim.NameMax {
		err := fmt.Errorf("name: %d bytes, want 1 to %d", len(req.Name), swim.NameMax)
		c.replyError(seq, err, &resp)
		return
	}
	h, known := c.s.agent.History(req.Name)
	resp = protocol.HistoryResponse{
		Name: h.Name, AsSeenBy: h.AsSeenBy, Status: h.Status, Dropped: h.Dropped, Known: known,
		Changes: make(protocol.Changes, len(h.Changes)),
	}
	for i := range h.Changes {
		resp.Changes[i] = changeBody(&h.Changes[i])
	}
	c.reply(seq, "", &resp)
}

func changeBody(c *history.Change) protocol.Change {
	b := protocol.Change{
		Seq: c.Seq, Time: c.Time.UnixMilli(), From: c.From.String(), To: c.To.String(),
		Cause: c.Cause.String(), Learned: c.Learned.String(), Incarnation: uint64(c.Incarnation),
		Accuser: c.Accuser, Via: c.Via, Addr: c.Addr, Confirmations: c.Confirmations,
		Hoped: c.Hoped, Confirmers: c.Confirmers, Refute: c.Refute, Paused: c.Paused,
		LastPing: c.LastPing, Health: c.Health, Text: c.Text,
	}
	if p := c.Probe; p != nil {
		b.Probed, b.Relays, b.TCP = true, p.Relays, p.TCP.String()
		b.Nacks, b.NacksHoped = p.Nacks, p.NacksHoped
	}
	return b
}

func (c *conn) handleFlaps(seq uint64, req protocol.FlapsRequest) {
	var resp protocol.FlapsResponse
	if req.Since <= 0 {
		err := fmt.Errorf("since: %v, want more than 0", time.Duration(req.Since))
		c.replyError(seq, err, &resp)
		return
	}
	c.wait(func() {
		f := c.s.agent.FlapsAndHealth(c.ctx, time.Duration(req.Since))
		c.reply(seq, "", flapsBody(&f, req.Since))
	})
}

func flapsBody(f *history.Flaps, since int64) *protocol.FlapsResponse {
	resp := protocol.FlapsResponse{
		AsSeenBy: f.AsSeenBy, Since: since, More: f.More, Accusations: f.Accusations,
		Summary: f.Summary,
	}
	for _, m := range f.Members {
		resp.Members = append(resp.Members, protocol.Flapper{
			Name: m.Name, Changes: m.Changes, Accused: m.Accused, Failed: m.Failed,
			Refuted: m.Refuted, Last: m.Last.UnixMilli(),
		})
	}
	for _, a := range f.Accusers {
		b := protocol.Accuser{
			Name: a.Name, Accusations: a.Accusations, Refuted: a.Refuted, Health: -1, Self: a.Self,
		}
		if a.Health != nil {
			b.Health = *a.Health
		}
		resp.Accusers = append(resp.Accusers, b)
	}
	for _, t := range f.TCPOnly {
		resp.TCPOnly = append(resp.TCPOnly,
			protocol.TCPOnly{Name: t.Name, Times: t.Times, Last: t.Last.UnixMilli()})
	}
	return &resp
}
