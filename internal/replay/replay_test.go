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

// kept is a recording in testdata and its keys.
func kept(t *testing.T, name string) (*recording.Recording, recording.Keys) {
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
	return read(t, filepath.Join("testdata", name, "web-1")), keys
}

// What an earlier build of this program recorded, this one does, too: a difference is a change of
// behaviour. If it is meant, make the recordings anew: go test ./internal/replay -run TestMake
// -make.
func TestKeptRecordingsAreReplayed(t *testing.T) {
	for name := range recordings {
		r, keys := kept(t, name)
		report, err := replay.Verify(r, keys, replay.Stretch{}, "this build")
		if err != nil {
			t.Fatal(err)
		}
		if !report.Same || report.Inputs < 40 {
			t.Errorf("%s: %s", name, report.Text())
		}
	}
}

// One byte of one packet is enough.
func TestDifferenceIsNamed(t *testing.T) {
	r, keys := kept(t, "plain")
	altered := -1
	report, err := replay.VerifyAltered(r, keys, replay.Stretch{}, func(_ *recording.Segment, e *recording.Entry) {
		if at := strings.Index(string(e.Data), "deploy"); e.Kind == recording.KindPacket && at >= 0 && altered < 0 {
			e.Data[at] = 'D'
			binary.BigEndian.PutUint32(e.Data[1:], crc32.ChecksumIEEE(e.Data[5:]))
			altered = e.Number
		}
	})
	if err != nil || altered < 0 {
		t.Fatalf("altered input %d, %v", altered, err)
	}
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
	r := read(t, filepath.Join(dir, "web-1"))
	if n := len(r.Runs[0].Segments); n < 3 {
		t.Fatalf("%d segments, want several", n)
	}
	whole, err := replay.Verify(r, nil, replay.Stretch{}, "")
	if err != nil || !whole.Same {
		t.Fatalf("%v\n%s", err, whole.Text())
	}
	second := r.Runs[0].Segments[1]
	altered := false
	report, err := replay.VerifyAltered(r, nil, replay.Stretch{}, func(s *recording.Segment, e *recording.Entry) {
		if s == second && e.Kind == recording.KindUserEvent && !altered {
			e.Name, altered = "fall", true
		}
	})
	if err != nil {
		t.Fatal(err)
	}
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
	// A stretch is played from its own segment.
	late := replay.Stretch{From: second.Time.Add(time.Second), To: second.Time.Add(2 * time.Second)}
	part, err := replay.Verify(r, nil, late, "")
	if err != nil || !part.Same || part.Segments != 1 {
		t.Errorf("a stretch of the second segment: %v\n%s", err, part.Text())
	}
}

// What is shown of a node that does something else than the recorded one isn't what happened.
func TestWhoeverLooksIsToldOfDifferences(t *testing.T) {
	r, keys := kept(t, "plain")
	altered := -1
	err := replay.Walk(r, keys, replay.Stretch{}, &replay.Visitor{
		Before: func(_ *replay.Player, _ *recording.Segment, e *recording.Entry, _ time.Time) {
			if e.Kind == recording.KindQuery {
				e.Name, altered = "another", e.Number
			}
		},
		Step: func(*replay.Step) error { return nil },
	})
	var differ *replay.DifferError
	if !errors.As(err, &differ) || differ.Number < altered || altered < 0 || differ.Count == 0 ||
		!strings.Contains(err.Error(), "not what happened") {
		t.Errorf("altered input %d: %v", altered, err)
	}
}

// A file that is no segment is named, and what the others have is played all the same.
func TestDamagedSegmentHidesNoOther(t *testing.T) {
	r, keys := kept(t, "restarts")
	whole, err := replay.Verify(r, keys, replay.Stretch{}, "this build")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(r.Dir)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "99999999-20270101T000000Z.serfrec")
	if err := os.WriteFile(file, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := replay.Verify(read(t, dir), keys, replay.Stretch{}, "this build")
	if err != nil {
		t.Fatal(err)
	}
	if got.Inputs != whole.Inputs || len(got.Unplayed) != 1 || got.Same {
		t.Errorf("%d inputs, not played %q, want all %d inputs and the file named", got.Inputs,
			got.Unplayed, whole.Inputs)
	}
}

func TestMissingKeyIsNamed(t *testing.T) {
	r, keys := kept(t, "encrypted")
	if _, err := replay.Verify(r, recording.Keys{}, replay.Stretch{}, ""); err == nil || !strings.Contains(err.Error(), "fingerprint") {
		t.Errorf("without any key: %v", err)
	}
	one := recording.Keys{}
	one.Add(key(2))
	if _, err := replay.Verify(r, one, replay.Stretch{}, ""); err == nil {
		t.Error("the first key isn't needed")
	}
	if len(keys) != 2 {
		t.Errorf("%d keys", len(keys))
	}
}

func TestLogOfARecording(t *testing.T) {
	r, keys := kept(t, "restarts")
	var lines []string
	add := func(l replay.LogLine) error {
		lines = append(lines, l.LevelName+" "+l.Component+": "+l.Text)
		return nil
	}
	if err := replay.Log(r, keys, replay.Stretch{}, swim.Info, add); err != nil {
		t.Fatal(err)
	}
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
	lines = nil
	if err := replay.Log(r, keys, replay.Stretch{From: replay.First(r, keys).Add(12 * time.Second)}, swim.Trace, add); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(lines, "\n"); strings.Contains(text, "EventMemberFailed: web-2") || !strings.Contains(text, "EventMemberFailed: web-3") || len(lines) > all {
		t.Errorf("from 12 s on:\n%s", text)
	}
}

func TestMembersAndHistoryAtATime(t *testing.T) {
	r, keys := kept(t, "restarts")
	begin := replay.First(r, keys)
	for _, c := range []struct {
		at   time.Duration
		want string
	}{
		{time.Second, "web-1 alive web-2 alive web-3 alive"},
		{9 * time.Second, "web-1 alive web-2 failed web-3 alive"},
		{12 * time.Second, "web-1 alive web-2 alive web-3 alive"},
		{30 * time.Second, "web-1 alive web-2 alive web-3 failed"},
	} {
		p, last, err := replay.At(r, keys, begin.Add(c.at))
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
	p, last, err := replay.At(r, keys, time.Time{})
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
	if _, _, err := replay.At(r, keys, begin.Add(-time.Hour)); err != replay.ErrNothing {
		t.Errorf("before the recording: %v", err)
	}
	if _, _, err := replay.At(r, keys, begin.Add(time.Hour)); !errors.Is(err, replay.ErrNothing) {
		t.Errorf("after the recording: %v", err)
	}
}

func TestPacketsOfAStretch(t *testing.T) {
	r, keys := kept(t, "encrypted")
	var b strings.Builder
	in := 0
	err := replay.Packets(r, keys, replay.Stretch{}, func(x *replay.Traffic) error {
		b.WriteString(x.Text())
		if x.In {
			in++
		}
		_, err := json.Marshal(x)
		return err
	})
	text := b.String()
	if err != nil || in == 0 {
		t.Fatal(err, in)
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
