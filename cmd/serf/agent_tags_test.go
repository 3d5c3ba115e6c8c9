package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent/disk"
)

// tagged is an agent with tags and nothing else.
type tagged struct{ tags map[string]string }

func (a *tagged) SetTags(_ context.Context, set map[string]string, _ []string) error {
	maps.Copy(a.tags, set)
	return nil
}

// keepTags makes a tagKeeper whose file can't be written before mend.
func keepTags(t *testing.T) (k *tagKeeper, saved func(string) bool, mend func()) {
	path := filepath.Join(t.TempDir(), "tags")
	obstacle := path + disk.TempSuffix
	if err := os.Mkdir(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	a := &tagged{tags: make(map[string]string)}
	k = &tagKeeper{set: a.SetTags, path: path, tags: func() map[string]string { return a.tags }}
	saved = func(text string) bool {
		data, _ := os.ReadFile(path)
		return strings.Contains(string(data), text)
	}
	return k, saved, func() {
		if err := os.Remove(obstacle); err != nil {
			t.Error(err)
		}
	}
}

func TestTagsFileThatCantBeWrittenIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, saved, mend := keepTags(t)
		for _, value := range []string{"one", "two"} {
			err := k.SetTags(t.Context(), map[string]string{"role": value}, nil)
			if err == nil || !strings.Contains(err.Error(), "the tags are set, but lost with a restart") {
				t.Errorf("error %v", err)
			}
		}
		time.Sleep(10 * time.Minute)
		mend()
		time.Sleep(tagsPauseMax)
		if !saved("two") || k.retry != nil {
			t.Error("the file wasn't written, though it could be")
		}
		if err := k.SetTags(t.Context(), map[string]string{"role": "three"}, nil); err != nil || !saved("three") {
			t.Error(err)
		}
		k.close()
	})
}

func TestTagsFileIsTriedOnceMoreAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, saved, mend := keepTags(t)
		if err := k.SetTags(t.Context(), map[string]string{"role": "one"}, nil); err == nil {
			t.Error("not saved, but no error")
		}
		mend()
		k.close()
		if !saved("one") {
			t.Error("the file wasn't written at the end")
		}
	})
}
