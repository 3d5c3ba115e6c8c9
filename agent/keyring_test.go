package agent

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"serf/swim/serf"
)

// ringFile is a keyring file that can't be written for a while.
type ringFile struct {
	mu     sync.Mutex
	broken error
	took   time.Duration // of each write
	tries  int
	keys   [][]byte
}

func (f *ringFile) save(keys [][]byte) error {
	time.Sleep(f.took)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	if f.broken == nil {
		f.keys = keys
	}
	return f.broken
}

func (f *ringFile) mend(err error) (tries int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
	return f.tries
}

// ringCluster is two members; the second has f as its keyring file. The log is the second's.
func ringCluster(t *testing.T, f *ringFile) (asker, keeper *Agent, log func() string) {
	n := newMemNetwork()
	var out syncBuffer
	l := NewLog(&out, slog.LevelInfo)
	t.Cleanup(func() { l.Close() })
	c := encrypted(memConfig(n, "b", 2), "0123456789abcdef")
	c.KeyringChanged, c.Logger = f.save, l
	asker, keeper = begin(t, encrypted(memConfig(n, "a", 1), "0123456789abcdef")), begin(t, c)
	mustJoin(t, keeper, asker)
	wantMembers(t, asker, 2)
	return asker, keeper, func() string { return written(l, &out) }
}

var newKey = []byte("fedcba9876543210")

func TestKeyringThatCantBeWrittenIsAnAnswerAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &ringFile{broken: errors.New("ring.json: permission denied")}
		a, b, log := ringCluster(t, f)
		for range 2 { // a step that is repeated isn't done for being in memory
			r, err := a.InstallKey(background, newKey)
			if err == nil || err.Error() != "1/2 nodes reported failure" || !strings.Contains(r.Messages["b"], f.broken.Error()) {
				t.Errorf("%+v, error %v", r, err)
			}
		}
		if keys := b.Stats()["keys"]; keys["saved"] != "false" || keys["problem"] != f.broken.Error() {
			t.Errorf("stats say %v of keys that aren't saved", keys)
		}
		if keys := a.Stats()["keys"]; keys["saved"] != "false" || keys["problem"] != serf.KeysInMemory {
			t.Errorf("stats say %v of keys in memory", keys)
		}
		time.Sleep(10 * time.Minute)
		tries := f.mend(nil)
		if tries < 10 || tries > 20 {
			t.Errorf("%d tries in ten minutes", tries)
		}
		time.Sleep(keyringPauseMax)
		if f.mend(nil) != tries+1 || len(f.keys) != 2 {
			t.Errorf("%d tries, keys %q, though it can be written again", f.mend(nil), f.keys)
		}
		if keys := b.Stats()["keys"]; keys["saved"] != "true" || len(keys) != 1 {
			t.Errorf("stats say %v of keys that are saved", keys)
		}
		if r, err := a.InstallKey(background, newKey); err != nil || len(r.InMemory()) != 1 {
			t.Errorf("%+v, error %v", r, err)
		}
		b.Close()
		text := log()
		if !strings.Contains(text, "[ERR] agent: failed to save the keyring, it will be tried again: ring.json: permission denied") ||
			strings.Count(text, "the keyring is saved now") != 1 || strings.Count(text, "[ERR] agent: failed") > 12 {
			t.Errorf("log:\n%s", text)
		}
	})
}

func TestKeyringIsTriedOnceMoreAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &ringFile{broken: errors.New("held open")}
		a, b, _ := ringCluster(t, f)
		if _, err := a.InstallKey(background, newKey); err == nil {
			t.Error("not saved, but no error")
		}
		f.mend(nil)
		b.Close()
		if len(f.keys) != 2 {
			t.Errorf("keys %q", f.keys)
		}
	})
}

// A disk that hangs delays only the answer: the member gossips, and the asker learns who is silent.
func TestKeyringOnADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &ringFile{took: 5 * time.Minute}
		a, b, _ := ringCluster(t, f)
		r, err := a.InstallKey(background, newKey)
		if err == nil || r.Messages["b"] != noAnswer {
			t.Errorf("%+v, error %v", r, err)
		}
		if err := b.UserEvent(background, "lives", nil, false); err != nil {
			t.Error(err)
		}
		wantMembers(t, a, 2)
		time.Sleep(2 * f.took)
		if f.mend(nil) != 1 || len(f.keys) != 2 {
			t.Errorf("%d tries, keys %q", f.tries, f.keys)
		}
	})
}

func TestKeysInMemoryAreLoggedByWhoAsksAndWhoHasThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, log := ringCluster(t, new(ringFile))
		if _, err := b.InstallKey(background, newKey); err != nil {
			t.Fatal(err)
		}
		b.Close()
		if text := log(); !strings.Contains(text, "[WARN] agent: keys: install is done in memory only on a\n") {
			t.Errorf("log:\n%s", text)
		}
		a.Close()
	})
}

// A program may give each member its keys by itself, and replace them without a restart.
func TestSetKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		old, fresh := make([]byte, 16), make([]byte, 32)
		agents := make([]*Agent, 2)
		for i := range agents {
			c := memConfig(n, memberName(i), i+1)
			c.Keys = [][]byte{old}
			agents[i] = begin(t, c)
		}
		mustJoin(t, agents[1], agents[0])
		s := agents[1].Subscribe(8, func(e Event) bool { _, ok := e.(UserEvent); return ok })
		for i, keys := range [][][]byte{{old, fresh}, {fresh, old}, {fresh}} {
			for _, a := range agents {
				if err := a.SetKeys(background, keys...); err != nil {
					t.Fatal(err)
				}
			}
			if err := agents[0].UserEvent(background, string(rune('1'+i)), nil, false); err != nil {
				t.Fatal(err)
			}
			wantEvent(t, s, "with other keys")
		}
		r, err := agents[0].ListKeys(background)
		if err != nil || len(r.Keys) != 1 || len(r.Primary) != 1 {
			t.Errorf("keys of the cluster: %+v, %v, want the new one alone", r, err)
		}
		if err := agents[0].SetKeys(background, []byte("short")); err == nil {
			t.Error("a key of five bytes is accepted")
		}
		if err := agents[0].SetKeys(background); err != nil {
			t.Fatal(err)
		}
		if err := agents[0].UserEvent(background, "plain", nil, false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		select {
		case e := <-s.C:
			t.Errorf("a member without keys is heard by one with: %v", e)
		default:
		}
	})
}

// What the cluster changed, and couldn't be saved, mustn't overwrite what the program has set since.
func TestSetKeysWhileAChangeIsNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &ringFile{took: 2 * time.Second, broken: errors.New("disk full")}
		a, b, _ := ringCluster(t, f)
		go func() {
			time.Sleep(time.Second)
			if err := b.SetKeys(background, []byte("0123456789abcdef")); err != nil {
				t.Error(err)
			}
		}()
		began := time.Now()
		r, err := a.InstallKey(background, newKey)
		after := time.Since(began)
		if err == nil || !strings.Contains(r.Messages["b"], "replaced") || after > f.took {
			t.Errorf("%+v, error %v, after %v", r, err, after)
		}
		time.Sleep(10 * time.Minute)
		if tries := f.mend(nil); tries != 1 || b.Stats()["keys"]["saved"] != "true" {
			t.Errorf("%d tries, stats say %v", tries, b.Stats()["keys"])
		}
	})
}
