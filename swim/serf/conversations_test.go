package serf_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"serf/internal/replay/conversation"
)

var updateConversations = flag.Bool("update", false, "rewrite what comes of the inputs in testdata/conversations")

// Each file in testdata/conversations is a stretch of what happened to a node, written by serf
// replay -test. docs/replay.md says what the lines mean.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "conversations", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations: ", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := conversation.Parse(text)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			wrong, err := c.Check(*updateConversations)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, w := range wrong {
				t.Errorf("%s: %s", file, w)
			}
			if *updateConversations {
				if err := os.WriteFile(file, c.Append(nil), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
