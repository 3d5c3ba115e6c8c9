package interop

import (
	"fmt"
	"log"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/hashicorp/memberlist"
	stock "github.com/hashicorp/serf/serf"
)

// originalMember is a member of the published Serf, in this process.
type originalMember struct {
	recorder
	serf *stock.Serf
	self string
	bind netip.AddrPort
	log  *transcript
}

func startOriginal(t *testing.T, o options) (member, error) {
	t.Helper()
	l := newTranscript(t, o.name)
	c := originalConfig(t, o, l)
	events := make(chan stock.Event, 4096)
	c.EventCh = events
	s, err := stock.Create(c)
	if err != nil {
		return nil, err
	}
	m := &originalMember{serf: s, self: o.name, bind: o.bind(), log: l}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case e := <-events:
				m.hear(e)
			case <-s.ShutdownCh():
				return
			}
		}
	}()
	t.Cleanup(func() {
		s.Shutdown()
		<-done
	})
	return m, nil
}

func originalConfig(t *testing.T, o options, l *transcript) *stock.Config {
	logger := log.New(l, "", log.Ltime|log.Lmicroseconds)
	m := memberlist.DefaultLocalConfig()
	m.BindAddr, m.BindPort, m.AdvertisePort = o.ip.String(), int(o.bind().Port()), int(o.bind().Port())
	m.ProbeInterval, m.ProbeTimeout = probeInterval, probeTimeout
	m.GossipInterval, m.RetransmitMult = o.gossip(), retransmitMult
	m.SuspicionMult, m.TCPTimeout = suspicionMult, streamTimeout
	m.PushPullInterval = 0
	if o.exchanges {
		m.PushPullInterval = exchangeInterval
	}
	m.Logger, m.EnableCompression, m.Label = logger, o.compress, o.label
	if len(o.keys) > 0 {
		ring, err := memberlist.NewKeyring(o.keys, o.keys[0])
		must(t, err)
		m.Keyring = ring
		m.GossipVerifyIncoming, m.GossipVerifyOutgoing = !o.lenient, !o.lenient
	}
	c := stock.DefaultConfig()
	c.MemberlistConfig, c.Logger = m, logger
	c.NodeName, c.Tags = o.name, o.tags
	if o.protocol != 0 {
		c.ProtocolVersion = o.protocol
	}
	c.BroadcastTimeout, c.LeavePropagateDelay = broadcastTimeout, leaveDelay
	if o.reconnects {
		c.ReconnectInterval = reconnectInterval
	}
	if o.coalesce {
		c.UserCoalescePeriod, c.UserQuiescentPeriod = coalescePeriod, quiescentPeriod
	}
	return c
}

func (m *originalMember) hear(e stock.Event) {
	switch e := e.(type) {
	case stock.MemberEvent:
		for _, who := range e.Members {
			m.addf("%s %s", e.Type, who.Name)
		}
	case stock.UserEvent:
		m.addf("user %s %s", e.Name, e.Payload)
	case *stock.Query:
		m.addf("query %s %s", e.Name, e.Payload)
		if e.Name == echoQuery {
			if err := e.Respond([]byte(reply(m.self, e.Payload))); err != nil {
				m.addf("can't respond: %v", err)
			}
		}
	}
}

func (m *originalMember) name() string         { return m.self }
func (m *originalMember) addr() netip.AddrPort { return m.bind }

func (m *originalMember) join(replay bool, others ...member) error {
	_, err := m.serf.Join(addrsOf(others), !replay)
	return err
}

func (m *originalMember) members() map[string]seen {
	all := make(map[string]seen)
	for _, who := range m.serf.Members() {
		all[who.Name] = seen{Addr: addrPort(who.Addr, who.Port), Status: who.Status.String(), Tags: tagText(who.Tags)}
	}
	return all
}

func addrPort(ip net.IP, port uint16) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr.Unmap(), port)
}

func (m *originalMember) setTags(tags map[string]string) error { return m.serf.SetTags(tags) }

func (m *originalMember) event(name string, payload []byte, coalesce bool) error {
	return m.serf.UserEvent(name, payload, coalesce)
}

// query doesn't end before the timeout, so the wait ends with the expected number of answers.
func (m *originalMember) query(q question) (answers, error) {
	r, err := m.serf.Query(q.name, []byte(q.payload), &stock.QueryParam{
		FilterNodes: q.nodes, FilterTags: q.tags, RequestAck: q.ack, RelayFactor: q.relay, Timeout: q.patience(),
	})
	if err != nil {
		return answers{}, err
	}
	defer r.Close()
	got := answers{Responses: make(map[string]string)}
	acks, responses := r.AckCh(), r.ResponseCh()
	for acks != nil || responses != nil {
		if wanted := q.acks + q.responses; wanted > 0 && len(got.Acks) >= q.acks && len(got.Responses) >= q.responses {
			break
		}
		select {
		case from, ok := <-acks:
			if !ok {
				acks = nil
				continue
			}
			got.Acks = append(got.Acks, from)
		case a, ok := <-responses:
			if !ok {
				responses = nil
				continue
			}
			got.Responses[a.From] = string(a.Payload)
		}
	}
	slices.Sort(got.Acks)
	return got, nil
}

func (m *originalMember) forceLeave(name string, prune bool) error {
	if prune {
		return m.serf.RemoveFailedNodePrune(name)
	}
	return m.serf.RemoveFailedNode(name)
}

func (m *originalMember) leave() error {
	err := m.serf.Leave()
	m.serf.Shutdown()
	return err
}

func (m *originalMember) kill() { m.serf.Shutdown() }

func (m *originalMember) keys(op, key string) (keyReport, error) {
	k := m.serf.KeyManager()
	var r *stock.KeyResponse
	var err error
	switch op {
	case "install":
		r, err = k.InstallKey(key)
	case "use":
		r, err = k.UseKey(key)
	case "remove":
		r, err = k.RemoveKey(key)
	case "list":
		r, err = k.ListKeys()
	default:
		return keyReport{}, fmt.Errorf("no key operation %q", op)
	}
	return keyReport{r.NumNodes, r.NumResp, r.NumErr, r.Keys, r.Messages}, err
}
