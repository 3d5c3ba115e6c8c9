package docs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each curl line of docs/http.md works on an agent as the page has it, and prints what the page
// says if it says something.
func TestHTTPPage(t *testing.T) {
	t.Parallel()
	bin := needProgram(t)
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl: ", err)
	}
	own := fmt.Sprintf("127.3.%d", os.Getpid()%256) // other runs may be under way
	translate := strings.NewReplacer("127.0.0.1:7375", own+".1:7375", "127.0.0.11", own+".11").Replace
	folder := t.TempDir()
	writeFile(t, folder, "token", "a-token\n")
	sh := newShell(t, folder, bin)
	sh.run("curl() { command curl -sf --max-time 1 \"$@\"; code=$?; [ $code = 28 ] || return $code; }")
	sh.run(fmt.Sprintf("serf agent -node=web-1 -tag=role=web -bind=%[1]s.11 -rpc-addr=%[1]s.11:0 -http-addr=%[1]s.1:7375 "+
		"-http-write -http-auth-file=token >agent.log 2>&1 &", own))
	steps := sessionsOf(read(t, "docs/http.md"), "")
	if len(steps) < 12 {
		t.Fatalf("%d steps: are they still found?", len(steps))
	}
	for deadline := time.Now().Add(20 * time.Second); !slices.Equal(sh.run(translate("curl http://127.0.0.1:7375/healthz >&2; echo $?")), []string{"0"}); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(folder + "/agent.log")
			t.Fatalf("the agent doesn't answer:\n%s", log)
		}
	}
	for _, s := range steps {
		got := sh.run(translate(s.command) + "\necho $?")
		printed, code := got[:len(got)-1], got[len(got)-1]
		want := make([]string, len(s.output))
		for i := range want {
			want[i] = translate(s.output[i])
		}
		switch {
		case code != "0":
			t.Errorf("docs/http.md:%d: %s ends with %s", s.line, s.command, code)
		case len(want) > 0 && !matches(want, printed):
			t.Errorf("docs/http.md:%d: %s prints\n%s\n\nand not\n%s", s.line, s.command,
				strings.Join(printed, "\n"), strings.Join(want, "\n"))
		case len(want) == 0 && len(printed) > 0 && !json.Valid([]byte(strings.Join(printed, "\n"))):
			t.Errorf("docs/http.md:%d: %s prints no JSON:\n%s", s.line, s.command, strings.Join(printed, "\n"))
		}
	}
}
