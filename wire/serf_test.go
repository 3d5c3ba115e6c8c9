package wire

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// rewritten writes a parsed state again.
func rewritten(s *SerfState) []byte {
	w := AppendSerfState(nil, s.EventLTime, s.Events.Len())
	at := s.Events.Iter()
	for left := s.Events.Len(); left > 0; {
		// The iteration doesn't yield nil slots: those that it skipped come before the next one.
		before := at.left
		more := at.Next()
		empty := before - at.left
		if more {
			empty--
		}
		for range empty {
			w.EmptySlot()
		}
		if left -= before - at.left; !more {
			break
		}
		w.Slot(at.Slot.LTime, at.Slot.Len())
		for e := at.Slot.Iter(); e.Next(); {
			w.Event(e.Event.Name, e.Event.Payload)
		}
	}
	w.LeftMembers(s.LTime, s.LeftMembers.Len())
	for it := s.LeftMembers.Iter(); it.Next(); {
		w.LeftMember(string(it.Elem))
	}
	w.StatusLTimes(s.QueryLTime, s.StatusLTimes.Len())
	for it := s.StatusLTimes.Iter(); it.Next(); {
		w.StatusLTime(string(it.Name), it.LTime)
	}
	return w.Bytes()
}

func TestSerfStateVector(t *testing.T) {
	want := findVector(t, "serf.json", "push-pull").bytes(t)
	w := AppendSerfState(nil, 4, 2)
	w.EmptySlot()
	w.Slot(2, 2)
	w.Event([]byte("a"), []byte("b"))
	w.Event([]byte("c"), nil)
	w.LeftMembers(5, 1)
	w.LeftMember("x")
	w.StatusLTimes(9, 1)
	w.StatusLTime("n1", 3)
	if got := w.Bytes(); !bytes.Equal(got, want) {
		t.Errorf("got %x\nwant %x", got, want)
	}

	s, err := ParseSerfState(want[1:])
	if err != nil {
		t.Fatal(err)
	}
	if got := rewritten(&s); !bytes.Equal(got, want) {
		t.Errorf("written again\n got %x\nwant %x", got, want)
	}
	for n := 1; n < len(want); n++ {
		if _, err := ParseSerfState(want[1:n]); err == nil {
			t.Errorf("cut to %d of %d bytes is accepted", n, len(want))
		}
	}
}

func TestSerfStateWithNothing(t *testing.T) {
	w := AppendSerfState(nil, 0, 2)
	w.EmptySlot()
	w.Slot(3, 0)
	w.LeftMembers(0, 0)
	w.StatusLTimes(0, 0)
	s, err := ParseSerfState(w.Bytes()[1:])
	if err != nil {
		t.Fatal(err)
	}
	it := s.Events.Iter()
	if !it.Next() || it.Slot.LTime != 3 || it.Slot.Len() != 0 || it.Next() {
		t.Errorf("slots: %+v", it)
	}
	if nils, err := ParseSerfState([]byte("\x83\xa6Events\xc0\xabLeftMembers\xc0\xacStatusLTimes\xc0")); err != nil || nils.Events.Len()+nils.LeftMembers.Len()+nils.StatusLTimes.Len() != 0 {
		t.Errorf("nil for all lists: %+v, %v", nils, err)
	}
}

func TestSerfStateOrderIsChecked(t *testing.T) {
	for name, misuse := range map[string]func(w *SerfStateWriter){
		"slot missing":       func(w *SerfStateWriter) { w.LeftMembers(0, 0) },
		"one slot too many":  func(w *SerfStateWriter) { w.EmptySlot(); w.EmptySlot() },
		"event missing":      func(w *SerfStateWriter) { w.Slot(1, 1); w.LeftMembers(0, 0) },
		"event without slot": func(w *SerfStateWriter) { w.Event(nil, nil) },
		"event too many":     func(w *SerfStateWriter) { w.Slot(1, 0); w.Event(nil, nil) },
		"left out of turn":   func(w *SerfStateWriter) { w.EmptySlot(); w.LeftMember("x") },
		"left skipped":       func(w *SerfStateWriter) { w.EmptySlot(); w.StatusLTimes(0, 0) },
		"ended early": func(w *SerfStateWriter) {
			w.EmptySlot()
			w.LeftMembers(0, 0)
			w.Bytes()
		},
		"status missing": func(w *SerfStateWriter) {
			w.EmptySlot()
			w.LeftMembers(0, 0)
			w.StatusLTimes(0, 1)
			w.Bytes()
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			w := AppendSerfState(nil, 0, 1)
			misuse(&w)
		})
	}
}

func TestFilterVectors(t *testing.T) {
	var l FilterList
	l.AddNodes("n1", "n2")
	l.AddTag("role", "web.*")
	var filters [][]byte
	for it := l.Iter(); it.Next(); {
		filters = append(filters, append([]byte{byte(it.Kind)}, it.Body...))
	}
	want := [][]byte{findVector(t, "serf.json", "filter-node").bytes(t),
		findVector(t, "serf.json", "filter-tag").bytes(t)}
	if !slices.EqualFunc(filters, want, bytes.Equal) {
		t.Errorf("filters\n got %x\nwant %x", filters, want)
	}
	for n := 1; n < len(want[0]); n++ {
		if _, err := ParseNodeFilter(want[0][1:n]); err == nil {
			t.Errorf("node filter cut to %d bytes is accepted", n)
		}
	}
	for n := 1; n < len(want[1]); n++ {
		if _, err := ParseTagFilter(want[1][1:n]); err == nil {
			t.Errorf("tag filter cut to %d bytes is accepted", n)
		}
	}
}

func TestFilterIter(t *testing.T) {
	msg := findVector(t, "serf.json", "query").bytes(t)
	q, err := ParseQuery(msg[1:])
	if err != nil || q.Filters.Len() != 2 {
		t.Fatalf("%d filters, %v", q.Filters.Len(), err)
	}
	it := q.Filters.Iter()
	if !it.Next() || it.Kind != FilterNode {
		t.Fatalf("first filter is %d", it.Kind)
	}
	nodes, err := ParseNodeFilter(it.Body)
	var names []string
	for n := nodes.Names.Iter(); n.Next(); {
		names = append(names, string(n.Elem))
	}
	if err != nil || !slices.Equal(names, []string{"n1", "n2"}) {
		t.Errorf("names %q, %v", names, err)
	}
	if !it.Next() || it.Kind != FilterTag {
		t.Fatalf("second filter is %d", it.Kind)
	}
	tag, err := ParseTagFilter(it.Body)
	if err != nil || string(tag.Tag) != "role" || string(tag.Expr) != "web.*" {
		t.Errorf("tag filter %q, %v", tag, err)
	}
	if it.Next() || it.Err != nil {
		t.Errorf("a third filter, or %v", it.Err)
	}
}

func TestFilterWithoutKind(t *testing.T) {
	q := Query{Filters: FilterList{NewList("\x00\x90", "", "\x00\x90")}}
	parsed, err := ParseQuery(q.Append(nil)[1:])
	if err != nil {
		t.Fatal(err)
	}
	it := parsed.Filters.Iter()
	count := 0
	for it.Next() {
		count++
	}
	if count != 1 || it.Err != ErrShort || it.Next() {
		t.Errorf("%d filters, error %v", count, it.Err)
	}
}

func TestTags(t *testing.T) {
	for _, test := range []struct {
		name  string
		pairs []Tag
		meta  []byte
	}{
		{"one", []Tag{{"role", "web"}}, findVector(t, "serf.json", "tags").bytes(t)},
		{"none", nil, findVector(t, "serf.json", "tags-empty").bytes(t)},
		{"two", []Tag{{"a", ""}, {"b", "x"}}, []byte("\xff\x82\xa1a\xa0\xa1b\xa1x")},
	} {
		if got := AppendTags(nil, test.pairs); !bytes.Equal(got, test.meta) {
			t.Errorf("%s: got %x, want %x", test.name, got, test.meta)
		}
		wantTags(t, test.name, test.meta, test.pairs)
		for n := 1; n < len(test.meta); n++ {
			if _, err := ParseTags(test.meta[:n]); err == nil {
				t.Errorf("%s: cut to %d bytes is accepted", test.name, n)
			}
		}
	}
}

func TestTagsOfOldMembers(t *testing.T) {
	wantTags(t, "role", []byte("database"), []Tag{{"role", "database"}})
	wantTags(t, "empty", nil, []Tag{{"role", ""}})
	tags, _ := ParseTags([]byte("database"))
	answer := ConflictAnswer{Known: true, Tags: tags}
	again, err := ParseConflictAnswer(answer.Append(nil)[1:])
	if err != nil || !slices.Equal(pairsOf(again.Tags), []Tag{{"role", "database"}}) {
		t.Errorf("in a conflict answer: %v, %v", pairsOf(again.Tags), err)
	}
}

func TestNilTags(t *testing.T) {
	m, err := ParseConflictAnswer((&ConflictAnswer{Known: true}).Append(nil)[1:])
	if err != nil || !m.Known || m.Tags.Len() != 0 || m.Tags.raw != nil {
		t.Errorf("%+v, %v", m, err)
	}
}

func pairsOf(tags Tags) []Tag {
	var pairs []Tag
	for it := tags.Iter(); it.Next(); {
		pairs = append(pairs, Tag{string(it.Key), string(it.Value)})
	}
	return pairs
}

func wantTags(t *testing.T, name string, meta []byte, want []Tag) {
	t.Helper()
	tags, err := ParseTags(meta)
	if got := pairsOf(tags); err != nil || !slices.Equal(got, want) || tags.Len() != len(want) {
		t.Errorf("%s: tags %v (%d), %v, want %v", name, got, tags.Len(), err, want)
	}
}

func TestAckPayloadVector(t *testing.T) {
	v := findVector(t, "serf.json", "ack-coordinate-payload")
	c := Coordinate{
		Error: v.Fields.float("Error"), Adjustment: v.Fields.float("Adjustment"),
		Height: v.Fields.float("Height"),
	}
	for i, x := range v.Fields["Vec"].([]any) {
		c.Vec[i] = x.(float64)
	}
	p := v.bytes(t)
	if got := AppendAckPayload(nil, &c); !bytes.Equal(got, p) {
		t.Errorf("got %x\nwant %x", got, p)
	}
	if got, err := ParseAckPayload(p); err != nil || got != c {
		t.Errorf("parsed %+v, %v, want %+v", got, err, c)
	}
	for n := range p {
		if _, err := ParseAckPayload(p[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes is accepted", n, len(p))
		}
	}
}

func TestAckPayloadRefusals(t *testing.T) {
	good := AppendAckPayload(nil, &Coordinate{})
	seven := bytes.Replace(good, []byte("Vec\x98"), []byte("Vec\x97"), 1)
	nine := append(bytes.Replace(good, []byte("Vec\x98"), []byte("Vec\x99"), 1), 1)
	for _, test := range []struct {
		name string
		p    []byte
		want error
	}{
		{"other version", append([]byte{2}, good[1:]...), ErrType},
		{"no vector", []byte("\x01\x80"), ErrFormat},
		{"nil vector", []byte("\x01\x81\xa3Vec\xc0"), ErrFormat},
		{"seven dimensions", seven, ErrFormat},
		{"nine dimensions", nine, ErrFormat},
	} {
		if _, err := ParseAckPayload(test.p); err != test.want {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
	}
}

func TestNilAndEmptyListsStayApart(t *testing.T) {
	for _, l := range []List{{}, NewList[string](), NewList("", "x")} {
		m, err := ParseKeyAnswer((&KeyAnswer{Keys: l}).Append(nil)[1:])
		if err != nil || m.Keys.Len() != l.Len() || (m.Keys.raw == nil) != (l.raw == nil) {
			t.Errorf("%+v became %+v, %v", l, m.Keys, err)
		}
	}
	var built List
	built.Add([]byte("k"))
	if got, want := built.append(nil), NewList("k").append(nil); !bytes.Equal(got, want) {
		t.Errorf("built %x, want %x", got, want)
	}
}

func TestTypeNames(t *testing.T) {
	for _, test := range []struct {
		t    fmt.Stringer
		want string
	}{
		{TypePing, "ping"}, {TypeErr, "err"}, {TypeLabel, "label"}, {Type(14), "type 14"},
		{SerfLeave, "leave"}, {SerfRelay, "relay"}, {SerfAskAnswer, "ask answer"}, {SerfType(12), "serf type 12"},
	} {
		if got := test.t.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// The original's decoder skips the field, which it doesn't know, and its answers don't have it.
func TestConflictAnswerWithUptime(t *testing.T) {
	m := ConflictAnswer{Known: true, Name: []byte("a"), Tags: NewTags(nil), Uptime: math.MaxUint64}
	again, err := ParseConflictAnswer(m.Append(nil)[1:])
	if err != nil || again.Uptime != math.MaxUint64 || string(again.Name) != "a" {
		t.Errorf("%+v, %v", again, err)
	}
	var o struct {
		Name string
		Tags map[string]string
	}
	if err := msgpack.Unmarshal(m.Append(nil)[1:], &o); err != nil || o.Name != "a" {
		t.Errorf("without the field: %+v, %v", o, err)
	}
	m.Uptime = 0
	if bytes.Contains(m.Append(nil), []byte("Uptime")) {
		t.Error("sent though there is nothing to tell")
	}
}
