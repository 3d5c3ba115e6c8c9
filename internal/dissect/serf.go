package dissect

import (
	"encoding/base64"
	"strings"

	"serf/wire"
)

// serf words a message of Serf, its type byte first.
func (d *Dissector) serf(msg []byte) Part {
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
		x.text("name", m.Name)
		x.add("ltime", m.LTime)
		x.set("coalesce", m.CC)
		x.payload("payload", m.Payload)
		x.broken(err)
	case wire.SerfQuery:
		d.query(&x, body)
	case wire.SerfQueryResponse:
		d.response(&x, body)
	case wire.SerfRelay:
		m, err := wire.ParseRelay(body)
		x.text("to", m.DestName)
		x.addr("addr", m.DestIP, m.DestPort)
		if len(m.DestZone) > 0 {
			x.text("zone", m.DestZone)
		}
		x.broken(err)
		if err == nil {
			x.Parts = append(x.Parts, d.relayed(m.Msg))
		}
	default: // those that only queries and responses carry, too
		d.inner(&x, t, body)
	}
	return x
}

// relayed words a message in a relay. A relay in it isn't opened: nobody passes one on.
func (d *Dissector) relayed(msg []byte) Part {
	if wire.SerfType(msg[0]) == wire.SerfRelay {
		return Part{Kind: wire.SerfRelay.String()}
	}
	return d.serf(msg)
}

func (p *Part) intent(node []byte, ltime uint64, err error) {
	p.text("node", node)
	p.add("ltime", ltime)
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

func (d *Dissector) query(x *Part, body []byte) {
	m, err := wire.ParseQuery(body)
	x.text("name", m.Name)
	x.add("id", m.ID)
	x.add("ltime", m.LTime)
	x.text("source", m.SourceNode)
	x.addr("addr", m.Addr, m.Port)
	x.duration("timeout", m.Timeout)
	x.given("relay_factor", uint64(m.RelayFactor))
	x.flags(m.Flags, queryFlags)
	x.broken(err)
	x.filters(m.Filters)
	switch internal := strings.HasPrefix(string(m.Name), internalPrefix); {
	case len(m.Payload) == 0:
	case internal || wire.SerfType(m.Payload[0]) == wire.SerfKeyRequest:
		d.internal(x, string(m.Name), m.Payload)
	default:
		x.payload("payload", m.Payload)
	}
}

// internal words the payload of a query between agents.
func (d *Dissector) internal(x *Part, name string, payload []byte) {
	switch t := wire.SerfType(payload[0]); {
	case name == internalPrefix+"conflict":
		x.text("about", payload)
	case t == wire.SerfKeyRequest, t == wire.SerfAsk:
		inner := Part{Kind: t.String()}
		d.inner(&inner, t, payload[1:])
		x.Parts = append(x.Parts, inner)
	default: // it may be a key
		x.add("payload_bytes", len(payload))
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
			f.text("tag", m.Tag)
			f.text("expr", m.Expr)
			f.broken(err)
		default:
			f.add("unknown_kind", uint8(it.Kind))
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
	p.text(name, []byte(strings.Join(all, ",")))
}

// response words a response. It doesn't have the name of its query, so that a payload is taken for
// one between agents if it begins as such, and is one.
func (d *Dissector) response(x *Part, body []byte) {
	m, err := wire.ParseQueryResponse(body)
	x.text("from", m.From)
	x.add("id", m.ID)
	x.add("ltime", m.LTime)
	x.flags(m.Flags, responseFlags)
	x.broken(err)
	if len(m.Payload) > 0 {
		inner := Part{Kind: wire.SerfType(m.Payload[0]).String()}
		t := wire.SerfType(m.Payload[0])
		switch readable := d.inner(&inner, t, m.Payload[1:]); {
		case readable:
			x.Parts = append(x.Parts, inner)
		case t == wire.SerfKeyAnswer || t == wire.SerfKeyRequest: // it may have keys
			x.add("payload_bytes", len(m.Payload))
		default:
			x.payload("payload", m.Payload)
		}
	}
}

// inner words a message that only queries and responses carry. It returns false, with the size, if
// it is none.
func (d *Dissector) inner(x *Part, t wire.SerfType, body []byte) bool {
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
			x.add("key", d.key(m.Key))
		}
	case wire.SerfKeyAnswer:
		var m wire.KeyAnswer
		if m, err = wire.ParseKeyAnswer(body); err == nil {
			d.keyAnswer(x, &m)
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
		x.add("bytes", 1+len(body))
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
	p.text("node", m.Name)
	p.addr("addr", m.Addr, m.Port)
	p.add("status", named(statusNames, m.Status))
	p.tagList(m.Tags)
	p.versions(m.Versions)
	p.given("uptime_ms", m.Uptime)
}

func (d *Dissector) keyAnswer(x *Part, m *wire.KeyAnswer) {
	x.add("result", m.Result)
	if len(m.Message) > 0 {
		x.text("message", m.Message)
	}
	if len(m.PrimaryKey) > 0 {
		x.add("primary", d.encodedKey(m.PrimaryKey))
	}
	var keys []string
	for it := m.Keys.Iter(); it.Next(); {
		keys = append(keys, d.encodedKey(it.Elem))
	}
	if len(keys) > 0 {
		x.add("keys", strings.Join(keys, ","))
	}
}

// encodedKey shows a key in base64.
func (d *Dissector) encodedKey(text []byte) string {
	key, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return "unreadable"
	}
	return d.key(key)
}

func (p *Part) ask(m *wire.Ask) {
	p.given("sums_bytes", uint64(len(m.Sums)))
	p.given("depth", uint64(m.Depth))
	p.given("prefix", m.Prefix)
	p.given("from", uint64(m.From))
	if len(m.Member) > 0 {
		p.text("history_of", m.Member)
	}
}

func (p *Part) askAnswer(m *wire.AskAnswer) {
	p.duration("clock", int64(min(m.Clock, 1<<53))*1000)
	p.add("digest", m.Digest)
	p.given("health", uint64(m.Health))
	p.add("alive", m.Alive)
	p.given("suspect", uint64(m.Suspect))
	p.given("leaving", uint64(m.Leaving))
	p.given("failed", uint64(m.Failed))
	p.given("left", uint64(m.Left))
	p.set("busy", m.Busy)
	if len(m.Differ) > 0 {
		p.payload("slices_that_differ", m.Differ)
	}
	p.given("listed", uint64(m.Listed))
	p.given("members", uint64(m.Members.Len()))
	p.given("history_bytes", uint64(len(m.History)))
	if m.Status != 0 {
		p.add("status", named(statusNames, m.Status))
	}
}
