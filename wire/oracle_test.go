package wire

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
)

// The types below are the messages for a general MessagePack library. It has to understand what
// this package writes, and this package what the library writes, in all forms that the library has.
type (
	oraclePing struct {
		SeqNo      uint32
		Node       string
		SourceAddr []byte
		SourcePort uint16
		SourceNode string
	}
	oracleIndirect struct {
		SeqNo      uint32
		Target     []byte
		Port       uint16
		Node       string
		Nack       bool
		SourceAddr []byte
		SourcePort uint16
		SourceNode string
	}
	oracleAck struct {
		SeqNo   uint32
		Payload []byte
	}
	oracleClaim struct {
		Incarnation uint32
		Node, From  string
	}
	oracleAlive struct {
		Incarnation uint32
		Node        string
		Addr        []byte
		Port        uint16
		Meta, Vsn   []byte
	}
	oracleErr       struct{ Error string }
	oracleNodeState struct {
		Addr        []byte
		Incarnation uint32
		Meta        []byte
		Name        string
		Port        uint16
		State       uint8
		Vsn         []byte
	}
	oracleLeave struct {
		LTime uint64
		Node  string
		Prune bool
	}
	oracleEvent struct {
		CC      bool
		LTime   uint64
		Name    string
		Payload []byte
	}
	oracleQuery struct {
		Addr        []byte
		Filters     [][]byte
		Flags, ID   uint32
		LTime       uint64
		Name        string
		Payload     []byte
		Port        uint16
		RelayFactor uint8
		SourceNode  string
		Timeout     int64
	}
	oracleResponse struct {
		Flags   uint32
		From    string
		ID      uint32
		LTime   uint64
		Payload []byte
	}
	oracleAddr struct {
		IP   []byte
		Port uint16
		Zone string
	}
	oracleRelay struct {
		DestAddr oracleAddr
		DestName string
	}
	oracleConflict struct {
		Addr                                  []byte
		DelegateCur, DelegateMax, DelegateMin uint8
		Name                                  string
		Port                                  uint16
		ProtocolCur, ProtocolMax, ProtocolMin uint8
		Status                                uint8
		Tags                                  map[string]string
	}
	oracleKeyAnswer struct {
		Keys                []string
		Message, PrimaryKey string
		Result              bool
	}
	oracleAsk struct {
		Depth      uint8
		From       uint16
		Member     []byte
		Prefix     uint64
		RoundTrips bool
		Sums       []byte
	}
	oracleAskAnswer struct {
		Alive         uint32
		Busy          bool
		Clock         uint64
		Differ        []byte
		Digest        uint64
		Failed        uint32
		Health        uint8
		History       []byte
		Leaving, Left uint32
		Listed        uint16
		Members       []string
		RoundTrips    []byte
		Status        uint8
		Suspect       uint32
	}
	oracleSlotEvent struct {
		Name    string
		Payload []byte
	}
	oracleSlot struct {
		Events []oracleSlotEvent
		LTime  uint64
	}
	oracleState struct {
		EventLTime   uint64
		Events       []*oracleSlot
		LTime        uint64
		LeftMembers  []string
		QueryLTime   uint64
		StatusLTimes map[string]uint64
	}
	oracleCoordinate struct {
		Adjustment, Error, Height float64
		Vec                       [8]float64
	}
)

// body returns what follows the type byte.
func body(m message) []byte { return m.Append(nil)[1:] }

func TestOracleMembership(t *testing.T) {
	differ(t, "ping",
		func(o oraclePing) []byte {
			return body(&Ping{o.SeqNo, []byte(o.Node), o.SourceAddr, o.SourcePort,
				[]byte(o.SourceNode)})
		},
		func(p []byte) (oraclePing, error) {
			m, err := ParsePing(p)
			return oraclePing{m.Seq, string(m.Node), m.SourceAddr, m.SourcePort,
				string(m.SourceNode)}, err
		})
	differ(t, "indirect ping",
		func(o oracleIndirect) []byte {
			return body(&IndirectPing{o.SeqNo, o.Target, o.Port, []byte(o.Node), o.Nack,
				o.SourceAddr, o.SourcePort, []byte(o.SourceNode)})
		},
		func(p []byte) (oracleIndirect, error) {
			m, err := ParseIndirectPing(p)
			return oracleIndirect{m.Seq, m.Target, m.Port, string(m.Node), m.Nack, m.SourceAddr,
				m.SourcePort, string(m.SourceNode)}, err
		})
	differ(t, "ack",
		func(o oracleAck) []byte { return body(&Ack{o.SeqNo, o.Payload}) },
		func(p []byte) (oracleAck, error) {
			m, err := ParseAck(p)
			return oracleAck{m.Seq, m.Payload}, err
		})
	differ(t, "suspect",
		func(o oracleClaim) []byte {
			return body(&Suspect{o.Incarnation, []byte(o.Node), []byte(o.From)})
		},
		func(p []byte) (oracleClaim, error) {
			m, err := ParseSuspect(p)
			return oracleClaim{m.Inc, string(m.Node), string(m.From)}, err
		})
	differ(t, "dead",
		func(o oracleClaim) []byte {
			return body(&Dead{o.Incarnation, []byte(o.Node), []byte(o.From)})
		},
		func(p []byte) (oracleClaim, error) {
			m, err := ParseDead(p)
			return oracleClaim{m.Inc, string(m.Node), string(m.From)}, err
		})
	differ(t, "alive",
		func(o oracleAlive) []byte {
			return body(&Alive{o.Incarnation, []byte(o.Node), o.Addr, o.Port, o.Meta, o.Vsn})
		},
		func(p []byte) (oracleAlive, error) {
			m, err := ParseAlive(p)
			return oracleAlive{m.Inc, string(m.Node), m.Addr, m.Port, m.Meta, m.Vsn}, err
		})
	differ(t, "err",
		func(o oracleErr) []byte { return body(&Err{[]byte(o.Error)}) },
		func(p []byte) (oracleErr, error) {
			m, err := ParseErr(p)
			return oracleErr{string(m.Text)}, err
		})
	differ(t, "node state",
		func(o oracleNodeState) []byte {
			return (&NodeState{o.Addr, o.Incarnation, o.Meta, []byte(o.Name), o.Port, o.State,
				o.Vsn}).Append(nil)
		},
		func(p []byte) (oracleNodeState, error) {
			h := PushPullHeader{Nodes: 1}
			pp, err := ParsePushPull(append(body(&h), p...))
			it := pp.States()
			it.Next()
			m := it.State
			return oracleNodeState{m.Addr, m.Inc, m.Meta, string(m.Name), m.Port, m.State,
				m.Vsn}, err
		})
	differ(t, "push/pull header",
		func(o struct{ Join bool }) []byte { return body(&PushPullHeader{Join: o.Join}) },
		func(p []byte) (struct{ Join bool }, error) {
			m, err := ParsePushPull(p)
			return struct{ Join bool }{m.Join}, err
		})
}

func TestOracleSerf(t *testing.T) {
	differ(t, "leave",
		func(o oracleLeave) []byte { return body(&LeaveIntent{o.LTime, []byte(o.Node), o.Prune}) },
		func(p []byte) (oracleLeave, error) {
			m, err := ParseLeaveIntent(p)
			return oracleLeave{m.LTime, string(m.Node), m.Prune}, err
		})
	differ(t, "user event",
		func(o oracleEvent) []byte {
			return body(&UserEvent{o.CC, o.LTime, []byte(o.Name), o.Payload})
		},
		func(p []byte) (oracleEvent, error) {
			m, err := ParseUserEvent(p)
			return oracleEvent{m.CC, m.LTime, string(m.Name), m.Payload}, err
		})
	differ(t, "query", queryFromOracle, queryToOracle)
	differ(t, "query response",
		func(o oracleResponse) []byte {
			return body(&QueryResponse{o.Flags, []byte(o.From), o.ID, o.LTime, o.Payload})
		},
		func(p []byte) (oracleResponse, error) {
			m, err := ParseQueryResponse(p)
			return oracleResponse{m.Flags, string(m.From), m.ID, m.LTime, m.Payload}, err
		})
	differ(t, "relay",
		func(o oracleRelay) []byte {
			a := o.DestAddr
			return body(&Relay{DestIP: a.IP, DestPort: a.Port, DestZone: []byte(a.Zone),
				DestName: []byte(o.DestName)})
		},
		func(p []byte) (oracleRelay, error) {
			m, err := ParseRelay(append(p, byte(SerfQueryResponse)))
			return oracleRelay{oracleAddr{m.DestIP, m.DestPort, string(m.DestZone)},
				string(m.DestName)}, err
		})
	differ(t, "conflict answer", conflictFromOracle, conflictToOracle)
	differ(t, "key request",
		func(o struct{ Key []byte }) []byte { return body(&KeyRequest{o.Key}) },
		func(p []byte) (struct{ Key []byte }, error) {
			m, err := ParseKeyRequest(p)
			return struct{ Key []byte }{m.Key}, err
		})
	differ(t, "key answer",
		func(o oracleKeyAnswer) []byte {
			return body(&KeyAnswer{NewList(o.Keys...), []byte(o.Message), []byte(o.PrimaryKey),
				o.Result})
		},
		func(p []byte) (oracleKeyAnswer, error) {
			m, err := ParseKeyAnswer(p)
			return oracleKeyAnswer{stringsOf(m.Keys), string(m.Message), string(m.PrimaryKey),
				m.Result}, err
		})
	differ(t, "ask",
		func(o oracleAsk) []byte {
			return body(&Ask{o.Sums, o.Depth, o.Prefix, o.From, o.Member, o.RoundTrips})
		},
		func(p []byte) (oracleAsk, error) {
			m, err := ParseAsk(p)
			return oracleAsk{m.Depth, m.From, m.Member, m.Prefix, m.RoundTrips, m.Sums}, err
		})
	differ(t, "ask answer", askAnswerFromOracle, askAnswerToOracle)
	differ(t, "state", stateFromOracle, stateToOracle)
	differ(t, "coordinate",
		func(o oracleCoordinate) []byte {
			return AppendAckPayload(nil, &Coordinate{o.Vec, o.Error, o.Adjustment, o.Height})[1:]
		},
		func(p []byte) (oracleCoordinate, error) {
			m, err := ParseAckPayload(append([]byte{ackPayloadVersion}, p...))
			return oracleCoordinate{m.Adjustment, m.Error, m.Height, m.Vec}, err
		})
}

func askAnswerFromOracle(o oracleAskAnswer) []byte {
	return body(&AskAnswer{
		Clock: o.Clock, Digest: o.Digest, Health: o.Health, Alive: o.Alive, Suspect: o.Suspect,
		Leaving: o.Leaving, Failed: o.Failed, Left: o.Left, Busy: o.Busy, Differ: o.Differ,
		Listed: o.Listed, Members: NewList(o.Members...), History: o.History, Status: o.Status,
		RoundTrips: o.RoundTrips,
	})
}

func askAnswerToOracle(p []byte) (oracleAskAnswer, error) {
	m, err := ParseAskAnswer(p)
	return oracleAskAnswer{
		m.Alive, m.Busy, m.Clock, m.Differ, m.Digest, m.Failed, m.Health, m.History, m.Leaving,
		m.Left, m.Listed, stringsOf(m.Members), m.RoundTrips, m.Status, m.Suspect,
	}, err
}

func queryFromOracle(o oracleQuery) []byte {
	q := &Query{
		Addr: o.Addr, Flags: o.Flags, ID: o.ID, LTime: o.LTime, Name: []byte(o.Name),
		Payload: o.Payload,
		Port:    o.Port, RelayFactor: o.RelayFactor, SourceNode: []byte(o.SourceNode),
		Timeout: o.Timeout,
	}
	q.Filters.list = NewList(o.Filters...)
	return body(q)
}

func queryToOracle(p []byte) (oracleQuery, error) {
	m, err := ParseQuery(p)
	o := oracleQuery{
		Addr: m.Addr, Flags: m.Flags, ID: m.ID, LTime: m.LTime, Name: string(m.Name),
		Payload: m.Payload,
		Port:    m.Port, RelayFactor: m.RelayFactor, SourceNode: string(m.SourceNode),
		Timeout: m.Timeout,
	}
	for it := m.Filters.list.Iter(); it.Next(); {
		o.Filters = append(o.Filters, it.Elem)
	}
	return o, err
}

func conflictFromOracle(o oracleConflict) []byte {
	var pairs []Tag
	for _, k := range slices.Sorted(maps.Keys(o.Tags)) {
		pairs = append(pairs, Tag{k, o.Tags[k]})
	}
	return body(&ConflictAnswer{
		Known: true, Addr: o.Addr, Name: []byte(o.Name), Port: o.Port, Status: o.Status,
		Tags: NewTags(pairs),
		Versions: [6]byte{o.ProtocolMin, o.ProtocolMax, o.ProtocolCur, o.DelegateMin, o.DelegateMax,
			o.DelegateCur},
	})
}

func conflictToOracle(p []byte) (oracleConflict, error) {
	m, err := ParseConflictAnswer(p)
	o := oracleConflict{
		Addr: m.Addr, Name: string(m.Name), Port: m.Port, Status: m.Status,
		Tags:        map[string]string{},
		ProtocolMin: m.Versions[0], ProtocolMax: m.Versions[1], ProtocolCur: m.Versions[2],
		DelegateMin: m.Versions[3], DelegateMax: m.Versions[4], DelegateCur: m.Versions[5],
	}
	for _, p := range pairsOf(m.Tags) {
		o.Tags[p.Key] = p.Value
	}
	return o, err
}

func stateFromOracle(o oracleState) []byte {
	w := AppendSerfState(nil, o.EventLTime, len(o.Events))
	for _, slot := range o.Events {
		if slot == nil {
			w.EmptySlot()
			continue
		}
		w.Slot(slot.LTime, len(slot.Events))
		for _, e := range slot.Events {
			w.Event([]byte(e.Name), e.Payload)
		}
	}
	w.LeftMembers(o.LTime, len(o.LeftMembers))
	for _, name := range o.LeftMembers {
		w.LeftMember(name)
	}
	w.StatusLTimes(o.QueryLTime, len(o.StatusLTimes))
	for _, name := range slices.Sorted(maps.Keys(o.StatusLTimes)) {
		w.StatusLTime(name, o.StatusLTimes[name])
	}
	return w.Bytes()[1:]
}

// stateToOracle omits the nil slots.
func stateToOracle(p []byte) (oracleState, error) {
	m, err := ParseSerfState(p)
	o := oracleState{EventLTime: m.EventLTime, LTime: m.LTime, QueryLTime: m.QueryLTime,
		LeftMembers: stringsOf(m.LeftMembers)}
	for it := m.Events.Iter(); it.Next(); {
		slot := &oracleSlot{LTime: it.Slot.LTime}
		for e := it.Slot.Iter(); e.Next(); {
			slot.Events = append(slot.Events,
				oracleSlotEvent{string(e.Event.Name), e.Event.Payload})
		}
		o.Events = append(o.Events, slot)
	}
	o.StatusLTimes = map[string]uint64{}
	for it := m.StatusLTimes.Iter(); it.Next(); {
		o.StatusLTimes[string(it.Name)] = it.LTime
	}
	return o, err
}

func stringsOf(l List) []string {
	var all []string
	for it := l.Iter(); it.Next(); {
		all = append(all, string(it.Elem))
	}
	return all
}

// differ compares this package with the library on values of O, in both directions.
func differ[O any](t *testing.T, name string, write func(O) []byte, parse func([]byte) (O, error)) {
	same := []cmp.Option{
		cmpopts.EquateEmpty(), cmpopts.EquateNaNs(),
		cmp.FilterValues(func(x, y []*oracleSlot) bool {
			return slices.Contains(x, nil) || slices.Contains(y, nil)
		},
			cmp.Transformer("withoutNil", func(s []*oracleSlot) []*oracleSlot {
				return slices.DeleteFunc(slices.Clone(s), func(s *oracleSlot) bool {
					return s == nil
				})
			})),
	}
	t.Run(name, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			want := rapid.Make[O]().Draw(t, "message")
			var read O
			if err := msgpack.Unmarshal(write(want), &read); err != nil {
				t.Fatalf("the library can't read it: %v", err)
			}
			if diff := cmp.Diff(want, read, same...); diff != "" {
				t.Fatalf("the library reads something else (-want +got)\n%s", diff)
			}
			theirs := libraryBytes(t, want)
			got, err := parse(theirs)
			if err != nil {
				t.Fatalf("what the library writes isn't read: %v\n%x", err, theirs)
			}
			if diff := cmp.Diff(want, got, same...); diff != "" {
				t.Fatalf("read differently (-want +got)\n%s\n%x", diff, theirs)
			}
		})
	})
}

// libraryBytes writes the struct v with the library: its fields in any order, numbers in any width,
// and unknown fields among them.
func libraryBytes(t *rapid.T, v any) []byte {
	type pair struct {
		key   string
		value any
	}
	var pairs []pair
	for i, s := 0, reflect.ValueOf(v); i < s.NumField(); i++ {
		pairs = append(pairs, pair{s.Type().Field(i).Name, s.Field(i).Interface()})
	}
	strange := rapid.SampledFrom([]any{
		nil, true, -70000, 3.5, float32(2), "text", make([]byte, 300), []any{1, []any{"x", nil}},
		map[string]any{"a": map[string]any{"b": []int{1, 2}}}, time.Unix(1700000000, 5),
	})
	for _, value := range rapid.SliceOfN(strange, 0, 3).Draw(t, "unknown values") {
		pairs = append(pairs, pair{rapid.StringN(0, 40, -1).Draw(t, "unknown key") + "?", value})
	}
	pairs = rapid.Permutation(pairs).Draw(t, "order")

	var b bytes.Buffer
	enc := msgpack.NewEncoder(&b)
	enc.UseCompactInts(rapid.Bool().Draw(t, "compact integers"))
	enc.UseCompactFloats(rapid.Bool().Draw(t, "compact floats"))
	if err := enc.EncodeMapLen(len(pairs)); err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		if err := enc.EncodeMulti(p.key, p.value); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}
