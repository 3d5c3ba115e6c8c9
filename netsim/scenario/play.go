package scenario

import (
	"encoding/binary"
	"slices"
	"time"

	"serf/netsim"
	"serf/netsim/cluster"
	"serf/swim"
	"serf/swim/serf"
)

// Each fault and each work has its own stream of random numbers, so that adding one doesn't change
// which members the others choose. Streams below these belong to hosts and to the cluster.
const (
	faultStream = 1 << 40
	workStream  = 1 << 41
)

// scenarioRun is a scenario that is being played.
type scenarioRun struct {
	s         *Scenario
	c         *cluster.Cluster
	snapshots map[int]snapshot // of members that are to start again with one
	count     int              // of requests, to make texts differ
	key       int              // number of the newest key
	// key is installed and to be used next, by a rotation that keeps old keys
	use    bool
	mended bool // no fault or work begins any more
	// regionOf is the number of each member's region; nil without regions
	regionOf []uint8
}

// newRun makes the cluster of a scenario.
func newRun(s *Scenario) (*scenarioRun, error) {
	run := &scenarioRun{s: s, snapshots: make(map[int]snapshot)}
	p := s.Tuned()
	base, paths, _ := s.links()
	p.Link.Latency = slowest(append(paths, base, p.Link))
	cfg := cluster.Config{
		Members: s.Members, Profile: p, Link: base, Seed: s.Seed, Seeds: s.Start.Seeds,
		Check: s.Check, Tune: run.tune, Without: swim.Mechanism(s.Disable), WithoutAt: s.disables,
		Workers: s.Workers, Apart: s.Start.Apart, Later: s.Start.Later, Compress: s.Compress,
		TimersFirst: s.TimersFirst, Explain: s.Explain, ZoneTag: s.zoneTag(),
	}
	if len(s.Regions) > 0 {
		run.regionOf = s.regionOf()
	}
	if s.Encrypt {
		cfg.Key = s.key(0)
	}
	var err error
	if run.c, err = cluster.New(cfg); err != nil {
		return nil, err
	}
	run.setNetwork(run.s.links())
	return run, nil
}

// slowest is the latency of the link that may take longest, which bounds have to allow for.
func slowest(links []netsim.Link) netsim.Dist {
	most := links[0].Latency
	for _, l := range links[1:] {
		if l.Latency.Max() > most.Max() {
			most = l.Latency
		}
	}
	return most
}

// largeEvents reports whether there are events beyond the default size limit.
func (s *Scenario) largeEvents() bool {
	return slices.ContainsFunc(s.Work, func(w Work) bool { return w.Size > maxPayload })
}

// setNetwork sets the links, and what each member can send.
func (run *scenarioRun) setNetwork(
	base netsim.Link, paths []netsim.Link, bandwidth netsim.Bandwidth,
) {
	run.c.SetLink(base)
	if len(run.s.Regions) > 0 {
		var names []string
		for _, r := range run.s.Regions {
			names = append(names, r.Name)
		}
		run.c.SetRegions(names, run.regionOf, paths)
	}
	for i := range run.s.Members {
		run.c.Sim().SetUplink(i, bandwidth, time.Duration(run.s.Network.Queue))
	}
}

// choose draws the members that w means among the eligible ones for which ok is true, in the order
// in which they were drawn. If all of them are meant, they are in their own order.
func (run *scenarioRun) choose(d *netsim.Draws, w *Who, ok func(i int) bool) []int {
	if w.Count == 1 && w.Region == "" && len(w.Names) == 0 {
		// Work and churn usually choose one member: no need to look at all of them.
		const tries = 32
		for range tries {
			if i := d.Below(run.s.Members); ok(i) {
				return []int{i}
			}
		}
	}
	list := run.s.eligible(w)
	most := w.of(len(list)) // a share is one of all eligible members, running or not
	list = slices.DeleteFunc(list, func(i int) bool { return !ok(i) })
	if w.Count == 0 && (w.Share == 0 || w.Share == netsim.Always) {
		return list
	}
	return d.Some(list, min(most, len(list)))
}

// snapshot is what a member's snapshot file holds.
type snapshot struct {
	stats    serf.Stats
	previous []serf.Previous // members that were alive, or failed
}

// takeSnapshot takes a snapshot of a member that f is about to stop, if f says so.
func (run *scenarioRun) takeSnapshot(f *Fault, i int) {
	n := run.c.Node(i)
	if !f.Snapshot || n == nil {
		return
	}
	m := snapshot{stats: n.Stats()}
	for _, x := range n.Members(nil) {
		if x.Status == serf.StatusAlive || x.Status == serf.StatusFailed {
			m.previous = append(m.previous, serf.Previous{Name: x.Name, Addr: x.Addr})
		}
	}
	run.snapshots[i] = m
}

// tune completes the configuration of a member that is about to start.
func (run *scenarioRun) tune(i int, cfg *serf.Config) {
	run.s.Timing.Apply(cfg)
	run.tuneZone(i, cfg)
	if run.s.largeEvents() {
		cfg.EventSizeMax = serf.EventSizeCeiling
	}
	if m, ok := run.snapshots[i]; ok {
		// A snapshot holds the last times seen; clocks are one ahead.
		cfg.LastMemberTime = m.stats.MemberTime - 1
		cfg.MinEventTime, cfg.MinQueryTime = m.stats.EventTime, m.stats.QueryTime
		cfg.Previous = m.previous
	}
}

const (
	keySize   = 32 // bytes: AES-256
	keyStream = 1 << 42
)

// key is the k-th key of the cluster.
func (s *Scenario) key(k int) []byte {
	d := netsim.NewDraws(s.Seed, keyStream, uint64(k))
	var key []byte
	for len(key) < keySize {
		key = binary.LittleEndian.AppendUint64(key, d.Next())
	}
	return key
}
