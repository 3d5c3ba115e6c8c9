package manual

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"serf/internal/textwrap"
)

// Title is what manual pages say about the program that help texts don't.
type Title struct {
	Name    string // "serf-members"
	Summary string // "list the members of the cluster"
	Version string // "Serf v1.0.0"
	Date    time.Time
	SeeAlso []string // names of other pages of section 1
}

// Roff is the page in the man macros, section 1. Further blocks follow the page's own.
func (p *Page) Roff(t Title, further ...Block) string {
	var r roff
	r.line(`.\" Made by 'serf help -man' from the help texts.`)
	r.line(".TH %s 1 %s %s %s", quote(strings.ToUpper(t.Name)), t.Date.UTC().Format(time.DateOnly),
		quote(t.Version), quote("Serf Manual"))
	r.line(".SH NAME")
	r.line(`%s \- %s`, escape(t.Name), escape(t.Summary))
	r.line(".SH SYNOPSIS")
	r.line("%s", synopsis(p.Usage, t.Name))
	r.heading("Description")
	for _, b := range slices.Concat(p.Blocks, further) {
		r.block(b)
	}
	if len(t.SeeAlso) > 0 {
		var list []string
		for _, name := range t.SeeAlso {
			list = append(list, `\fB`+escape(name)+`\fP(1)`)
		}
		r.line(".SH SEE ALSO")
		r.line("%s", strings.Join(list, ",\n"))
	}
	return r.String()
}

// roff collects a page.
type roff struct {
	strings.Builder
	titled  bool // the last line is a heading, which has space below it
	options bool // a heading or the first option has ended the description
}

// line adds a line.
func (r *roff) line(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

func (r *roff) heading(text string) {
	r.line(".SH %s", quote(strings.ToUpper(text)))
	r.titled = true
}

func (r *roff) paragraph() {
	if !r.titled {
		r.line(".PP")
	}
	r.titled = false
}

func (r *roff) block(b Block) {
	if strings.HasPrefix(b.Term, "-") && !r.options {
		r.heading("Options") // the help text has none here
	}
	r.options = r.options || b.Kind == Heading || strings.HasPrefix(b.Term, "-")
	switch b.Kind {
	case Heading:
		r.heading(b.Text)
	case Paragraph:
		r.paragraph()
		r.text(b.Text)
	case Literal:
		r.paragraph()
		r.line(".nf")
		for line := range strings.SplitSeq(b.Text, "\n") {
			r.line("%s", cmp.Or(guard(escape(line)), `\&`))
		}
		r.line(".fi")
	case Item:
		r.titled = false
		r.line(".TP")
		r.line("%s", term(b.Term))
		r.text(b.Text)
	}
}

// sourceWidth is the width of lines of the source: mandoc wants at most 80 columns.
const sourceWidth = 80

// text is a text in lines. None of them begins with a character that makes it a request.
func (r *roff) text(s string) {
	filled := textwrap.FillTo(references(escape(s)), 0, sourceWidth)
	for line := range strings.SplitSeq(filled, "\n") {
		r.line("%s", guard(line))
	}
}

func guard(line string) string {
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

// term is an option in bold, its value in italics; another term in bold.
func term(t string) string {
	i := strings.IndexAny(t, "= ")
	if i < 0 || t[i] == ' ' && !strings.HasPrefix(t, "-") {
		return `\fB` + escape(t) + `\fP`
	}
	return `\fB` + escape(t[:i+1]) + `\fP\fI` + escape(t[i+1:]) + `\fP`
}

var (
	placeholder = pattern(`[A-Z]{2,}`)
	reference   = pattern(`\\\(aq(serf[^\\]*(?:\\-[^\\]*)*)\\\(aq`)
)

// synopsis has the words of the command in bold and the placeholders in italics.
func synopsis(usage, name string) string {
	command := strings.ReplaceAll(name, "-", " ")
	if rest, ok := strings.CutPrefix(usage, "serf "+strings.TrimPrefix(name, "serf-")); ok {
		command, usage = "serf "+strings.TrimPrefix(name, "serf-"), rest // such as force-leave
	} else {
		usage = strings.TrimPrefix(usage, command)
	}
	return `\fB` + escape(command) + `\fP` +
		placeholder().ReplaceAllString(escape(usage), `\fI$0\fP`)
}

// references has commands that the text quotes in bold.
func references(text string) string { return reference().ReplaceAllString(text, `\fB$1\fP`) }

// special are characters that roff would take for something else, or set as another character.
var special = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`,
	"~", `\(ti`, `"`, `\(dq`)

// escape is text for roff, but for a point at the beginning of a line.
func escape(text string) string { return special.Replace(text) }

// quote is an argument of a macro.
func quote(text string) string { return `"` + escape(text) + `"` }
