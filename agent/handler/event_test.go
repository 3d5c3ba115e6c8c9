package handler

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"serf/internal/eventfilter"
)

func TestEnviron(t *testing.T) {
	tags := map[string]string{"role": "web", "dc-1": "east", "A_b9": "x=y", "größe": "2"}
	own := []string{
		"SERF_SELF_NAME=n1", "SERF_SELF_ROLE=web",
		"SERF_TAG_A_B9=x=y", "SERF_TAG_DC_1=east", "SERF_TAG_GR__E=2", "SERF_TAG_ROLE=web",
	}
	for _, tc := range []struct {
		event       Event
		first, last []string
	}{
		{Event{Kind: eventfilter.MemberReap}, []string{"SERF_EVENT=member-reap"}, nil},
		{
			Event{Kind: eventfilter.User, Name: "deploy", LTime: 7},
			[]string{"SERF_EVENT=user"}, []string{"SERF_USER_EVENT=deploy", "SERF_USER_LTIME=7"},
		},
		{
			Event{Kind: eventfilter.Query, Name: "load", LTime: 1 << 63},
			[]string{"SERF_EVENT=query"}, []string{"SERF_QUERY_NAME=load", "SERF_QUERY_LTIME=9223372036854775808"},
		},
	} {
		want := append(append(tc.first, own...), tc.last...)
		if diff := cmp.Diff(want, tc.event.environ("n1", tags)); diff != "" {
			t.Errorf("%s: %s", tc.event.Kind, diff)
		}
	}
}

func TestEnvironDropsZeroBytes(t *testing.T) {
	e := Event{Kind: eventfilter.User, Name: "a\x00b"}
	for _, v := range e.environ("n\x001", map[string]string{"k": "\x00v"}) {
		if bytes.IndexByte([]byte(v), 0) >= 0 {
			t.Errorf("%q has a zero byte", v)
		}
	}
}

func TestStdin(t *testing.T) {
	members := []Member{
		{Name: "n1", Addr: netip.MustParseAddr("10.0.0.1"), Tags: map[string]string{"role": "web", "dc": "east"}},
		{Name: "n2", Addr: netip.MustParseAddr("fd00::2")},
		{Name: "a\tb\nc", Addr: netip.MustParseAddr("10.0.0.3"), Tags: map[string]string{"role": "x\ty", "z": "1\n2"}},
	}
	for _, tc := range []struct {
		name  string
		event Event
		want  string
	}{
		{"members", Event{Kind: eventfilter.MemberJoin, Members: members},
			"n1\t10.0.0.1\tweb\tdc=east,role=web\n" + "n2\tfd00::2\t\t\n" + `a\tb\nc` + "\t10.0.0.3\t" + `x\ty` + "\t" + `role=x\ty,z=1\n2` + "\n"},
		{"no payload", Event{Kind: eventfilter.User}, ""},
		{"newline added", Event{Kind: eventfilter.User, Payload: []byte("v1")}, "v1\n"},
		{"newline there", Event{Kind: eventfilter.Query, Payload: []byte("v1\n")}, "v1\n"},
		{"binary", Event{Kind: eventfilter.Query, Payload: []byte("\x00\n\xff")}, "\x00\n\xff\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, string(tc.event.stdin())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStdinLeavesTheSharedPayloadAlone(t *testing.T) {
	backing := []byte("v1!")
	e := Event{Kind: eventfilter.User, Payload: backing[:2]}
	e.stdin()
	if string(backing) != "v1!" {
		t.Errorf("payload's memory is %q now", backing)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out tail
		var all []byte
		for i, n := range rapid.SliceOf(rapid.IntRange(0, 3*outputMax/2)).Draw(t, "writes") {
			p := bytes.Repeat([]byte{byte('a' + i%26)}, n)
			all = append(all, p...)
			if got, err := out.Write(p); got != n || err != nil {
				t.Fatalf("Write of %d bytes: %d, %v", n, got, err)
			}
		}
		if want := all[max(0, len(all)-outputMax):]; !bytes.Equal(out.buf, want) {
			t.Fatalf("kept %d bytes, want the last %d of %d", len(out.buf), len(want), len(all))
		}
		if out.total != int64(len(all)) || cap(out.buf) > 4*outputMax {
			t.Fatalf("total %d of %d, capacity %d", out.total, len(all), cap(out.buf))
		}
	})
}

func TestScriptsFindTheirOwnAgent(t *testing.T) {
	outer := []string{"PATH=/bin", "NOTIFY_SOCKET=/run/systemd/notify", "WATCHDOG_USEC=1", "WATCHDOG_PID=1", "SERF_RPC_ADDR=10.0.0.1:1", "SERF_RPC_AUTH=outer", "SERF_RPC_AUTH_FILE=o", "SERF_TAG_OLD=x", "SERF_EVENT=user",
		"SERF_USER_EVENT=u", "SERF_USER_LTIME=1", "SERF_QUERY_NAME=q", "SERF_QUERY_LTIME=2", "SERF_SELF_NAME=n", "SERF_SELF_ROLE=r", "SERF_HOME=/h"}
	for _, tc := range []struct {
		name string
		rpc  RPC
		want []string
	}{
		{"no RPC", RPC{}, []string{"PATH=/bin", "SERF_RPC_ADDR=10.0.0.1:1", "SERF_RPC_AUTH=outer", "SERF_RPC_AUTH_FILE=o", "SERF_HOME=/h"}},
		{"no key", RPC{Addr: "127.0.0.1:7373"}, []string{"PATH=/bin", "SERF_HOME=/h", "SERF_RPC_ADDR=127.0.0.1:7373"}},
		{"a key", RPC{"[::1]:7373", "secret"}, []string{"PATH=/bin", "SERF_HOME=/h", "SERF_RPC_ADDR=[::1]:7373", "SERF_RPC_AUTH=secret"}},
	} {
		got := append(inherited(slices.Clone(outer), tc.rpc), tc.rpc.environ()...)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}
