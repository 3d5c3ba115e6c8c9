package server

import (
	"fmt"
	"time"

	"serf/agent/rpc/internal/protocol"
	"serf/swim"
)

// surveyMax bounds how long a client may have agents asked.
const surveyMax = time.Minute

// surveyTime checks the time-out of a request that asks all agents.
func surveyTime(ns int64) (time.Duration, error) {
	d := time.Duration(ns)
	if d < 0 || d > surveyMax {
		return 0, fmt.Errorf("timeout: %v, want at most %v", d, surveyMax)
	}
	return d, nil
}

// handleViews asks all agents about their views. There is a body even after an error, as with the
// other commands here.
func (c *conn) handleViews(seq uint64, req protocol.ViewsRequest) {
	timeout, err := surveyTime(req.Timeout)
	if err != nil {
		c.replyError(seq, err, &protocol.ViewsResponse{})
		return
	}
	c.wait(func() {
		v, err := c.s.agent.Views(c.ctx, timeout)
		resp := protocol.ViewsResponse{
			AsSeenBy: v.AsSeenBy, Digest: v.Digest, Agree: v.Agree, Summary: v.Summary,
		}
		for i := range v.Agents {
			a := &v.Agents[i]
			b := protocol.AgentView{
				Name: a.Name, Status: a.Status, Answer: a.Answer, Incomplete: a.Incomplete,
			}
			if f := a.Figures; f != nil {
				b.Answered, b.Digest, b.Health, b.Alive = true, f.Digest, f.Health, f.Alive
				b.Suspect, b.Leaving, b.Failed, b.Left = f.Suspect, f.Leaving, f.Failed, f.Left
				b.Uptime, b.Took = f.Uptime, f.Took
			}
			resp.Agents = append(resp.Agents, b)
		}
		for i := range v.Disagreements {
			resp.Disagreements = append(resp.Disagreements,
				protocol.Disagreement(v.Disagreements[i]))
		}
		c.replyError(seq, err, &resp)
	})
}

// handleHistoryAll asks all agents what they know of a member.
func (c *conn) handleHistoryAll(seq uint64, req protocol.HistoryAllRequest) {
	timeout, err := surveyTime(req.Timeout)
	if len(req.Name) == 0 || len(req.Name) > swim.NameMax {
		err = fmt.Errorf("name: %d bytes, want 1 to %d", len(req.Name), swim.NameMax)
	}
	if err != nil {
		c.replyError(seq, err, &protocol.HistoryAllResponse{})
		return
	}
	c.wait(func() {
		m, known, err := c.s.agent.HistoryOfAll(c.ctx, req.Name, timeout)
		resp := protocol.HistoryAllResponse{
			Name: m.Name, AsSeenBy: m.AsSeenBy, Missing: m.Missing, Dropped: m.Dropped,
			Known: known,
		}
		for _, w := range m.Witnesses {
			resp.Agents = append(resp.Agents, protocol.Witness{
				Name: w.Name, Status: w.Status, Dropped: w.Dropped, ClockError: w.Error,
			})
		}
		for i := range m.Changes {
			j := &m.Changes[i]
			resp.Changes = append(resp.Changes, protocol.Joint{
				Change: changeBody(&j.Change), By: j.By, Others: j.Others, Spread: j.Spread,
				Reordered: j.Reordered,
			})
		}
		c.replyError(seq, err, &resp)
	})
}

// handleRoundTrips asks all agents for their round trips.
func (c *conn) handleRoundTrips(seq uint64, req protocol.RoundTripsRequest) {
	timeout, err := surveyTime(req.Timeout)
	if err != nil {
		c.replyError(seq, err, &protocol.RoundTripsResponse{})
		return
	}
	c.wait(func() {
		t, err := c.s.agent.RoundTrips(c.ctx, timeout)
		resp := protocol.RoundTripsResponse{
			AsSeenBy: t.AsSeenBy, Answered: t.Answered, Missing: t.Missing,
		}
		places := make(map[string]int)
		place := func(name string) int {
			i, ok := places[name]
			if !ok {
				i = len(resp.Names)
				places[name], resp.Names = i, append(resp.Names, name)
			}
			return i
		}
		for _, r := range t.Trips {
			resp.From = append(resp.From, place(r.From))
			resp.To = append(resp.To, place(r.To))
			resp.Micros = append(resp.Micros, int(r.Took/time.Microsecond))
		}
		c.replyError(seq, err, &resp)
	})
}
