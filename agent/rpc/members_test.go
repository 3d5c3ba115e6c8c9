package rpc

import (
	"bytes"
	"maps"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmihailenco/msgpack/v5"

	"serf/agent/rpc/internal/protocol"
)

var sameAddrs = cmpopts.EquateComparable(netip.AddrPort{})

// encode is how a general library writes v.
func encode(t testing.TB, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := msgpack.NewEncoder(&b)
	e.SetSortMapKeys(true)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Other servers may write more fields, wider numbers than needed, and texts as bytes.
func TestMembersInOtherForms(t *testing.T) {
	b := encode(t, map[string]any{
		"More": []any{1, -1, 1.5, float32(2), true, nil, map[string]any{"x": "y"}},
		"Members": []map[string]any{{
			"Name": []byte("a"), "Addr": "\x0a\x00\x00\x01", "Port": uint64(7946), "ProtocolMax": int32(5), "Status": "alive",
			"Tags": map[string]any{"role": []byte("web"), "empty": nil}, "Comment": "new",
		}},
	})
	want := memberList{{
		Name: "a", Addr: netip.MustParseAddrPort("10.0.0.1:7946"), Protocol: Versions{Max: 5}, Status: "alive",
		Tags: map[string]string{"role": "web", "empty": ""},
	}}
	var back membersResponse
	if err := protocol.Parse(b, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, back.Members, sameAddrs); d != "" {
		t.Error(d)
	}
	for _, empty := range []string{"\xc0", "\x81\xa7Members\xc0"} {
		back = membersResponse{}
		if err := protocol.Parse([]byte(empty), &back); err != nil || back.Members != nil {
			t.Errorf("%x was read as %v, %v", empty, back.Members, err)
		}
	}
}

func TestMembersThatAreNone(t *testing.T) {
	whole := encode(t, map[string]any{"Members": []map[string]any{{
		"Name": "a", "Addr": []byte{10, 0, 0, 1}, "Port": 7946, "Status": "alive",
		"Tags": map[string]string{"role": "a text that is longer than thirty-one bytes"},
	}}})
	var back membersResponse
	for n := range whole {
		if protocol.Parse(whole[:n], &back) == nil {
			t.Errorf("taken when cut to %d bytes", n)
		}
	}
	for name, b := range map[string]string{
		"a text":             "\xa1x",
		"members as a text":  "\x81\xa7Members\xa1x",
		"a member as a text": "\x81\xa7Members\x91\xa1x",
		"a negative port":    "\x81\xa7Members\x91\x81\xa4Port\xff",
		"a port too large":   "\x81\xa7Members\x91\x81\xa4Port\xce\x00\x01\x00\x00",
		"a text as a port":   "\x81\xa7Members\x91\x81\xa4Port\xa1x",
		"a version too high": "\x81\xa7Members\x91\x81\xabProtocolMin\xcd\x01\x00",
		"a number as a name": "\x81\xa7Members\x91\x81\xa4Name\x05",
		"an extension":       "\x81\xa7Members\x91\x81\xa4Name\xd4\x01\x01",
		"a tag as a number":  "\x81\xa7Members\x91\x81\xa4Tags\x81\xa1x\x05",
		"more than there is": "\x81\xa7Members\xdd\xff\xff\xff\xff",
	} {
		if protocol.Parse([]byte(b), &back) == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// manyMembers is the encoding of a cluster with a few sets of tags.
func manyMembers(t testing.TB, n int) []byte {
	type member struct {
		Addr                                  []byte
		DelegateCur, DelegateMax, DelegateMin uint8
		Name                                  string
		Port                                  uint16
		ProtocolCur, ProtocolMax, ProtocolMin uint8
		Status                                string
		Tags                                  map[string]string
	}
	list := make([]member, n)
	for i := range list {
		list[i] = member{
			Addr: []byte{10, 0, byte(i >> 8), byte(i)}, Port: 7946, Name: "member-" + string(rune('a'+i%26)),
			DelegateCur: 5, DelegateMax: 5, DelegateMin: 2, ProtocolCur: 2, ProtocolMax: 5, ProtocolMin: 1,
			Status: "alive", Tags: map[string]string{"dc": "east", "role": string(rune('0' + i%5))},
		}
	}
	return encode(t, map[string]any{"Members": list})
}

// Each name is an allocation; the list and the shared tags take a few more.
func TestMembersAreReadWithFewAllocations(t *testing.T) {
	const n = 1000
	b := manyMembers(t, n)
	var back membersResponse
	if got := testing.AllocsPerRun(10, func() { protocol.Parse(b, &back) }); got > n+50 {
		t.Errorf("%v allocations for %d members", got, n)
	}
	if tags := back.Members[7].Tags; !maps.Equal(tags, map[string]string{"dc": "east", "role": "2"}) {
		t.Errorf("tags %v", tags)
	}
}

func BenchmarkReadMembers(b *testing.B) {
	body := manyMembers(b, 10_000)
	b.ReportAllocs()
	var back membersResponse
	for b.Loop() {
		if err := protocol.Parse(body, &back); err != nil {
			b.Fatal(err)
		}
	}
}
