package rpc

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
)

// someMembers draws lists of members whose texts, numbers and counts lie on both sides of where their form changes.
func someMembers() *rapid.Generator[[]Member] {
	text := rapid.Custom(func(t *rapid.T) string {
		n := rapid.SampledFrom([]int{0, 1, 31, 32, 255, 256, 65535, 65536}).Draw(t, "length")
		return strings.Repeat(string(rapid.RuneFrom([]rune("aé")).Draw(t, "letter")), n)[:n]
	})
	versions := rapid.Custom(func(t *rapid.T) Versions {
		n := rapid.SampledFrom([]uint8{0, 5, 127, 128, 255})
		return Versions{n.Draw(t, "min"), n.Draw(t, "max"), n.Draw(t, "current")}
	})
	member := rapid.Custom(func(t *rapid.T) Member {
		ip := rapid.SampledFrom([]string{"10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"}).Draw(t, "ip")
		tags := make(map[string]string)
		for range rapid.SampledFrom([]int{0, 1, 15, 16}).Draw(t, "tags") {
			tags[rapid.StringN(0, 40, 40).Draw(t, "key")] = text.Draw(t, "value")
		}
		return Member{
			Name: text.Draw(t, "name"), Tags: tags, Status: rapid.SampledFrom([]string{"alive", "leaving", "left", "failed", "none", "new"}).Draw(t, "status"),
			Addr:     netip.AddrPortFrom(netip.MustParseAddr(ip).Unmap(), rapid.SampledFrom([]uint16{0, 127, 128, 255, 256, 65535}).Draw(t, "port")),
			Protocol: versions.Draw(t, "protocol"), Delegate: versions.Draw(t, "delegate"),
		}
	})
	return rapid.Custom(func(t *rapid.T) []Member {
		list := rapid.SliceOfN(member, 0, 17).Draw(t, "list")
		for i := 1; i < len(list); i += 3 {
			list[i].Tags = list[i-1].Tags // the same map
		}
		return list
	})
}

var sameAddrs = cmpopts.EquateComparable(netip.AddrPort{})

// TestMembersAreWrittenAsTheLibraryWouldWrite also reads them back.
func TestMembersAreWrittenAsTheLibraryWouldWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := someMembers().Draw(t, "members")
		got := appendValues(nil, &membersResponse{members})
		want := appendValues(nil, &struct{ Members []wireMember }{wireMembers(members)})
		if !bytes.Equal(got, want) {
			t.Fatalf("wrote % x\nwant  % x", got, want)
		}
		var back membersResponse
		if err := back.parseBody(got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(members, back.Members, sameAddrs, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

// TestListingIsTheAnswer writes one listing after the other to the same memory, with the longest header there can be.
func TestListingIsTheAnswer(t *testing.T) {
	l := newListing()
	for _, n := range []int{0, 16, 15, 65536, 3} {
		members := manyMembers(n)
		l.reset()
		for i := range members {
			l.add(&members[i], len(members)-1-i)
		}
		want := appendValues(nil, &responseHeader{Seq: math.MaxUint64}, &membersResponse{members})
		if !bytes.Equal(l.answer(math.MaxUint64), want) {
			t.Errorf("%d members are listed otherwise", n)
		}
	}
}

// TestListingTakesMemoryOnce: what the first has grown to serves those that follow.
func TestListingTakesMemoryOnce(t *testing.T) {
	l, members := newListing(), manyMembers(1000)
	const budget = 5 // for the header, by the library
	if got := testing.AllocsPerRun(10, func() {
		l.reset()
		for i := range members {
			l.add(&members[i], len(members)-1-i)
		}
		l.answer(1)
	}); got > budget {
		t.Errorf("%v allocations", got)
	}
}

// TestMembersOfAnyCount checks the three forms of a count.
func TestMembersOfAnyCount(t *testing.T) {
	for _, n := range []int{0, 15, 16, 65535, 65536} {
		var back membersResponse
		if err := back.parseBody(appendValues(nil, &membersResponse{make([]Member, n)})); err != nil || len(back.Members) != n {
			t.Errorf("%d members: read %d, %v", n, len(back.Members), err)
		}
	}
}

func TestMemberWithoutAddressOrTags(t *testing.T) {
	b := appendValues(nil, &membersResponse{[]Member{{Name: "x"}}})
	if !bytes.Contains(b, []byte("\xa4Addr\xc0")) || !bytes.HasSuffix(b, []byte("\xa4Tags\x80")) {
		t.Errorf("wrote % x, want a nil address and an empty map of tags", b)
	}
	var back membersResponse
	if err := back.parseBody(b); err != nil || back.Members[0].Addr.IsValid() {
		t.Errorf("read %+v, %v", back.Members, err)
	}
}

// TestMembersInOtherForms has what other servers may write: more fields, numbers wider than needed, texts as bytes.
func TestMembersInOtherForms(t *testing.T) {
	b, err := msgpack.Marshal(map[string]any{
		"More": []any{1, -1, 1.5, float32(2), true, nil, map[string]any{"x": "y"}},
		"Members": []map[string]any{{
			"Name": []byte("a"), "Addr": "\x0a\x00\x00\x01", "Port": uint64(7946), "ProtocolMax": int32(5), "Status": "alive",
			"Tags": map[string]any{"role": []byte("web"), "empty": nil}, "Comment": "new",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Member{{
		Name: "a", Addr: netip.MustParseAddrPort("10.0.0.1:7946"), Protocol: Versions{Max: 5}, Status: "alive",
		Tags: map[string]string{"role": "web", "empty": ""},
	}}
	var back membersResponse
	if err := back.parseBody(b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, back.Members, sameAddrs); d != "" {
		t.Error(d)
	}
	if err := back.parseBody([]byte{0xc0}); err != nil || back.Members != nil {
		t.Errorf("nil was read as %v, %v", back.Members, err)
	}
}

func TestMembersThatAreNone(t *testing.T) {
	whole := appendValues(nil, &membersResponse{[]Member{
		{Name: "a", Addr: netip.MustParseAddrPort("10.0.0.1:7946"), Tags: map[string]string{"role": strings.Repeat("x", 40)}, Status: "alive"},
	}})
	var back membersResponse
	for n := range whole {
		if err := back.parseBody(whole[:n]); err != errMalformed {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	for name, b := range map[string]string{
		"a list":             "\x90",
		"members as a text":  "\x81\xa7Members\xa1x",
		"a member as a text": "\x81\xa7Members\x91\xa1x",
		"a negative port":    "\x81\xa7Members\x91\x81\xa4Port\xff",
		"a port too large":   "\x81\xa7Members\x91\x81\xa4Port\xce\x00\x01\x00\x00",
		"a text as a port":   "\x81\xa7Members\x91\x81\xa4Port\xa1x",
		"a version too high": "\x81\xa7Members\x91\x81\xabProtocolMin\xcd\x01\x00",
		"a number as a name": "\x81\xa7Members\x91\x81\xa4Name\x05",
		"an extension":       "\x81\xa7Members\x91\x81\xa4Name\xd4\x01\x01",
		"more than there is": "\x81\xa7Members\xdd\xff\xff\xff\xff",
	} {
		if err := back.parseBody([]byte(b)); err != errMalformed {
			t.Errorf("%s: %v, want %v", name, err, errMalformed)
		}
	}
}

// manyMembers is a cluster with a few sets of tags.
func manyMembers(n int) []Member {
	members := make([]Member, n)
	var tags []map[string]string
	for i := range 5 {
		tags = append(tags, map[string]string{"dc": "east", "role": fmt.Sprint("role-", i)})
	}
	for i := range members {
		members[i] = Member{
			Name: fmt.Sprintf("member-%05d", i), Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 7946),
			Tags: tags[i%len(tags)], Status: "alive",
			Protocol: Versions{1, 5, 2}, Delegate: Versions{2, 5, 5},
		}
	}
	return members
}

// TestMembersAreReadWithFewAllocations allows one for each name, and some for the list and what is shared.
func TestMembersAreReadWithFewAllocations(t *testing.T) {
	const n = 1000
	b := appendValues(nil, &membersResponse{manyMembers(n)})
	var back membersResponse
	if got := testing.AllocsPerRun(10, func() { back.parseBody(b) }); got > n+50 {
		t.Errorf("%v allocations for %d members", got, n)
	}
	if tags := back.Members[7].Tags; !maps.Equal(tags, map[string]string{"dc": "east", "role": "role-2"}) {
		t.Errorf("tags %v", tags)
	}
}

func BenchmarkMembers(b *testing.B) {
	members := manyMembers(10_000)
	body := appendValues(nil, &membersResponse{members})
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			appendValues(nil, &membersResponse{members})
		}
	})
	b.Run("take", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := newValueReader(bytes.NewReader(body), answerLimits).next(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		var back membersResponse
		for b.Loop() {
			if err := back.parseBody(body); err != nil {
				b.Fatal(err)
			}
		}
	})
}
