package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"

	"serf/netsim/advice"
	"serf/netsim/report"
	"serf/netsim/scenario"
)

// adviseCost is how many times the present bytes members may send, if -advise doesn't say.
const adviseCost = 2

// addAdvise adds -advise, with a number or without a value.
func (o *simOptions) addAdvise() {
	o.set.BoolFunc("advise", "", func(s string) (err error) {
		if o.cost = adviseCost; s == "true" { // without a value
			return nil
		}
		if o.cost, err = strconv.ParseFloat(s, 64); err != nil || !(o.cost >= 1 && o.cost <= 1000) {
			return errors.New("want a number from 1 to 1000")
		}
		return nil
	})
}

// checkAdvise refuses what has no meaning together with -advise.
func (o *simOptions) checkAdvise() error {
	if o.cost == 0 {
		return nil
	}
	for _, name := range []string{"sweep", "seeds", "shard", "report", "print-scenario", "explain"} {
		if o.given(name) {
			return fmt.Errorf("-advise and -%s exclude each other", name)
		}
	}
	return nil
}

// adviceDocument is what `serf sim -advise -format=json` writes.
type adviceDocument struct {
	Version  int               `json:"version"`
	Command  string            `json:"command"`
	Scenario scenario.Scenario `json:"scenario"` // that was simulated
	Advice   advice.Advice     `json:"advice"`
}

// advise looks for better timings.
func (r *simRun) advise(ctx context.Context, e env) int {
	if r.scenario.Members < 2 {
		fmt.Fprintln(e.Stderr, "Error advising: one node alone, and none to notice its crash: 2 are needed")
		return exitError
	}
	bar := newProgress(e.Stderr)
	s := advice.Search{Base: advice.Prepare(&r.scenario), Cost: r.cost,
		Parallel: cmp.Or(r.workers, runtime.GOMAXPROCS(0))}
	s.Progress = func(done float64, tried int) {
		bar.draw(done, func() string { return fmt.Sprintf("%d settings tried", tried) })
	}
	a, err := s.Run(ctx)
	bar.clear()
	switch {
	case errors.Is(err, context.Canceled) && len(a.Tried) > 0:
		fmt.Fprintln(e.Stderr, "Interrupted: nothing was tried again")
	case err != nil:
		return e.fail("advising", err)
	}
	var failed error
	if r.to.format == formatJSON {
		failed = writeJSON(e.Stdout, adviceDocument{simDocumentVersion, r.to.command, s.Base, a})
	} else {
		writeScenario(e.Stdout, &s.Base)
		failed = writeAdvice(e.Stdout, &a, r.cost)
	}
	if failed != nil {
		fmt.Fprintf(e.Stderr, "Error writing the advice: %v\n", failed)
	}
	if err != nil || failed != nil {
		return exitError
	}
	return exitOK
}

// writeAdvice writes what was found for people to read.
func writeAdvice(w io.Writer, a *advice.Advice, cost float64) error {
	last := a.FirstSeed + uint64(a.Seeds) - 1
	fmt.Fprintf(w, "%-17s %d settings, with seeds %d to %d, and up to %g times the bytes\n", "tried",
		len(a.Tried), a.FirstSeed, last, cost)
	if a.Now.Runs > 0 {
		fmt.Fprintf(w, "%-17s seeds %d to %d\n\n", "tried again", last+1, last+uint64(a.Again))
		writeColumns(w, compared(a))
	}
	fmt.Fprintln(w)
	writeColumns(w, trialRows(a.Tried, cost))
	fmt.Fprintln(w)
	if a.Config == nil {
		_, err := fmt.Fprintln(w, nothingBetter(a))
		return err
	}
	if list := worse(a); len(list) > 0 {
		fmt.Fprintf(w, "Worse than now: %s.\n", strings.Join(list, ", "))
	}
	if hours := a.Then.Hours; a.Then.False == 0 { // the rule of three
		fmt.Fprintf(w, "No false failure in %.1f member-hours: with 95%% confidence there is "+
			"less than one in %.1f member-hours.\n", hours, hours/3)
	}
	fmt.Fprint(w, "A configuration for 'serf agent -config-file':\n\n")
	config, err := json.MarshalIndent(a.Config, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", config)
	}
	return err
}

// nothingBetter says why there is no advice.
func nothingBetter(a *advice.Advice) string {
	if a.Now.False > 0 {
		return fmt.Sprintf("No setting is without false failures; the present one has %d.",
			a.Now.False)
	}
	return "Nothing is better than the present setting."
}

// compared has a row for each figure, now and then.
func compared(a *advice.Advice) [][]string {
	rows := [][]string{{"", "now"}}
	results := []*advice.Result{&a.Now}
	if a.Then != nil {
		rows[0] = append(rows[0], "advised")
		results = append(results, a.Then)
	}
	for i, title := range comparedTitles {
		row := []string{title.text}
		for _, r := range results {
			row = append(row, figureText(title.unit, figuresOf(r)[i]))
		}
		rows = append(rows, row)
	}
	return rows
}

// comparedTitles are the rows of compared, and figuresOf their values.
var comparedTitles = [...]struct {
	text string
	unit report.Unit
}{
	{"crash noticed by one, s", report.UnitSeconds}, {"crash known to all, s", report.UnitSeconds},
	{"nine of ten crashes, s", report.UnitSeconds}, {"crashes", report.UnitCount},
	{"not known to all", report.UnitCount}, {"false failures", report.UnitCount},
	{"packets/s of a member", report.UnitRate}, {"bytes/s of a member", report.UnitBytes},
}

func figuresOf(r *advice.Result) [len(comparedTitles)]float64 {
	return [...]float64{r.Noticed, r.Known, r.KnownP9, float64(r.Crashes), float64(r.Missed),
		float64(r.False), r.Packets, r.Bytes}
}

// worse lists the figures that get worse with the advice: all but the number of crashes.
func worse(a *advice.Advice) (list []string) {
	now, then := figuresOf(&a.Now), figuresOf(a.Then)
	for i, title := range comparedTitles {
		if then[i] > now[i] && title.text != "crashes" {
			list = append(list, title.text)
		}
	}
	return list
}

// trialsShown is how many settings are written, the best first. The JSON has all.
const trialsShown = 15

// trialRows has a row for the present setting, and one for each of the best others: without false
// failures, then cheap enough, then quick.
func trialRows(tried []advice.Trial, cost float64) [][]string {
	if len(tried) == 0 {
		return nil
	}
	dear := func(t *advice.Trial) bool { return t.Result.Bytes > cost*tried[0].Result.Bytes }
	list := slices.Clone(tried[1:])
	sort.SliceStable(list, func(i, j int) bool {
		x, y := &list[i], &list[j]
		switch {
		case x.Result.False != y.Result.False:
			return x.Result.False < y.Result.False
		case dear(x) != dear(y):
			return dear(y)
		}
		return x.Result.Known < y.Result.Known
	})
	rows := [][]string{{"known s", "false", "packets/s", "bytes/s", "runs", "setting"}}
	for _, x := range append(tried[:1:1], list[:min(len(list), trialsShown)]...) {
		r := &x.Result
		rows = append(rows, []string{
			figureText(report.UnitSeconds, r.Known), strconv.FormatUint(r.False, 10),
			figureText(report.UnitRate, r.Packets), figureText(report.UnitBytes, r.Bytes),
			strconv.Itoa(r.Runs), cmp.Or(x.Changes.List(), "the present one"),
		})
	}
	return rows
}
