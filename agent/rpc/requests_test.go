package rpc

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
)

// A request is taken in each form that clients of the original may send it in.
func TestRequestsInOtherForms(t *testing.T) {
	event := func(name, payload string, coalesce bool) *eventRequest {
		r := &eventRequest{Name: name, Coalesce: coalesce}
		if payload != "" {
			r.Payload = []byte(payload)
		}
		return r
	}
	none := map[string]string{}
	for _, tt := range []struct {
		why, bytes string
		want       request
	}{
		{"bytes as a string", "\x83\xa4Name\xa1x\xa7Payload\xa3abc\xa8Coalesce\xc3", event("x", "abc", true)},
		{"text as bytes", "\x81\xa4Name\xc4\x01x", event("x", "", false)},
		{"names as bytes", "\x81\xc4\x04Name\xa1x", event("x", "", false)},
		{"names as lists of numbers", "\x81\x94Name\xa1x", event("x", "", false)},
		{"text as a list of numbers", "\x81\xa4Name\x92xy", event("xy", "", false)},
		{"bytes as a list of numbers", "\x81\xa7Payload\x93a\xcc\xff\xcd\x00b", event("", "a\xffb", false)},
		{"bytes as a map", "\x81\xa7Payload\x81ab", event("", "ab", false)},
		{"empty lists", "\x82\xa4Name\x90\xa7Payload\x90", &eventRequest{Payload: []byte{}}},
		{"empty maps", "\x82\xa4Name\x80\xa7Payload\xde\x00\x00", &eventRequest{Payload: []byte{}}},
		{"nil", "\x83\xa4Name\xc0\xa7Payload\xc0\xa8Coalesce\xc0", event("", "", false)},
		{"1 is true", "\x81\xa8Coalesce\x01", event("", "", true)},
		{"0 is false", "\x81\xa8Coalesce\xcc\x00", event("", "", false)},
		{"a body as a list", "\x93\xa1x\xa1p\xc3", event("x", "p", true)},
		{"a shorter list", "\x91\xa1x", event("x", "", false)},
		{"an empty list", "\x90", event("", "", false)},
		{"a longer list", "\x94\xa1x\xa1p\xc3\x92\x01\x80", event("x", "p", true)},
		{"no body", "\xc0", event("", "", false)},
		{"what nobody asked for", "\x82\xa3Zzz\x92\x81\xa1a\x01\x02\xa4Name\xa1x", event("x", "", false)},
		{"the last of two", "\x82\xa4Name\xa1x\xa4Name\xa1y", event("y", "", false)},
		{"a header as a list", "\x92\xa4auth\xcd\x01\x00", &requestHeader{"auth", 256}},
		{"a signed number", "\x83\xa3Seq\xd1\x01\x00\xa7Command\xc4\x04auth\xa5Extra\x92\x01\x02", &requestHeader{"auth", 256}},
		{"a list from a map", "\x81\xa8Existing\x81\xa1a\xc4\x01b", &joinRequest{Existing: []string{"a", "b"}}},
		{"a list that is nil", "\x81\xa8Existing\xc0", &joinRequest{}},
		{"an empty list from a map", "\x81\xa8Existing\x80", &joinRequest{}},
		{"a map of bytes", "\x81\xa4Tags\x81\x91k\xc4\x01v", &tagsRequest{Tags: map[string]string{"k": "v"}}},
		{"a map with nil", "\x81\xa4Tags\x81\xa1k\xc0", &tagsRequest{Tags: map[string]string{"k": ""}}},
		{"a map from an empty list", "\x81\xa4Tags\x90", &tagsRequest{Tags: none}},
		{"a query as a list", "\x97\x90\x80\x00\x01\xd1\xff\xff\xa1q\x91p",
			&queryRequest{FilterTags: none, RelayFactor: 1, Timeout: -1, Name: "q", Payload: []byte("p")}},
		{"a filter as a list", "\x93\x80\xa5alive\xa1n", &membersFilteredRequest{Tags: none, Status: "alive", Name: "n"}},
	} {
		got := reflect.New(reflect.TypeOf(tt.want).Elem()).Interface().(request)
		if err := parseRequest([]byte(tt.bytes), got); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %v; want %+v", tt.why, got, err, tt.want)
		}
	}
}

// What no client means is refused, with the field and what is in it, and never taken for something else.
func TestRequestsThatAreNone(t *testing.T) {
	for _, tt := range []struct {
		bytes, want string
		into        request
	}{
		{"\xa1x", "text or bytes", &eventRequest{}},
		{"\x81\x01\xa1x", "name of a field", &eventRequest{}},
		{"\x81\xa4Name\x05", "Name: can't be taken from a number", &eventRequest{}},
		{"\x81\xa4Name\x91\xa1a", "Name: can't be taken from a list", &eventRequest{}},
		{"\x81\xa7Payload\x91\xcd\x01\x2c", "Payload: can't be taken from a list", &eventRequest{}},
		{"\x81\xa7Payload\x91\xff", "Payload: can't be taken from a list", &eventRequest{}},
		{"\x81\xa7Payload\xc3", "Payload: can't be taken from a boolean", &eventRequest{}},
		{"\x81\xa8Coalesce\x02", "Coalesce: can't be taken from a number", &eventRequest{}},
		{"\x81\xa8Coalesce\xa4true", "Coalesce: can't be taken from text or bytes", &eventRequest{}},
		{"\x81\xa3Seq\xff", "Seq: can't be taken from a negative number", &requestHeader{}},
		{"\x81\xa3Seq\xca\x3f\x80\x00\x00", "Seq: can't be taken from a float", &requestHeader{}},
		{"\x81\xabRelayFactor\xcd\x01\x00", "RelayFactor: can't be taken from a number", &queryRequest{}},
		{"\x81\xa7Timeout\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "Timeout: can't be taken from a number", &queryRequest{}},
		{"\x81\xa8Existing\xa1a", "Existing: can't be taken from text or bytes", &joinRequest{}},
		{"\x81\xa4Tags\x92\xa1a\xa1b", "Tags: can't be taken from a list", &tagsRequest{}},
	} {
		err := parseRequest([]byte(tt.bytes), tt.into)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %+v, error %v, want %q", tt.bytes, tt.into, err, tt.want)
		}
	}
}

// Some clients send a body with every request. It is skipped, once, where none is due.
func TestNeedlessBodiesAreSkipped(t *testing.T) {
	for _, body := range []any{map[string]string{}, map[string]string{"Name": "x"}, []string{}, nil, "text"} {
		synctest.Test(t, func(t *testing.T) { // the server lingers in the end
			_, l := startServer(t, &fakeAgent{stats: map[string]map[string]string{}}, ServerOptions{})
			r := dialRaw(t, l)
			r.greet()
			b := appendValues(nil, &requestHeader{cmdStats, 2}, body, &requestHeader{cmdEvent, 3}, &eventRequest{Name: "x"})
			go r.nc.Write(b)
			var stats any
			r.want(2, "")
			r.read(&stats)
			r.want(3, "")
			go r.nc.Write(appendValues(nil, map[string]string{}))
			r.want(0, textUnsupportedCommand) // after a request with its body nothing is needless
		})
	}
}

// As many as anybody has, each of which hears of an event.
func TestThousandsOfStreamsAndConnections(t *testing.T) {
	const streams, conns = 2000, 1200
	var feeds []*feed[Event]
	subscribe := func(Filter) (Feed[Event], error) {
		feeds = append(feeds, newFeed[Event](1))
		return feeds[len(feeds)-1], nil
	}
	s, l := startServer(t, &fakeAgent{subscribe: subscribe}, ServerOptions{})
	clients := make([]*rawClient, conns)
	for i := range clients {
		clients[i] = dialRaw(t, l)
		clients[i].greet()
	}
	r := clients[0]
	for seq := uint64(100); seq < 100+streams; seq++ {
		r.ask(cmdStream, seq, &streamRequest{"*"}, "")
	}
	for _, f := range feeds {
		f.c <- Event{Type: UserEvent, Name: "x", LTime: 7}
	}
	told := make(map[uint64]bool)
	for range streams {
		var head responseHeader
		var rec userEventRecord
		r.read(&head)
		if r.read(&rec); rec.LTime != 7 {
			t.Fatalf("record %+v", rec)
		}
		told[head.Seq] = true
	}
	if len(told) != streams {
		t.Errorf("%d streams told", len(told))
	}
	clients[conns-1].ask(cmdStream, 2, &streamRequest{"*"}, "")
	if c := s.Counters(); c.Accepted != conns || c.Refused != 0 {
		t.Errorf("%d accepted, %d refused", c.Accepted, c.Refused)
	}
	for _, c := range clients {
		c.nc.Close()
	}
	s.Close()
	if n := s.streams.Load(); n != 0 {
		t.Errorf("%d streams are counted when none is left", n)
	}
}
