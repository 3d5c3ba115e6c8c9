package docs_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// formulaLine is a formula worked out: least(mult 4, interval 1s, n 32) = 6.02s
var formulaLine = regexp.MustCompile(`(?m)^ +(\w+)\(([a-z]+ [^)]*)\) += (\S+)$`)

// The numbers worked out in protocol.md are those recorded from the original.
func TestFormulas(t *testing.T) {
	text := read(t, "docs/protocol.md")
	recorded := recordedFormulas(t)
	count := make(map[string]int)
	for _, m := range formulaLine.FindAllStringSubmatch(text, -1) {
		name, args, result := m[1], m[2], m[3]
		count[name]++
		switch name {
		case "query", "probe":
			if got := workedOut(t, name, args); got != result {
				t.Errorf("%s(%s) is %s, not %s", name, args, got, result)
			}
		default:
			if want, ok := recorded[name+"("+args+")"]; !ok || want != result {
				t.Errorf("%s(%s) = %s: recorded is %q", name, args, result, want)
			}
		}
	}
	for _, name := range []string{"least", "suspicion", "sends", "pushpull", "query", "probe"} {
		if count[name] == 0 {
			t.Errorf("%s isn't worked out", name)
		}
	}
}

// recordedFormulas are the values in testdata/formulas.json, by the words of the page.
func recordedFormulas(t *testing.T) map[string]string {
	t.Helper()
	var v map[string][]map[string]int
	readJSON(t, "formulas.json", &v)
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	all := make(map[string]string)
	for _, r := range v["suspicion_timeout_ms"] {
		key := fmt.Sprintf("least(mult %d, interval %v, n %d)", r["mult"], ms(r["interval_ms"]), r["n"])
		all[key] = (time.Duration(r["timeout_us"]) * time.Microsecond).String()
	}
	for _, r := range v["suspicion_remaining"] {
		key := fmt.Sprintf("suspicion(c %d, k %d, least %v, most %v)",
			r["confirmations"], r["k"], ms(r["min_ms"]), ms(r["max_ms"]))
		all[key] = ms(r["remaining_ms"] + r["elapsed_ms"]).String()
	}
	for _, r := range v["retransmit_limit"] {
		all[fmt.Sprintf("sends(mult %d, n %d)", r["mult"], r["n"])] = strconv.Itoa(r["limit"])
	}
	for _, r := range v["push_pull_scale"] {
		all[fmt.Sprintf("pushpull(interval %v, n %d)", ms(r["interval_ms"]), r["n"])] = ms(r["scaled_ms"]).String()
	}
	return all
}

// workedOut computes what isn't recorded.
func workedOut(t *testing.T, name, args string) string {
	t.Helper()
	var interval string
	var n int
	if _, err := fmt.Sscanf(strings.ReplaceAll(args, ",", ""), map[string]string{
		"query": "interval %s n %d", "probe": "interval %s health %d",
	}[name], &interval, &n); err != nil {
		t.Fatalf("%s(%s): %v", name, args, err)
	}
	d, err := time.ParseDuration(interval)
	if err != nil {
		t.Fatal(err)
	}
	if name == "probe" {
		return (d * time.Duration(n+1)).String()
	}
	return (d * 16 * time.Duration(math.Ceil(math.Log10(float64(n+1))))).String()
}

// The table of timing profiles in protocol.md has the values of the code.
func TestProfiles(t *testing.T) {
	text := read(t, "docs/protocol.md")
	profiles := []swim.Timing{swim.LAN(), swim.WAN(), swim.Local()}
	for setting, value := range map[string]func(*swim.Timing) any{
		"probe interval":     func(c *swim.Timing) any { return c.ProbeInterval },
		"probe timeout":      func(c *swim.Timing) any { return c.ProbeTimeout },
		"indirect probes":    func(c *swim.Timing) any { return c.IndirectProbes },
		"gossip interval":    func(c *swim.Timing) any { return c.GossipInterval },
		"gossip nodes":       func(c *swim.Timing) any { return c.GossipNodes },
		"gossip to the dead": func(c *swim.Timing) any { return c.GossipToTheDead },
		"push/pull interval": func(c *swim.Timing) any { return c.PushPullInterval },
		"suspicion mult":     func(c *swim.Timing) any { return c.SuspicionMult },
		"suspicion max mult": func(c *swim.Timing) any { return c.SuspicionMaxMult },
		"retransmit mult":    func(c *swim.Timing) any { return c.RetransmitMult },
		"awareness max":      func(c *swim.Timing) any { return c.AwarenessMax },
		"stream timeout":     func(c *swim.Timing) any { return c.StreamTimeout },
	} {
		row := "| " + setting
		for i := range profiles {
			row += fmt.Sprintf(" | %v", value(&profiles[i]))
		}
		if row = strings.ReplaceAll(row, "1m0s", "60s") + " |\n"; !strings.Contains(text, row) {
			t.Errorf("no row %q", row)
		}
	}
}

// The table of sizes in protocol.md has the limits of the code.
func TestSizes(t *testing.T) {
	text := strings.ReplaceAll(read(t, "docs/protocol.md"), ",", "")
	kib := func(n int) string { return fmt.Sprint(n>>10, " KiB") }
	mib := func(n int) string { return fmt.Sprint(n>>20, " MiB") }
	for what, limit := range map[string]string{
		"packet":              fmt.Sprint(swim.PacketDefault, " bytes by default"),
		"label":               fmt.Sprint(wire.LabelMax, " bytes"),
		"metadata":            fmt.Sprint(swim.MetaMax, " bytes"),
		"member name":         fmt.Sprint(swim.NameMax, " bytes"),
		"parts of a compound": fmt.Sprint(wire.CompoundMax),
		"packet unfolded": fmt.Sprintf("%s %d messages %d layers", kib(wire.PacketPlainMax), wire.PacketMessagesMax,
			wire.NestingMax),
		"stream block":                        mib(wire.StreamBlockMax),
		"stream block decompressed":           mib(wire.StreamPlainMax),
		"node states of a push/pull":          fmt.Sprint(wire.NodeStatesMax),
		"user state user message on a stream": mib(wire.UserStateMax),
		"user event": fmt.Sprint(defaults.EventSizeMax, " bytes by default at most ",
			kib(serf.EventSizeCeiling)),
		"query query response": fmt.Sprint(defaults.QuerySizeMax, " bytes by default"),
		"keys of a keyring":    fmt.Sprint(wire.KeysMax),
		"messages in a queue":  fmt.Sprint(swim.QueueMax),
	} {
		if row := fmt.Sprintf("\n| %s | %s |", what, limit); !strings.Contains(text, row) {
			t.Errorf("no row %q", row[1:])
		}
	}
}

var defaults = serf.DefaultConfig(swim.LAN())

// The tables of types in protocol.md have the names of the code.
func TestTypeNames(t *testing.T) {
	row := regexp.MustCompile(`(?m)^\| (\d+) \| ([a-z/ ]+)`)
	membership, above, _ := strings.Cut(read(t, "docs/protocol.md"), "## Serf messages")
	for _, table := range []struct {
		text  string
		name  func(n int) string
		types int
	}{
		{membership, func(n int) string { return wire.Type(n).String() }, 15},
		{above, func(n int) string { return wire.SerfType(n).String() }, 12},
	} {
		rows := row.FindAllStringSubmatch(table.text, -1)
		if len(rows) != table.types {
			t.Errorf("%d types, want %d", len(rows), table.types)
		}
		for _, m := range rows {
			if n, _ := strconv.Atoi(m[1]); !strings.HasPrefix(m[2], table.name(n)) {
				t.Errorf("type %d is called %q, in the code %q", n, m[2], table.name(n))
			}
		}
	}
}
