package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"serf/netsim/report"
	"serf/netsim/scenario"
)

// experiments are small ones of each kind, whose output is text.
var experiments = map[string]string{
	"sweep":       "-sweep=loss=0,5 -sweep=nodes=3,4 -seeds=2 -for=5s -seed=7",
	"seeds":       "-seeds=3 -for=5s -nodes=3",
	"convergence": "convergence -nodes=4,6 -loss=0,60 -seeds=2",
	"events":      "events -nodes=5,4 -loss=20 -bursts=2 -burst=2 -seeds=2",
}

// must runs `serf sim` and returns what it prints.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := sim(t, t.Context(), args...)
	if code != exitOK {
		t.Fatalf("%s: exit %d: %s", strings.Join(args, " "), code, errs)
	}
	return out
}

// shards does all parts of an experiment into a new folder.
func shards(t *testing.T, line string, of int) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for part := 1; part <= of; part++ {
		must(t, append(strings.Fields(line), fmt.Sprintf("-shard=%d/%d", part, of), "-out="+folder)...)
	}
	return folder
}

// The parts of any number of shards, more than there are runs, too, make what one process prints.
func TestMergedPartsAreWhatOneProcessPrints(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("sweeps in parts")
	}
	for name, line := range experiments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := must(t, strings.Fields(line)...)
			for _, of := range []int{1, 2, 3, 7, 20} {
				if got := must(t, "merge", shards(t, line, of)); got != want {
					t.Errorf("%d parts:\n%s\none process:\n%s", of, got, want)
				}
			}
		})
	}
}

func TestMergedSweepsHaveTheSameJSONAndPage(t *testing.T) {
	t.Parallel()
	line := experiments["sweep"]
	path := filepath.Join(t.TempDir(), "a.html")
	args := []string{"-format=json", "-report=" + path}
	page := func() string {
		data, err := os.ReadFile(path)
		if err != nil || len(data) < 1000 {
			t.Fatalf("%v, %d bytes", err, len(data))
		}
		return string(data)
	}
	want := must(t, append(strings.Fields(line), args...)...)
	wantPage := page()
	for _, of := range []int{1, 2, 3, 7, 20} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		got := must(t, append(append([]string{"merge"}, args...), shards(t, line+" -format=json -workers=1", of))...)
		if got != want || page() != wantPage {
			t.Errorf("%d parts make other JSON, %v, or another page, %v", of, got != want, page() != wantPage)
		}
	}
}

// What a scenario file said when the parts were done counts, not what it says now.
func TestMergeNeedsNoFilesOfTheSweep(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(file, []byte(`{"nodes": 4, "for": "5s", "about": "mine"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	line := "-scenario " + file + " -sweep loss=0,5"
	want := must(t, strings.Fields(line)...)
	folder := shards(t, line, 2)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := must(t, "merge", folder); got != want || !strings.Contains(got, "mine") {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// The study of Lifeguard takes long: here none of its runs is done.
func TestLifeguardIsShared(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	folder := t.TempDir()
	line := strings.Fields("lifeguard -reduced -variant=ours")
	code, _, errs := sim(t, ctx, append(line, "-shard=1/2", "-out="+folder)...)
	if code != exitError || !strings.HasPrefix(errs, "Interrupted: 0 of 18 runs are in ") {
		t.Errorf("exit %d: %s", code, errs)
	}
	_, want, _ := sim(t, ctx, line...)
	code, got, errs := sim(t, t.Context(), "merge", "-partial", folder)
	if code != exitOK || got != want || errs != "0 of 36 combinations\n" {
		t.Errorf("exit %d: %s\n%s\nwant\n%s", code, errs, got, want)
	}
	if code, _, errs := sim(t, t.Context(), "merge", "-partial", "-format=json", folder); code != exitError || !strings.Contains(errs, "are for sweeps; 'serf sim lifeguard' prints text only") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// linesOf are the lines of the only part in a folder.
func linesOf(t *testing.T, folder string) (path string, lines []string) {
	t.Helper()
	path = filepath.Join(folder, "part-1-of-1.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, slices.Collect(strings.Lines(string(data)))
}

func TestPartGoesOnWhereItEnds(t *testing.T) {
	t.Parallel()
	line := experiments["sweep"]
	args := append(strings.Fields(line), "-shard=1/1", "-out=")
	want := must(t, strings.Fields(line)...)
	folder := shards(t, line, 1)
	path, lines := linesOf(t, folder)
	args[len(args)-1] += folder
	for name, x := range map[string]struct{ left, warning string }{
		"whole":               {strings.Join(lines, ""), "8 of 8 runs of part 1/1 are in "},
		"three runs":          {strings.Join(lines[:4], ""), "3 of 8 runs of part 1/1 are in "},
		"the head alone":      {lines[0], ""},
		"nothing":             {"", ""},
		"cut in a line":       {strings.Join(lines[:4], "") + lines[4][:20], "warning: the last 20 bytes of "},
		"cut before its end":  {strings.Join(lines[:3], "") + strings.TrimSuffix(lines[3], "\n"), "aren't whole, and what they were about is done again"},
		"cut in the head":     {lines[0][:50], "warning: the last 50 bytes of "},
		"zeros after a crash": {strings.Join(lines[:4], "") + strings.Repeat("\x00", 100), "warning: the last 100 bytes of "},
	} {
		if err := os.WriteFile(path, []byte(x.left), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, errs := sim(t, t.Context(), args...)
		if code != exitOK || !strings.Contains(errs, x.warning) || !strings.Contains(errs, "8 of 8 runs are in "+path) {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
		if got := must(t, "merge", path); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestInterruptKeepsWhatIsDone(t *testing.T) {
	t.Parallel()
	line := experiments["sweep"]
	folder := shards(t, line, 1)
	path, lines := linesOf(t, folder)
	if err := os.WriteFile(path, []byte(strings.Join(lines[:6], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, out, errs := sim(t, ctx, append(strings.Fields(line), "-shard=1/1", "-out="+folder)...)
	if code != exitError || out != "" || !strings.Contains(errs, "Interrupted: 5 of 8 runs are in "+path+"; the same command goes on\n") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestPartIsDoneByOneProcessAtATime(t *testing.T) {
	t.Parallel()
	line := experiments["seeds"]
	folder := shards(t, line, 1)
	path, _ := linesOf(t, folder)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head, _, _, err := readPart(f)
	if err != nil {
		t.Fatal(err)
	}
	p, err := openPart(path, head)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	code, _, errs := sim(t, t.Context(), append(strings.Fields(line), "-shard=1/1", "-out="+folder)...)
	if code != exitError || !strings.Contains(errs, path+": another process is doing this part") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// A part is not continued with anything else than what it was begun with.
func TestForeignPartIsNotContinued(t *testing.T) {
	t.Parallel()
	folder := shards(t, experiments["sweep"], 1)
	path, lines := linesOf(t, folder)
	file := func(name, text string) string {
		name = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Dir(name)
	}
	otherBuild := file("part-1-of-1.json", strings.Replace(lines[0], `"build":"`, `"build":"0.9, `, 1))
	for _, x := range []struct{ line, folder, want string }{
		{"-sweep=loss=0,5 -sweep=nodes=3,4 -seeds=2 -for=5s -seed=8", folder, path + " is there already and part of something else: scenario.seed: 7 here, 8 in this command."},
		{"-sweep=loss=0,5 -sweep=nodes=3,4 -seeds=3 -for=5s -seed=7", folder, "something else: seeds: 2 here, 3 in this command."},
		{"-sweep=loss=0,6 -sweep=nodes=3,4 -seeds=2 -for=5s -seed=7", folder, `something else: knobs[0].values[1]: "5%" here, "6%" in this command.`},
		{"-sweep=loss=0,5 -seeds=2 -for=5s -seed=7", folder, `something else: knobs: [{"name":"loss",`},
		{"-sweep=loss=0,5 -sweep=nodes=3,4 -seeds=2 -for=5s -seed=7 -crash=1", folder, "something else: scenario.faults: not given here, "},
		{experiments["events"], folder, `something else: command: "serf sim" here, "serf sim events" in this command.`},
		{experiments["sweep"], otherBuild, `something else: build: "0.9, 1.0.0, commit `},
		{experiments["sweep"], file("part-1-of-1.json", "{}\n"), "no part of a sweep, which 'serf sim -shard' writes"},
	} {
		was, _ := os.ReadFile(filepath.Join(x.folder, "part-1-of-1.json"))
		code, out, errs := sim(t, t.Context(), append(strings.Fields(x.line), "-shard=1/1", "-out="+x.folder)...)
		if code != exitError || out != "" || !strings.Contains(errs, x.want) {
			t.Errorf("%s: exit %d: %s\nwant %s", x.line, code, errs, x.want)
		}
		if is, _ := os.ReadFile(filepath.Join(x.folder, "part-1-of-1.json")); !bytes.Equal(was, is) {
			t.Errorf("%s: the file has changed", x.line)
		}
	}
}

func TestMergeRefusesWhatDoesNotBelongTogether(t *testing.T) {
	t.Parallel()
	line := experiments["sweep"]
	a, b := shards(t, line, 3), shards(t, strings.Replace(line, "-seeds=2", "-seeds=3", 1), 3)
	part := func(folder string, n int) string { return filepath.Join(folder, fmt.Sprintf("part-%d-of-3.json", n)) }
	edit := func(path string, change func(lines []string) string) string {
		data, err := os.ReadFile(path)
		name := filepath.Join(t.TempDir(), filepath.Base(path))
		if err == nil {
			err = os.WriteFile(name, []byte(change(strings.SplitAfter(string(data), "\n"))), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	begun := edit(part(a, 2), func(lines []string) string { return strings.Join(lines[:3], "") })
	torn := edit(part(a, 2), func(lines []string) string { return strings.Join(lines[:2], "") + lines[2][:9] })
	stranger := edit(part(a, 2), func([]string) string { return "not ours" })
	mixed := edit(part(a, 2), func(lines []string) string {
		other, _ := os.ReadFile(part(a, 1))
		return lines[0] + strings.SplitAfter(string(other), "\n")[1]
	})
	number := regexp.MustCompile(`"result":.*`)
	empty := edit(part(a, 2), func(lines []string) string {
		return strings.Join(lines[:3], "") + number.ReplaceAllString(lines[3], `"result":{}}`)
	})
	twice := edit(part(a, 2), func(lines []string) string {
		return strings.Join(lines, "") + number.ReplaceAllString(lines[3], `"result":{}}`)
	})
	newer := edit(part(a, 1), func(lines []string) string { return strings.Replace(lines[0], `"part_format":1`, `"part_format":2`, 1) })
	for _, x := range []struct {
		files []string
		want  string
	}{
		{[]string{part(a, 1)}, "Error: missing: part-2-of-3.json, part-3-of-3.json. -partial merges what is there\n"},
		{[]string{a, part(a, 2)}, "Error: " + part(a, 2) + ": part 2/3 is there twice: it is in " + part(a, 2) + ", too\n"},
		{[]string{part(a, 1), part(b, 2)}, "Error: " + part(b, 2) + ": not of the same experiment: seeds: 3 here, 2 in " + part(a, 1) + "\n"},
		{[]string{part(a, 1), begun, part(a, 3)}, "Error: " + begun + ": 2 of 3 runs are done: run the command of this part again, or merge what is there with -partial\n"},
		{[]string{part(a, 1), torn, part(a, 3)}, "Error: " + torn + ": the last 9 bytes aren't whole: run the command"},
		{[]string{part(a, 1), stranger, "/no/such"}, "Error: " + stranger + ": no part of a sweep, which 'serf sim -shard' writes\nError: /no/such: "},
		{[]string{part(a, 1), mixed}, "isn't one of part 2/3\n"},
		{[]string{part(a, 1), empty, part(a, 3)}, "Error: writing the report: run "},
		{[]string{part(a, 1), empty, part(a, 3)}, " has 0 figures instead of "},
		{[]string{part(a, 1), twice, part(a, 3)}, " is there twice, with different results"},
		{[]string{newer}, ": by another program, which has to merge it: form of the file: 2 here, 1 of this one\n"},
		{[]string{t.TempDir()}, ": no file of a part in this folder\n"},
		{nil, "serf sim merge: missing argument: the file of a part\n"},
	} {
		code, out, errs := sim(t, t.Context(), append([]string{"merge"}, x.files...)...)
		if code != exitError || out != "" || !strings.Contains(errs, x.want) {
			t.Errorf("%v: exit %d: %s\nwant %s", x.files, code, errs, x.want)
		}
	}
}

func TestPartialMergeSaysHowMuchIsThere(t *testing.T) {
	t.Parallel()
	folder := shards(t, experiments["sweep"], 3)
	if err := os.Remove(filepath.Join(folder, "part-2-of-3.json")); err != nil {
		t.Fatal(err)
	}
	code, out, errs := sim(t, t.Context(), "merge", "-partial", folder)
	if code != exitOK || !strings.HasPrefix(errs, "5 of 8 runs\nMissing: loss=") || !strings.Contains(out, "from least to most") {
		t.Errorf("exit %d: %s\n%s", code, errs, out)
	}
}

func TestShardOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ args, pod, task, want string }{
		{"-seeds=2 -shard=3", "", "", `invalid value "3" for option -shard: want PART/OF or /OF, such as 3/16, with OF from 1 to 10000`},
		{"-seeds=2 -shard=0/3", "", "", "parts are 1 to 3"},
		{"-seeds=2 -shard=4/3", "", "", "parts are 1 to 3"},
		{"-seeds=2 -shard=x/3", "", "", "parts are 1 to 3"},
		{"-seeds=2 -shard=1/0", "", "", "with OF from 1 to 10000"},
		{"-seeds=2 -shard=1/10001", "", "", "with OF from 1 to 10000"},
		{"-seeds=2 -shard=/3", "", "", "neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set: name the part, as 3/3"},
		{"-seeds=2 -shard=/3", "0", "1", "both JOB_COMPLETION_INDEX and SLURM_ARRAY_TASK_ID are set"},
		{"-seeds=2 -shard=/3", "3", "", `JOB_COMPLETION_INDEX is "3": want 0 to 2`},
		{"-seeds=2 -shard=/3", "", "0", `SLURM_ARRAY_TASK_ID is "0": want 1 to 3`},
		{"-seeds=2 -shard=/3", "", "4", `SLURM_ARRAY_TASK_ID is "4": want 1 to 3`},
		{"-shard=1/3", "", "", "-shard: a single run can't be shared: give -sweep or -seeds"},
		{"-seeds=2 -shard=1/3 -report=a.html", "", "", "-report: 'serf sim merge -report=FILE.html' makes the page of all parts"},
		{"-seeds=2 -out=a", "", "", "-out is where -shard keeps its file: give both"},
		{"events -out=a", "", "", "-out is where -shard keeps its file: give both"},
		{"convergence -out=a", "", "", "-out is where -shard keeps its file: give both"},
		{"lifeguard -out=a", "", "", "-out is where -shard keeps its file: give both"},
		{"-seeds=2 -out=", "", "", "for option -out"},
	} {
		var out, errs bytes.Buffer
		e := env{Stdout: &out, Stderr: &errs, LookupEnv: tasks(x.pod, x.task)}
		if code := runSim(t.Context(), strings.Fields(x.args), e); code != exitError || out.Len() > 0 || !strings.Contains(errs.String(), x.want) {
			t.Errorf("%s: exit %d: %s", x.args, code, &errs)
		}
	}
}

// tasks is an environment with these variables, unless they are empty.
func tasks(pod, task string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v := map[string]string{"JOB_COMPLETION_INDEX": pod, "SLURM_ARRAY_TASK_ID": task}[name]
		return v, v != ""
	}
}

func TestPartsAreNumberedAsTheirSchedulersDo(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ pod, task string }{{"0", ""}, {"2", ""}, {"", "1"}, {"", "3"}} {
		s, err := parseShard("/3", env{LookupEnv: tasks(x.pod, x.task)})
		want := map[string]scenario.Shard{"0": {Part: 1, Of: 3}, "2": {Part: 3, Of: 3}}[x.pod]
		if x.pod == "" {
			want = map[string]scenario.Shard{"1": {Part: 1, Of: 3}, "3": {Part: 3, Of: 3}}[x.task]
		}
		if err != nil || s != want {
			t.Errorf("%+v: %v, %v; want %v", x, s, err, want)
		}
	}
}

// Results stay what they are through JSON: numbers, too.
func TestResultsSurviveTheFile(t *testing.T) {
	t.Parallel()
	r := make(results, 2)
	run := scenario.Run{Seed: 1<<64 - 1, Trace: 1<<64 - 3, Violations: []report.Violation{{At: 7, Check: "a", Text: "<b>"}}}
	for i := range 3 {
		run.Figures = append(run.Figures, report.Figure{Value: 0.1 * float64(i+1), There: true})
	}
	if err := r.keep(0, run); err != nil {
		t.Fatal(err)
	}
	got, err := resultsOf[scenario.Run](r)
	if err != nil || !cmp.Equal(got, []*scenario.Run{&run, nil}) || r.count() != "1 of 2 runs" {
		t.Errorf("%+v, %v", got, err)
	}
	r[1] = []byte("{")
	if got, err := resultsOf[scenario.Run](r); err == nil {
		t.Errorf("half a result is read as %+v", got)
	}
}
