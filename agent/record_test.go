package agent

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent/recording"
	"serf/driver/memnet"
	"serf/internal/replay"
	"serf/swim"
	"serf/swim/serf"
)

// wantReplayed plays a recording, and wants the same effects of each input, and at the end of each
// segment the state with which the next begins. It returns how many inputs and segments there were.
func wantReplayed(t *testing.T, dir string, keys ...[]byte) (inputs, segments int) {
	t.Helper()
	r, err := recording.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	known := recording.Keys{}
	known.Add(keys...)
	var p *replay.Player
	run := ""
	for _, s := range r.Segments {
		reader, err := s.Open(known)
		if err != nil {
			t.Fatal(err)
		}
		c := reader.Checkpoint
		if run == s.Run && !bytes.Equal(p.Node.AppendState(nil), c.State) {
			t.Fatalf("%s: another state than that of its beginning", s.Path)
		}
		if p, err = replay.Begin(c, known); err != nil {
			t.Fatalf("%s: %v", s.Path, err)
		}
		if c.State != nil && !bytes.Equal(p.Node.AppendState(nil), c.State) {
			t.Fatalf("%s: the state is another after it was restored", s.Path)
		}
		segments++
		run = s.Run
		for e, err := range reader.Entries() {
			if err != nil {
				t.Fatal(err)
			}
			inputs++
			got, err := p.Play(e)
			if err != nil || got != e.Effects || !e.Ended {
				t.Fatalf("%s: %d inputs, %v at %v: %+v, %v, want %+v", s.Path, e.Number, e.Kind, time.Duration(e.At), got, err, e.Effects)
			}
		}
		if reader.End.Torn {
			t.Errorf("%s: ends within a frame", s.Path)
		}
	}
	return inputs, segments
}

// flight is a cluster of three whose members record.
type flight struct {
	t      *testing.T
	net    *memnet.Network
	rng    *rand.Rand
	dir    string
	limit  int64
	agents [3]*Agent
	keys   []byte // of storyKeys, in use
}

func (f *flight) record(i int) string { return filepath.Join(f.dir, memberName(i)) }

// start starts member i, and joins the others.
func (f *flight) start(i int) {
	c := memConfig(f.net, memberName(i), i+1)
	c.seed = f.rng.Uint64()
	c.Record = recording.Config{Dir: f.record(i), Limit: f.limit}
	c.Keys = storyKeys(f.keys...)
	c.KeyringChanged = func([][]byte) error { return nil }
	c.Compress = true
	c.Admit = func(m Member) error {
		if m.Name == "stranger" {
			return fmt.Errorf("%s is none of us", m.Name)
		}
		return nil
	}
	c.AdmitMerge = func([]Member) error { return nil }
	c.ListedFor = func(m Member, d time.Duration) time.Duration { return d / 2 }
	c.CoalescePeriod, c.QuiescentPeriod = time.Second, time.Second/2
	f.agents[i] = begin(f.t, c)
	for k, other := range f.agents {
		if k != i && other != nil {
			f.agents[i].Join(background, []string{other.Addr().String()}, true)
		}
	}
}

// act does one thing to the cluster, drawn at random.
func (f *flight) act() {
	i := f.rng.IntN(len(f.agents))
	a := f.agents[i]
	switch f.rng.IntN(12) {
	case 0, 1:
		a.UserEvent(background, "deploy", bytes.Repeat([]byte("p"), f.rng.IntN(400)), f.rng.IntN(2) == 0)
	case 2:
		f.query(a)
	case 3:
		a.SetTags(background, map[string]string{"n": fmt.Sprint(f.rng.IntN(9))}, nil)
	case 4:
		f.garbage(a)
	case 5: // killed
		a.Close()
		time.Sleep(time.Duration(f.rng.IntN(20)) * time.Second)
		f.start(i)
	case 6: // leaves, and comes back
		a.Leave(background)
		a.Close()
		f.start(i)
	case 7: // paused
		a.do(background, func(swim.Time) { time.Sleep(time.Duration(f.rng.IntN(30)) * time.Second) })
	case 8:
		f.rotate(a)
	case 9:
		a.ForceLeave(background, memberName(f.rng.IntN(3)), f.rng.IntN(2) == 0)
	case 10:
		f.net.Isolate(a.Addr().Addr(), true)
		time.Sleep(time.Duration(f.rng.IntN(40)) * time.Second)
		f.net.Isolate(a.Addr().Addr(), false)
	case 11:
		a.Views(background, time.Second)
	}
}

func (f *flight) query(a *Agent) {
	q, err := a.Query(background, serf.QueryParams{Name: "load", WantAck: true, Timeout: 2 * time.Second, RelayFactor: 1})
	if err != nil {
		return
	}
	for range q.Answers() {
	}
}

// garbage sends a member what no member would.
func (f *flight) garbage(to *Agent) {
	from := netip.MustParseAddrPort("127.0.9.99:9")
	udp, tcp, err := f.net.Host(from.Addr()).Listen(from)
	if err != nil {
		f.t.Fatal(err)
	}
	defer udp.Close()
	defer tcp.Close()
	for range 5 {
		p := make([]byte, f.rng.IntN(200))
		for i := range p {
			p[i] = byte(f.rng.Uint32())
		}
		udp.WriteTo(p, to.Addr())
	}
	time.Sleep(time.Second)
}

// rotate gives the cluster a new key.
func (f *flight) rotate(a *Agent) {
	next := byte(len(f.keys) + 1)
	ctx := background
	for _, c := range []serf.KeyCommand{serf.InstallKey, serf.UseKey} {
		a.Keys(ctx, serf.KeyRequest{Command: c, Key: storyKey(next), Timeout: 2 * time.Second})
	}
	f.keys = append([]byte{next}, f.keys...)
}

// fly runs a cluster for that long, and replays what its members recorded.
func fly(t *testing.T, seed uint64, long time.Duration, limit int64) (inputs, segments int) {
	f := &flight{t: t, rng: rand.New(rand.NewPCG(seed, 0)), dir: t.TempDir(), limit: limit, keys: []byte{1},
		net: memnet.New(memnet.Config{Link: memnet.Link{Delay: time.Millisecond, Jitter: time.Millisecond, Loss: 0.03}, Seed: seed})}
	for i := range f.agents {
		f.start(i)
	}
	for began := time.Now(); time.Since(began) < long; {
		f.act()
		time.Sleep(time.Duration(f.rng.IntN(20)) * time.Second)
	}
	for i, a := range f.agents {
		a.Close()
		n, m := wantReplayed(t, f.record(i), storyKeys(f.keys...)...)
		inputs, segments = inputs+n, segments+m
	}
	return inputs, segments
}

// flights is how many hours of a cluster are recorded and replayed, each with another seed.
var flights = flag.Int("flights", 0, "hours of a cluster to record and replay")

var flightLimit = flag.Int64("flight-limit", 8<<20, "of each recording, in bytes")

// What a node did, it does again: through restarts, kills, pauses, partitions, key rotation and
// garbage.
func TestRecordingIsReplayed(t *testing.T) {
	t.Parallel()
	long, runs := 5*time.Minute, 1
	if *flights > 0 {
		long, runs = time.Hour, *flights
	}
	for seed := range runs {
		synctest.Test(t, func(t *testing.T) {
			inputs, segments := fly(t, uint64(seed), long, *flightLimit)
			t.Logf("seed %d: %d inputs in %d segments: every effect is the same", seed, inputs, segments)
			if inputs < 1000 {
				t.Errorf("%d inputs were recorded", inputs)
			}
		})
	}
}

// A quiet cluster of ten fills at most 60 MB a day and member.
func TestQuietRecordingIsSmall(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("ten agents for ten minutes")
	}
	for _, keys := range [][][]byte{nil, storyKeys(1)} {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New(memnet.Config{Link: memnet.Link{Delay: time.Millisecond}})
			dir := filepath.Join(t.TempDir(), "record")
			var agents []*Agent
			for i := range 10 {
				c := memConfig(n, fmt.Sprintf("member-%d.example.com", i), i+1)
				c.Timing, c.Keys, c.Compress, c.Tags = LAN(), keys, true, map[string]string{"role": "web", "dc": "eu1"}
				if i == 0 {
					c.Record.Dir = dir
				}
				agents = append(agents, begin(t, c))
				if i > 0 {
					mustJoin(t, agents[i], agents[0])
				}
			}
			time.Sleep(time.Minute)
			before, _ := agents[0].recorder.Stats()
			const long = 10 * time.Minute
			time.Sleep(long)
			after, _ := agents[0].recorder.Stats()
			day := (after.Bytes - before.Bytes) * int64(24*time.Hour/long)
			t.Logf("encrypted %v: %.1f MB a day, %.1f inputs a second, %.0f bytes each", keys != nil, float64(day)/1e6,
				float64(after.Inputs-before.Inputs)/long.Seconds(), float64(after.Bytes-before.Bytes)/float64(after.Inputs-before.Inputs))
			if day > 60e6 || day == 0 {
				t.Errorf("%d bytes a day", day)
			}
		})
	}
}
