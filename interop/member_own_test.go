package interop

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"serf/agent"
	"serf/swim/serf"
)

// own is a member of ours, in this process.
type own struct {
	recorder
	agent *agent.Agent
	self  string
}

// callTimeout bounds calls that should return at once.
const callTimeout = 10 * time.Second

func callContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), callTimeout)
}

func startOwn(t *testing.T, o options) (member, error) {
	t.Helper()
	l := agent.NewLog(newTranscript(t, o.name), slog.LevelDebug)
	c := ownConfig(o)
	c.Logger = l
	ctx, cancel := callContext()
	defer cancel()
	a, err := agent.Start(ctx, c)
	if err != nil {
		l.Close()
		return nil, err
	}
	m := &own{agent: a, self: o.name}
	sub := a.Subscribe(4096, nil)
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		for e := range sub.C {
			m.hear(e)
		}
	}()
	t.Cleanup(func() {
		a.Close()
		<-listening
		l.Flush()
		l.Close()
	})
	return m, nil
}

func ownConfig(o options) agent.Config {
	profile := agent.Local()
	profile.ProbeInterval, profile.ProbeTimeout = probeInterval, probeTimeout
	profile.GossipInterval, profile.RetransmitMult = o.gossip(), retransmitMult
	profile.SuspicionMult, profile.StreamTimeout = suspicionMult, streamTimeout
	profile.PushPullInterval = 0
	if o.exchanges {
		profile.PushPullInterval = exchangeInterval
	}
	c := agent.Config{
		Name: o.name, Bind: o.bind(), Tags: o.tags, Protocol: o.protocol, Timing: profile,
		Keys: o.keys, Label: o.label, Compress: o.compress,
		AcceptPlain: o.lenient && len(o.keys) > 0, SendPlain: o.lenient && len(o.keys) > 0,
	}
	c.BroadcastTimeout, c.LeavePropagateDelay = broadcastTimeout, leaveDelay
	c.ReconnectInterval = -1
	if o.reconnects {
		c.ReconnectInterval = reconnectInterval
	}
	if o.coalesce {
		c.UserCoalescePeriod, c.UserQuiescentPeriod = coalescePeriod, quiescentPeriod
	}
	return c
}

func (m *own) hear(e agent.Event) {
	switch e := e.(type) {
	case agent.MemberEvent:
		for _, who := range e.Members {
			m.addf("%s %s", e.Type, who.Name)
		}
	case agent.UserEvent:
		m.addf("user %s %s", e.Name, e.Payload)
	case agent.QueryEvent:
		m.addf("query %s %s", e.Name, e.Payload)
		if e.Name == echoQuery {
			ctx, cancel := callContext()
			defer cancel()
			if err := m.agent.Respond(ctx, e.ID, []byte(reply(m.self, e.Payload))); err != nil {
				m.addf("can't respond: %v", err)
			}
		}
	}
}

func (m *own) name() string         { return m.self }
func (m *own) addr() netip.AddrPort { return m.agent.Addr() }

func (m *own) join(replay bool, others ...member) error {
	ctx, cancel := callContext()
	defer cancel()
	_, err := m.agent.Join(ctx, addrsOf(others), replay)
	return err
}

func addrsOf(members []member) []string {
	var addrs []string
	for _, m := range members {
		addrs = append(addrs, m.addr().String())
	}
	return addrs
}

func (m *own) members() map[string]seen {
	all := make(map[string]seen)
	for _, who := range m.agent.Members() {
		all[who.Name] = seen{Addr: who.Addr, Status: who.Status.String(), Tags: tagText(who.Tags)}
	}
	return all
}

func (m *own) setTags(tags map[string]string) error {
	ctx, cancel := callContext()
	defer cancel()
	var gone []string
	for k := range m.agent.Tags() {
		if _, stays := tags[k]; !stays {
			gone = append(gone, k)
		}
	}
	return m.agent.SetTags(ctx, tags, gone)
}

func (m *own) event(name string, payload []byte, coalesce bool) error {
	ctx, cancel := callContext()
	defer cancel()
	return m.agent.UserEvent(ctx, name, payload, coalesce)
}

func (m *own) query(q question) (answers, error) {
	ctx, cancel := callContext()
	defer cancel()
	running, err := m.agent.Query(ctx, serf.QueryParams{
		Name: q.name, Payload: []byte(q.payload), Nodes: q.nodes, Tags: q.tags, WantAck: q.ack, RelayFactor: q.relay, Timeout: q.patience(),
	})
	if err != nil {
		return answers{}, err
	}
	got := answers{Responses: make(map[string]string)}
	for a := range running.Answers() {
		if a.Kind == agent.AnswerAck {
			got.Acks = append(got.Acks, a.From)
		} else {
			got.Responses[a.From] = string(a.Payload)
		}
	}
	slices.Sort(got.Acks)
	return got, nil
}

func (q *question) patience() time.Duration {
	if q.timeout == 0 {
		return queryTimeout
	}
	return q.timeout
}

func (m *own) forceLeave(name string, prune bool) error {
	ctx, cancel := callContext()
	defer cancel()
	return m.agent.ForceLeave(ctx, name, prune)
}

func (m *own) leave() error {
	ctx, cancel := callContext()
	defer cancel()
	err := m.agent.Leave(ctx)
	m.agent.Close()
	return err
}

func (m *own) kill() { m.agent.Close() }

func (m *own) keys(op, key string) (keyReport, error) {
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return keyReport{}, err
	}
	ctx, cancel := callContext()
	defer cancel()
	var r agent.KeyReport
	switch op {
	case "install":
		r, err = m.agent.InstallKey(ctx, raw)
	case "use":
		r, err = m.agent.UseKey(ctx, raw)
	case "remove":
		r, err = m.agent.RemoveKey(ctx, raw)
	case "list":
		r, err = m.agent.ListKeys(ctx)
	default:
		return keyReport{}, fmt.Errorf("no key operation %q", op)
	}
	return keyReport{r.NumNodes, r.NumResp, r.NumErr, maps.Clone(r.Keys), r.Messages}, err
}
