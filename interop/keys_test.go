package interop

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"
)

// TestKeyRotation goes through a whole rotation, ordered by each implementation in turn.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		oldKey, newKey := []byte(strings.Repeat("o", 32)), []byte(strings.Repeat("n", 16))
		old, next := base64.StdEncoding.EncodeToString(oldKey), base64.StdEncoding.EncodeToString(newKey)
		all := cluster(t, options{keys: [][]byte{oldKey}, patient: true}, actor, other, actor, other)
		boss := all[0]

		wantKeys(t, boss, "list", "", map[string]int{old: 4})
		wantKeys(t, boss, "install", next, nil)
		wantKeys(t, boss, "list", "", map[string]int{old: 4, next: 4})
		wantKeys(t, boss, "use", next, nil)
		if r, err := boss.keys("remove", next); err == nil || r.Errors != 4 {
			t.Errorf("removing the primary key: %v, %+v; want 4 errors", err, r)
		}
		wantKeys(t, boss, "remove", old, nil)
		wantKeys(t, boss, "list", "", map[string]int{next: 4})

		must(t, all[1].event("after", []byte("rotation"), false))
		wantEvent(t, "user after rotation", all...)
		newcomer := other.start(t, options{name: "newcomer", keys: [][]byte{newKey}})
		must(t, newcomer.join(false, boss))
		wantAgreement(t, append(all, newcomer)...)
	})
}

// wantKeys runs a key operation that all four members carry out.
func wantKeys(t *testing.T, m member, op, key string, want map[string]int) {
	t.Helper()
	r, err := m.keys(op, key)
	if err != nil || r.Nodes != 4 || r.Answers != 4 || r.Errors != 0 || !maps.Equal(r.Keys, want) {
		t.Fatalf("%s %s: %v, %+v; want 4 answers and keys %v", op, key, err, r, want)
	}
}

// TestUseOfUnknownKey checks that all members refuse a key that isn't installed, and report it.
func TestUseOfUnknownKey(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		key, unknown := []byte(strings.Repeat("k", 32)), base64.StdEncoding.EncodeToString([]byte(strings.Repeat("u", 32)))
		all := cluster(t, options{keys: [][]byte{key}, patient: true}, actor, other)
		r, err := all[0].keys("use", unknown)
		if err == nil || r.Errors != 2 || len(r.Messages) != 2 {
			t.Errorf("%v, %+v; want 2 errors with messages", err, r)
		}
	})
}

// TestKeysOfPlainCluster asks a cluster without encryption for its keys.
func TestKeysOfPlainCluster(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{}, actor, other)
		r, err := all[0].keys("list", "")
		if err == nil || len(r.Keys) != 0 {
			t.Errorf("%v, %+v; want an error", err, r)
		}
	})
}
