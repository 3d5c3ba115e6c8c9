// Package page writes the results of simulations as web pages. A page is one file that needs nothing
// else: no network, no other file. Its plots are SVG that the template draws, in colours that follow
// the reader's light or dark mode; a small script adds what a pointer asks for, and without scripts
// all is there but that. Whatever comes from outside, names and scenarios, is escaped by html/template.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"sync"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// pages is parsed when the first page is written: every start of the program would have to wait for it.
var pages = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageHTML)) })

// document is what the template makes a page from.
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

// table is figures in rows. The first column is text, the others are numbers.
type table struct {
	Title  string
	Head   []string
	Rows   [][]string
	Closed bool // to be opened by the reader
}

func (d *document) CSS() template.CSS { return template.CSS(pageCSS) }
func (d *document) JS() template.JS   { return template.JS(pageJS) }

// alertsMost is how much goes wrong until more of it tells nothing new.
const alertsMost = 20

func (d *document) write(w io.Writer) error {
	if n := len(d.Alerts) - alertsMost; n > 0 {
		d.Alerts = append(d.Alerts[:alertsMost:alertsMost], fmt.Sprintf("… and %d more.", n))
	}
	return pages().Execute(w, d)
}
