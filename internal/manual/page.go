// Package manual reads the help texts of commands, and makes manual pages and completions of them.
// The help texts are the only place that lists options; they keep to a form that people can read
// and this package can, too.
package manual

import (
	"regexp"
	"strings"
	"sync"
)

// Page is a help text taken apart.
type Page struct {
	Usage  string // of the first line: "serf members [options]"
	Blocks []Block
}

// Kind is what a block of a help text is.
type Kind int

// The kinds of blocks.
const (
	Heading   Kind = iota // Text, without the colon
	Paragraph             // Text, in one line
	Literal               // Text as it stands, such as a table
	Item                  // Term, explained by Text
)

// Block is a part of a help text.
type Block struct {
	Kind Kind
	Term string
	Text string
}

// Option is an option of a command.
type Option struct {
	Name      string // without dashes
	Separator string // between name and value: "=" or " "; "" for a switch without a value
	Value     string // what the help calls the value, or its default
	Text      string
}

// Parse takes a help text apart. It has chunks with empty lines between them: first the usage, then
// paragraphs, headings (lines that aren't indented, ended by a colon or alone) and items. An item
// is a line indented by two spaces, and deeper ones; it has its term alone on the first line, if
// that is an option, or text after two spaces or more.
func Parse(help string) Page {
	var p Page
	for i, chunk := range strings.Split(strings.Trim(help, "\n"), "\n\n") {
		lines := strings.Split(strings.Trim(chunk, "\n"), "\n")
		if i == 0 {
			p.Usage = strings.TrimPrefix(joined(lines), "Usage: ")
			continue
		}
		if title, ok := heading(lines); ok {
			p.Blocks = append(p.Blocks, Block{Kind: Heading, Text: title})
			lines = lines[1:]
		}
		p.Blocks = append(p.Blocks, blocks(lines)...)
	}
	return p
}

// heading is the heading that a chunk begins with.
func heading(lines []string) (title string, ok bool) {
	first := lines[0]
	if strings.HasPrefix(first, " ") || first == "" {
		return "", false
	}
	if title, ok = strings.CutSuffix(first, ":"); ok {
		return title, len(lines) == 1 || strings.HasPrefix(lines[1], " ")
	}
	return first, len(lines) == 1 && !strings.HasSuffix(first, ".")
}

var (
	option    = pattern(`^  (-[a-z0-9][a-z0-9-]*(?:[= ]\S+)?)$`)
	twoColumn = pattern(`^  (\S+(?: \S+)*) {2,}(\S.*)$`)
	table     = pattern(`\S {2,}\S.*\S {2,}\S`)
)

// pattern is a regular expression that is compiled when it is first needed: most commands need none
// of this package's.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// deeper is what lines begin with that are indented deeper than items.
const deeper = "   "

// blocks takes the lines of a chunk apart, which has no heading any more.
func blocks(lines []string) (list []Block) {
	if len(lines) == 0 {
		return nil
	}
	for _, line := range lines {
		if table().MatchString(line) {
			return []Block{{Kind: Literal, Text: strings.Join(lines, "\n")}}
		}
	}
	for i := 0; i < len(lines); {
		term, text, ok := item(lines[i:])
		if !ok {
			return append(list, rest(lines[i:])...)
		}
		end := i + 1
		for end < len(lines) && strings.HasPrefix(lines[end], deeper) {
			end++
		}
		text = strings.TrimSpace(text + " " + joined(lines[i+1:end]))
		list = append(list, Block{Item, term, text})
		i = end
	}
	return list
}

// item is the item that some lines begin with. A term that is long has its text on the next lines.
func item(lines []string) (term, text string, ok bool) {
	if m := option().FindStringSubmatch(lines[0]); m != nil {
		return m[1], "", true
	}
	if m := twoColumn().FindStringSubmatch(lines[0]); m != nil {
		return m[1], m[2], true
	}
	alone := strings.TrimPrefix(lines[0], "  ")
	if len(lines) > 1 && strings.HasPrefix(lines[1], deeper) && !strings.ContainsAny(alone, " ") {
		return alone, "", true
	}
	return "", "", false
}

// rest is what has no items: a paragraph, or a literal text if some of its lines are indented more.
func rest(lines []string) []Block {
	for _, line := range lines {
		if strings.HasPrefix(line, deeper) {
			return []Block{{Kind: Literal, Text: strings.Join(lines, "\n")}}
		}
	}
	return []Block{{Kind: Paragraph, Text: joined(lines)}}
}

func joined(lines []string) string {
	return strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
}

// Options are the options that a page lists, in its order.
func (p *Page) Options() (list []Option) {
	for _, b := range p.Blocks {
		name, ok := strings.CutPrefix(b.Term, "-")
		if b.Kind != Item || !ok {
			continue
		}
		o := Option{Name: name, Text: b.Text}
		if i := strings.IndexAny(name, "= "); i >= 0 {
			o.Name, o.Separator, o.Value = name[:i], name[i:i+1], name[i+1:]
		}
		list = append(list, o)
	}
	return list
}

// Option finds an option by its name.
func (p *Page) Option(name string) (Option, bool) {
	for _, o := range p.Options() {
		if o.Name == name {
			return o, true
		}
	}
	return Option{}, false
}

// TakesWord reports whether the option's value may be a word of its own. That of a switch can't.
func (o *Option) TakesWord() bool { return o.Separator != "" && !o.isSwitch() }

func (o *Option) isSwitch() bool { return o.Value == "true" || o.Value == "false" }

// choice is a list of words at the beginning of a text or after a colon: "lan, wan or local".
var choice = pattern(`(?:^|: )([a-z0-9-]+(?:, [a-z0-9-]+)* or [a-z0-9-]+)(?:[.;,( ]|$)`)

// Choices are the values that the option may have, if its text lists them; for a switch with a
// value they are true and false.
func (o *Option) Choices() []string {
	if o.isSwitch() {
		return []string{"true", "false"}
	}
	m := choice().FindStringSubmatch(o.Text)
	if m == nil || o.Separator == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(m[1], " or ", ", "), ", ")
}

// Arguments are what the usage calls the arguments, without brackets: "NAME", "PAYLOAD". An
// argument that may be repeated is followed by "...".
func (p *Page) Arguments() (list []string) {
	for _, word := range strings.Fields(p.Usage) {
		word = strings.Trim(word, "[]")
		upper := word == strings.ToUpper(word) && strings.ContainsAny(word, letters)
		if word == "..." || upper {
			list = append(list, word)
		}
	}
	return list
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
