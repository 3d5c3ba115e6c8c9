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

func storing(k KeyringStore) func(*Config) {
	return func(c *Config) {
		withKeys(1)(c)
		c.KeyringStore = k
	}
}

// quietKeyQuery is a query of b that isn't passed on, so that only the response is seen.
func quietKeyQuery(name string, t uint64, key []byte) []byte {
	req := wire.KeyRequest{Key: key}
	return queryFrom("b", t, uint32(t), func(m *wire.Query) {
		m.Name, m.Payload, m.Flags = []byte(name), req.Append(nil), wire.QueryNoBroadcast
	})
}

// saved reports to the node how saving its newest keys went.
func (tn *conversation) saved(err error) {
	tn.n.KeyringSaved(tn.now, tn.n.Sealer().Keys, err, &tn.out)
	tn.collect()
}

// wantKeyring requires that the keyring is to be saved, and no response yet.
func (tn *conversation) wantKeyring(reason string) {
	tn.t.Helper()
	tn.want(reason, "event keyring")
}

func TestAnswerComesWhenTheKeyringIsSaved(t *testing.T) {
	tn := converseWith(t, storing(StoreReports), "b")
	tn.recv("b", quietKeyQuery(installKeyQuery, 1, testKey(2)))
	tn.wantKeyring("the answer waits")
	if tn.n.Sealer().Keys.Len() != 2 {
		t.Error("the key isn't used at once")
	}
	tn.saved(nil)
	if a := tn.keyAnswer(); !a.OK || a.Message != "" {
		t.Errorf("saved, but: %+v", a)
	}
	tn.wantNote("noted", NoteKeysSaved)
	tn.saved(nil)
	tn.wantIdle("once")
	tn.recv("b", quietKeyQuery(installKeyQuery, 2, testKey(2)))
	tn.wantKeyring("nothing changed here, but the file may have")
	tn.wantIdle("the answer waits")
}

// If a step that couldn't be saved is repeated, the key being there already is no success.
func TestKeyringThatCantBeSavedIsAFailure(t *testing.T) {
	tn := converseWith(t, storing(StoreReports), "b")
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
	tn.saved(nil) // by another attempt
	tn.wantIdle("no query waits")
	tn.recv("b", quietKeyQuery(installKeyQuery, 3, testKey(2)))
	tn.wantKeyring("once more")
	tn.saved(nil)
	if a := tn.keyAnswer(); !a.OK {
		t.Errorf("it has been saved: %+v", a)
	}
}

func TestRefusalDoesntWaitForTheKeyring(t *testing.T) {
	tn := converseWith(t, storing(StoreReports), "b")
	tn.recv("b", quietKeyQuery(useKeyQuery, 1, testKey(2)))
	if a := tn.keyAnswer(); a.OK {
		t.Errorf("%+v", a)
	}
	tn.wantIdle("nothing changed")
}

// A report about older keys says nothing about newer ones.
func TestOlderKeyringDoesntAnswerForANewer(t *testing.T) {
	tn := converseWith(t, storing(StoreReports), "b")
	tn.recv("b", quietKeyQuery(installKeyQuery, 1, testKey(2)))
	older := tn.n.Sealer().Keys
	tn.recv("b", quietKeyQuery(installKeyQuery, 2, testKey(3)))
	tn.want("both to be saved", "event keyring", "event keyring")
	for _, err := range []error{nil, errors.New("broken")} {
		tn.n.KeyringSaved(tn.now, older, err, &tn.out)
		tn.collect()
		tn.wantIdle("the newer is being saved")
	}
	tn.saved(nil)
	for range 2 {
		if a := tn.keyAnswer(); !a.OK {
			t.Errorf("%+v", a)
		}
	}
	tn.wantIdle("both are answered")
}

// The asker hears at once, sealed by the keys that it knows, that its change didn't last.
func TestKeysThatTheProgramReplacesAreNotSaved(t *testing.T) {
	tn := converseWith(t, storing(StoreReports), "b")
	tn.recv("b", quietKeyQuery(installKeyQuery, 1, testKey(2)))
	tn.wantKeyring("the answer waits")
	older := tn.n.Sealer().Keys
	ring, err := wire.NewKeyring(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	tn.n.SetKeyring(tn.now, ring, &tn.out)
	tn.collect()
	if a := tn.keyAnswer(); a.OK || a.Message != keysReplaced {
		t.Errorf("%+v", a)
	}
	if got := tn.n.Sealer().Keys.Fingerprints(); !slices.Equal(got, ring.Fingerprints()) {
		t.Errorf("%v are in use, want the program's", got)
	}
	tn.n.KeyringSaved(tn.now, older, nil, &tn.out)
	tn.saved(nil)
	tn.wantIdle("it is answered once")
}

func TestNoAnswerAfterTheQueryIsOver(t *testing.T) {
	tn := converseWith(t, storing(StoreReports), "b")
	tn.recv("b", quietKeyQuery(installKeyQuery, 1, testKey(2)))
	tn.wantKeyring("the answer waits")
	tn.advance(11 * time.Second)
	tn.saved(nil)
	tn.wantIdle("nobody listens any more")
}

func TestOwnKeyChangeWaitsForTheKeyring(t *testing.T) {
	tn := converseWith(t, storing(StoreReports))
	op, err := tn.n.Keys(tn.now, KeyRequest{Command: InstallKey, Key: testKey(2)}, &tn.out)
	if err != nil {
		t.Fatal(err)
	}
	tn.collect()
	tn.wantKeyring("no answer yet")
	tn.n.KeyringSaved(tn.now, tn.n.Sealer().Keys, errors.New("full"), &tn.out)
	i := slices.IndexFunc(tn.out.Events, func(e swim.Event) bool {
		return e.Kind == EventQueryResponse
	})
	if i < 0 {
		t.Fatalf("no own response in %v", tn.out.Events)
	}
	if a, err := ParseKeyAnswer(tn.out.Events[i].Data); err != nil || a.OK ||
		tn.out.Events[i].Op != op {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestQueriesThatWaitForTheKeyringAreBounded(t *testing.T) {
	tn := converseWith(t, storing(StoreReports), "b")
	for i := range uint64(unsavedMax + 1) {
		tn.recv("b", quietKeyQuery(installKeyQuery, i+1, testKey(2)))
	}
	if n := len(tn.n.inbound.unsaved); n != unsavedMax {
		t.Errorf("%d wait, limit %d", n, unsavedMax)
	}
	tn.did = nil
	tn.saved(nil)
	if len(tn.did) != unsavedMax || strings.HasSuffix(tn.did[0], " id 1") {
		t.Errorf("%d answers, the first %q", len(tn.did), tn.did[0])
	}
}

func TestKeysInMemoryOnlyAreRemarked(t *testing.T) {
	tn := converseWith(t, storing(StoreNone), "b")
	for i, query := range []string{installKeyQuery, installKeyQuery, useKeyQuery} {
		tn.recv("b", quietKeyQuery(query, uint64(i+1), testKey(2)))
		if a := tn.keyAnswer(); !a.OK || a.Message != KeysInMemory {
			t.Errorf("%s: %+v", query, a)
		}
		tn.did = nil
	}
	tn.wantNote("noted", NoteKeysInMemory)
	tn.recv("b", quietKeyQuery(removeKeyQuery, 4, testKey(2)))
	if a := tn.keyAnswer(); a.OK || a.Message == KeysInMemory {
		t.Errorf("a refusal is no remark: %+v", a)
	}
	tn.recv("b", quietKeyQuery(listKeysQuery, 5, nil))
	if a := tn.keyAnswer(); !a.OK || a.Message != "" {
		t.Errorf("a list changes nothing: %+v", a)
	}
}

// The report is about an older keyring, or the node has none.
func TestKeyringSavedWithoutKeys(t *testing.T) {
	tn := converse(t, "b")
	ring, err := wire.NewKeyring(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	tn.n.KeyringSaved(tn.now, ring, nil, &tn.out)
	tn.collect()
	tn.wantIdle("ignored")
}
