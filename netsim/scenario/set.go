package scenario

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"serf/internal/invariant"
	"serf/internal/jsonfile"
	"serf/netsim"
)

// Parse reads a scenario from JSON. Defaults are those of Default. The error joins every problem of
// the form, each with its place; Validate checks the values. places has the place of each key in
// data.
func Parse(data []byte) (s Scenario, places map[string]Place, err error) {
	s = Default()
	f := jsonfile.Parse("", data).Whole()
	f.Root().Read(&s)
	places, errs := f.Places(), []error{f.Err()}
	order := func(a, b string) int {
		x, y := places[a], places[b]
		return cmp.Or(x.Line-y.Line, x.Column-y.Column)
	}
	for _, key := range slices.SortedFunc(maps.Keys(places), order) {
		v, err := lookup(reflect.ValueOf(&s).Elem(), key)
		if err == nil && f.Err() == nil && meansDefault(key, v) {
			errs = append(errs,
				&jsonfile.Problem{Place: places[key], Key: key, Text: errDefault.Error()})
		}
	}
	return s, places, errors.Join(errs...)
}

// notZero are the keys whose zero stands for a default, for no end or for all members. Whoever
// gives a zero means something else.
var notZero = strings.Fields("count share length every repeat mtu entries idle buffer rate jump " +
	"quota period burst queue seeds disable_nodes")

var errDefault = errors.New("empty or 0, it would count as not given: leave it out")

// meansDefault reports whether the value at a key is the one that stands for a default.
func meansDefault(key string, v reflect.Value) bool {
	if v.Kind() == reflect.String || v.Kind() == reflect.Slice {
		return v.Len() == 0
	}
	name := key[strings.LastIndexByte(key, '.')+1:]
	return v.IsZero() && (slices.Contains(notZero, name) ||
		name == "nodes" && strings.HasPrefix(key, "regions["))
}

// Param is a single value of a scenario: an option of the command line, or an axis of a sweep.
type Param struct {
	Name  string // of the option
	Key   string // in a file, and for Scenario.Set
	Usage string
}

// Switch reports whether p is a boolean.
func (p *Param) Switch() bool { return p.Arg() == "true" }

// Arg is the placeholder for a value of p in help texts.
func (p *Param) Arg() string {
	s := Default()
	v, err := lookup(reflect.ValueOf(&s).Elem(), p.Key)
	invariant.Check(err == nil, "scenario: parameter with a wrong key")
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch reflect.Zero(t).Interface().(type) {
	case Duration:
		return "TIME"
	case netsim.Dist:
		return "DELAY"
	case Disabled:
		return "NAMES"
	case bool:
		return "true"
	}
	return "N"
}

// params maps options to keys.
var params = []Param{
	{"nodes", "nodes", "how many nodes"},
	{"for", "for", "how long to simulate"},
	{"seed", "seed", "of all random choices"},
	{"profile", "profile", "timings, and the latency that goes with them: lan, wan or local"},
	{"start-over", "start.over", "time in which the nodes of a cold start are started"},
	{"start-seeds", "start.seeds",
		"how many nodes, the first ones, the others join through"},
	{"start-later", "start.later",
		"how many nodes, the last ones, wait for a fault of kind join or churn to start them"},
	{"start-apart", "start.apart",
		"nodes of a warm start have no seeds to join when they start again"},
	{"events", "events", "how many user events random nodes send"},
	{"encrypt", "encrypt", "seal all traffic"},
	{"compress", "compress", "compress messages, as agents do by default"},
	{"until-settled", "until_settled",
		"end the run early, once nothing more happens and all views agree"},
	{"timers-first", "timers_first",
		"overdue timers come first when nodes run on after a pause"},
	{"settle", "settle", "mend everything after that time, and go on until all views agree"},
	{"check", "check", "hold the run to the invariants"},
	{"disable", "disable", "mechanisms that nodes do without, see below"},
	{"disable-nodes", "disable_nodes", "share of nodes that do without them, all if not given"},
	{"zone-nodes", "zones.nodes",
		"share of nodes that gossip mostly within their region"},
	{"zone-share", "zones.share", "what of their gossip goes to other regions, in percent"},
	{"zone-probes", "zones.probes", "their probes stay mostly within the region, too"},

	{"latency", "network.latency", "one-way latency instead of the profile's"},
	{"jitter", "network.jitter", "longest extra latency of a packet, evenly distributed"},
	{"loss", "network.loss", "chance that a packet is lost"},
	{"duplicate", "network.duplicate", "chance that a packet arrives twice"},
	{"reorder", "network.reorder",
		"chance that a packet is held back, so that later ones overtake it"},
	{"hold-back", "network.hold_back", "how long a reordered packet is held back"},
	{"bandwidth", "network.bandwidth", "what each node can send a second"},
	{"queue", "network.queue", "how long a packet may wait to be sent"},

	{"probe-interval", "timing.probe_interval", "time between two probes that a node sends"},
	{"probe-timeout", "timing.probe_timeout", "how long a direct answer to a probe may take"},
	{"indirect-probes", "timing.indirect_probes",
		"how many other nodes are asked to probe one that doesn't answer"},
	{"stream-ping", "timing.stream_ping", "probe by TCP, too, when UDP fails"},
	{"gossip-interval", "timing.gossip_interval", "time between two rounds of gossip"},
	{"gossip-nodes", "timing.gossip_nodes", "how many other nodes a round of gossip goes to"},
	{"gossip-rate", "timing.gossip_rate", "most bytes a second that bursts of gossip take"},
	{"gossip-to-the-dead", "timing.gossip_to_the_dead", "how long a failed node still gets gossip"},
	{"retransmit-mult", "timing.retransmit_mult",
		"how often each message is gossiped, times log n"},
	{"push-pull-interval", "timing.push_pull_interval",
		"time between two exchanges of states that a node begins"},
	{"suspicion-mult", "timing.suspicion_mult",
		"least time to refute a suspicion, in probe intervals, times log n"},
	{"suspicion-max-mult", "timing.suspicion_max_mult",
		"longest time to refute a suspicion, as a multiple of the least"},
	{"awareness-max", "timing.awareness_max", "bound of the health score"},
	{"stream-timeout", "timing.stream_timeout", "how long an exchange by TCP may take"},
	{"reconnect-interval", "timing.reconnect_interval",
		"time between two attempts to reach failed nodes"},
	{"reconnect-timeout", "timing.reconnect_timeout",
		"how long reconnecting to a failed node is tried"},
	{"tombstone-timeout", "timing.tombstone_timeout", "how long a node that left is remembered"},
	{"reap-interval", "timing.reap_interval", "time between two looks for nodes to forget"},
}

// Params lists the values that have an option.
func Params() []Param { return slices.Clone(params) }

// ParamNamed returns the param of an option, of which an agent's configuration writes - as _:
// "suspicion-mult" or "suspicion_mult".
func ParamNamed(name string) (Param, bool) {
	name = strings.ReplaceAll(name, "_", "-")
	i := slices.IndexFunc(params, func(p Param) bool { return p.Name == name })
	if i < 0 {
		return Param{}, false
	}
	return params[i], true
}

// KeyOf returns the key of an option, or name, which is a key already.
func KeyOf(name string) string {
	if p, ok := ParamNamed(name); ok {
		return p.Key
	}
	return name
}

// Set sets one value, named by its option or its key: "loss", "network.loss", "faults[0].count".
// value has the form that options take. Items of lists must exist.
func (s *Scenario) Set(key, value string) error {
	return set(reflect.ValueOf(s).Elem(), KeyOf(key), value)
}

// set sets what is at key, starting from v.
func set(v reflect.Value, key, text string) error {
	field, err := lookup(v, key)
	if err == nil {
		err = setText(field, text)
	}
	if err == nil && meansDefault(key, field) {
		err = errDefault
	}
	return err
}

// Value returns the value of a key, in the form that Set takes; "" if it isn't set.
func (s *Scenario) Value(key string) (string, error) {
	c := s.Clone()
	v, err := lookup(reflect.ValueOf(&c).Elem(), KeyOf(key))
	if err != nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return "", err
	}
	if d, ok := v.Interface().(netsim.Dist); ok && d.IsZero() {
		return "", nil
	}
	return fmt.Sprint(reflect.Indirect(v).Interface()), nil
}

// WriteTo writes s as indented JSON, which Parse reads.
func (s *Scenario) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return 0, err
	}
	return b.WriteTo(w)
}

// ParseFault reads a fault as "KIND,KEY=VALUE,...", with the keys of a file:
// "crash,count=3,start=20s". Several members are joined by +, as members=m1+m4..m6, and the keys of
// to begin with to. as in to.region=eu.
func ParseFault(text string) (f Fault, err error) {
	err = parseKeys(text, faultKinds, reflect.ValueOf(&f).Elem())
	return f, err
}

// ParseWork reads a work as "KIND,KEY=VALUE,...", with the keys of a file:
// "event,every=1s,size=100". Keys of to begin with to. as in a fault.
func ParseWork(text string) (w Work, err error) {
	err = parseKeys(text, workKinds, reflect.ValueOf(&w).Elem())
	return w, err
}

// parseKeys reads a kind, then pairs of key and value, into v, a fault or work.
func parseKeys(text string, kinds []KindInfo, v reflect.Value) error {
	name, rest, more := strings.Cut(text, ",")
	jsonfile.FieldOf(v, "kind").SetString(name)
	if !slices.ContainsFunc(kinds, func(k KindInfo) bool { return k.Name == name }) {
		return fmt.Errorf("kind %q: allowed are %s", name, kindNames(kinds))
	}
	if !more {
		return nil
	}
	seen := map[string]bool{"kind": true}
	for _, pair := range pairsOf(rest, v) {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("%q: want KEY=VALUE", pair)
		}
		if seen[key] {
			return fmt.Errorf("%s: %s is there twice", pair, key)
		}
		seen[key] = true
		if to := jsonfile.FieldOf(v, "to"); strings.HasPrefix(key, "to.") && to.IsNil() {
			to.Set(reflect.ValueOf(new(Who)))
		}
		if err := set(v, key, value); err != nil {
			return fmt.Errorf("%s: %w", pair, err)
		}
	}
	return nil
}

// pairsOf splits text at its commas, except those within a value, as in delay=exp:1ms,5ms. A switch
// of v needs no value: clock_stops is clock_stops=true.
func pairsOf(text string, v reflect.Value) (pairs []string) {
	for part := range strings.SplitSeq(text, ",") {
		if f := jsonfile.FieldOf(v, part); f.IsValid() && f.Kind() == reflect.Bool {
			part += "=true"
		}
		if last := len(pairs) - 1; last < 0 || strings.Contains(part, "=") {
			pairs = append(pairs, part)
		} else {
			pairs[last] += "," + part
		}
	}
	return pairs
}

func joinKey(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// lookup returns the value at key, starting from v.
func lookup(v reflect.Value, key string) (reflect.Value, error) {
	done := ""
	for part := range strings.SplitSeq(key, ".") {
		name, index, indexed := strings.Cut(part, "[")
		if !hasParts(v) {
			return v, &Problem{done, "has no parts"}
		}
		field := jsonfile.FieldOf(v, name)
		if !field.IsValid() {
			return v, &Problem{joinKey(done, name),
				"doesn't exist; " + jsonfile.Advice(name, namesAt(v))}
		}
		v, done = field, joinKey(done, part)
		if indexed {
			i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
			if err != nil || v.Kind() != reflect.Slice || i < 0 || i >= v.Len() {
				return v, &Problem{done, "doesn't exist"}
			}
			v = v.Index(i)
		}
		if v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct {
			if v.IsNil() {
				return v, &Problem{done, "doesn't exist"}
			}
			v = v.Elem()
		}
	}
	if hasParts(v) || v.Kind() == reflect.Slice && v.Type() != reflect.TypeFor[[]string]() {
		return v, &Problem{done, "has no value of its own"}
	}
	return v, nil
}

// hasParts reports whether v is a struct whose fields have keys.
func hasParts(v reflect.Value) bool {
	return v.Kind() == reflect.Struct && !jsonfile.IsText(v)
}

// namesAt lists the names that are allowed at a place: at the top, those of options.
func namesAt(v reflect.Value) []string {
	if v.Type() != reflect.TypeFor[Scenario]() {
		return jsonfile.KeysOf(v.Type())
	}
	var names []string
	for _, p := range params {
		names = append(names, p.Name)
	}
	return append(names, "and the keys of scenario files, such as faults[0].count")
}

// setText sets v to the value that text describes. A value is never empty: that would mean the
// default without saying so.
func setText(v reflect.Value, text string) error {
	if text == "" {
		return errors.New("no value is given")
	}
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		if err := setText(fresh.Elem(), text); err != nil {
			return err
		}
		v.Set(fresh)
		return nil
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	var err error
	switch v.Kind() {
	case reflect.Slice:
		v.Set(reflect.ValueOf(strings.Split(text, "+")))
	case reflect.Bool:
		var x bool
		if x, err = strconv.ParseBool(text); err == nil {
			v.SetBool(x)
		}
	case reflect.Int:
		var x int
		if x, err = strconv.Atoi(text); err == nil {
			v.SetInt(int64(x))
		}
	case reflect.Uint64:
		var x uint64
		if x, err = strconv.ParseUint(text, 10, 64); err == nil {
			v.SetUint(x)
		}
	case reflect.Float64:
		var x float64
		if x, err = strconv.ParseFloat(text, 64); err == nil {
			v.SetFloat(x)
		}
	case reflect.String:
		v.SetString(text)
	default:
		return fmt.Errorf("can't be set to %q", text)
	}
	if err != nil {
		return fmt.Errorf("want %s", jsonfile.WantOf(v))
	}
	return nil
}
