package main

import (
	"strings"
	"testing"
)

// Words that programs look for in an agent's errors, and the name of the setting that can be
// changed.
func TestWordsOfAnAgent(t *testing.T) {
	t.Parallel()
	const key = "MDEyMzQ1Njc4OWFiY2RlZg=="
	r := runTestAgent(t, "-encrypt="+key).started()
	vars := map[string]string{"SERF_RPC_ADDR": r.addr("RPC")}
	long, longer := strings.Repeat("x", 600), strings.Repeat("x", 1100)
	for _, tt := range []struct {
		args  []string
		words []string
	}{
		{[]string{"event", "deploy", long}, []string{"Error sending event: ", "exceeds limit of 512 bytes", "user_event_size_limit"}},
		{[]string{"query", "load", longer}, []string{"Error sending query: ", "exceeds limit of 1024 bytes", "query_size_limit"}},
		{[]string{"tags", "-set", "a=" + long}, []string{"Error setting tags: ", "exceeds limit of 512 bytes"}},
		{[]string{"query", "-tag", "role=(", "load"}, []string{"Error sending query: ", "role", "missing closing )"}},
		{[]string{"query", "_serf_x"}, []string{"cannot contain", "_serf_"}},
		{[]string{"keys", "-remove=" + key}, []string{"not allowed", "primary key"}},
		{[]string{"members", "-rpc-auth=x"}, []string{"Error connecting to Serf agent: the agent has no RPC key", "Leave out -rpc-auth"}},
	} {
		got := runLine(t.Context(), vars, tt.args...)
		for _, word := range tt.words {
			if all := got.stdout + got.stderr; got.code != exitError || !strings.Contains(all, word) {
				t.Errorf("%.40q: exit %d, %q, want %q", tt.args, got.code, all, word)
			}
		}
	}
}

// The errors of a start that fails; their last line is the reason.
func TestWordsOfAFailedStart(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 600)
	for _, tt := range []struct {
		options string
		words   string
	}{
		{"-tags-file=tags.json -tag=a=b", "not allowed"},
		{"-encrypt=MDEyMzQ1Njc4OWFiY2RlZg== -keyring-file=ring.json", "not allowed"},
		{"-keyring-file=" + configFile(t, "[]"), "contains no keys"},
		{"-tag=a=" + long, "-tag: .*exceeds limit of 512 bytes"},
		{"-config-file=" + configFile(t, `{"tags": {"a": "`+long+`"}}`), `agent\.json:1:2: tags: .*exceeds limit of 512 bytes`},
		{"-tags-file=" + configFile(t, `{"a": "`+long+`"}`), `agent\.json: tags: .*exceeds limit of 512 bytes`},
		{"-node=" + long, "-node: 600 bytes, allowed 1 to 512"},
		{"-config-file=" + configFile(t, `{"user_event_size_limit": 10000}`), "exceeds limit of 9216 bytes"},
		{"-node=a_b -config-file=" + configFile(t, `{"validate_node_names": true}`), "invalid characters"},
		{"-node=" + long + " -config-file=" + configFile(t, `{"validate_node_names": true}`), "Valid length"},
		{"-join=127.0.0.1:1", "joining the cluster: .*refused"},
		{"-join=127.0.0.1:1 -join=127.0.0.1:2", "2 addresses tried: 127.0.0.1:[12]: .*; 127.0.0.1:[12]: .*refused"},
	} {
		r := runTestAgent(t, strings.Fields(tt.options)...)
		r.wantExit(exitError)
		r.errs.await(t, `(?s)==> Error[^\n]*`+tt.words+`[^\n]*\n$`)
	}
}
