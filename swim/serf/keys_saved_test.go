package serf

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/swim"
	"serf/wire"
)

func keeping(k KeyringStore) func(*Config) {
	return func(c *Config) {
		withKeys(1)(c)
		c.KeyringStore = k
	}
}

// quietKeyQuery is a query of b's that isn't passed on, so that only the answer is seen.
func quietKeyQuery(name string, t uint64, key []byte) []byte {
	req := wire.KeyRequest{Key: key}
	return queryFrom("b", t, uint32(t), func(m *wire.Query) {
		m.Name, m.Payload, m.Flags = []byte(name), req.Append(nil), wire.QueryNoBroadcast
	})
}

// saved tells the node how saving its newest keys went.
func (tn *conversation) saved(err error) {
	tn.n.KeyringSaved(tn.now, tn.n.Sealer().Keys, err, &tn.out)
	tn.collect()
}

// wantKeyring wants the keyring to be saved, and no answer as yet.
func (tn *conversation) wantKeyring(reason string) {
	tn.t.Helper()
	tn.want(reason, "event keyring")
}

func TestAnswerComesWhenTheKeyringIsSaved(t *testing.T) {
	tn := converseWith(t, keeping(StoreReports), "b")
	tn.recv("b", quietKeyQuery(installKeyQuery, 1, testKey(2)))
	tn.wantKeyring("the answer waits")
	if tn.n.Sealer().Keys.Len() != 2 {
		t.Error("the key isn't used at once")
	}
	tn.saved(nil)
	if a := tn.keyAnswer(); !a.OK || a.Message != "" {
		t.Errorf("saved, but: %+v", a)
	}
	tn.wantNote("told", NoteKeysSaved)
	tn.saved(nil)
	tn.wantIdle("once only")
	tn.recv("b", quietKeyQuery(installKeyQuery, 2, testKey(2)))
	tn.wantKeyring("nothing changed here, but who knows what happened to the file")
	tn.wantIdle("the answer waits")
}

// Who repeats a step that couldn't be saved isn't told that all is well because the key is there.
func TestKeyringThatCantBeSavedIsAFailure(t *testing.T) {
	tn := converseWith(t, keeping(StoreReports), "b")
	broken := errors.New("read-only " + strings.Repeat("x", 5000))
	for i := range uint64(2) {
		tn.recv("b", quietKeyQuery(installKeyQuery, i+1, testKey(2)))
		tn.wantKeyring("to be saved, the second time too")
		tn.saved(broken)
		if a := tn.keyAnswer(); a.OK || !strings.Contains(a.Message, "can't be saved: read-only xxx") {
			t.Errorf("not saved, but: %+v", a)
		}
		tn.wantIdle("that is all")
	}
	if n := tn.n.Counters().KeyErrors; n != 2 {
		t.Errorf("%d errors are counted, want 2", n)
	}
	tn.saved(nil) // by another try
	tn.wantIdle("nobody waits any more")
	tn.recv("b", quietKeyQuery(installKeyQuery, 3, testKey(2)))
	tn.wantKeyring("once more")
	tn.saved(nil)
	if a := tn.keyAnswer(); !a.OK {
		t.Errorf("it has been saved: %+v", a)
	}
}

func TestRefusalDoesntWaitForTheKeyring(t *testing.T) {
	tn := converseWith(t, keeping(StoreReports), "b")
	tn.recv("b", quietKeyQuery(useKeyQuery, 1, testKey(2)))
	if a := tn.keyAnswer(); a.OK {
		t.Errorf("%+v", a)
	}
	tn.wantIdle("nothing changed")
}

// A writer that is behind says nothing of what has come since.
func TestOlderKeyringDoesntAnswerForANewer(t *testing.T) {
	tn := converseWith(t, keeping(StoreReports), "b")
	tn.recv("b", quietKeyQuery(installKeyQuery, 1, testKey(2)))
	older := tn.n.Sealer().Keys
	tn.recv("b", quietKeyQuery(installKeyQuery, 2, testKey(3)))
	tn.want("both to be saved", "event keyring", "event keyring")
	for _, err := range []error{nil, errors.New("broken")} {
		tn.n.KeyringSaved(tn.now, older, err, &tn.out)
		tn.collect()
		tn.wantIdle("the newer is on its way")
	}
	tn.saved(nil)
	for range 2 {
		if a := tn.keyAnswer(); !a.OK {
			t.Errorf("%+v", a)
		}
	}
	tn.wantIdle("both are answered")
}

func TestNoAnswerAfterTheQueryIsOver(t *testing.T) {
	tn := converseWith(t, keeping(StoreReports), "b")
	tn.recv("b", quietKeyQuery(installKeyQuery, 1, testKey(2)))
	tn.wantKeyring("the answer waits")
	tn.advance(11 * time.Second)
	tn.saved(nil)
	tn.wantIdle("nobody listens any more")
}

func TestOwnKeyChangeWaitsForTheKeyring(t *testing.T) {
	tn := converseWith(t, keeping(StoreReports))
	op, err := tn.n.Keys(tn.now, InstallKey, testKey(2), &tn.out)
	if err != nil {
		t.Fatal(err)
	}
	tn.collect()
	tn.wantKeyring("no answer yet")
	tn.n.KeyringSaved(tn.now, tn.n.Sealer().Keys, errors.New("full"), &tn.out)
	i := slices.IndexFunc(tn.out.Events, func(e swim.Event) bool { return e.Kind == EventQueryResponse })
	if i < 0 {
		t.Fatalf("no answer of our own in %v", tn.out.Events)
	}
	if a, err := ParseKeyAnswer(tn.out.Events[i].Data); err != nil || a.OK || tn.out.Events[i].Op != op {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestQuestionsThatWaitForTheKeyringAreBounded(t *testing.T) {
	tn := converseWith(t, keeping(StoreReports), "b")
	for i := range uint64(unsavedMax + 1) {
		tn.recv("b", quietKeyQuery(installKeyQuery, i+1, testKey(2)))
	}
	if n := len(tn.n.unsaved); n != unsavedMax {
		t.Errorf("%d wait, limit %d", n, unsavedMax)
	}
	tn.did = nil
	tn.saved(nil)
	if len(tn.did) != unsavedMax || strings.HasSuffix(tn.did[0], " id 1") {
		t.Errorf("%d answers, the first %q", len(tn.did), tn.did[0])
	}
}

func TestKeysThatNobodyKeepsAreRemarked(t *testing.T) {
	tn := converseWith(t, keeping(StoreNone), "b")
	for i, query := range []string{installKeyQuery, installKeyQuery, useKeyQuery} {
		tn.recv("b", quietKeyQuery(query, uint64(i+1), testKey(2)))
		if a := tn.keyAnswer(); !a.OK || a.Message != KeysInMemory {
			t.Errorf("%s: %+v", query, a)
		}
		tn.did = nil
	}
	tn.wantNote("told", NoteKeysInMemory)
	tn.recv("b", quietKeyQuery(removeKeyQuery, 4, testKey(2)))
	if a := tn.keyAnswer(); a.OK || a.Message == KeysInMemory {
		t.Errorf("a refusal is no remark: %+v", a)
	}
	tn.recv("b", quietKeyQuery(listKeysQuery, 5, nil))
	if a := tn.keyAnswer(); !a.OK || a.Message != "" {
		t.Errorf("a list changes nothing: %+v", a)
	}
}

// A keyring that isn't this node's any more, or a node without one.
func TestKeyringSavedWithoutKeys(t *testing.T) {
	tn := converse(t, "b")
	ring, err := wire.NewKeyring(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	tn.n.KeyringSaved(tn.now, ring, nil, &tn.out)
	tn.collect()
	tn.wantIdle("it means nothing here")
}
