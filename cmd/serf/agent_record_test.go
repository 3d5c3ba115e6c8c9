package main

import (
	"path/filepath"
	"regexp"
	"testing"

	"serf/agent/recording"
)

// recorded reads the entries of a recording, to which nothing is added any more.
func recorded(t *testing.T, dir string) (list []*recording.Entry, header recording.Header) {
	t.Helper()
	r, err := recording.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Segments {
		reader, err := s.Open(recording.Keys{})
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range reader.Entries() {
			if err != nil {
				t.Fatal(err)
			}
			list, header = append(list, e), s.Header
		}
	}
	return list, header
}

func TestAgentRecords(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "record")
	a := runTestAgent(t, "-record", dir).started()
	sendEvent(t, a.client(), "deploy")
	if stats, err := a.client().Stats(t.Context()); err != nil || stats["recording"]["on"] != "true" || stats["recording"]["directory"] != dir {
		t.Errorf("serf info shows %v, %v", stats["recording"], err)
	}
	stop(a)
	list, header := recorded(t, dir)
	if header.Build != build() {
		t.Errorf("recorded by %q, want %q", header.Build, build())
	}
	for _, e := range list {
		if e.Kind == recording.KindUserEvent && e.Name == "deploy" && e.Ended {
			return
		}
	}
	t.Errorf("no event among %d inputs", len(list))
}

func TestAgentThatCannotRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	rewrite(t, file, "x")
	r := runTestAgent(t, "-record", file)
	r.wantExit(exitError)
	r.errs.await(t, `Error starting Serf agent: -record: .*`+regexp.QuoteMeta(file))

	first := runTestAgent(t, "-record", filepath.Join(dir, "record")).started()
	second := runTestAgent(t, "-record", filepath.Join(dir, "record"))
	second.wantExit(exitError)
	second.errs.await(t, `-record: .*record: another agent records there; each needs a directory of its own`)
	stop(first)
}
