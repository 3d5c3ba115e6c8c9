package serf

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/wire"
)

func testKey(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 16) }

// withKeys gives a node a keyring of n keys: 1, which is primary, up to n.
func withKeys(n int) func(*Config) {
	return func(c *Config) {
		var others [][]byte
		for i := 2; i <= n; i++ {
			others = append(others, testKey(i))
		}
		ring, err := wire.NewKeyring(testKey(1), others...)
		if err != nil {
			panic(err)
		}
		var nonces byte
		c.Sealer = &wire.Sealer{Keys: ring, EncryptVersion: 1, Nonce: func(b []byte) {
			nonces++
			b[0] = nonces
		}}
	}
}

// keyQuery is a query of b about a key.
func keyQuery(name string, t uint64, key []byte) []byte {
	req := wire.KeyRequest{Key: key}
	return queryFrom("b", t, uint32(t), func(m *wire.Query) {
		m.Name, m.Payload = []byte(name), req.Append(nil)
	})
}

// keyAnswer claims the answer that was just sent to b.
func (tn *conversation) keyAnswer() KeyAnswer {
	tn.t.Helper()
	for i, line := range tn.did {
		payload, ok := strings.CutPrefix(line, "b: answer ")
		if !ok {
			continue
		}
		payload = payload[:strings.LastIndex(payload, " id ")]
		tn.did = slices.Delete(tn.did, i, i+1)
		a, err := ParseKeyAnswer([]byte(payload))
		if err != nil {
			tn.t.Fatal(err)
		}
		return a
	}
	tn.t.Fatalf("no answer in %q", tn.did)
	return KeyAnswer{}
}

func TestKeyQueriesChangeTheKeyring(t *testing.T) {
	tn := converseWith(t, withKeys(1), "b")
	steps := []struct {
		query string
		key   int
		ok    bool
		keys  []int // afterwards
	}{
		{installKeyQuery, 2, true, []int{1, 2}},
		{installKeyQuery, 2, true, []int{1, 2}}, // again
		{useKeyQuery, 3, false, []int{1, 2}},    // not installed
		{removeKeyQuery, 1, false, []int{1, 2}}, // in use
		{useKeyQuery, 2, true, []int{2, 1}},
		{removeKeyQuery, 1, true, []int{2}},
		{removeKeyQuery, 1, true, []int{2}}, // again
	}
	was := 1
	for i, s := range steps {
		tn.did = nil
		tn.recv("b", keyQuery(s.query, uint64(i+1), testKey(s.key)))
		a := tn.keyAnswer()
		if a.OK != s.ok || a.OK != (a.Message == "") {
			t.Errorf("step %d, %s of %d: %+v", i, s.query, s.key, a)
		}
		var want [][]byte
		for _, k := range s.keys {
			want = append(want, testKey(k))
		}
		got := tn.n.Sealer().Keys.Keys()
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("step %d: keys %v", i, got)
		}
		changed := slices.Contains(tn.did, "event keyring")
		if changed != (len(got) != was || s.query == useKeyQuery && s.ok) {
			t.Errorf("step %d: an event about a change: %v", i, changed)
		}
		was = len(got)
	}
}

func TestBadKeyQueries(t *testing.T) {
	tn := converseWith(t, withKeys(1), "b")
	tn.recv("b", keyQuery(installKeyQuery, 1, []byte("short")))
	if a := tn.keyAnswer(); a.OK || !strings.Contains(a.Message, "16, 24 or 32") {
		t.Errorf("a key of 5 bytes: %+v", a)
	}
	tn.recv("b", queryFrom("b", 2, 2, func(m *wire.Query) {
		m.Name, m.Payload = []byte(installKeyQuery), []byte("junk")
	}))
	if a := tn.keyAnswer(); a.OK {
		t.Errorf("no request: %+v", a)
	}
	tn.recv("b", queryFrom("b", 3, 3, func(m *wire.Query) { m.Name = []byte(installKeyQuery) }))
	if a := tn.keyAnswer(); a.OK {
		t.Errorf("no payload: %+v", a)
	}
	tn.wantNote("noted", NoteKeysRefused)
}

// The agent logs "Received NAME query", which people look for.
func TestKeyQueriesAreNoted(t *testing.T) {
	tn := converseWith(t, withKeys(1), "b")
	for i, name := range []string{"list-keys", "install-key", "use-key", "remove-key"} {
		tn.recv("b", keyQuery(internalPrefix+name, uint64(i+1), testKey(1)))
		if !slices.Contains(tn.texts, noteText{NoteKeysAsked, name}) {
			t.Errorf("no note of %q among %v", name, tn.texts)
		}
	}
}

func TestKeyQueriesWithoutEncryption(t *testing.T) {
	tn := converse(t, "b")
	for i, name := range []string{installKeyQuery, useKeyQuery, removeKeyQuery, listKeysQuery} {
		tn.recv("b", keyQuery(name, uint64(i+1), testKey(1)))
		if a := tn.keyAnswer(); a.OK || a.Message != ErrNotEncrypted.Error() {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestListKeys(t *testing.T) {
	tn := converseWith(t, withKeys(2), "b")
	tn.recv("b", keyQuery(listKeysQuery, 1, nil))
	a := tn.keyAnswer()
	primary := base64.StdEncoding.EncodeToString(testKey(1))
	if !a.OK || a.Primary != primary || len(a.Keys) != 2 || a.Keys[0] != primary ||
		a.Message != "" {
		t.Errorf("%+v", a)
	}
}

func TestLongKeyListIsCut(t *testing.T) {
	tn := converseWith(t, withKeys(60), "b")
	tn.recv("b", keyQuery(listKeysQuery, 1, nil))
	a := tn.keyAnswer()
	shown := len(a.Keys)
	if want := fmt.Sprintf("truncated key list response, showing first %d of 60 keys", shown); a.Message != want || !a.OK {
		t.Errorf("%+v", a)
	}
	// One key more is 25 bytes.
	m := wire.KeyAnswer{Result: true, PrimaryKey: []byte(a.Primary), Message: []byte(a.Message),
		Keys: wire.NewList(a.Keys...)}
	r := wire.QueryResponse{From: []byte("a"), ID: 1, LTime: 1, Payload: m.Append(nil)}
	if size := len(r.Append(nil)); size > 1024 || size+25 <= 1024 {
		t.Errorf("%d keys take %d of 1024 bytes", shown, size)
	}
	tn.wantNote("noted", NoteKeysTruncated)
}

func TestAskingAboutKeys(t *testing.T) {
	tn := converseWith(t, withKeys(1), "b")
	request := KeyRequest{Command: InstallKey, Key: testKey(2), RelayFactor: 2, Timeout: time.Hour}
	op, err := tn.n.Keys(tn.now, request, &tn.out)
	if err != nil {
		t.Fatal(err)
	}
	q := tn.n.queries[0]
	m, err := wire.ParseQuery(q.repeat.msg[1:])
	if err != nil || m.RelayFactor != 2 || m.Timeout != int64(time.Hour) {
		t.Errorf("the query asks for %d relays and has %d ns, %v", m.RelayFactor, m.Timeout, err)
	}
	for _, e := range tn.out.Events {
		if e.Kind == EventQueryResponse {
			if a, err := ParseKeyAnswer(e.Data); err != nil || !a.OK || e.Op != op ||
				string(e.Name) != "a" {
				t.Errorf("own answer: %+v, %v", a, err)
			}
		}
	}
	tn.did = nil
	tn.collect()
	tn.want("done here", "event keyring")
	tn.advance(time.Second)
	tn.want("and passed on", "says query _serf_install-key@1")
	yes := wire.KeyAnswer{Result: true}
	tn.recv("b", answerMsg("b", 1, q.id, string(yes.Append(nil))))
	tn.advance(0)
	tn.want("all have answered", "event done 2")
}

func TestParseKeyAnswerRefusesOthers(t *testing.T) {
	for _, data := range [][]byte{nil, []byte("x"), {8}, {7, 0x80}} {
		if _, err := ParseKeyAnswer(data); err == nil {
			t.Errorf("%x is taken", data)
		}
	}
}
