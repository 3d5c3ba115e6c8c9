package agent

import (
	"fmt"
	"maps"
	"runtime"
	"strconv"
	"sync"
	"time"

	"serf/agent/recording"
	"serf/driver"
	"serf/swim"
	"serf/swim/serf"
)

// Stats returns statistics by section and name, as the RPC command stats does: sections agent,
// runtime, settings, counters, serf, view, keys (if encrypted), zones (if members are divided),
// dropped, tags, recording (if there is one), event_handlers and handlers. Sections that need the
// node are missing once the agent has stopped.
func (a *Agent) Stats() map[string]map[string]string {
	stats := map[string]map[string]string{
		"agent":          {"name": a.conf.Name},
		"runtime":        runtimeStats(),
		"event_handlers": a.handlerStats(),
		"handlers":       handlerSection(a.HandlerStats(), time.Now()),
	}
	if r, ok := a.recorder.Stats(); ok {
		stats["recording"] = recordingStats(&r)
	}
	a.moreStats.addTo(stats)
	if a.ctx.Err() != nil {
		return stats
	}
	v := a.statsView()
	stats["settings"] = a.settingStats()
	stats["counters"] = a.counterStats(v)
	stats["serf"] = serfStats(&v.stats)
	if keys := a.keyStats(v.stats.Encrypted); keys != nil {
		stats["keys"] = keys
	}
	stats["view"] = viewStats(&v.stats)
	if tag := v.stats.ZoneTag; tag != "" {
		stats["zones"] = texts(map[string]any{
			"tag": tag, "own": v.self.Tags[tag], "own_alive": v.stats.ZoneMates,
			"count": v.stats.Zones,
		})
	}
	stats["dropped"] = droppedStats(&v.membership, &v.above, a.Traffic())
	stats["tags"] = maps.Clone(v.self.Tags)
	return stats
}

// AddStats makes Stats call read for a section of that name. Later calls for a section replace
// earlier ones.
func (a *Agent) AddStats(section string, read func() map[string]string) {
	s := &a.moreStats
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sections == nil {
		s.sections = make(map[string]func() map[string]string)
	}
	s.sections[section] = read
}

// moreStats are the sections of AddStats.
type moreStats struct {
	mu       sync.Mutex
	sections map[string]func() map[string]string
}

func (s *moreStats) addTo(stats map[string]map[string]string) {
	s.mu.Lock()
	sections := maps.Clone(s.sections)
	s.mu.Unlock()
	for name, read := range sections { // order-free: each by itself
		stats[name] = read()
	}
}

// texts are values as statistics show them.
func texts(values map[string]any) map[string]string {
	shown := make(map[string]string, len(values))
	for name, v := range values { // order-free: each by itself
		shown[name] = fmt.Sprint(v)
	}
	return shown
}

func serfStats(s *serf.Stats) map[string]string {
	return texts(map[string]any{
		"coordinate_resets": s.CoordinateResets,
		"encrypted":         s.Encrypted,
		"event_queue":       s.EventQueue,
		"event_time":        s.EventTime,
		"failed":            s.Failed,
		"health_score":      s.Health,
		"intent_queue":      s.IntentQueue,
		"left":              s.Left,
		"member_time":       s.MemberTime,
		"members":           s.Members,
		"query_queue":       s.QueryQueue,
		"query_time":        s.QueryTime,
	})
}

// settingStats are the timings of the node, and other keys of the configuration that a simulation of
// it needs.
func (a *Agent) settingStats() map[string]string {
	stats := a.timing.Texts()
	stats["enable_compression"] = strconv.FormatBool(a.conf.Compress)
	return stats
}

// counterStats says how often what happened that a simulation of the cluster has to be told, within
// uptime. Queries are those of users: 'serf sim -like' asks for round trips by one of its own.
func (a *Agent) counterStats(v *view) map[string]string {
	c, above := &v.membership, &v.above
	return texts(map[string]any{
		"uptime": time.Since(a.Started()).Round(time.Millisecond),
		"events": above.Events, "queries": above.Queries - above.InternalQueries,
		"event_bytes": above.EventBytes, "query_bytes": above.QueryBytes,
		"probes_direct": c.ProbesDirect, "probes_relayed": c.ProbesRelayed,
		"probes_tcp": c.StreamAcks, "probes_failed": c.ProbesFailed,
	})
}

// viewStats says which members this one considers to be here, to be compared with others.
func viewStats(s *serf.Stats) map[string]string {
	return texts(map[string]any{
		"alive":   s.Alive,
		"digest":  s.Digest,
		"failed":  s.Failed,
		"leaving": s.Leaving,
		"left":    s.Left,
		"members": s.Members,
	})
}

// droppedStats counts what was received and not used, by reason. Growing counts of other labels or
// missing keys mean that a member was left behind.
func droppedStats(c *swim.Counters, above *serf.Counters, t Traffic) map[string]string {
	stats := texts(map[string]any{
		"packets":             c.DroppedPackets,
		"packets_other_label": c.DroppedLabels,
		"packets_no_key":      c.DroppedKeys,
		"streams_other_label": t.StreamFailures[driver.StreamLabel],
		"streams_no_key":      t.StreamFailures[driver.StreamKey],
		"messages":            c.DroppedMessages + above.BadMessages,
		"versions":            c.DroppedVersions,
		"addresses":           c.DroppedAddresses,
		"incarnations":        c.DroppedIncarnations,
		"names":               c.DroppedNames,
		"forwards":            c.DroppedForwards,
		"members":             c.DroppedMembers,
		"moves":               c.DroppedMoves,
		"too_large":           c.DroppedTooLarge,
		"no_way":              c.DroppedNoRoute,
	})
	if t.KernelDropsKnown {
		stats["packets_kernel"] = strconv.FormatUint(t.KernelDrops, 10)
	}
	return stats
}

// recordingStats says whether what happens is being recorded, and what of it is missing.
func recordingStats(r *recording.Stats) map[string]string {
	stats := texts(map[string]any{
		"on": r.On, "directory": r.Dir,
		"bytes":            r.Bytes,
		"inputs":           r.Inputs,
		"lost":             r.Lost,
		"removed_segments": r.Removed,
	})
	if r.Problem != "" {
		stats["problem"] = r.Problem
	}
	return stats
}

func runtimeStats() map[string]string {
	return texts(map[string]any{
		"arch":       runtime.GOARCH,
		"cpu_count":  runtime.NumCPU(),
		"goroutines": runtime.NumGoroutine(),
		"max_procs":  runtime.GOMAXPROCS(0),
		"os":         runtime.GOOS,
		"version":    runtime.Version(),
	})
}

// Counters returns what the node did and dropped since its start: in the membership, and in Serf
// above it. ok is false once the agent has stopped.
func (a *Agent) Counters() (membership swim.Counters, above serf.Counters, ok bool) {
	if a.ctx.Err() != nil {
		return swim.Counters{}, serf.Counters{}, false
	}
	v := a.statsView()
	return v.membership, v.above, true
}

// NodeStats returns the node's figures. ok is false once the agent has stopped.
func (a *Agent) NodeStats() (s serf.Stats, ok bool) {
	if a.ctx.Err() != nil {
		return serf.Stats{}, false
	}
	return a.statsView().stats, true
}

// Traffic counts what the agent's sockets and readers did since the start. The node's own counters,
// of packets and messages, are in Counters.
type Traffic struct {
	driver.Counters
	SubscribersCut uint64 // subscriptions that ended for slowness
	EventsDropped  uint64 // that found no room while OnEvent or Events was too slow
}

// Traffic returns the current counts; it may be called at any time.
func (a *Agent) Traffic() Traffic {
	return Traffic{Counters: a.driver.Counters(), SubscribersCut: a.events.cut.Load(),
		EventsDropped: a.events.untold.Load()}
}
