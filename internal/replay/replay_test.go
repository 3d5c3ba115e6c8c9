package replay_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"serf/agent"
	"serf/agent/config"
	"serf/agent/recording"
	"serf/internal/replay"
	"serf/swim"
)

func read(t *testing.T, dir string) *recording.Recording {
	t.Helper()
	r, err := recording.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// walk goes through a recording.
func walk(t *testing.T, dir string, keys recording.Keys) *replay.Walk {
	t.Helper()
	if keys == nil {
		keys = recording.Keys{}
	}
	return &replay.Walk{Recording: read(t, dir), Keys: keys}
}

// kept is a recording in testdata, with its keys.
func kept(t *testing.T, name string) *replay.Walk {
	t.Helper()
	keys := recording.Keys{}
	file := filepath.Join("testdata", name, "keyring.json")
	if data, err := os.ReadFile(file); err == nil {
		list, err := config.ParseKeyring(file, data)
		if err != nil {
			t.Fatal(err)
		}
		keys.Add(list...)
	}
	return walk(t, filepath.Join("testdata", name, "web-1"), keys)
}

// What an earlier build of this program recorded, this one does, too: a difference is a change of
// behaviour. If it is meant, make the recordings anew: go test ./internal/replay -run TestMake
// -make.
func TestKeptRecordingsAreReplayed(t *testing.T) {
	for name := range recordings {
		report := replay.Verify(kept(t, name), "this build")
		if !report.Same || report.Inputs < 40 {
			t.Errorf("%s: %s", name, report.Text())
		}
	}
}

// One byte of one packet is enough.
func TestDifferenceIsNamed(t *testing.T) {
	altered := -1
	report := replay.VerifyAltered(kept(t, "plain"), func(_ *recording.Segment, e *recording.Entry) {
		if at := strings.Index(string(e.Data), "deploy"); e.Kind == recording.KindPacket && at >= 0 && altered < 0 {
			e.Data[at] = 'D'
			binary.BigEndian.PutUint32(e.Data[1:], crc32.ChecksumIEEE(e.Data[5:]))
			altered = e.Number
		}
	})
	if report.Same || report.Differ == 0 || len(report.Differences) == 0 {
		t.Fatal("a user event with another name passes unnoticed")
	}
	d := report.Differences[0]
	if d.Number != altered || d.Recorded != d.Replayed || d.Time.IsZero() || d.Count < 1 {
		t.Errorf("the first difference is %+v, want input %d with as many effects", d, altered)
	}
	text := report.Text()
	for _, want := range []string{
		"with other effects", "packet: events, notes", "input:", "Name=Deploy", "event user-event name=Deploy",
		"recorded: ", "replayed: ", "serfrec",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if _, err := json.Marshal(report); err != nil {
		t.Error(err)
	}
}

// After a difference the node is restored from the next checkpoint, and nothing follows from it.
func TestReplayGoesOnAtTheNextCheckpoint(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, func(c *cluster) {
		// Segments of the least size: one for some hundred events of this size.
		c.set = func(conf *agent.Config) { conf.Record.Limit = recording.LimitMin }
		a := c.start("web-1")
		c.start("web-2")
		for range 400 {
			a.UserEvent(context.Background(), "fill", make([]byte, 450), false)
			c.wait(300 * time.Millisecond)
		}
	})
	dir = filepath.Join(dir, "web-1")
	r := read(t, dir)
	if n := len(r.Segments); n < 3 {
		t.Fatalf("%d segments, want several", n)
	}
	whole := replay.Verify(walk(t, dir, nil), "")
	if !whole.Same {
		t.Fatal(whole.Text())
	}
	second := r.Segments[1]
	altered := false
	alter := func(s *recording.Segment, e *recording.Entry) {
		if s.Path == second.Path && e.Kind == recording.KindUserEvent && !altered {
			e.Name, altered = "fall", true
		}
	}
	report := replay.VerifyAltered(walk(t, dir, nil), alter)
	for _, d := range report.Differences {
		if d.Segment != filepath.Base(second.Path) {
			t.Errorf("%s differs in %s, too", d.Kind, d.Segment)
		}
	}
	for _, text := range report.Unplayed {
		if strings.Contains(text, dir) {
			t.Errorf("%s: want the name of the file alone", text)
		}
	}
	// The state at the end of the segment isn't the next one's.
	if len(report.Differences) == 0 || len(report.Unplayed) != 1 || report.Inputs != whole.Inputs {
		t.Errorf("%d inputs, want %d\n%s", report.Inputs, whole.Inputs, report.Text())
	}
	// A stretch is played from its own segment, but only its own inputs are counted.
	late := walk(t, dir, nil)
	late.In = replay.Stretch{From: second.Time.Add(time.Second), To: second.Time.Add(2 * time.Second)}
	part := replay.Verify(late, "")
	if !part.Same || part.Segments != 1 || part.From.Before(late.In.From) || part.Inputs > 40 {
		t.Errorf("a stretch of the second segment: %s", part.Text())
	}
	// What differs before the stretch may be why its inputs do.
	altered = false
	late = walk(t, dir, nil)
	late.In = replay.Stretch{From: second.Time.Add(5 * time.Second), To: second.Time.Add(6 * time.Second)}
	if part := replay.VerifyAltered(late, alter); part.Same || part.Before == 0 || !strings.Contains(part.Text(), "other effects before") {
		t.Errorf("a difference before the stretch: %s", part.Text())
	}
}

// What is shown of a node that does something else than the recorded one isn't what happened.
func TestWhoeverLooksIsToldOfDifferences(t *testing.T) {
	w, altered := kept(t, "plain"), -1
	for s := range w.Steps() {
		if e := s.Entry; e.Kind == recording.KindQuery {
			e.Name, altered = "another", e.Number
		}
	}
	text := strings.Join(w.Lines(), "\n")
	if w.Differ == 0 || altered < 0 || !strings.Contains(text, "not what happened") || !strings.Contains(text, w.Recording.Segments[0].Path) {
		t.Errorf("altered input %d: %s", altered, text)
	}
}

// A file that is no segment is named, and what the others have is played all the same.
func TestDamagedSegmentHidesNoOther(t *testing.T) {
	w := kept(t, "restarts")
	whole := replay.Verify(w, "this build")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(w.Recording.Dir)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "99999999-20270101T000000Z.serfrec")
	if err := os.WriteFile(file, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := replay.Verify(walk(t, dir, nil), "this build")
	if got.Inputs != whole.Inputs || len(got.Unplayed) != 1 || got.Same {
		t.Errorf("%d inputs, not played %q, want all %d inputs and the file named", got.Inputs,
			got.Unplayed, whole.Inputs)
	}
}

func TestMissingKeyIsNamed(t *testing.T) {
	w := kept(t, "encrypted")
	for _, c := range []struct {
		keys [][]byte
		some bool // inputs are played
	}{{nil, false}, {[][]byte{key(2)}, false}, {[][]byte{key(1)}, true}} {
		given := recording.Keys{}
		given.Add(c.keys...)
		got := replay.Verify(walk(t, w.Recording.Dir, given), "")
		if got.Same || (got.Inputs > 0) != c.some || len(got.Unplayed) != 1 || !strings.Contains(got.Unplayed[0], "fingerprint") {
			t.Errorf("with %d keys: %s", len(c.keys), got.Text())
		}
	}
	if len(w.Keys) != 2 {
		t.Errorf("%d keys", len(w.Keys))
	}
}

func TestLogOfARecording(t *testing.T) {
	log := func(w *replay.Walk, least swim.Level) (lines []string) {
		for l := range replay.Log(w, least) {
			l := l.(*replay.LogLine)
			lines = append(lines, l.Level+" "+l.Component+": "+l.Text)
		}
		return lines
	}
	lines := log(kept(t, "restarts"), swim.Info)
	text := strings.Join(lines, "\n")
	for _, want := range []string{
		"INFO serf: EventMemberJoin: web-2 127.0.0.12", "INFO serf: EventMemberFailed: web-2 127.0.0.12",
		"INFO memberlist: Suspect web-3 has failed, no acks received",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "DEBUG") {
		t.Error("debug lines at level info")
	}
	all := len(lines)
	w := kept(t, "restarts")
	w.In.From = replay.First(w).Add(12 * time.Second)
	lines = log(w, swim.Trace)
	if text := strings.Join(lines, "\n"); strings.Contains(text, "EventMemberFailed: web-2") || !strings.Contains(text, "EventMemberFailed: web-3") || len(lines) > all {
		t.Errorf("from 12 s on:\n%s", text)
	}
}

func TestMembersAndHistoryAtATime(t *testing.T) {
	begin := replay.First(kept(t, "restarts"))
	for _, c := range []struct {
		at   time.Duration
		want string
	}{
		{time.Second, "web-1 alive web-2 alive web-3 alive"},
		{9 * time.Second, "web-1 alive web-2 failed web-3 alive"},
		{12 * time.Second, "web-1 alive web-2 alive web-3 alive"},
		{21 * time.Second, "web-1 alive web-2 alive web-3 failed"},
	} {
		p, last, err := replay.At(kept(t, "restarts"), begin.Add(c.at))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, m := range p.Members() {
			got += " " + m.Name + " " + m.Status.String()
		}
		if got[1:] != c.want || last.After(begin.Add(c.at)) {
			t.Errorf("after %v: %s at %v, want %s", c.at, got, last, c.want)
		}
	}
	p, last, err := replay.At(kept(t, "restarts"), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	h, ok := p.HistoryOf("web-2", last)
	if !ok || len(h.Changes) != 4 || h.Changes[2].To.String() != "failed" || h.Changes[0].Time.Before(begin) {
		t.Errorf("history of web-2: %v, %+v", ok, h)
	}
	if _, ok := p.HistoryOf("nobody", last); ok {
		t.Error("there is a history of nobody")
	}
	if _, _, err := replay.At(kept(t, "restarts"), begin.Add(-time.Hour)); err != replay.ErrNothing {
		t.Errorf("before the recording: %v", err)
	}
	for _, after := range []time.Duration{30 * time.Second, time.Hour} {
		if _, _, err := replay.At(kept(t, "restarts"), begin.Add(after)); !errors.Is(err, replay.ErrNothing) || !strings.Contains(err.Error(), "it had stopped at 2000-01-01 00:00:22") {
			t.Errorf("after the agent had stopped: %v", err)
		}
	}
}

func TestPacketsOfAStretch(t *testing.T) {
	var b strings.Builder
	in := 0
	for l := range replay.Packets(kept(t, "encrypted")) {
		b.WriteString(l.Words(false))
		if l.(*replay.Traffic).In {
			in++
		}
		if _, err := json.Marshal(l); err != nil {
			t.Fatal(err)
		}
	}
	text := b.String()
	if in == 0 {
		t.Fatal("nothing came in")
	}
	for _, want := range []string{
		"web-1 <- web-2 (127.0.0.12:7946): packet", "web-1 -> web-2 (127.0.0.12:7946): packet", "label key=", "stream request",
		"stream answer", "Name=_serf_install-key", "key request Key=",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, " error=") {
		t.Errorf("some packets can't be read:\n%s", text)
	}
}

func TestParseTime(t *testing.T) {
	begin := time.Date(2026, 11, 30, 22, 15, 30, 5e8, time.FixedZone("", 3600))
	for text, want := range map[string]string{
		"2026-11-30T22:00:00Z": "2026-11-30T23:00:00+01:00", "2026-12-01 01:02:03.5": "2026-12-01T01:02:03.5+01:00",
		"22:15:30": "2026-11-30T22:15:30+01:00", "22:15:29": "2026-12-01T22:15:29+01:00", "00:00:00": "2026-12-01T00:00:00+01:00",
		"+90s": "2026-11-30T22:17:00.5+01:00",
	} {
		got, err := replay.ParseTime(text, begin)
		wanted, _ := time.Parse(time.RFC3339, want)
		if err != nil || !got.Equal(wanted) {
			t.Errorf("%s is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "noon", "+x", "+-5s", "25:00:00", "12:00"} {
		if got, err := replay.ParseTime(text, begin); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
