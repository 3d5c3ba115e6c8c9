package main

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"serf/agent/rpc"
	"serf/swim/history"
)

// Every command that prints can print JSON, but for those whose output is of another kind.
func TestCommandsCanPrintJSON(t *testing.T) {
	t.Parallel()
	others := []string{"agent", "completion"}
	for name, page := range helpPages(t) {
		_, has := page.Option("format")
		if has == slices.Contains(others, name) && !strings.HasPrefix(name, "sim ") {
			t.Errorf("serf %s: -format is %t", name, has)
		}
	}
}

// Each field stands in docs/json.md, in the row of the command.
func TestFieldsOfJSONAreDocumented(t *testing.T) {
	t.Parallel()
	rows := make(map[string]string)
	for _, r := range readTables(t, filepath.Join(root, "docs", "json.md")) {
		for _, name := range names(r.cells[0]) {
			rows[name] = r.cells[1]
		}
	}
	for command, values := range map[string][]any{
		"check": {checkResult{}, checkItem{}, checkFigure{}, configReport{}, configFault{}}, "event": {jsonEvent{}}, "force-leave": {jsonForceLeave{}}, "flaps": {history.Flaps{}, history.Flapper{}, history.Accuser{}, history.TCPOnly{}},
		"history": {history.Member{}, history.Change{}, history.Steps{}}, "join": {jsonJoin{}}, "keygen": {jsonKeygen{}},
		"keys": {jsonKeys{}}, "leave": {jsonLeave{}}, "members": {jsonMember{}, jsonProtocol{}},
		"monitor": {jsonLine{}, jsonMonitorEvent{}}, "reachability": {reachability{}}, "rtt": {jsonRTT{}},
		"tags": {jsonTags{}}, "version": {jsonVersion{}, jsonProtocolRange{}}, "watch": {watchLine{}},
	} {
		for _, v := range values {
			for f := range reflect.TypeOf(v).Fields() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				if name == "-" {
					continue
				}
				if !strings.Contains(rows[command], "`"+name+"`") {
					t.Errorf("docs/json.md: %s has no `%s`", command, name)
				}
			}
		}
	}
}

func TestVersionAndKeygenInJSON(t *testing.T) {
	t.Parallel()
	var v jsonVersion
	got := runLine(t.Context(), nil, "version", "-format=json")
	if err := json.Unmarshal([]byte(got.stdout), &v); err != nil || v.Version != version || v.Protocol.Max != 5 {
		t.Errorf("%+v, %v", got, err)
	}
	var k jsonKeygen
	got = runLine(t.Context(), nil, "keygen", "-format", "json")
	if err := json.Unmarshal([]byte(got.stdout), &k); err != nil || len(k.Key) != 44 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMonitorInJSON(t *testing.T) {
	t.Parallel()
	m := rpc.Member{Name: "n1", Addr: netip.MustParseAddrPort("127.0.0.1:7946"), Status: "alive"}
	for _, tt := range []struct{ got, want string }{
		{lineJSON("2026/11/22 09:26:31 [INFO] agent: Serf agent: starting"),
			`{"time":"2026-11-22T09:26:31","level":"info","component":"agent","text":"Serf agent: starting"}`},
		{lineJSON("2026/11/22 09:26:31 [ERR] Serf <\x1b>"), `{"time":"2026-11-22T09:26:31","level":"err","text":"Serf \u003c\u001b\u003e"}`},
		{lineJSON("2026/11/22 09:26:31 what: it"), `{"text":"2026/11/22 09:26:31 what: it"}`},
		{eventJSON(rpc.Event{Type: rpc.MemberJoin, Members: []rpc.Member{m}}),
			`{"event":"member-join","members":[{"name":"n1","addr":"127.0.0.1:7946","port":7946,"tags":null,"status":"alive","protocol":{"max":0,"min":0,"version":0}}]}`},
		{eventJSON(rpc.Event{Type: rpc.UserEvent, Name: "e", Payload: []byte("p\n"), LTime: 3}),
			`{"event":"user","name":"e","payload_b64":"cAo=","ltime":3,"coalesce":false}`},
		{eventJSON(rpc.Event{Type: rpc.QueryEvent, Name: "q", LTime: 3, ID: 9}), `{"event":"query","name":"q","ltime":3,"id":9}`},
	} {
		if tt.got != tt.want+"\n" {
			t.Errorf("%s, want\n%s", tt.got, tt.want)
		}
	}
}
