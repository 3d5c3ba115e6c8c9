package interop

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// handovers runs a test in which each implementation takes over files of the other.
func handovers(t *testing.T, test func(t *testing.T, before, after program)) {
	for _, p := range [][2]program{{ownProgram, originalProgram}, {originalProgram, ownProgram}} {
		t.Run(p[0].name+" to "+p[1].name, func(t *testing.T) {
			t.Parallel()
			test(t, p[0], p[1])
		})
	}
}

// TestSnapshotAfterLeave checks that an agent of the other implementation doesn't rejoin after a
// leave, unless told to.
func TestSnapshotAfterLeave(t *testing.T) {
	t.Parallel()
	handovers(t, func(t *testing.T, before, after program) {
		path := filepath.Join(t.TempDir(), "snapshot")
		mate := original.start(t, options{name: "mate"})
		a := before.start(t, options{name: "agent"}, dialOwn, "-snapshot="+path)
		must(t, a.join(false, mate))
		wantAgreement(t, a, mate)
		must(t, a.leave())
		wantDeparture(t, a, mate)
		saved, err := os.ReadFile(path)
		must(t, err)
		copied := path + "-copy"
		must(t, os.WriteFile(copied, saved, 0o600))

		gone := after.start(t, options{name: "gone"}, dialOwn, "-snapshot="+path)
		back := after.start(t, options{name: "agent", ip: a.addr().Addr()}, dialOwn, "-snapshot="+copied, "-rejoin")
		wantStatus(t, "agent", "alive", mate)
		wantStatus(t, "mate", "alive", back)
		if view := gone.members(); len(view) != 1 {
			t.Errorf("without -rejoin it found %v", view)
		}
	})
}

// wantFile waits until the file that an option names contains all parts.
func wantFile(t *testing.T, option string, parts ...string) {
	t.Helper()
	_, path, _ := strings.Cut(option, "=")
	for _, part := range parts {
		eventually(t, patience, part+" in the file", func() error {
			b, err := os.ReadFile(path)
			if err == nil && !strings.Contains(string(b), part) {
				err = &missing{part, string(b)}
			}
			return err
		})
	}
}

type missing struct{ part, text string }

func (m *missing) Error() string { return "no " + m.part + " in\n" + m.text }

// TestKeyringHandover has one implementation rotate the keys in a file, and the other continue with
// it.
func TestKeyringHandover(t *testing.T) {
	t.Parallel()
	handovers(t, func(t *testing.T, before, after program) {
		oldKey, newKey := []byte(strings.Repeat("o", 32)), []byte(strings.Repeat("n", 16))
		old, next := base64.StdEncoding.EncodeToString(oldKey), base64.StdEncoding.EncodeToString(newKey)
		path := filepath.Join(t.TempDir(), "keyring")
		must(t, os.WriteFile(path, []byte(`["`+old+`"]`), 0o600))
		mate := original.start(t, options{name: "mate", keys: [][]byte{oldKey}})
		a := before.start(t, options{name: "agent"}, dialOwn, "-keyring-file="+path, "-join="+mate.addr().String())
		wantAgreement(t, a, mate)
		for _, step := range []struct{ op, key string }{{"install", next}, {"use", next}, {"remove", old}} {
			if r, err := a.keys(step.op, step.key); err != nil {
				t.Fatalf("%s: %v, %v", step.op, r, err)
			}
		}
		eventually(t, patience, "the new key alone in the file", func() error {
			b, err := os.ReadFile(path)
			if err == nil && (strings.Contains(string(b), old) || !strings.Contains(string(b), next)) {
				err = &missing{"the new key alone", string(b)}
			}
			return err
		})
		a.kill()
		b := after.start(t, options{name: "agent", ip: a.addr().Addr()}, dialOwn, "-keyring-file="+path, "-join="+mate.addr().String())
		wantAgreement(t, b, mate)
	})
}

// TestTagsFileHandover has one implementation save its tags in a file, and the other load them.
func TestTagsFileHandover(t *testing.T) {
	t.Parallel()
	handovers(t, func(t *testing.T, before, after program) {
		file := "-tags-file=" + filepath.Join(t.TempDir(), "tags")
		a := before.start(t, options{name: "agent"}, dialOwn, file)
		must(t, a.setTags(map[string]string{"role": "web", "dc": "east"}))
		wantFile(t, file, `"role"`, `"dc"`)
		a.kill()
		b := after.start(t, options{name: "agent", ip: a.addr().Addr()}, dialOwn, file)
		if tags := b.members()["agent"].Tags; tags != "dc=east,role=web" {
			t.Errorf("tags %s", tags)
		}
	})
}
