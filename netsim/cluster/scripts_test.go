package cluster

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write the output there is into netsim/testdata/scripts")

func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/scripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := RunScript(string(text))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(text), got); d != "" {
				t.Errorf("%s (-want +got):\n%s", file, d)
			}
		})
	}
}

func TestScriptErrorsNameTheLineAndTheUsage(t *testing.T) {
	t.Parallel()
	tests := []struct{ script, want string }{
		{"members 1\n", `line 1: members 1: there are no nodes yet`},
		{"nodes 2\njump\n", "line 2: jump: no such command"},
		{"nodes 2\ncrash 3\n", `line 2: crash 3: member "3": allowed are 1 to 2 (usage: crash I...)`},
		{"nodes 0\n", `line 1: nodes 0: "0": allowed are 1 to 50 (usage: nodes N [apart]: start members 1 to N; they join m1, now and after a restart, unless apart)`},
		{"profile moon\n", `line 1: profile moon: profile "moon": allowed are lan, wan, local (usage: profile NAME: timings, before nodes)`},
		{"nodes 2\nloss 2\n", "line 2: loss 2: want a number from 0 to 1 (usage: loss P: chance of losing a packet, 0 to 1)"},
		{"nodes 1\nrun 1s\nmembers 1\n", `there is output after the last ----: "m1 alive 10.0.0.1:7946\n"`},
	}
	for _, tt := range tests {
		if _, err := RunScript(tt.script); err == nil || err.Error() != tt.want {
			t.Errorf("script %q: error\n%v, want\n%s", tt.script, err, tt.want)
		}
	}
}
