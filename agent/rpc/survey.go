package rpc

import (
	"context"
	"errors"
	"time"

	"serf/agent/rpc/internal/protocol"
	"serf/agent/survey"
	"serf/swim/history"
)

// ErrNoSurvey means that the agent doesn't know the command: it is HashiCorp's, or an older one.
var ErrNoSurvey = errors.New("the agent can't ask others what they know")

// Views asks all agents of the cluster about their views: whether they agree on who is alive, and
// who disagrees about whom. Those that don't answer are waited for until timeout; 0 stands for some
// seconds. The error is ErrNoSurvey if the agent can't ask; it hangs up then.
func (c *Client) Views(ctx context.Context, timeout time.Duration) (survey.Views, error) {
	var resp protocol.ViewsResponse
	err := c.call(ctx, protocol.CmdViews, &protocol.ViewsRequest{Timeout: int64(timeout)}, &resp)
	if err != nil {
		return survey.Views{}, orUnknown(err, ErrNoSurvey)
	}
	v := survey.Views{
		AsSeenBy: resp.AsSeenBy, Digest: resp.Digest, Agree: resp.Agree, Summary: resp.Summary,
		Agents: []survey.Agent{}, Disagreements: []survey.Disagreement{},
	}
	for i := range resp.Agents {
		b := &resp.Agents[i]
		a := survey.Agent{
			Name: b.Name, Status: b.Status, Answer: b.Answer, Incomplete: b.Incomplete,
		}
		if b.Answered {
			a.Figures = &survey.Figures{
				Digest: b.Digest, Health: b.Health, Alive: b.Alive, Suspect: b.Suspect,
				Leaving: b.Leaving, Failed: b.Failed, Left: b.Left, Uptime: b.Uptime, Took: b.Took,
			}
		}
		v.Agents = append(v.Agents, a)
	}
	for _, d := range resp.Disagreements {
		v.Disagreements = append(v.Disagreements, survey.Disagreement(d))
	}
	return v, nil
}

// HistoryOfAll asks all agents of the cluster why a member's state changed, and returns what they
// know in one order; ok is false if nobody knows anything of that name. See Views for timeout and
// errors.
func (c *Client) HistoryOfAll(
	ctx context.Context, name string, timeout time.Duration,
) (m history.Merged, ok bool, err error) {
	var resp protocol.HistoryAllResponse
	req := &protocol.HistoryAllRequest{Name: name, Timeout: int64(timeout)}
	if err := c.call(ctx, protocol.CmdHistoryAll, req, &resp); err != nil {
		return history.Merged{}, false, orUnknown(err, ErrNoSurvey)
	}
	m = history.Merged{
		Name: resp.Name, AsSeenBy: resp.AsSeenBy, Missing: orEmpty(resp.Missing),
		Dropped: resp.Dropped, Witnesses: []history.Witness{}, Changes: []history.Joint{},
	}
	for _, w := range resp.Agents {
		m.Witnesses = append(m.Witnesses, history.Witness{
			Name: w.Name, Status: w.Status, Dropped: w.Dropped, Error: w.ClockError,
		})
	}
	for i := range resp.Changes {
		j := &resp.Changes[i]
		m.Changes = append(m.Changes, history.Joint{
			Change: changeOf(&j.Change), By: j.By, Others: orEmpty(j.Others), Spread: j.Spread,
			Reordered: j.Reordered,
		})
	}
	return m, resp.Known, nil
}

// RoundTrips asks all agents of the cluster for the round trips that they measured. See Views for
// timeout and errors.
func (c *Client) RoundTrips(ctx context.Context, timeout time.Duration) (survey.RoundTrips, error) {
	var resp protocol.RoundTripsResponse
	req := &protocol.RoundTripsRequest{Timeout: int64(timeout)}
	if err := c.call(ctx, protocol.CmdRoundTrips, req, &resp); err != nil {
		return survey.RoundTrips{}, orUnknown(err, ErrNoSurvey)
	}
	t := survey.RoundTrips{AsSeenBy: resp.AsSeenBy, Answered: resp.Answered, Missing: resp.Missing}
	known := func(i int) bool { return i >= 0 && i < len(resp.Names) }
	for i := range min(len(resp.From), len(resp.To), len(resp.Micros)) {
		if from, to := resp.From[i], resp.To[i]; known(from) && known(to) {
			t.Trips = append(t.Trips, survey.RoundTrip{From: resp.Names[from], To: resp.Names[to],
				Took: time.Duration(resp.Micros[i]) * time.Microsecond})
		}
	}
	return t, nil
}

// orEmpty is list, or one that JSON doesn't show as null.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
