package server

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"serf/agent"
	"serf/agent/rpc"
	"serf/agent/rpc/internal/protocol"
	"serf/swim/serf"
)

// libraryMember is a member as a general library writes it.
type libraryMember struct {
	Addr        []byte
	DelegateCur uint8
	DelegateMax uint8
	DelegateMin uint8
	Name        string
	Port        uint16
	ProtocolCur uint8
	ProtocolMax uint8
	ProtocolMin uint8
	Status      string
	Tags        map[string]string
}

func byLibrary(t testing.TB, members []serf.Member) []byte {
	t.Helper()
	list := make([]libraryMember, len(members))
	for i, m := range members {
		v := m.Versions
		list[i] = libraryMember{
			Name: m.Name, Addr: m.Addr.Addr().AsSlice(), Port: m.Addr.Port(), Tags: m.Tags, Status: m.Status.String(),
			ProtocolMin: v[0], ProtocolMax: v[1], ProtocolCur: v[2], DelegateMin: v[3], DelegateMax: v[4], DelegateCur: v[5],
		}
	}
	var b bytes.Buffer
	e := msgpack.NewEncoder(&b)
	e.UseCompactInts(true)
	e.SetSortMapKeys(true)
	if err := e.Encode(struct{ Members []libraryMember }{list}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// someMembers draws lists of members whose texts, numbers and counts lie on both sides of where
// their form changes.
func someMembers() *rapid.Generator[[]serf.Member] {
	text := rapid.Custom(func(t *rapid.T) string {
		n := rapid.SampledFrom([]int{0, 1, 31, 32, 255, 256, 65535, 65536}).Draw(t, "length")
		return strings.Repeat(string(rapid.RuneFrom([]rune("aé")).Draw(t, "letter")), n)[:n]
	})
	member := rapid.Custom(func(t *rapid.T) serf.Member {
		ip := rapid.SampledFrom([]string{"10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"}).Draw(t, "ip")
		tags := make(map[string]string)
		for range rapid.SampledFrom([]int{0, 1, 15, 16}).Draw(t, "tags") {
			tags[rapid.StringN(0, 40, 40).Draw(t, "key")] = text.Draw(t, "value")
		}
		m := serf.Member{
			Name: text.Draw(t, "name"), Tags: tags, Status: serf.Status(rapid.IntRange(0, int(serf.StatusFailed)).Draw(t, "status")),
			Addr: netip.AddrPortFrom(netip.MustParseAddr(ip).Unmap(), rapid.SampledFrom([]uint16{0, 127, 128, 255, 256, 65535}).Draw(t, "port")),
		}
		for i := range m.Versions {
			m.Versions[i] = rapid.SampledFrom([]uint8{0, 5, 127, 128, 255}).Draw(t, "version")
		}
		return m
	})
	return rapid.Custom(func(t *rapid.T) []serf.Member {
		list := rapid.SliceOfN(member, 0, 17).Draw(t, "list")
		for i := 1; i < len(list); i += 3 {
			list[i].Tags = list[i-1].Tags // the same map
		}
		return list
	})
}

// answerOf is the whole answer to a request for members.
func answerOf(seq uint64, members []serf.Member) []byte {
	pointers := make([]*serf.Member, len(members))
	for i := range members {
		pointers[i] = &members[i]
	}
	var all []byte
	for piece := range memberPieces(seq, pointers) {
		all = append(all, piece...)
	}
	return all
}

// Members are written like a general library writes them, and read back by a client.
func TestMembersAreWrittenAsTheLibraryWouldWrite(t *testing.T) {
	a := &fakeAgent{}
	_, l := startServer(t, a, Options{})
	c := connect(t, l, "")
	rapid.Check(t, func(rt *rapid.T) {
		a.members = someMembers().Draw(rt, "members")
		want := slices.Concat(protocol.Append(nil, &protocol.ResponseHeader{Seq: math.MaxUint64}), byLibrary(t, a.members))
		if got := answerOf(math.MaxUint64, a.members); !bytes.Equal(got, want) {
			rt.Fatalf("wrote % x\nwant  % x", got, want)
		}
		if got := protocol.Append(nil, &struct{ Members memberList }{a.members}); !bytes.Equal(got, byLibrary(t, a.members)) {
			rt.Fatalf("members of an event are written otherwise: % x", got)
		}
		wantMembers := make([]rpc.Member, len(a.members))
		for i, m := range a.members {
			v := m.Versions
			wantMembers[i] = rpc.Member{
				Name: m.Name, Addr: m.Addr, Tags: m.Tags, Status: m.Status.String(),
				Protocol: rpc.Versions{Min: v[0], Max: v[1], Current: v[2]}, Delegate: rpc.Versions{Min: v[3], Max: v[4], Current: v[5]},
			}
		}
		got, err := c.Members(t.Context())
		if err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(wantMembers, got, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty()); d != "" {
			rt.Fatal(d)
		}
	})
}

// A count has three forms, and a large one an answer in many pieces.
func TestMembersOfAnyCount(t *testing.T) {
	a := &fakeAgent{}
	_, l := startServer(t, a, Options{})
	c := connect(t, l, "")
	for _, n := range []int{0, 15, 16, 65535, 65536} {
		a.members = make([]serf.Member, n)
		if got, err := c.Members(t.Context()); err != nil || len(got) != n {
			t.Errorf("%d members: read %d, %v", n, len(got), err)
		}
	}
}

func TestMemberWithoutAddressOrTags(t *testing.T) {
	a := &fakeAgent{members: []serf.Member{{Name: "x"}}}
	b := answerOf(1, a.members)
	if !bytes.Contains(b, []byte("\xa4Addr\xc0")) || !bytes.HasSuffix(b, []byte("\xa4Tags\x80")) {
		t.Errorf("wrote % x, want a nil address and an empty map of tags", b)
	}
	_, l := startServer(t, a, Options{})
	if back, err := connect(t, l, "").Members(t.Context()); err != nil || back[0].Addr.IsValid() {
		t.Errorf("read %+v, %v", back, err)
	}
}

// manyMembers is a cluster with a few sets of tags.
func manyMembers(n int) []serf.Member {
	members := make([]serf.Member, n)
	var tags []map[string]string
	for i := range 5 {
		tags = append(tags, map[string]string{"dc": "east", "role": fmt.Sprint("role-", i)})
	}
	for i := range members {
		members[i] = serf.Member{
			Name: fmt.Sprintf("member-%05d", i), Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 7946),
			Tags: tags[i%len(tags)], Status: serf.StatusAlive, Versions: [6]byte{1, 5, 2, 2, 5, 5},
		}
	}
	return members
}

// An answer takes the memory of a piece, and of a pointer to each member.
func TestMembersAreSentInPieces(t *testing.T) {
	members := manyMembers(10_000)
	pointers := make([]*serf.Member, len(members))
	for i := range members {
		pointers[i] = &members[i]
	}
	largest, pieces := 0, 0
	for piece := range memberPieces(1, pointers) {
		largest = max(largest, len(piece))
		pieces++
	}
	const member = 1 << 10 // bytes, at most
	if largest > pieceSize+member || pieces < 10 {
		t.Errorf("%d pieces, the largest of %d bytes", pieces, largest)
	}
}

// Between the pieces of an answer nothing else is sent.
func TestAnswersInPiecesStayWhole(t *testing.T) {
	events := newFeed[agent.Event](1000)
	for range 1000 {
		events.c <- agent.UserEvent{Name: "x"}
	}
	a := &fakeAgent{members: manyMembers(3000)}
	a.subscribe = func(func(agent.Event) bool) (Feed[agent.Event], error) { return events, nil }
	_, l := startServer(t, a, Options{})
	c := connect(t, l, "")
	stream, err := c.Stream(t.Context(), "*")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if got, err := c.Members(t.Context()); err != nil || len(got) != len(a.members) {
			t.Fatalf("%d members, %v", len(got), err)
		}
	}
	for range 1000 {
		if _, err := stream.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkWriteMembers(b *testing.B) {
	members := manyMembers(10_000)
	pointers := make([]*serf.Member, len(members))
	for i := range members {
		pointers[i] = &members[i]
	}
	b.ReportAllocs()
	for b.Loop() {
		for range memberPieces(1, pointers) {
		}
	}
}
