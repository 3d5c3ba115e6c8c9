package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/internal/manual"
)

// writeManual is `serf help -man DIR`: it writes the manual pages serf(1) and serf-COMMAND(1).
func writeManual(ctx context.Context, args []string, e env) int {
	if len(args) != 1 {
		fmt.Fprintln(e.Stderr, "serf help -man: want one folder, which the manual pages go to")
		return exitError
	}
	date, err := manualDate(e)
	if err == nil {
		err = os.MkdirAll(args[0], 0o755)
	}
	for _, page := range manualPages(ctx, date) {
		if err != nil {
			break
		}
		err = os.WriteFile(filepath.Join(args[0], page.name), []byte(page.text), 0o644)
	}
	if err != nil {
		return e.fail("writing manual pages", err)
	}
	return exitOK
}

// manualDate is the date of the manual pages: $SOURCE_DATE_EPOCH, by which reproducible builds give
// the time, or that of the commit, or today.
func manualDate(e env) (time.Time, error) {
	if text, ok := e.LookupEnv("SOURCE_DATE_EPOCH"); ok {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}, errors.New("SOURCE_DATE_EPOCH: want seconds since 1970")
		}
		return time.Unix(seconds, 0), nil
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return at, nil
			}
		}
	}
	return time.Now(), nil
}

// manualPage is a file of the manual.
type manualPage struct{ name, text string }

func manualPages(ctx context.Context, date time.Time) []manualPage {
	title := manual.Title{Version: "Serf v" + version, Date: date}
	pages := []manualPage{overview(title)}
	for _, c := range commands() {
		for _, part := range append([]string{""}, c.parts...) {
			help := helpOf(ctx, c, part)
			t := title
			t.Name = strings.TrimSuffix("serf-"+c.name+"-"+part, "-")
			t.Summary = lowerFirst(c.synopsis)
			t.SeeAlso = append([]string{"serf"}, mentioned(help, c.name)...)
			page := manual.Parse(help)
			pages = append(pages, manualPage{t.Name + ".1", page.Roff(t, commonSections(&page)...)})
		}
	}
	return pages
}

// overview is serf(1).
func overview(t manual.Title) manualPage {
	t.Name, t.Summary = "serf", "membership, failure detection and events by gossip"
	page := manual.Page{Usage: "serf [-v] [-h] COMMAND [options] [arguments]", Blocks: []manual.Block{
		{Kind: manual.Paragraph, Text: "An agent keeps the membership of a cluster by gossip, " +
			"detects failures, spreads user events and queries, and runs scripts on what happens. " +
			"'serf agent' runs one; most other commands talk to one that runs."},
		{Kind: manual.Heading, Text: "Commands"},
	}}
	for _, c := range commands() {
		page.Blocks = append(page.Blocks, manual.Block{Kind: manual.Item, Term: c.name,
			Text: c.synopsis + "."})
		t.SeeAlso = append(t.SeeAlso, "serf-"+c.name)
	}
	page.Blocks = append(page.Blocks, manual.Block{Kind: manual.Item, Term: "help",
		Text: "Describe a command; with -man DIR, write these manual pages to a folder."})
	client := manual.Parse("Usage: serf\n" + rpcHelp)
	further := slices.Concat(exitSection("127", "No such command."), environmentSection(&client))
	return manualPage{"serf.1", page.Roff(t, further...)}
}

// commonSections are what the pages of many commands have at their end.
func commonSections(page *manual.Page) (list []manual.Block) {
	hasCodes := slices.ContainsFunc(page.Blocks, func(b manual.Block) bool {
		return b.Kind == manual.Heading && strings.HasPrefix(b.Text, "Exit ")
	})
	if !hasCodes {
		list = append(list, exitSection("", "")...)
	}
	return append(list, environmentSection(page)...)
}

// exitSection lists the exit codes, and one more unless it is empty.
func exitSection(code, text string) []manual.Block {
	list := []manual.Block{
		{Kind: manual.Heading, Text: "Exit status"},
		{Kind: manual.Item, Term: "0", Text: "Done."},
		{Kind: manual.Item, Term: "1", Text: "Anything else; standard error says what."},
	}
	if code != "" {
		list = append(list, manual.Block{Kind: manual.Item, Term: code, Text: text})
	}
	return list
}

// environmentSection lists the variables that stand in for options, whose texts mention them.
func environmentSection(page *manual.Page) (list []manual.Block) {
	variable := regexp.MustCompile(`\$(SERF_[A-Z_]+)`)
	for _, o := range page.Options() {
		if m := variable.FindStringSubmatch(o.Text); m != nil {
			list = append(list, manual.Block{Kind: manual.Item, Term: m[1],
				Text: "Stands in for -" + o.Name + "."})
		}
	}
	if len(list) == 0 {
		return nil
	}
	return append([]manual.Block{{Kind: manual.Heading, Text: "Environment"}}, list...)
}

// mentioned are the pages of other commands that a help text mentions.
func mentioned(help, own string) (list []string) {
	mention := regexp.MustCompile(`\bserf ([a-z-]+)`)
	for _, m := range mention.FindAllStringSubmatch(help, -1) {
		if _, ok := findCommand(m[1]); ok && m[1] != own && !slices.Contains(list, "serf-"+m[1]) {
			list = append(list, "serf-"+m[1])
		}
	}
	slices.Sort(list)
	return list
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
