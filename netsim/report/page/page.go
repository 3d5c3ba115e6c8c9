// Package page writes the results of simulations as web pages. A page is one file that needs
// nothing else: no network, no other file. Its plots are SVG, in colours that follow the reader's
// light or dark mode; a small script adds what a pointer asks for, and without scripts all is there
// but that. Whatever comes from outside, names and scenarios, is escaped.
//
// Pages are written without a template engine: those of the standard library call methods by their
// names, so that the linker would have to keep every method of the whole program, a quarter of its
// size.
package page

import (
	_ "embed"
	"fmt"
	"io"
	"strings"

	"serf/internal/theme"
)

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// document is what a page shows.
type document struct {
	Title    string
	Subtitle string
	Alerts   []string // what went wrong, at the top
	Tiles    []tile
	Charts   []*chart
	Tables   []table
	Command  string
	Commands [][2]string // more of them, each with what it is for
	Scenario string      // for readers
	File     string      // as a file; may be empty
	Trace    string      // may be empty
	Wide     bool        // tables need all of the width
}

// tile is a figure to see at first glance.
type tile struct {
	Label, Value, Note string
	Bad                bool
}

// table is figures in rows. The first column is text, the others are numbers. A cell may have a
// second line, smaller, after "\n".
type table struct {
	Title  string
	Head   []string
	Rows   [][]string
	Closed bool // to be opened by the reader
}

// add adds a row.
func (t *table) add(cells ...string) { t.Rows = append(t.Rows, cells) }

// alert adds a warning above all else.
func (d *document) alert(format string, args ...any) {
	d.Alerts = append(d.Alerts, fmt.Sprintf(format, args...))
}

// alertsMost is how much goes wrong until more of it tells nothing new.
const alertsMost = 20

func (d *document) write(w io.Writer) error {
	if n := len(d.Alerts) - alertsMost; n > 0 {
		d.Alerts = append(d.Alerts[:alertsMost:alertsMost], fmt.Sprintf("… and %d more.", n))
	}
	var m markup
	d.putHead(&m)
	d.putTiles(&m)
	if err := d.putCharts(&m); err != nil {
		return err
	}
	d.putTables(&m)
	d.putAgain(&m)
	m.put("</main>\n<script>")
	m.embed(pageJS)
	m.put("</script>\n</body>\n</html>\n")
	_, err := w.Write(m.b)
	return err
}

// HeadMax is how many bytes of a file tell whether it is a page.
const HeadMax = 4 << 10

// Is says whether a file that begins with head is a page of this package, of this version or an
// older one.
func Is(head []byte) bool {
	return strings.HasPrefix(string(head), doctype) && strings.Contains(string(head), titleEnd)
}

const (
	doctype  = "<!DOCTYPE html>\n"
	titleEnd = " – serf sim</title>\n"
)

// putHead begins the page, up to the alerts.
func (d *document) putHead(m *markup) {
	m.put(doctype+`<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"/>
<title>%s`+titleEnd+`<style>`, d.Title)
	m.embed(theme.CSS)
	m.embed(pageCSS)
	m.put(`</style>
</head>
<body>
<header>
<p class="kicker">serf sim</p>
<h1>%s</h1>
<p class="subtitle">%s</p>
</header>
<main>
`, d.Title, d.Subtitle)
	for _, text := range d.Alerts {
		m.put("<p class=\"alert\">%s</p>\n", text)
	}
}

func (d *document) putTiles(m *markup) {
	if len(d.Tiles) == 0 {
		return
	}
	m.put("<section class=\"tiles\" aria-label=\"Key figures\">\n")
	for _, t := range d.Tiles {
		class := "tile"
		if t.Bad {
			class += " isbad"
		}
		m.put(`<div class="%s"><span class="label">%s</span><span class="value">%s</span><span class="note">%s</span></div>
`, class, t.Label, t.Value, t.Note)
	}
	m.put("</section>\n")
}

func (d *document) putCharts(m *markup) error {
	m.put("<section class=\"charts\" aria-label=\"Plots\">\n")
	for _, c := range d.Charts {
		if err := c.put(m); err != nil {
			return fmt.Errorf("plot %q: %w", c.Title, err)
		}
	}
	m.put("</section>\n")
	return nil
}

func (d *document) putTables(m *markup) {
	class := "tables"
	if d.Wide {
		class += " wide"
	}
	m.put("<section class=\"%s\" aria-label=\"Figures\">\n", class)
	for i := range d.Tables {
		d.Tables[i].put(m)
	}
	m.put("</section>\n")
}

func (t *table) put(m *markup) {
	if t.Closed {
		m.put("<details>")
	} else {
		m.put(`<details open="">`)
	}
	m.put("<summary>%s</summary>\n<div class=\"scroll\"><table>\n<thead><tr>", t.Title)
	for _, text := range t.Head {
		m.put(`<th scope="col">%s</th>`, text)
	}
	m.put("</tr></thead>\n<tbody>\n")
	for _, row := range t.Rows {
		m.put("<tr>")
		for _, text := range row {
			text, below, _ := strings.Cut(text, "\n")
			m.put("<td>%s", text)
			m.putIf("<small>%s</small>", below)
			m.put("</td>")
		}
		m.put("</tr>\n")
	}
	m.put("</tbody></table></div></details>\n")
}

// putAgain says how to do all of it again.
func (d *document) putAgain(m *markup) {
	m.put("<section class=\"again\">\n<h2>Run it again</h2>\n<pre>%s</pre>\n<pre>%s</pre>\n",
		d.Command, d.Scenario)
	if len(d.Commands) > 0 {
		m.put("<details><summary>Each point by itself</summary>")
		for _, c := range d.Commands {
			m.put("<h3>%s</h3><pre>%s</pre>", c[0], c[1])
		}
		m.put("</details>\n")
	}
	m.putIf("<details><summary>The scenario as a file</summary><pre>%s</pre></details>\n", d.File)
	m.putIf("<p>The trace is <code>%s</code>: a run with the same trace was the same run, packet by packet.</p>\n", d.Trace)
	m.put("</section>\n")
}
