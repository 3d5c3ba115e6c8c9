package scenario

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"serf/internal/jsonfile"
	"serf/netsim"
	"serf/netsim/cluster"
	"serf/swim/serf"
)

// Limits of a scenario.
const (
	MaxTime   = 30 * 24 * time.Hour
	maxEvents = cluster.MaxEvents
	maxFaults = 1_000 // more than anybody writes or reads
	maxWork   = cluster.MaxEvents
	// maxRegions bounds the table of paths, which has an entry for each pair.
	maxRegions = 64
	// MaxReadTime is that of a process which hardly runs.
	MaxReadTime = time.Second
	// maxTimes bounds how often one fault or work happens. Each time takes memory.
	maxTimes = 100_000
	// maxChurn is a thousand changes a second: what a cluster of MaxMembers could do.
	maxChurn = 60_000
	// maxPayload leaves room for name and header in the largest event of DefaultConfig, and
	// maxEventPayload in the largest that can be configured.
	maxPayload      = 400
	maxEventPayload = serf.EventSizeCeiling - 512
	// maxBurst is more than a member queues, so that refusals can be simulated.
	maxBurst = 10_000
	// maxRelay is more than makes a difference: each relay costs a packet.
	maxRelay = 10
)

// validator collects problems.
type validator struct {
	s    *Scenario
	errs []error
}

// bad records a problem of the value at key unless ok. Its copies at all calls would be 16 kB.
func (v *validator) bad(ok bool, key, format string, args ...any) {
	if !ok {
		v.errs = append(v.errs, &Problem{key, fmt.Sprintf(format, args...)})
	}
}

// within checks that a duration is within bounds.
func (v *validator) within(key string, d Duration, least, most time.Duration) {
	v.bad(time.Duration(d) >= least && time.Duration(d) <= most, key, "%v: allowed %v to %v", d,
		least, most)
}

// Validate reports every problem of s, joined, or nil. Each is a *Problem.
func (s *Scenario) Validate() error {
	v := &validator{s: s}
	v.members()
	v.bad(s.For > 0 && s.For <= Duration(MaxTime), "for", "%v: allowed more than 0, up to %v",
		s.For, MaxTime)
	v.bad(s.Events >= 0 && s.Events <= maxEvents, "events", "%d: allowed 0 to %d", s.Events,
		maxEvents)
	v.profile()
	v.start()
	v.network()
	v.regions()
	v.bad(len(s.Faults) <= maxFaults, "faults", "%d: allowed 0 to %d", len(s.Faults), maxFaults)
	v.bad(len(s.Work) <= maxWork, "work", "%d: allowed 0 to %d", len(s.Work), maxWork)
	for i := range s.Faults {
		v.fault(fmt.Sprintf("faults[%d]", i), &s.Faults[i])
	}
	for i := range s.Work {
		v.work(fmt.Sprintf("work[%d]", i), &s.Work[i])
	}
	return errors.Join(v.errs...)
}

// profile checks the timings as a node does.
func (v *validator) profile() {
	if _, err := cluster.ProfileByName(v.s.Profile); err != nil {
		v.bad(false, "profile", "%q: allowed are %s", v.s.Profile,
			strings.Join(cluster.ProfileNames(), ", "))
		return
	}
	base, _ := cluster.ProfileByName(v.s.Profile)
	for _, p := range v.s.Timing.Problems(base.Timing) {
		v.bad(false, "timing."+p.Key, "%s", p.Text)
	}
}

func (v *validator) members() {
	s := v.s
	most, how := cluster.MaxMembers, "with a warm start"
	if !s.Start.Warm {
		most, how = cluster.MaxCold, "from a cold start"
	}
	if s.Check {
		most, how = cluster.MaxChecked, "under check"
	}
	if s.Members > cluster.MaxCold && !s.Start.Warm && !s.Check {
		how += fmt.Sprintf(", and %d with a warm start", cluster.MaxMembers)
	}
	v.bad(s.Members >= 1 && s.Members <= most, "nodes", "%d: allowed 1 to %d %s", s.Members, most,
		how)
}

func (v *validator) start() {
	s := &v.s.Start
	if s.Over != nil {
		v.within("start.over", *s.Over, 0, MaxTime)
		v.bad(!s.Warm, "start.over", "not together with warm: all have been there for long")
	}
	v.bad(!s.Apart || s.Warm, "start.apart", "only together with warm: nobody would meet anybody")
	members := max(v.s.Members, 1)
	seeds := min(max(s.Seeds, 1), members)
	v.bad(s.Seeds >= 0 && s.Seeds <= members, "start.seeds",
		"%d: allowed 1 to the %d nodes", s.Seeds, members)
	v.bad(s.Later >= 0 && s.Later <= members-seeds, "start.later",
		"%d: allowed 0 to %d, the nodes that are not seeds", s.Later, members-seeds)
}

func (v *validator) network() {
	n := &v.s.Network
	v.within("network.jitter", n.Jitter, 0, netsim.MaxDelay)
	v.within("network.queue", n.Queue, 0, netsim.MaxDelay)
	v.heldBack("network", n.Reorder, n.HoldBack)
	v.bad(n.Queue == 0 || n.Bandwidth > 0, "network.queue", "has no meaning without bandwidth")
}

func (v *validator) regions() {
	v.bad(len(v.s.Regions) <= maxRegions, "regions", "%d: allowed 0 to %d", len(v.s.Regions),
		maxRegions)
	for i := range v.s.Regions {
		r := &v.s.Regions[i]
		key := fmt.Sprintf("regions[%d]", i)
		v.bad(r.Name != "", key+".name", "not set")
		same := func(o Region) bool { return o.Name == r.Name }
		v.bad(slices.IndexFunc(v.s.Regions, same) == i, key+".name",
			"%q is the name of another region, too", r.Name)
		v.bad(r.Members >= 0, key+".nodes", "%d is negative", r.Members)
		v.bad(r.Members == 0 || r.Share == 0, key, "nodes and share: only one of them may be set")
	}
	if len(v.s.Regions) > 0 && len(v.errs) == 0 {
		sum := 0
		for _, n := range v.s.RegionSizes() {
			v.bad(n >= 0, "regions", "have more than the %d nodes", v.s.Members)
			sum += n
		}
		v.bad(sum == v.s.Members, "regions", "have %d nodes together, but there are %d", sum,
			v.s.Members)
	}
	v.bad(v.s.DisableMembers == 0 || v.s.Disable != 0, "disable_nodes", "nothing is disabled")
	z := &v.s.Zones
	v.bad(z.Members == 0 || len(v.s.Regions) > 0, "zones.nodes", "there are no regions")
	v.bad(z.Share >= 0 && z.Share <= 100, "zones.share",
		"%d: allowed 1 to 100", z.Share)
	v.bad(z.Members > 0 || z.Share == 0 && !z.Probes, "zones.nodes",
		"not set: say which share of the nodes tells zones apart")
	for i := range v.s.Paths {
		v.path(fmt.Sprintf("paths[%d]", i), &v.s.Paths[i])
	}
}

func (v *validator) path(key string, p *Path) {
	v.region(key+".from", p.From)
	v.region(key+".to", p.To)
	v.within(key+".jitter", p.Jitter, 0, netsim.MaxDelay)
	if v.s.Network.HoldBack.IsZero() {
		v.heldBack(key, p.Reorder, p.HoldBack)
	}
}

// heldBack checks that reordering says by how much.
func (v *validator) heldBack(key string, reorder netsim.Chance, by netsim.Dist) {
	v.bad(reorder == 0 || !by.IsZero(), key+".hold_back",
		"not set: say by how much packets that are reordered are held back")
}

// region checks that a region of that name exists.
func (v *validator) region(key, name string) {
	var names []string
	for _, r := range v.s.Regions {
		names = append(names, r.Name)
	}
	if len(names) == 0 {
		v.bad(false, key, "%q: there are no regions", name)
		return
	}
	v.bad(slices.Contains(names, name), key, "%q: allowed are %s", name, strings.Join(names, ", "))
}

// who checks a choice of members.
func (v *validator) who(key string, w *Who) {
	eligible := v.s.Members
	for i, name := range w.Names {
		_, _, err := memberRange(name, v.s.Members)
		v.bad(err == nil, fmt.Sprintf("%s[%d]", joinKey(key, "members"), i), "%v", err)
	}
	if w.Region != "" {
		v.region(joinKey(key, "region"), w.Region)
	}
	if len(v.errs) == 0 {
		eligible = len(v.s.eligible(w))
	}
	what := "nodes"
	if w.Region != "" || len(w.Names) > 0 {
		what = "nodes that are named"
	}
	v.bad(w.Count >= 0 && w.Count <= max(eligible, 1), joinKey(key, "count"),
		"%d: allowed 1 to %d %s", w.Count, eligible, what)
	v.bad(w.Count == 0 || w.Share == 0, joinKey(key, "share"), "not together with count")
}

// kindOf looks up the kind of x, a fault or work, and checks which of its keys are set.
func (v *validator) kindOf(key, name string, kinds []KindInfo, x any) (ok bool) {
	i := slices.IndexFunc(kinds, func(k KindInfo) bool { return k.Name == name })
	if i < 0 {
		v.bad(false, key+".kind", "%q: allowed are %s", name, kindNames(kinds))
		return false
	}
	k, fields := &kinds[i], reflect.ValueOf(x).Elem()
	set := func(name string) bool {
		f := jsonfile.FieldOf(fields, name)
		return !f.IsZero() && (f.Kind() != reflect.Slice || f.Len() > 0)
	}
	for _, name := range slices.Sorted(slices.Values(jsonfile.KeysOf(fields.Type()))) {
		allowed := name == "kind" || name == "start" || slices.Contains(k.Keys, name)
		v.bad(allowed || !set(name), joinKey(key, name),
			"means nothing for kind %s; allowed are %s",
			k.Name, strings.Join(k.Keys, ", "))
	}
	needs := "the key "
	if len(k.needs) > 1 {
		needs = "one of "
	}
	v.bad(len(k.needs) == 0 || slices.ContainsFunc(k.needs, set), key,
		"kind %s needs %s", k.Name, needs+strings.Join(k.needs, ", "))
	return true
}

func (v *validator) fault(key string, f *Fault) {
	if !v.kindOf(key, f.Kind, faultKinds, f) {
		return
	}
	v.who(key, &f.Who)
	if f.To != nil {
		v.who(key+".to", f.To)
	}
	v.bad(f.Way == "" || f.Way == "in" || f.Way == "out", key+".way",
		"%q: allowed are in and out; for both leave it out", f.Way)
	v.heldBack(key, f.Reorder, f.HoldBack)
	v.bad(f.Bandwidth == 0 || f.To == nil && f.Way != "in", key+".bandwidth",
		"limits what a node sends, to whomever: not together with to, nor with way in")
	v.times(key, f)
	v.churn(key, f)
	v.system(key, f)
	if f.Kind == FaultPartition || f.Kind == FaultReject {
		v.bad(f.To != nil || f.Every > 0 || v.s.Members == 1 || len(v.errs) > 0 ||
			v.s.number(&f.Who) < v.s.Members, key, "nobody is left on the other side")
	}
}

// times checks when a fault happens.
func (v *validator) times(key string, f *Fault) {
	run := time.Duration(v.s.For)
	v.bad(f.Start >= 0 && f.Start <= v.s.For, key+".start",
		"%v: allowed 0s to %v, the length of the run", f.Start, run)
	v.within(key+".length", f.Length, 0, run)
	v.within(key+".every", f.Every, 0, run)
	v.within(key+".gap", f.Gap, 0, run)
	v.within(key+".read_time", f.ReadTime, 0, MaxReadTime)
	v.bad(f.Repeat >= 0 && f.Repeat <= maxTimes, key+".repeat", "%d: allowed 1 to %d", f.Repeat,
		maxTimes)
	if f.Repeat > 1 {
		v.bad(f.Length > 0, key+".length", "not set: what happens again has to end before")
		v.bad(f.Gap > 0, key+".gap", "not set: say how long it pauses before it happens again")
		v.bad(f.Every == 0, key+".every", "not together with repeat")
		// The product can't overflow: all are bounded above.
		last := f.Start + Duration(f.Repeat-1)*(f.Length+f.Gap)
		v.bad(last <= v.s.For, key+".repeat",
			"%d: the last time would begin at %v, the run ends at %v", f.Repeat, last, run)
		return
	}
	v.bad(f.Gap == 0, key+".gap", "has no meaning without repeat")
	if f.Kind != FaultCrash && f.Kind != FaultLeave && f.Length > 0 {
		v.bad(f.Start+f.Length <= v.s.For, key+".length", "%v: would end at %v, the run ends at %v",
			f.Length, f.Start+f.Length, run)
	}
}

func (v *validator) churn(key string, f *Fault) {
	for _, x := range []struct {
		name string
		rate float64
	}{{"joins", f.Joins}, {"leaves", f.Leaves}, {"crashes", f.Crashes}} {
		v.bad(x.rate >= 0 && x.rate <= maxChurn && !math.IsNaN(x.rate), joinKey(key, x.name),
			"%v: allowed 0 to %v a minute", x.rate, maxChurn)
	}
	length := f.Length
	if length == 0 {
		length = v.s.For - f.Start
	}
	total := (f.Joins + f.Leaves + f.Crashes) * time.Duration(length).Minutes()
	v.bad(total <= maxTimes, key, "about %.0f joins, leaves and crashes in all, limit %d", total,
		maxTimes)
}

func (v *validator) work(key string, w *Work) {
	if !v.kindOf(key, w.Kind, workKinds, w) {
		return
	}
	v.who(key, &w.Who)
	if w.To != nil {
		v.who(key+".to", w.To)
	}
	run := time.Duration(v.s.For)
	v.bad(w.Start >= 0 && w.Start <= v.s.For, key+".start",
		"%v: allowed 0s to %v, the length of the run", w.Start, run)
	v.within(key+".length", w.Length, 0, run)
	v.within(key+".every", w.Every, 0, run)
	v.bad(w.Length == 0 || w.Every > 0, key+".length", "has no meaning without every")
	most := w.MaxSize()
	v.bad(w.Size >= 0 && w.Size <= most, key+".size", "%d: allowed 0 to %d bytes", w.Size, most)
	v.bad(w.Burst >= 0 && w.Burst <= maxBurst, key+".burst", "%d: allowed 1 to %d", w.Burst,
		maxBurst)
	v.bad(w.Relay >= 0 && w.Relay <= maxRelay, key+".relay", "%d: allowed 0 to %d", w.Relay,
		maxRelay)
	v.bad(w.Kind != WorkRotateKey || w.Length == 0 || w.KeepOld, key+".length",
		"has no meaning without keep_old: a rotation has three steps")
	v.bad(len(w.Name) <= maxWorkName, key+".name", "%d bytes, limit %d", len(w.Name), maxWorkName)
	v.bad(w.Kind != WorkRotateKey || v.s.Encrypt, key, "there is no key to rotate: set encrypt")
	if w.Every > 0 && w.Kind != WorkRotateKey {
		// As a float: the product may be beyond an int's range.
		n := float64(max(1, w.Count)) * float64(max(1, w.Burst)) *
			float64(w.span(v.s.For)/w.Every)
		v.bad(n <= maxTimes, key+".every", "%v: %.0f times in all, limit %d", w.Every, n, maxTimes)
	}
}

// maxWorkName bounds event names: with maxPayload they fit the largest event of DefaultConfig.
const maxWorkName = 64

// span is how long w goes on in a run of that length.
func (w *Work) span(run Duration) Duration {
	if w.Length > 0 {
		return min(w.Length, run-w.Start)
	}
	return run - w.Start
}
