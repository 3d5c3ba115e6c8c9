package scenario

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
	"time"

	"serf/internal/textwrap"
	"serf/netsim"
	"serf/netsim/report"
)

// Line is one line of a description: its subject and text.
type Line struct{ Label, Text string }

type lines []Line

// add adds a line.
func (l *lines) add(label, format string, args ...any) {
	*l = append(*l, Line{label, fmt.Sprintf(format, args...)})
}

// Lines describes s, so that the output of a run explains itself.
func (s *Scenario) Lines() []Line {
	var out lines
	add := out.add
	if s.About != "" {
		add("about", "%s", s.About)
	}
	add("nodes", "%d, profile %s, %s, seed %d", s.Members, s.Profile, s.Start, s.Seed)
	if s.Timing != (Timing{}) {
		add("timing", "%s", s.Timing.List())
	}
	add("network", "%v", s.networkText())
	for i, n := range s.RegionSizes() {
		add("region "+s.Regions[i].Name, "%s", textwrap.Count(n, "node"))
	}
	for i := range s.Paths {
		add("path", "%v", s.Paths[i])
	}
	if s.Zones.Members > 0 {
		add("zones", "%v", s.Zones)
	}
	switch {
	case s.Encrypt && s.Compress:
		add("packets", "compressed and encrypted")
	case s.Encrypt:
		add("packets", "encrypted")
	case s.Compress:
		add("packets", "compressed")
	}
	if s.UntilSettled {
		add("ends", "when nothing more happens and all views agree, or after %v", s.For)
	}
	if s.TimersFirst {
		add("pauses", "overdue timers come first when a node runs on")
	}
	if s.Settle {
		add("settle", "all is mended at %v, and views have to agree again", s.For)
	}
	if s.Disable != 0 {
		add("disabled", "%v%s", s.Disable, s.disabledAt())
	}
	for _, f := range s.Faults {
		label := f.Kind
		if label == FaultNetwork {
			label = "worse network" // "network" is the normal network
		}
		add(label, "%v", f)
	}
	for _, w := range s.Work {
		add(strings.TrimSpace(w.Kind+" "+w.Name), "%v", w)
	}
	return out
}

// String describes s as part of a sentence.
func (s Start) String() string {
	text := "cold start"
	if s.Warm {
		text = "warm cluster"
	}
	text += withSet(" over %v", s.Over)
	if s.Seeds > 1 {
		text += fmt.Sprintf(" through %d seeds", s.Seeds)
	}
	if s.Later > 0 {
		text += fmt.Sprintf(", %d later", s.Later)
	}
	if s.Apart {
		text += ", no seeds"
	}
	return text
}

func (s *Scenario) networkText() string {
	n := &s.Network
	base, _, _ := s.links()
	text := fmt.Sprintf("latency %v", base.Latency) + withSet(" and up to %v", n.Jitter) +
		fmt.Sprintf(", loss %v, duplicates %v", n.Loss, n.Duplicate)
	if n.Reorder > 0 {
		text += fmt.Sprintf(", reordered %v by %v", n.Reorder, n.HoldBack)
	}
	if n.Bandwidth > 0 {
		text += fmt.Sprintf(", %v a node with a queue of %v", n.Bandwidth,
			cmp.Or(time.Duration(n.Queue), netsim.DefaultQueue))
	}
	return text
}

// withSet takes pairs of a format and its value, and joins the texts of those that are set.
func withSet(pairs ...any) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if v := pairs[i+1]; !reflect.ValueOf(v).IsZero() {
			fmt.Fprintf(&b, pairs[i].(string), v)
		}
	}
	return b.String()
}

// String describes p in one line.
func (p Path) String() string {
	arrow := " and "
	if p.OneWay {
		arrow = " to "
	}
	text := p.From + arrow + p.To
	if p.From == p.To {
		text = "within " + p.From
	}
	return text + withSet(", latency %v", p.Latency, ", jitter %v", p.Jitter, ", loss %v", p.Loss,
		", duplicates %v", p.Duplicate, ", reordered %v", p.Reorder, ", by %v", p.HoldBack)
}

// maxBands is more than a plot can show.
const maxBands = 500

// bands returns when each fault was in effect.
func (s *Scenario) bands() []report.Band {
	var list []report.Band
	for i := range s.Faults {
		f := &s.Faults[i]
		start := time.Duration(f.Start)
		for range min(max(1, f.Repeat), maxBands-len(list)) {
			list = append(list, report.Band{What: f.label(), From: start, To: s.endOf(f, start)})
			start += time.Duration(f.Length + f.Gap)
		}
	}
	if s.Settle {
		list = append(list,
			report.Band{What: "all mended", From: time.Duration(s.For), To: time.Duration(s.For)})
	}
	return list
}

// label names f in a few words: "5 nodes crash", "region eu cut off".
func (f *Fault) label() string {
	if f.Kind == FaultChurn {
		return f.Kind
	}
	w := f.Who
	if w.Share == netsim.Always {
		w.Share = 0 // "all nodes" says more than "100% of the nodes"
	}
	who, one := w.String(), w.one()
	verbs := map[string]string{FaultCrash: "crash", FaultLeave: "leave", FaultJoin: "join"}
	if verb, ok := verbs[f.Kind]; ok {
		switch {
		case one && verb == "crash":
			verb = "crashes"
		case one:
			verb += "s"
		}
		return who + " " + verb
	}
	return who + " " + map[string]string{
		FaultPause: "paused", FaultPartition: "cut off", FaultBlockUDP: "without UDP",
		FaultNAT:     "behind a NAT",
		FaultNetwork: "with a worse network",
		FaultMTU:     "behind a small MTU", FaultHalfOpen: "with half-open TCP",
		FaultReject: "rejected", FaultConntrack: "with a full connection table",
		FaultNATPorts:      "behind a NAT with changing ports",
		FaultReceiveBuffer: "with small buffers", FaultClock: "with a wrong clock",
		FaultSuspend: "suspended", FaultThrottle: "throttled", FaultOwnName: "under the others' names",
	}[f.Kind]
}

// endOf is when a fault that began at start ends. Without a length, a crash, leave or join is over
// at once, and others last to the end of the run. Members chosen one after the other take that
// long.
func (s *Scenario) endOf(f *Fault, start time.Duration) time.Duration {
	run := time.Duration(s.For)
	end := start + time.Duration(f.Length)
	if f.Length == 0 && f.lasts() {
		end = run
	}
	if f.Every > 0 {
		end += time.Duration(s.number(&f.Who)-1) * time.Duration(f.Every)
	}
	return min(end, run)
}
