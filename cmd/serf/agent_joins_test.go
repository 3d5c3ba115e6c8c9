package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// An impossible address is an error at the start that names what set it; otherwise the agent would
// try it again and again.
func TestAgentRefusesImpossibleAddresses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agent.json")
	rewrite(t, path, `{"start_join": ["127.0.0.1", "x,y"],
 "retry_join": ["a:b:c"]}`)
	r := runTestAgent(t, "-config-file="+path, "-retry-join=127.0.0.1:99999", "-retry-join=", "-join=10.0.0.256")
	r.wantExit(exitError)
	for _, want := range []string{
		path + `:1:30: start_join: "x,y": neither an address nor a name`,
		path + `:2:17: retry_join: "a:b:c": neither an address nor a name`,
		`-retry-join: "127.0.0.1:99999": port "99999", allowed 0 to 65535`,
		`-retry-join: "": has no address`,
		`-join: "10.0.0.256": neither an address nor a name`,
	} {
		if !strings.Contains(r.errs.String(), "==> Error: "+want+"\n") {
			t.Errorf("no %q in:\n%s", want, r.errs)
		}
	}
	if out := r.stdout.String(); out != "" {
		t.Errorf("it began to start: %s", out)
	}
}
