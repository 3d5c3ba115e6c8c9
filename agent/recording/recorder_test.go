package recording

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"serf/internal/checkpoint"
	"serf/swim"
	"serf/swim/serf"
)

func TestEntriesAreWhatWasGiven(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{}, nodeConfig("a", addrA), createFile)
	s.ping(1)
	s.turn()
	s.UserEvent(s.now, "deploy", []byte("v2"), true, &s.out)
	s.run(3 * time.Second)
	dir := s.dir
	s.end()
	list, ends := entries(t, dir)
	if len(list) < 4 || list[0].Kind != KindStart || list[1].Kind != KindPacket || list[2].Kind != KindUserEvent || list[3].Kind != KindTick {
		t.Fatalf("got %v, want start, packet, user-event, tick", list)
	}
	if p := list[1]; p.From != addrB || len(p.Data) == 0 || p.At != 1 || !p.Ended || p.Effects.Packets != 1 || p.Effects.Out == 0 {
		t.Errorf("the packet is %+v, want one from %v with an ack", p, addrB)
	}
	if e := list[2]; e.Name != "deploy" || string(e.Data) != "v2" || !e.Flag || e.Effects.Events == 0 {
		t.Errorf("the event is %+v, want deploy with v2", e)
	}
	if len(ends) != 1 || ends[0] != (End{Reason: EndClosed}) {
		t.Errorf("ends are %+v, want that it was closed", ends)
	}
}

// A crash loses at most the last second, though nothing comes in any more.
func TestLastSecondIsWritten(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{}, nodeConfig("a", addrA), createFile)
	for seq := range 5 {
		s.ping(uint32(seq))
		s.turn()
		at := s.now
		s.run(WriteLatest)
		s.wait()
		list, _ := entries(t, s.dir)
		if !slices.ContainsFunc(list, func(e *Entry) bool { return e.Kind == KindPacket && e.At == at }) {
			t.Fatalf("a ping of %v isn't written %v later: %v", time.Duration(at), WriteLatest, list)
		}
	}
}

// A call that doesn't return is the last that is written, with its input.
func TestInputOfACrashIsWritten(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{}, nodeConfig("a", addrA), createFile)
	func() {
		defer func() { recover() }()
		e := &Entry{Kind: KindPacket, At: s.now, From: addrB, Data: []byte("deadly")}
		s.rec.record(e, &s.out, func() (swim.OpID, error) { panic("a rule was broken") })
	}()
	list, _ := entries(t, s.dir)
	last := list[len(list)-1]
	if last.Ended || string(last.Data) != "deadly" {
		t.Errorf("the last input is %+v, want the deadly packet, without its end", last)
	}
}

// Nothing of an encrypted cluster can be read in a recording, and of the keys nothing at all; of a
// plain one all can.
func TestSecretsAreNotReadable(t *testing.T) {
	t.Parallel()
	old, next := key(1), key(101)
	for _, sealed := range []bool{true, false} {
		c := nodeConfig("a", addrA)
		c.Tags = map[string]string{"role": "tag-of-ours"}
		if sealed {
			encrypted(&c, old)
		}
		s := begin(t, Config{}, c, createFile)
		s.UserEvent(s.now, "event", []byte("payload-of-ours"), false, &s.out)
		s.Keys(s.now, serf.KeyRequest{Command: serf.InstallKey, Key: next}, &s.out)
		if sealed {
			ring, _ := s.Sealer().Keys.Install(next)
			s.SetKeyring(s.now, ring, &s.out)
		}
		s.run(5 * time.Second)
		s.rec.next(s.Node.Node, s.now, End{Reason: EndNext}) // a checkpoint with all of it
		dir := s.dir
		s.end()
		all := contents(t, dir)
		for _, secret := range []string{"payload-of-ours", "tag-of-ours"} {
			if got := bytes.Contains(all, []byte(secret)); got == sealed {
				t.Errorf("encrypted %v: %s is there: %v", sealed, secret, got)
			}
		}
		for _, k := range [][]byte{old, next} {
			if !sealed { // a plain cluster spreads it in plain
				continue
			}
			for _, form := range []string{string(k), hex.EncodeToString(k), base64.StdEncoding.EncodeToString(k)} {
				if bytes.Contains(all, []byte(form)) {
					t.Errorf("a key is there as %q", form)
				}
			}
		}
	}
}

func contents(t *testing.T, dir string) (all []byte) {
	t.Helper()
	names, err := segmentNames(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

func TestOthersCannotRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("has no such permissions")
	}
	s := begin(t, Config{}, nodeConfig("a", addrA), createFile)
	s.wait()
	names, _ := segmentNames(s.dir)
	for path, want := range map[string]os.FileMode{s.dir: 0o700, filepath.Join(s.dir, names[0]): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

// A directory is for one recorder at a time, and a later one goes on there.
func TestDirectoryOfAnother(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{}, nodeConfig("a", addrA), createFile)
	if _, err := Open(Config{Dir: s.dir}, s.rec.clock, &s.log); err == nil || !strings.Contains(err.Error(), s.dir+": another agent records there") {
		t.Errorf("error %v, want that another records there", err)
	}
	dir := s.dir
	s.end()
	begin(t, Config{Dir: dir}, nodeConfig("a", addrA), createFile).end()
	r, err := Read(dir)
	if err != nil || len(r.Segments) != 2 || r.Segments[0].Run == r.Segments[1].Run {
		t.Errorf("%v, %v, want two runs", r, err)
	}
}

func TestDirectoryThatCannotBe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, err := Open(Config{Dir: dir}, nil, new(lines)); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v, want one that names it", dir, err)
		}
	}
}

// device is a disk with room for so many bytes, which may be stuck.
type device struct {
	mu    sync.Mutex
	room  int
	stuck chan struct{} // nil: it isn't
	most  int64         // bytes in dir when something was written
	dir   string
}

type deviceFile struct {
	io.WriteCloser
	of *device
}

var errNoSpace = errors.New("no space left on device")

func (d *device) create(path string) (io.WriteCloser, error) {
	f, err := createFile(path)
	return deviceFile{f, d}, err
}

func (f deviceFile) Write(b []byte) (n int, err error) {
	d := f.of
	if d.stuck != nil {
		<-d.stuck
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fit := min(len(b), d.room)
	d.room -= fit
	if n, err = f.WriteCloser.Write(b[:fit]); err == nil && fit < len(b) {
		err = errNoSpace
	}
	d.most = max(d.most, sizeOf(d.dir))
	return n, err
}

func sizeOf(dir string) (sum int64) {
	names, _ := segmentNames(dir)
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// A full disk ends the recording, which is said; the node goes on, what isn't recorded is counted.
func TestFullDiskEndsTheRecording(t *testing.T) {
	t.Parallel()
	d := &device{room: 5000}
	s := begin(t, Config{}, nodeConfig("a", addrA), d.create)
	for seq := range 200 {
		s.ping(uint32(seq))
		s.run(time.Second)
		s.wait()
	}
	stats, _ := s.rec.Stats()
	if stats.On || !strings.Contains(stats.Problem, "no space left") || stats.Lost == 0 {
		t.Errorf("got %+v, want that it has stopped for want of space", stats)
	}
	if in := s.Swim().Counters().PacketsIn; in != 200 {
		t.Errorf("the node got %d packets, want 200", in)
	}
	if log := s.log.String(); strings.Count(log, "Recording has stopped, the agent goes on: no space left on device") != 1 {
		t.Errorf("log: %s", log)
	}
	dir := s.dir
	s.end()
	list, ends := entries(t, dir) // what fitted can be read
	if len(list) == 0 || !ends[0].Torn {
		t.Errorf("%d entries, ends %+v, want some and a torn frame", len(list), ends)
	}
}

// A segment whose checkpoint doesn't fit on the disk isn't left there: it couldn't be replayed.
func TestSegmentWithoutACheckpointIsNotLeft(t *testing.T) {
	t.Parallel()
	d := &device{room: 5000}
	s := begin(t, Config{}, nodeConfig("a", addrA), d.create)
	s.ping(1)
	s.run(time.Second)
	s.wait()
	d.room = 100
	s.rec.send(chunk{kind: frameCheckpoint, header: new(Header), content: make([]byte, 1000)})
	s.wait()
	stats, _ := s.rec.Stats()
	dir := s.dir
	s.end()
	names, err := segmentNames(dir)
	if err != nil || len(names) != 1 || stats.On || stats.Bytes != sizeOf(dir) {
		t.Errorf("files %v, %v, stats %+v, want one whole segment and its size", names, err, stats)
	}
}

// What somebody else put there isn't removed, whatever its name.
func TestFilesOfOthersStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var others []string
	for _, name := range []string{"saved.serfrec", "1-of-march.serfrec", "00000001.txt"} {
		others = append(others, filepath.Join(dir, name))
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, LimitMin), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := begin(t, Config{Dir: dir, Limit: LimitMin}, nodeConfig("a", addrA), createFile)
	s.ping(1)
	s.run(time.Second)
	s.wait()
	if stats, _ := s.rec.Stats(); !stats.On || stats.Removed > 0 || stats.Bytes > LimitMin {
		t.Errorf("got %+v, want a recording beside them", stats)
	}
	for _, path := range others {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// However large the limit is, a segment is no larger than what a replay reads.
func TestSegmentsCanBeRead(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{Limit: 1 << 50}, nodeConfig("a", addrA), createFile)
	if s.rec.room > segmentMost || s.rec.room < segmentMost/2 || segmentMost+behindMax > segmentMax {
		t.Errorf("room for %d bytes, at most %d are read", s.rec.room, segmentMax)
	}
}

// While the disk doesn't answer the node goes on. When it does, the recording goes on with a
// checkpoint, and says how much is missing.
func TestSlowDiskLeavesAGap(t *testing.T) {
	t.Parallel()
	d := &device{room: 1 << 30, stuck: make(chan struct{})}
	s := begin(t, Config{}, nodeConfig("a", addrA), d.create)
	large := make([]byte, 60<<10)
	for range 200 { // 12 MB
		s.Packet(s.now, addrB, large, &s.out)
		s.turn()
		s.now++
	}
	stats, _ := s.rec.Stats()
	if stats.Lost == 0 || !stats.On {
		t.Fatalf("got %+v, want inputs that are lost", stats)
	}
	if behind := s.rec.behind.Load(); behind > behindMax {
		t.Errorf("%d bytes wait, at most %d", behind, behindMax)
	}
	close(d.stuck)
	s.wait()
	s.turn()
	s.ping(1)
	dir := s.dir
	s.end()
	list, ends := entries(t, dir)
	if len(ends) != 2 || ends[0].Reason != EndGap || ends[0].Lost != stats.Lost {
		t.Errorf("ends %+v, want a gap of %d", ends, stats.Lost)
	}
	if want := 1 + 200 + 1 - int(stats.Lost); len(list) != want {
		t.Errorf("%d entries, want %d", len(list), want)
	}
	if log := s.log.String(); !strings.Contains(log, "the disk is too slow, inputs are missing") || !strings.Contains(log, "Recording goes on") {
		t.Errorf("log: %s", log)
	}
}

// The oldest segments go first, and the files never take more than the limit.
func TestLimitHolds(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "record")
	d := &device{room: 1 << 30, dir: dir}
	s := begin(t, Config{Dir: dir, Limit: LimitMin}, nodeConfig("a", addrA), d.create)
	packet := bytes.Repeat([]byte{0xff}, 1000)
	for i := range 5000 {
		s.Packet(s.now, addrB, packet, &s.out)
		s.run(20 * time.Millisecond)
		if i%50 == 0 {
			s.wait()
		}
	}
	s.wait()
	stats, _ := s.rec.Stats()
	s.end()
	if d.most > LimitMin || d.most < LimitMin/2 {
		t.Errorf("at most %d bytes, the limit is %d", d.most, LimitMin)
	}
	if stats.Removed == 0 || stats.Bytes > LimitMin || stats.Lost > 0 {
		t.Errorf("got %+v, want segments removed", stats)
	}
	r, err := Read(dir)
	if err != nil || len(r.Segments) < 5 {
		t.Fatalf("%+v, %v, want some segments", r, err)
	}
	first := r.Segments[0].Segment
	for i, seg := range r.Segments {
		if seg.Segment != first+i || seg.Segment == 0 {
			t.Errorf("segment %d is number %d, the first is %d", i, seg.Segment, first)
		}
	}
}

// What the limit has no room for ends the recording, and removes nothing.
func TestSegmentBeyondTheLimit(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{Limit: LimitMin}, nodeConfig("a", addrA), createFile)
	s.ping(1)
	s.run(time.Second)
	s.rec.send(chunk{kind: frameCheckpoint, header: new(Header), content: make([]byte, LimitMin)})
	s.wait()
	stats, _ := s.rec.Stats()
	if stats.On || !strings.Contains(stats.Problem, "the limit of 1MiB has no room for 10486") || stats.Removed > 0 || stats.Bytes == 0 {
		t.Errorf("got %+v, want that it stopped and removed nothing", stats)
	}
}

// A segment of an hour ends, however little happens.
func TestSegmentEndsByItsAge(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{}, nodeConfig("a", addrA), createFile)
	for range 37 { // with pauses, or the disk would be too slow
		s.run(5 * time.Minute / 2)
		s.wait()
		s.run(5 * time.Minute / 2)
		s.wait()
	}
	dir := s.dir
	s.end()
	if _, ends := entries(t, dir); len(ends) != 4 || ends[2].Reason != EndNext || ends[3].Reason != EndClosed {
		t.Errorf("ends %+v, want four segments", ends)
	}
}

// When the host's clock is set, forwards or back, a segment begins with the new time.
func TestSegmentEndsWhenTheClockIsSet(t *testing.T) {
	t.Parallel()
	s := begin(t, Config{}, nodeConfig("a", addrA), createFile)
	for _, step := range []time.Duration{0, time.Hour, clockStep, -clockStep, -2 * time.Hour} {
		s.wall = s.wall.Add(step)
		s.run(10 * time.Second)
		s.wait()
	}
	dir := s.dir
	s.end()
	r, err := Read(dir)
	if err != nil || len(r.Segments) != 3 {
		t.Fatalf("%+v, %v, want three segments", r, err)
	}
	for i, off := range []time.Duration{0, time.Hour, -time.Hour} {
		seg, err := r.Segments[i].Open(Keys{})
		if err != nil {
			t.Fatal(err)
		}
		c := seg.Checkpoint
		if got := c.Wall.Add(-time.Duration(c.At)).Sub(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)); got != off {
			t.Errorf("the clock of segment %d is %v off, want %v", i, got, off)
		}
	}
}

// Recording an input allocates nothing.
func TestRecordingAllocatesNothing(t *testing.T) {
	c := nodeConfig("a", addrA)
	encrypted(&c, key(1))
	s := begin(t, Config{}, c, createFile)
	m := s.packet(9)
	n := testing.AllocsPerRun(2000, func() {
		s.Packet(s.now, addrB, m, &s.out)
		s.now += swim.Time(time.Millisecond)
		if s.Deadline() <= s.now {
			s.Tick(s.now, &s.out)
		}
		s.turn()
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// What recording adds to an input.
func BenchmarkPacket(b *testing.B) {
	for _, recorded := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "recorded"}[recorded], func(b *testing.B) {
			s := begin(b, Config{}, nodeConfig("a", addrA), createFile)
			m := s.packet(9)
			if !recorded {
				s.Node.rec.mode = modeStop
				s.Node.rec = nil
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Packet(s.now, addrB, m, &s.out)
				s.out.Reset()
				if recorded && len(s.rec.buf) > 32<<10 {
					s.rec.clear(s.rec.buf)
				}
			}
		})
	}
}

// Packets and ticks are written by functions of their own, in the bytes of all others.
func TestFrequentInputsAreWrittenAsTheOthers(t *testing.T) {
	t.Parallel()
	for _, want := range []*Entry{
		{Kind: KindTick}, {Kind: KindPacket, From: addrA, Data: []byte("x")}, {Kind: KindPacket, From: addrB, Data: make([]byte, 300)},
		{Kind: KindPacket, From: netip.MustParseAddrPort("[fe80::1%eth0]:7946"), Data: []byte{}}, {Kind: KindPacket, From: netip.MustParseAddrPort("[::ffff:10.0.0.1]:1")},
	} {
		s := begin(t, Config{}, nodeConfig("a", addrA), createFile)
		before := len(s.rec.buf)
		want.At = s.now + 12345
		if want.Kind == KindTick {
			s.Tick(want.At, &s.out)
		} else {
			s.Packet(want.At, want.From, want.Data, &s.out)
		}
		own := bytes.Clone(s.rec.buf[before:])
		e := *want
		if want.Data == nil && want.Kind == KindPacket {
			e.Data = []byte{}
		}
		c := checkpoint.Saver(nil)
		e.codeHead(c, s.now)
		e.code(c)
		if !bytes.HasPrefix(own, append(c.Saved(), byte(ended))) {
			t.Errorf("%v from %v: %q, want %q", want.Kind, want.From, own, c.Saved())
		}
	}
}
