// Package timing reads the timings of a node from files: from the configuration of an agent and
// from scenarios to simulate. Both have the same keys, with the same meaning and bounds.
package timing

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"serf/internal/fielderr"
	"serf/internal/jsonfile"
	"serf/swim"
	"serf/swim/serf"
)

// Duration is a time.Duration that is written as "10s" or "1m30s".
type Duration time.Duration

// Want describes a Duration.
func (Duration) Want() string { return `a duration such as "90s"` }

// String is the form that UnmarshalText reads.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(b []byte) error {
	x, err := time.ParseDuration(strings.TrimSpace(string(b)))
	if err != nil {
		return errors.New("want a duration such as 90s or 2h")
	}
	*d = Duration(x)
	return nil
}

// Timing overrides single timings of a profile; nil leaves the profile's. The names are those of
// memberlist's and Serf's configuration, and mean the same as the fields of swim.Timing and
// serf.Config with that name.
type Timing struct {
	ProbeInterval     *Duration `json:"probe_interval,omitempty"`
	ProbeTimeout      *Duration `json:"probe_timeout,omitempty"`
	IndirectProbes    *int      `json:"indirect_probes,omitempty"`
	StreamPing        *bool     `json:"stream_ping,omitempty"`
	GossipInterval    *Duration `json:"gossip_interval,omitempty"`
	GossipNodes       *int      `json:"gossip_nodes,omitempty"`
	GossipRate        *int      `json:"gossip_rate,omitempty"` // bytes a second; 0: no bursts
	GossipToTheDead   *Duration `json:"gossip_to_the_dead,omitempty"`
	RetransmitMult    *int      `json:"retransmit_mult,omitempty"`
	PushPullInterval  *Duration `json:"push_pull_interval,omitempty"` // 0s: never
	SuspicionMult     *int      `json:"suspicion_mult,omitempty"`
	SuspicionMaxMult  *int      `json:"suspicion_max_mult,omitempty"`
	AwarenessMax      *int      `json:"awareness_max,omitempty"`
	StreamTimeout     *Duration `json:"stream_timeout,omitempty"`
	ReconnectInterval *Duration `json:"reconnect_interval,omitempty"` // 0s: never
	ReconnectTimeout  *Duration `json:"reconnect_timeout,omitempty"`
	TombstoneTimeout  *Duration `json:"tombstone_timeout,omitempty"`
	ReapInterval      *Duration `json:"reap_interval,omitempty"`
}

// Profile returns the timings of the profile lan, wan or local.
func Profile(name string) (t swim.Timing, ok bool) {
	profiles := map[string]func() swim.Timing{"lan": swim.LAN, "wan": swim.WAN, "local": swim.Local}
	if profiles[name] == nil {
		return t, false
	}
	return profiles[name](), true
}

// ApplySwim overrides the timings of membership.
func (t *Timing) ApplySwim(c *swim.Timing) {
	override(&c.ProbeInterval, t.ProbeInterval)
	override(&c.ProbeTimeout, t.ProbeTimeout)
	override(&c.IndirectProbes, t.IndirectProbes)
	if t.StreamPing != nil {
		c.DisableStreamPing = !*t.StreamPing
	}
	override(&c.GossipInterval, t.GossipInterval)
	override(&c.GossipNodes, t.GossipNodes)
	override(&c.GossipRate, t.GossipRate)
	override(&c.GossipToTheDead, t.GossipToTheDead)
	override(&c.RetransmitMult, t.RetransmitMult)
	override(&c.PushPullInterval, t.PushPullInterval)
	override(&c.SuspicionMult, t.SuspicionMult)
	override(&c.SuspicionMaxMult, t.SuspicionMaxMult)
	override(&c.AwarenessMax, t.AwarenessMax)
	override(&c.StreamTimeout, t.StreamTimeout)
}

// Apply overrides all timings.
func (t *Timing) Apply(c *serf.Config) {
	t.ApplySwim(&c.Timing)
	override(&c.ReconnectInterval, t.ReconnectInterval)
	override(&c.ReconnectTimeout, t.ReconnectTimeout)
	override(&c.TombstoneTimeout, t.TombstoneTimeout)
	override(&c.ReapInterval, t.ReapInterval)
}

// Of returns all timings of c, those that Apply would set.
func Of(c *serf.Config) Timing {
	in := &c.Timing
	return Timing{
		ProbeInterval: given(in.ProbeInterval), ProbeTimeout: given(in.ProbeTimeout),
		IndirectProbes: new(in.IndirectProbes), StreamPing: new(!in.DisableStreamPing),
		GossipInterval: given(in.GossipInterval), GossipNodes: new(in.GossipNodes),
		GossipRate: new(in.GossipRate), GossipToTheDead: given(in.GossipToTheDead),
		RetransmitMult: new(in.RetransmitMult), PushPullInterval: given(in.PushPullInterval),
		SuspicionMult: new(in.SuspicionMult), SuspicionMaxMult: new(in.SuspicionMaxMult),
		AwarenessMax: new(in.AwarenessMax), StreamTimeout: given(in.StreamTimeout),
		ReconnectInterval: given(c.ReconnectInterval), ReconnectTimeout: given(c.ReconnectTimeout),
		TombstoneTimeout: given(c.TombstoneTimeout), ReapInterval: given(c.ReapInterval),
	}
}

func given(d time.Duration) *Duration { return new(Duration(d)) }

// Without returns the timings of t that aren't those of other.
func (t *Timing) Without(other *Timing) (d Timing) {
	from, than := reflect.ValueOf(t).Elem(), reflect.ValueOf(other).Elem()
	to := reflect.ValueOf(&d).Elem()
	for i := range from.NumField() {
		f, o := from.Field(i), than.Field(i)
		if !f.IsNil() && (o.IsNil() || f.Elem().Interface() != o.Elem().Interface()) {
			to.Field(i).Set(f)
		}
	}
	return d
}

// Texts returns the timings that are set by their keys, in the form that files have.
func (t *Timing) Texts() map[string]string {
	texts := make(map[string]string)
	v := reflect.ValueOf(t).Elem()
	for i, key := range Keys() {
		if f := v.Field(i); !f.IsNil() {
			texts[key] = fmt.Sprint(f.Elem().Interface())
		}
	}
	return texts
}

// List is the timings that are set, in one line.
func (t *Timing) List() string {
	var list []string
	texts := t.Texts()
	for _, key := range Keys() {
		if text, ok := texts[key]; ok {
			list = append(list, key+" "+text)
		}
	}
	return strings.Join(list, ", ")
}

// override sets *v to *to, unless to is nil.
func override[T, G int | time.Duration | Duration](v *T, to *G) {
	if to != nil {
		*v = T(*to)
	}
}

// Take takes over the timings that other sets.
func (t *Timing) Take(other *Timing) {
	to, from := reflect.ValueOf(t).Elem(), reflect.ValueOf(other).Elem()
	for i := range from.NumField() {
		if f := from.Field(i); !f.IsNil() {
			to.Field(i).Set(f)
		}
	}
}

// Problem is a timing that a node can't work with.
type Problem struct{ Key, Text string }

// The longest times: even with the largest multipliers they can be added to the time of day.
const (
	intervalMax = time.Hour                  // of periodic work
	timeMax     = 100 * 365 * 24 * time.Hour // of everything else: for ever
)

var intervals = map[string]bool{"probe_interval": true, "probe_timeout": true,
	"gossip_interval": true, "stream_timeout": true}

// Problems lists what is wrong with the timings of t applied to a profile.
func (t *Timing) Problems(profile swim.Timing) (list []Problem) {
	c := serf.DefaultConfig(profile)
	t.Apply(&c)
	c.Name, c.Addr = "m", netip.MustParseAddrPort("10.0.0.1:7946")
	for _, err := range fielderr.Flatten(c.Validate()) {
		var p *swim.Problem
		if !errors.As(err, &p) || p.Field == "" {
			panic("BUG: no problem of a timing: " + err.Error())
		}
		list = append(list, t.problem(p, &c))
	}
	v := reflect.ValueOf(t).Elem()
	for i, key := range Keys() {
		d, ok := v.Field(i).Interface().(*Duration)
		most := timeMax
		if intervals[key] {
			most = intervalMax
		}
		if ok && d != nil && time.Duration(*d) > most {
			list = append(list, Problem{key, fmt.Sprintf("%v, at most %v", *d, Duration(most))})
		}
	}
	return list
}

// problem blames a given timing: an interval shorter than the profile's time-out, for instance.
func (t *Timing) problem(p *swim.Problem, c *serf.Config) Problem {
	if p.Field == "probe_timeout" && t.ProbeTimeout == nil {
		return Problem{"probe_interval",
			fmt.Sprintf("%v, must be more than probe_timeout, %v", c.ProbeInterval, c.ProbeTimeout)}
	}
	return Problem{p.Field, p.Text}
}

// Keys are the names of all timings, in the order of the fields.
func Keys() []string { return jsonfile.KeysOf(reflect.TypeFor[Timing]()) }
