package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/internal/checkpoint"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// examples has an entry of each kind, with all fields that it writes.
func examples() []*Entry {
	print := wire.FingerprintOf(key(1))
	prints := []wire.Fingerprint{print, wire.FingerprintOf(key(2))}
	v6 := netip.MustParseAddrPort("[fe80::1%eth0]:7946")
	list := []*Entry{
		{Kind: KindPacket, From: addrA, Data: []byte("packet")},
		{Kind: KindPacket, From: v6, Data: []byte{}},
		{Kind: KindStream, Stream: swim.StreamIn{ID: swim.Inbound | 3, Kind: swim.StreamRequest, From: addrA, Data: []byte("block")}},
		{Kind: KindUserEvent, Name: "event", Data: []byte("payload"), Flag: true},
		{Kind: KindQuery, Name: "load", Nodes: []string{}, Tags: map[string]string{"role": "web"}, Flag: true, Relay: 2, Timeout: time.Second},
		{Kind: KindAsk, Data: []byte("question"), Nodes: []string{"a", "b"}, Flag: true},
		{Kind: KindKeys, Name: "install-key", KeyPrint: &print, Key: key(1)},
		{Kind: KindRespond, Op: 1<<62 | 5, Data: []byte("answer")},
		{Kind: KindDecline, Op: 7},
		{Kind: KindJoin, Addrs: []netip.AddrPort{addrA, v6}, Flag: true},
		{Kind: KindJoinOne, Addrs: []netip.AddrPort{addrB}},
		{Kind: KindForceLeave, Name: "b", Flag: true},
		{Kind: KindSetTags, Tags: map[string]string{"a": "1", "b": ""}},
		{Kind: KindSetAddr, From: addrB},
		{Kind: KindSetFamilies, IP: swim.IPv4 | swim.IPv6},
		{Kind: KindSetKeyring, Prints: prints},
		{Kind: KindSetKeyring},
		{Kind: KindSetZones, Zones: serf.Zones{Tag: "zone", Share: 10, Probes: true}},
		{Kind: KindKeyringSaved, Prints: prints, Flag: true, Err: errors.New("disk full")},
		{Kind: KindStart}, {Kind: KindTick}, {Kind: KindLeave}, {Kind: KindFlushCoalesced},
	}
	for i, e := range list {
		e.At, e.Number, e.Ended = swim.Time(i)*1e9+17, i, true
		e.Effects = Effects{Packets: i % 3, Streams: i % 2, Events: i % 5, Out: uint32(i % 3 * 1e9), Said: 0}
	}
	list[4].Answers = []Answer{{Kind: AnswerWantsQuery, Yes: true}, {Kind: AnswerAdmit, Why: "a stranger"}, {Kind: AnswerAdmitMerge, Yes: true}, {Kind: AnswerListedFor, Keep: -time.Second}}
	return list
}

func encode(list []*Entry) []byte {
	c, last := checkpoint.Saver(nil), swim.Time(0)
	for _, e := range list {
		e.codeHead(c, last)
		e.code(c)
		last = e.At
		for _, a := range e.Answers {
			checkpoint.Uint(c, &a.Kind)
			a.code(c)
		}
		c = checkpoint.Saver(e.Effects.append(append(c.Saved(), byte(ended))))
	}
	return c.Saved()
}

// read reads the entries of a frame.
func read(b []byte, keys ...[]byte) (list []*Entry, err error) {
	r := &Reader{keys: Keys{}, frames: appendFrame(nil, frameEntries, b, nil)}
	r.size = len(r.frames)
	r.keys.Add(keys...)
	for e, err := range r.Entries() {
		if err != nil {
			return list, err
		}
		list = append(list, e)
	}
	return list, nil
}

func TestEntriesAreReadAsWritten(t *testing.T) {
	t.Parallel()
	want := examples()
	got, err := read(encode(want), key(1), key(2))
	if err != nil {
		t.Fatal(err)
	}
	covered := map[Kind]bool{}
	opts := cmp.Options{cmp.AllowUnexported(Answer{}), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmp.Comparer(func(a, b *wire.Keyring) bool { return true }),
		cmp.Comparer(func(a, b error) bool { return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error() }), cmp.Comparer(maps.Equal[map[string]string, map[string]string])}
	for i := range want {
		covered[want[i].Kind] = true
		if diff := cmp.Diff(want[i], got[i], opts); diff != "" {
			t.Errorf("%v: %s", want[i].Kind, diff)
		}
		if n := len(want[i].Prints); n > 0 && got[i].Ring.Len() != n {
			t.Errorf("%v: the ring has %d keys, want %d", want[i].Kind, got[i].Ring.Len(), n)
		}
	}
	for k := KindStart; k < kinds; k++ {
		if !covered[k] {
			t.Errorf("no example of %v", k)
		}
	}
}

// An error keeps its text, and what the node asks it.
func TestErrorsAreReadAsWritten(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errors.New("broken pipe"), errors.Join(errors.New("a"), swim.ErrStreamSilent), swim.ErrStreamRefused} {
		list := []*Entry{{Kind: KindStream, Ended: true, Stream: swim.StreamIn{Kind: swim.StreamFailed, Err: err}}}
		got, readErr := read(encode(list))
		if readErr != nil {
			t.Fatal(readErr)
		}
		e := got[0].Stream.Err
		if (e == nil) != (err == nil) || e != nil && e.Error() != err.Error() {
			t.Errorf("got %v, want %v", e, err)
		}
		for _, target := range []error{swim.ErrStreamRefused, swim.ErrStreamSilent, errBad} {
			if errors.Is(e, target) != errors.Is(err, target) {
				t.Errorf("%v is %v: %v", e, target, errors.Is(e, target))
			}
		}
	}
}

var errBad = errors.New("another")

// A frame that is cut off, or that was never one, is an error that names the place, and no panic.
func TestDamagedEntriesAreAnError(t *testing.T) {
	t.Parallel()
	b := encode(examples())
	for n := range b {
		if list, err := read(b[:n], key(1), key(2)); err == nil && n > 0 && list[len(list)-1].Ended && len(encode(list)) != n {
			t.Errorf("%d of %d bytes: %d entries, no error", n, len(b), len(list))
		}
	}
	b[0] = byte(kinds)
	if _, err := read(b); err == nil || !strings.Contains(err.Error(), "at byte 0, after 0 inputs") {
		t.Errorf("an unknown kind: %v", err)
	}
}

// A length that nothing is behind of allocates no more than some of what is there, and is an error.
func TestLengthsAreNotTrusted(t *testing.T) {
	for _, e := range []*Entry{{Kind: KindJoin}, {Kind: KindQuery, Nodes: []string{}}, {Kind: KindSetTags}, {Kind: KindSetKeyring}} {
		const size = 1 << 20
		c := checkpoint.Saver(nil)
		e.codeHead(c, 0)
		if e.Kind == KindQuery { // name, payload, whether there is a list
			c = checkpoint.Saver(append(c.Saved(), 0, 0, 1))
		}
		b := append(binary.AppendUvarint(c.Saved(), size/16), bytes.Repeat([]byte{0xff}, size)...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := read(b)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; err == nil || used > 16*size {
			t.Errorf("%v: %v, %d bytes for %d", e.Kind, err, used, size)
		}
	}
}

func TestMissingKeyIsNamed(t *testing.T) {
	t.Parallel()
	print := wire.FingerprintOf(key(1))
	_, err := read(encode(examples()), key(2))
	var missing *KeyError
	if !errors.As(err, &missing) || missing.Key != print {
		t.Errorf("got %v, want that key %v is missing", err, print)
	}
}

// Each field of a node's configuration is in a checkpoint.
func TestCheckpointHasTheWholeConfiguration(t *testing.T) {
	t.Parallel()
	var c serf.Config
	fill(reflect.ValueOf(&c).Elem(), new(int64))
	c.Sealer, c.Listener = nil, nil
	saved := Checkpoint{At: 5, Wall: time.Unix(7, 0).UTC(), Config: saveConfig(&c), Nonces: [32]byte{1}, State: []byte("state"), Keys: []wire.Fingerprint{{1}}}
	got, err := parseCheckpoint(saved.append(nil))
	if err != nil {
		t.Fatal(err)
	}
	same := cmp.Options{cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().Type().Kind() == reflect.Func }, cmp.Ignore()),
		cmp.AllowUnexported(savedConfig{}), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".sim" }, cmp.Ignore())}
	if diff := cmp.Diff(&saved, got, same); diff != "" {
		t.Error(diff)
	}
	if !got.Config.Admit || !got.Config.AdmitMerge || !got.Config.ListedFor || got.Config.Listener {
		t.Errorf("functions: %+v", got.Config)
	}
}

// fill sets every field that can be set to a value of its own.
func fill(v reflect.Value, n *int64) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		if _, ok := v.Addr().Interface().(*netip.AddrPort); ok {
			v.Set(reflect.ValueOf(netip.AddrPortFrom(addrA.Addr(), uint16(*n))))
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), n)
			}
		}
	case reflect.Int, reflect.Int64:
		v.SetInt(*n)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(string(rune('a' + *n%26)))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"k": "v"}))
	case reflect.Func:
		v.Set(reflect.MakeFunc(v.Type(), func([]reflect.Value) []reflect.Value { panic("called") }))
	}
}

// reading are the methods of serf.Node that change nothing that it does later.
var reading = strings.Fields(`All AppendState ByID Compare Coordinate Count Counters Deadline DefaultQueryTimeout
	Digest EncodeQuestion EventRoom Leaving Len Listed MaxID Member Members Preload RoundTrips Sealer Self Stats Swim Tags TrackChanges`)

// elsewhere are those that aren't called on a Node: at its start, by a simulation, by a replay.
var elsewhere = strings.Fields("TrackHistory Release AskEncoded")

// Every method that changes a node is recorded. One that is new has to be, or to be in a list.
func TestEachMethodIsRecorded(t *testing.T) {
	t.Parallel()
	tree, err := parser.ParseFile(token.NewFileSet(), "node.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{}
	for _, d := range tree.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
			own[f.Name.Name] = true
		}
	}
	listed := map[string]bool{}
	for _, name := range append(reading, elsewhere...) {
		listed[name] = true
	}
	node := reflect.TypeFor[*serf.Node]()
	for i := range node.NumMethod() {
		name := node.Method(i).Name
		if own[name] == listed[name] {
			t.Errorf("serf.Node.%s: recorded %v, in a list of those that need not be %v", name, own[name], listed[name])
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("serf.Node has no method %s", name)
	}
}

// write makes a recording with one segment of these bytes.
func write(t *testing.T, b []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "00000001-x"+suffix), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A file may end anywhere: what is whole is read.
func TestTornFrameEndsTheRecording(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{}, nodeConfig("a", addrA), createFile)
	for range 3 {
		s.ping(1)
		s.run(time.Second)
	}
	dir := s.dir
	s.end()
	whole, _ := entries(t, dir)
	b := contents(t, dir)
	cut := len(b) - len(appendFrame(nil, frameEnd, []byte(`{"Reason":"closed","Lost":0}`), nil)) - 1
	list, ends := entries(t, write(t, b[:cut]))
	if len(list) >= len(whole) || len(list) == 0 || !ends[0].Torn || ends[0].Reason != EndNone {
		t.Errorf("%d of %d entries, ends %+v, want fewer and a torn frame", len(list), len(whole), ends)
	}
}

func TestFilesThatAreNoSegments(t *testing.T) {
	t.Parallel()
	h := Header{Run: "r"}
	head := h.append(nil)
	long := binary.LittleEndian.AppendUint32(nil, 1<<31)
	for name, b := range map[string][]byte{
		"empty": nil, "another file": []byte("hello\n"), "no header": []byte(magic), "no JSON": []byte(magic + "x\n"),
		"only a header": head, "a length beyond the file": append(head[:len(head):len(head)], append(long, 0, 0, 0, 0, 1)...),
		"no checkpoint": appendFrame(head[:len(head):len(head)], frameEntries, nil, nil),
		"a wrong sum":   append(head[:len(head):len(head)], 2, 0, 0, 0, 1, 2, 3, 4, 'C', 0),
	} {
		r, err := Read(write(t, b))
		if err != nil {
			t.Fatal(err)
		}
		s := r.Segments[0]
		if _, err := s.Open(Keys{}); err == nil || !strings.Contains(err.Error(), s.Path) {
			t.Errorf("%s: error %v, want one that names the file", name, err)
		}
	}
	if _, err := Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no segments") {
		t.Errorf("an empty directory: %v", err)
	}
}

// Whoever has a recording of a later version is told so, not that the file is damaged.
func TestStrangeFilesAreNamedForWhatTheyAre(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                       "is empty",
		"serf recording 9\n{}\n": `is in version "9" of the format; this program reads version 1`,
		"serf recording 1":       errFormat.Error(), // cut off
		"serf recordings\n":      errFormat.Error(),
		magicOfAny + strings.Repeat("9", versionMax+2) + "\n": errFormat.Error(),
	} {
		if _, _, err := parseHeader([]byte(content)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
}

// What was sealed for one purpose can't be used for another.
func TestFrameIsOpenedOnlyAsItself(t *testing.T) {
	t.Parallel()
	s, err := newSeal(key(1))
	if err != nil {
		t.Fatal(err)
	}
	keys := Keys{}
	keys.Add(key(1))
	f, _, err := cutFrame(appendFrame(nil, frameEntries, []byte("content"), s))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := f.open(keys); err != nil || string(b) != "content" {
		t.Errorf("%q, %v", b, err)
	}
	f.kind = frameCheckpoint
	if _, err := f.open(keys); err == nil {
		t.Error("entries were opened as a checkpoint")
	}
	if _, err := f.open(Keys{}); err == nil {
		t.Error("opened without a key")
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0B": 0, "17B": 17, "64KiB": 64 << 10, "256MiB": 256 << 20, "3GiB": 3 << 30} {
		if got, err := ParseSize(text); got != want || err != nil {
			t.Errorf("%s: %d, %v, want %d", text, got, err, want)
		}
		if got := SizeText(want); want > 0 && got != text {
			t.Errorf("%d: %s, want %s", want, got, text)
		}
	}
	for _, text := range []string{"", "1", "MiB", "-1MiB", "1.5MiB", "1 MiB", "1MB", "9223372036854775807GiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(encode(examples()))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := read(b, key(1), key(2))
		if err == nil && len(list) == 0 && len(b) > 0 {
			t.Error("neither entries nor an error")
		}
	})
}
