package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"serf/netsim/report"
)

func TestSweepPrintsARowForEachPoint(t *testing.T) {
	code, out, errs := sim(t, t.Context(), "-sweep=loss=0,5", "-sweep", "nodes=4,8", "-seeds=2", "-for=20s", "-crash=1")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{
		"sweep             loss 0% 5%; nodes 4 8; seeds 1 to 2\n",
		"\nloss  nodes  runs  agree s ", "\n0%    4      2 ", "\n0%    8      2 ", "\n5%    4      2 ", "\n5%    8      2 ",
		"from least to most where they differ.\n",
		"\n  serf sim -for=20s -crash=1 -loss=LOSS -nodes=NODES -seed=SEED\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q isn't in the output:\n%s", want, out)
		}
	}
}

func TestSweepCommandsReproduceTheirPoints(t *testing.T) {
	code, out, errs := sim(t, t.Context(), "-sweep=faults[0].count=1,2", "-sweep=loss=10", "-seed=5", "-seeds=2", "-for=20s", "-crash=1@2s", "-format=json")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var doc sweepDocument
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Points) != 2 || doc.Seeds != 2 || doc.FirstSeed != 5 || len(doc.Axes) != 2 {
		t.Fatalf("%d points, %d seeds from %d, %d axes", len(doc.Points), doc.Seeds, doc.FirstSeed, len(doc.Axes))
	}
	p := &doc.Points[1]
	if p.Command != simCommand([]string{"-for=20s", "-crash=1@2s", "-set=faults[0].count=2", "-loss=10%", "-seed=5"}) || p.Values["loss"] != "10%" {
		t.Errorf("command %s, values %v", p.Command, p.Values)
	}
	if len(p.Figures) != len(report.Measures()) || p.Figures["known_median_seconds"].Count != 2 || p.Figures["queries_answered"] != nil {
		t.Errorf("figures %v", p.Figures)
	}
	args := strings.Fields(strings.NewReplacer("'", "", `"`, "").Replace(strings.TrimPrefix(p.Command, "serf sim ")))
	code, out, errs = sim(t, t.Context(), append(args, "-format=json")...)
	var alone simDocument
	if err := json.Unmarshal([]byte(out), &alone); err != nil || code != exitOK {
		t.Fatalf("exit %d, %v: %s", code, err, errs)
	}
	if alone.Report.Trace != p.Runs[0].Trace || alone.Report.Crashes.Count != 2 {
		t.Errorf("trace %s and %d crashes by itself, %s in the sweep", alone.Report.Trace, alone.Report.Crashes.Count, p.Runs[0].Trace)
	}
}

func TestSweepWritesAPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.html")
	code, _, errs := sim(t, t.Context(), "-sweep=nodes=3,5", "-for=5s", "-report="+path)
	page, err := os.ReadFile(path)
	if code != exitOK || err != nil {
		t.Fatalf("exit %d, %v: %s", code, err, errs)
	}
	for _, want := range []string{"Sweep over nodes", "serf sim -for=5s -nodes=3 -seed=1", "</html>"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%q isn't on the page", want)
		}
	}
}

func TestSweepInterruptedSaysWhatIsMissing(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	code, out, errs := sim(t, ctx, "-sweep=nodes=3,5", "-seeds=3")
	if code != exitError || !strings.Contains(out, "\nnodes  runs\n3      0\n5      0\n") ||
		!strings.Contains(errs, "Missing: nodes=3 seeds 1 to 3\nMissing: nodes=5 seeds 1 to 3\n") {
		t.Errorf("exit %d:\n%s%s", code, out, errs)
	}
}

func TestSweepNamesWhatIsWrong(t *testing.T) {
	tests := []struct{ args, want string }{
		{"-sweep=loss", "-sweep=loss: want NAME=VALUE,VALUE,..."},
		{"-sweep=loss=0,x", `-sweep=loss=0,x: loss "x": want a percentage up to 100`},
		{"-sweep=lass=1", "-sweep=lass=1: lass doesn't exist; did you mean loss? allowed are nodes, "},
		{"-sweep=loss=0 -sweep=loss=1", "-sweep=loss=1: loss is swept twice"},
		{"-sweep=loss=0 -sweep=network.loss=1", "-sweep=network.loss=1: network.loss is swept twice"},
		{"-sweep=loss=0 -set=network.loss=1", "-sweep=loss=0: -set=network.loss=1 sets it, too"},
		{"-set=suspicion_mult=4 -set=suspicion-mult=5", "-set=suspicion-mult=5: -set=suspicion_mult=4 sets it, too"},
		{"-loss=1 -set=loss=2", "-set=loss=2: -loss sets it, too"},
		{"-set=lass=2", "-set=lass=2: lass doesn't exist; did you mean loss? allowed"},
		{"-set=events=-3", "-set=events=-3: -3: allowed 0 to "},
		{"-sweep=seed=1", "-sweep=seed=1: seed: every point has several, as many as -seeds says"},
		{"-sweep=nodes=0,1", "nodes=0: nodes 0: allowed 1 to "},
		{"-seeds=0", `invalid value "0" for option -seeds: want a whole number, 1 or more`},
		{"-seeds=10001", "seeds 10001: allowed 1 to 10000"},
		{"-set=loss", `invalid value "loss" for option -set: want KEY=VALUE`},
	}
	for _, tt := range tests {
		code, out, errs := sim(t, t.Context(), strings.Fields(tt.args)...)
		if code != exitError || out != "" || !strings.HasPrefix(errs, "serf sim: "+tt.want) {
			t.Errorf("%s: exit %d, %q, want %q", tt.args, code, errs, tt.want)
		}
	}
}

func TestWithoutDropsOptionsInEachForm(t *testing.T) {
	o := newOptions("test", "", env{})
	o.text("a", "")
	o.text("b", "")
	o.flag("on", false)
	tests := []struct{ args, drop, want string }{
		{"-a=1 -b=2", "a", "-b=2"},
		{"-a 1 -b 2", "a", "-b 2"},
		{"--a 1 -on -b 2", "b", "--a 1 -on"},
		{"-on -a -b", "on", "-a -b"}, // -b is the value of -a
		{"-a -b -b -a", "a", "-b -a"},
		{"-on=false -a=1", "on", "-a=1"},
		{"-a=1", "b", "-a=1"},
	}
	for _, tt := range tests {
		if got := without(o.set, strings.Fields(tt.args), tt.drop); !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("%s without -%s is %q, want %q", tt.args, tt.drop, got, tt.want)
		}
	}
}

func TestSeedsAreListedByRanges(t *testing.T) {
	tests := []struct {
		seeds []uint64
		want  string
	}{
		{[]uint64{3}, "seed 3"},
		{[]uint64{3, 4, 5}, "seeds 3 to 5"},
		{[]uint64{1, 3, 4, 9}, "seeds 1, 3 to 4, 9"},
	}
	for _, tt := range tests {
		if got := seedList(tt.seeds); got != tt.want {
			t.Errorf("%v is %q, want %q", tt.seeds, got, tt.want)
		}
	}
}

func TestFigureText(t *testing.T) {
	for _, c := range []struct {
		unit report.Unit
		v    float64
		want string
	}{
		{report.UnitCount, 0, "0"}, {report.UnitCount, 12345, "12345"}, {report.UnitSeconds, 1234.5, "1234"}, {report.UnitSeconds, 1000, "1000"},
		{report.UnitSeconds, 999.4, "999"}, {report.UnitSeconds, 12.345, "12.3"}, {report.UnitSeconds, 1, "1"}, {report.UnitSeconds, 1.2345, "1.23"},
		{report.UnitSeconds, 0.99951, "1"}, {report.UnitSeconds, 0.12345, "0.123"}, {report.UnitSeconds, 0.0004, "0"},
		{report.UnitShare, 1, "100"}, {report.UnitShare, 0.99999, "99.99"}, {report.UnitShare, 0.5, "50"},
	} {
		if got := figureText(c.unit, c.v); got != c.want {
			t.Errorf("%v of unit %v: %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}
