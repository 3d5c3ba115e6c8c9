package protocol

import (
	"reflect"
	"strings"
	"testing"
)

// Requests are accepted in each form that clients of the original may send.
func TestRequestsInOtherForms(t *testing.T) {
	event := func(name, payload string, coalesce bool) *EventRequest {
		r := &EventRequest{Name: name, Coalesce: coalesce}
		if payload != "" {
			r.Payload = []byte(payload)
		}
		return r
	}
	none := map[string]string{}
	for _, tt := range []struct {
		why, bytes string
		want       any
	}{
		{"bytes as a string", "\x83\xa4Name\xa1x\xa7Payload\xa3abc\xa8Coalesce\xc3", event("x", "abc", true)},
		{"text as bytes", "\x81\xa4Name\xc4\x01x", event("x", "", false)},
		{"names as bytes", "\x81\xc4\x04Name\xa1x", event("x", "", false)},
		{"names as lists of numbers", "\x81\x94Name\xa1x", event("x", "", false)},
		{"text as a list of numbers", "\x81\xa4Name\x92xy", event("xy", "", false)},
		{"bytes as a list of numbers", "\x81\xa7Payload\x93a\xcc\xff\xcd\x00b", event("", "a\xffb", false)},
		{"bytes as a map", "\x81\xa7Payload\x81ab", event("", "ab", false)},
		{"empty lists", "\x82\xa4Name\x90\xa7Payload\x90", &EventRequest{Payload: []byte{}}},
		{"empty maps", "\x82\xa4Name\x80\xa7Payload\xde\x00\x00", &EventRequest{Payload: []byte{}}},
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
		{"a header as a list", "\x92\xa4auth\xcd\x01\x00", &RequestHeader{"auth", 256}},
		{"a signed number", "\x83\xa3Seq\xd1\x01\x00\xa7Command\xc4\x04auth\xa5Extra\x92\x01\x02", &RequestHeader{"auth", 256}},
		{"a list from a map", "\x81\xa8Existing\x81\xa1a\xc4\x01b", &JoinRequest{Existing: []string{"a", "b"}}},
		{"a list that is nil", "\x81\xa8Existing\xc0", &JoinRequest{}},
		{"an empty list from a map", "\x81\xa8Existing\x80", &JoinRequest{}},
		{"a map of bytes", "\x81\xa4Tags\x81\x91k\xc4\x01v", &TagsRequest{Tags: map[string]string{"k": "v"}}},
		{"a map with nil", "\x81\xa4Tags\x81\xa1k\xc0", &TagsRequest{Tags: map[string]string{"k": ""}}},
		{"a map from an empty list", "\x81\xa4Tags\x90", &TagsRequest{Tags: none}},
		{"a query as a list", "\x97\x90\x80\x00\x01\xd1\xff\xff\xa1q\x91p",
			&QueryRequest{FilterTags: none, RelayFactor: 1, Timeout: -1, Name: "q", Payload: []byte("p")}},
		{"a filter as a list", "\x93\x80\xa5alive\xa1n", &MembersFilteredRequest{Tags: none, Status: "alive", Name: "n"}},
	} {
		got := reflect.New(reflect.TypeOf(tt.want).Elem()).Interface()
		if err := Parse([]byte(tt.bytes), got); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %v; want %+v", tt.why, got, err, tt.want)
		}
	}
}

// Malformed requests are refused; the error names the field and what it holds.
func TestMalformedRequests(t *testing.T) {
	for _, tt := range []struct {
		bytes, want string
		into        any
	}{
		{"\xa1x", "text or bytes", &EventRequest{}},
		{"\x81\x01\xa1x", "name of a field", &EventRequest{}},
		{"\x81\xa4Name\x05", "Name: can't be taken from a number", &EventRequest{}},
		{"\x81\xa4Name\x91\xa1a", "Name: can't be taken from a list", &EventRequest{}},
		{"\x81\xa7Payload\x91\xcd\x01\x2c", "Payload: can't be taken from a list", &EventRequest{}},
		{"\x81\xa7Payload\x91\xff", "Payload: can't be taken from a list", &EventRequest{}},
		{"\x81\xa7Payload\xc3", "Payload: can't be taken from a boolean", &EventRequest{}},
		{"\x81\xa8Coalesce\x02", "Coalesce: can't be taken from a number", &EventRequest{}},
		{"\x81\xa8Coalesce\xa4true", "Coalesce: can't be taken from text or bytes", &EventRequest{}},
		{"\x81\xa3Seq\xff", "Seq: can't be taken from a number", &RequestHeader{}},
		{"\x81\xa3Seq\xca\x3f\x80\x00\x00", "Seq: can't be taken from a float", &RequestHeader{}},
		{"\x81\xabRelayFactor\xcd\x01\x00", "RelayFactor: can't be taken from a number", &QueryRequest{}},
		{"\x81\xa7Timeout\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "Timeout: can't be taken from a number", &QueryRequest{}},
		{"\x81\xa8Existing\xa1a", "Existing: can't be taken from text or bytes", &JoinRequest{}},
		{"\x81\xa4Tags\x91\xa1a", "Tags: can't be taken from a list", &TagsRequest{}},
		{"\x81\xa4Tags\x92\xa1a\xa1b", "Tags: can't be taken from a list", &TagsRequest{}},
	} {
		err := Parse([]byte(tt.bytes), tt.into)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %+v, error %v, want %q", tt.bytes, tt.into, err, tt.want)
		}
	}
}

func TestSignedIsWrittenAsTheOriginalDoes(t *testing.T) {
	for n, want := range map[int64]string{
		0:        "\x00",
		127:      "\x7f",
		128:      "\xd1\x00\x80",
		32767:    "\xd1\x7f\xff",
		32768:    "\xd2\x00\x00\x80\x00",
		1e9:      "\xd2\x3b\x9a\xca\x00",
		1 << 31:  "\xd3\x00\x00\x00\x00\x80\x00\x00\x00",
		-1:       "\xff",
		-32:      "\xe0",
		-33:      "\xd0\xdf",
		-129:     "\xd1\xff\x7f",
		-1 << 31: "\xd2\x80\x00\x00\x00",
	} {
		b := Append(nil, n)
		if string(b) != want {
			t.Errorf("%d: % x, want % x", n, b, want)
		}
		var back int64
		if err := Parse(b, &back); err != nil || back != n {
			t.Errorf("%d: read back %d, %v", n, back, err)
		}
	}
}
