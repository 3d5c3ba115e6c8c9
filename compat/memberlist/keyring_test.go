package memberlist

import (
	"bytes"
	"sync"
	"testing"
)

func key(first byte) []byte { return bytes.Repeat([]byte{first}, 16) }

// firsts returns the first byte of each key.
func firsts(k *Keyring) (s string) {
	for _, key := range k.GetKeys() {
		s += string(key[0])
	}
	return s
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got %q, want no error", err)
	case want != "" && err == nil:
		t.Errorf("got no error, want %q", want)
	case want != "" && err.Error() != want:
		t.Errorf("got %q, want %q", err, want)
	}
}

const badSize = "key size must be 16, 24 or 32 bytes"

func TestValidateKey(t *testing.T) {
	for size := range 40 {
		want := badSize
		if size == 16 || size == 24 || size == 32 {
			want = ""
		}
		wantError(t, ValidateKey(make([]byte, size)), want)
	}
}

func TestNewKeyring(t *testing.T) {
	for _, c := range []struct {
		reason  string
		keys    [][]byte
		primary []byte
		want    string
		err     string
	}{
		{"empty", nil, nil, "", ""},
		{"a primary alone", nil, key('a'), "a", ""},
		{"the primary comes first", [][]byte{key('b'), key('a'), key('c')}, key('a'), "abc", ""},
		{"each once", [][]byte{key('b'), key('b')}, key('a'), "ab", ""},
		{"no primary", [][]byte{key('b')}, nil, "", "empty primary key not allowed"},
		{"a bad primary", nil, []byte("short"), "", badSize},
		{"a bad key", [][]byte{[]byte("short")}, key('a'), "", badSize},
	} {
		k, err := NewKeyring(c.keys, c.primary)
		wantError(t, err, c.err)
		if err == nil && firsts(k) != c.want {
			t.Errorf("%s: got %s, want %s", c.reason, firsts(k), c.want)
		}
	}
}

func TestKeyringChanges(t *testing.T) {
	var k Keyring
	if k.GetPrimaryKey() != nil {
		t.Error("the zero keyring has a primary key")
	}
	step := func(reason string, err error, wantErr, want string) {
		t.Helper()
		wantError(t, err, wantErr)
		if got := firsts(&k); got != want {
			t.Errorf("%s: got %s, want %s", reason, got, want)
		}
	}
	step("nothing to remove", k.RemoveKey(key('a')), "", "")
	step("the first is the primary", k.AddKey(key('a')), "", "a")
	step("others follow", k.AddKey(key('b')), "", "ab")
	step("known", k.AddKey(key('a')), "", "ab")
	step("not a key", k.AddKey(nil), badSize, "ab")
	step("unknown", k.UseKey(key('c')), "requested key is not in the keyring", "ab")
	step("another primary", k.UseKey(key('b')), "", "ba")
	step("the same primary", k.UseKey(key('b')), "", "ba")
	step("the primary stays", k.RemoveKey(key('b')), "removing the primary key is not allowed", "ba")
	step("removed", k.RemoveKey(key('a')), "", "b")
	step("removed already", k.RemoveKey(key('a')), "", "b")
	if got := k.GetPrimaryKey(); !bytes.Equal(got, key('b')) {
		t.Errorf("primary: %q", got)
	}
}

// What GetKeys returned doesn't change under its reader, and what AddKey was given may be changed.
func TestKeysAreNotShared(t *testing.T) {
	a := key('a')
	k, _ := NewKeyring([][]byte{key('b'), key('c')}, a)
	before := k.GetKeys()
	clear(a)
	if err := k.RemoveKey(key('b')); err != nil {
		t.Fatal(err)
	}
	for i, want := range "abc" {
		if before[i][0] != byte(want) {
			t.Errorf("key %d was %c, is %q", i, want, before[i])
		}
	}
	_ = append(before[:1], key('x'))
	if got := firsts(k); got != "ac" {
		t.Errorf("got %s", got)
	}
}

func TestKeyringIsConcurrent(t *testing.T) {
	t.Parallel()
	k, _ := NewKeyring(nil, key('a'))
	var users sync.WaitGroup
	for i := range byte(4) {
		users.Go(func() {
			own := key('b' + i)
			for range 50 {
				if k.AddKey(own) != nil || k.UseKey(own) != nil {
					t.Error("a key that was added can't be used")
				}
				if p := k.GetPrimaryKey(); ValidateKey(p) != nil {
					t.Errorf("primary: %q", p)
				}
				_ = k.RemoveKey(own) // an error while it is the primary
			}
		})
	}
	users.Wait()
}
