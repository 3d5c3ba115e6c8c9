package dissect

import (
	"encoding/base64"
	"strings"

	"serf/wire"
)

// serf words a message of Serf, its type byte first.
func serf(msg []byte) Part {
	if len(msg) == 0 {
		return empty()
	}
	t, body := wire.SerfType(msg[0]), msg[1:]
	x := Part{Kind: t.String()}
	switch t {
	case wire.SerfLeave:
		m, err := wire.ParseLeaveIntent(body)
		x.Kind = "leave intent"
		x.intent(m.Node, m.LTime, err)
		x.set("prune", m.Prune)
	case wire.SerfJoin:
		m, err := wire.ParseJoinIntent(body)
		x.Kind = "join intent"
		x.intent(m.Node, m.LTime, err)
	case wire.SerfPushPull:
		x.Kind = "serf state"
		x.serfState(body)
	case wire.SerfUserEvent:
		m, err := wire.ParseUserEvent(body)
		x.Name("name", m.Name)
		x.Add("ltime", m.LTime)
		x.set("coalesce", m.CC)
		x.Payload("payload", m.Payload)
		x.broken(err)
	case wire.SerfQuery:
		query(&x, body)
	case wire.SerfQueryResponse:
		response(&x, body)
	case wire.SerfRelay:
		m, err := wire.ParseRelay(body)
		x.Name("to", m.DestName)
		x.addr("addr", m.DestIP, m.DestPort)
		if len(m.DestZone) > 0 {
			x.Name("zone", m.DestZone)
		}
		x.broken(err)
		if err == nil {
			x.Parts = append(x.Parts, relayed(m.Msg))
		}
	default: // those that only queries and responses carry, too
		carried(&x, t, body)
	}
	return x
}

// relayed words a message in a relay. A relay in it isn't opened: nobody passes one on.
func relayed(msg []byte) Part {
	if wire.SerfType(msg[0]) == wire.SerfRelay {
		return Part{Kind: wire.SerfRelay.String()}
	}
	return serf(msg)
}

func (p *Part) intent(node []byte, ltime uint64, err error) {
	p.Name("node", node)
	p.Add("ltime", ltime)
	p.broken(err)
}

// internalPrefix begins the names of queries between agents.
const internalPrefix = "_serf_"

// flagName is a flag of a query or response, and its word.
type flagName struct {
	bit  uint32
	name string
}

var queryFlags = []flagName{{wire.QueryWantAck, "want_ack"},
	{wire.QueryNoBroadcast, "no_broadcast"}, {wire.QueryExtended, "extended"}}

var responseFlags = []flagName{{wire.ResponseIsAck, "ack"},
	{wire.ResponseExtended, "extended"}, {wire.ResponseDeclined, "declined"}}

func (p *Part) flags(flags uint32, names []flagName) {
	for _, f := range names {
		p.set(f.name, flags&f.bit != 0)
		flags &^= f.bit
	}
	p.given("other_flags", uint64(flags))
}

func query(x *Part, body []byte) {
	m, err := wire.ParseQuery(body)
	x.Name("name", m.Name)
	x.Add("id", m.ID)
	x.Add("ltime", m.LTime)
	x.Name("source", m.SourceNode)
	x.addr("addr", m.Addr, m.Port)
	x.duration("timeout", m.Timeout)
	x.given("relay_factor", uint64(m.RelayFactor))
	x.flags(m.Flags, queryFlags)
	x.broken(err)
	x.filters(m.Filters)
	switch internal := strings.HasPrefix(string(m.Name), internalPrefix); {
	case len(m.Payload) == 0:
	case internal || wire.SerfType(m.Payload[0]) == wire.SerfKeyRequest:
		between(x, string(m.Name), m.Payload)
	default:
		x.Payload("payload", m.Payload)
	}
}

// between words the payload of a query between agents.
func between(x *Part, name string, payload []byte) {
	switch t := wire.SerfType(payload[0]); {
	case name == internalPrefix+"conflict":
		x.Name("about", payload)
	case t == wire.SerfKeyRequest, t == wire.SerfAsk:
		inner := Part{Kind: t.String()}
		carried(&inner, t, payload[1:])
		x.Parts = append(x.Parts, inner)
	default: // it may be a key
		x.Add("payload_bytes", len(payload))
	}
}

func (p *Part) filters(list wire.FilterList) {
	it := list.Iter()
	for it.Next() {
		f := Part{Kind: "filter"}
		switch it.Kind {
		case wire.FilterNode:
			m, err := wire.ParseNodeFilter(it.Body)
			f.names("nodes", m.Names)
			f.broken(err)
		case wire.FilterTag:
			m, err := wire.ParseTagFilter(it.Body)
			f.Name("tag", m.Tag)
			f.Name("expr", m.Expr)
			f.broken(err)
		default:
			f.Add("unknown_kind", uint8(it.Kind))
		}
		p.Parts = append(p.Parts, f)
	}
	p.fault(it.Err)
}

func (p *Part) names(name string, list wire.List) {
	var all []string
	for it := list.Iter(); it.Next(); {
		all = append(all, string(it.Elem))
	}
	p.Name(name, []byte(strings.Join(all, ",")))
}

// response words a response.
func response(x *Part, body []byte) {
	m, err := wire.ParseQueryResponse(body)
	x.Name("from", m.From)
	x.Add("id", m.ID)
	x.Add("ltime", m.LTime)
	x.flags(m.Flags, responseFlags)
	x.broken(err)
	if len(m.Payload) > 0 {
		x.Parts = append(x.Parts, Payload(m.Payload))
	}
}

// Payload words the payload of a query or response, which isn't empty. A response doesn't have the
// name of its query, so that a payload is taken for one between agents if it begins as such, and is
// one.
func Payload(payload []byte) Part {
	t := wire.SerfType(payload[0])
	x := Part{Kind: t.String()}
	if carried(&x, t, payload[1:]) {
		return x
	}
	x = Part{Kind: "payload"}
	if t == wire.SerfKeyAnswer || t == wire.SerfKeyRequest { // it may have keys
		x.Add("bytes", len(payload))
		return x
	}
	x.Payload("text", payload)
	return x
}

// carried words a message that only queries and responses carry. It returns false, with the size,
// if it is none.
func carried(x *Part, t wire.SerfType, body []byte) bool {
	var err error
	switch t {
	case wire.SerfConflictAnswer:
		var m wire.ConflictAnswer
		if m, err = wire.ParseConflictAnswer(body); err == nil {
			x.conflictAnswer(&m)
		}
	case wire.SerfKeyRequest:
		var m wire.KeyRequest
		if m, err = wire.ParseKeyRequest(body); err == nil && len(m.Key) > 0 {
			x.Add("key", wire.FingerprintOf(m.Key).String())
		}
	case wire.SerfKeyAnswer:
		var m wire.KeyAnswer
		if m, err = wire.ParseKeyAnswer(body); err == nil {
			x.keyAnswer(&m)
		}
	case wire.SerfAsk:
		var m wire.Ask
		if m, err = wire.ParseAsk(body); err == nil {
			x.ask(&m)
		}
	case wire.SerfAskAnswer:
		var m wire.AskAnswer
		if m, err = wire.ParseAskAnswer(body); err == nil {
			x.askAnswer(&m)
		}
	default:
		x.Add("bytes", 1+len(body))
		return false
	}
	x.broken(err)
	return err == nil
}

// statusNames are the statuses of a member in answers.
var statusNames = []string{"none", "alive", "leaving", "left", "failed"}

func (p *Part) conflictAnswer(m *wire.ConflictAnswer) {
	if !m.Known {
		p.set("unknown", true)
		return
	}
	p.Name("node", m.Name)
	p.addr("addr", m.Addr, m.Port)
	p.Add("status", named(statusNames, m.Status))
	p.tagList(m.Tags)
	p.versions(m.Versions)
	p.given("uptime_ms", m.Uptime)
}

func (p *Part) keyAnswer(m *wire.KeyAnswer) {
	p.Add("result", m.Result)
	if len(m.Message) > 0 {
		p.Name("message", m.Message)
	}
	if len(m.PrimaryKey) > 0 {
		p.Add("primary", encodedKey(m.PrimaryKey))
	}
	var keys []string
	for it := m.Keys.Iter(); it.Next(); {
		keys = append(keys, encodedKey(it.Elem))
	}
	if len(keys) > 0 {
		p.Add("keys", strings.Join(keys, ","))
	}
}

// encodedKey shows a key in base64.
func encodedKey(text []byte) string {
	key, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return "unreadable"
	}
	return wire.FingerprintOf(key).String()
}

func (p *Part) ask(m *wire.Ask) {
	p.given("sums_bytes", uint64(len(m.Sums)))
	p.given("depth", uint64(m.Depth))
	p.given("prefix", m.Prefix)
	p.given("from", uint64(m.From))
	if len(m.Member) > 0 {
		p.Name("history_of", m.Member)
	}
}

func (p *Part) askAnswer(m *wire.AskAnswer) {
	p.duration("clock", int64(min(m.Clock, 1<<53))*1000)
	p.Add("digest", m.Digest)
	p.given("health", uint64(m.Health))
	p.Add("alive", m.Alive)
	p.given("suspect", uint64(m.Suspect))
	p.given("leaving", uint64(m.Leaving))
	p.given("failed", uint64(m.Failed))
	p.given("left", uint64(m.Left))
	p.set("busy", m.Busy)
	if len(m.Differ) > 0 {
		p.Payload("slices_that_differ", m.Differ)
	}
	p.given("listed", uint64(m.Listed))
	p.given("members", uint64(m.Members.Len()))
	p.given("history_bytes", uint64(len(m.History)))
	if m.Status != 0 {
		p.Add("status", named(statusNames, m.Status))
	}
}
