package manual

import "strings"

// Candidate is a word that completes what was typed.
type Candidate struct {
	Word string
	Text string // says what it is, may be empty
	Open bool   // goes on: no space follows the word
}

// Need is what a completion needs beyond the help texts.
type Need int

// What completions need.
const (
	Nothing Need = iota
	Files        // names of files, after the candidate's Word
	Members      // names of members, after the candidate's Word
)

// Completion is what may stand in place of the word that is being typed.
type Completion struct {
	Candidates []Candidate
	Need       Need
	Prefix     string // what of the word stands before a file's or member's name: "-node="
	Typed      string // what of the name is there
}

// Complete finds what can stand in place of word, which follows the words before it. Those are all
// after the command's name.
func (p *Page) Complete(before []string, word string) Completion {
	position, pending, literal := p.walk(before)
	switch {
	case pending != nil:
		return pending.complete("", word)
	case !literal && position == 0 && strings.HasPrefix(word, "-"):
		return p.completeOption(word)
	}
	if !literal && position == 0 && word == "" && len(p.Arguments()) == 0 {
		return p.completeOption("-")
	}
	return p.completeArgument(position, word)
}

// walk goes through the words before: how many arguments there are, which option still waits for
// its value, and whether options have come to an end.
func (p *Page) walk(before []string) (arguments int, pending *Option, literal bool) {
	for _, w := range before {
		switch {
		case pending != nil:
			pending = nil
		case literal || arguments > 0 || !strings.HasPrefix(w, "-") || w == "-":
			arguments++
		case w == "--":
			literal = true
		default:
			o, known := p.Option(strings.TrimLeft(w, "-"))
			if known && o.TakesWord() {
				pending = &o
			}
		}
	}
	return arguments, pending, literal
}

// completeOption completes an option, or its value after the equals sign.
func (p *Page) completeOption(word string) (c Completion) {
	dashes := word[:len(word)-len(strings.TrimLeft(word, "-"))]
	name, value, hasValue := strings.Cut(word[len(dashes):], "=")
	if hasValue {
		o, ok := p.Option(name)
		if !ok {
			return c
		}
		return o.complete(dashes+name+"=", value)
	}
	if len(dashes) > 2 {
		return c
	}
	for _, o := range p.Options() {
		if strings.HasPrefix(o.Name, name) {
			open := o.Separator == "=" && !o.isSwitch()
			w := dashes + o.Name
			if open {
				w += "="
			}
			c.Candidates = append(c.Candidates, Candidate{w, firstSentence(o.Text), open})
		}
	}
	return c
}

// complete completes the option's value, which follows prefix in the same word.
func (o *Option) complete(prefix, value string) Completion {
	c := needed(o.Value, value)
	c.Prefix = prefix
	for _, choice := range o.Choices() {
		if strings.HasPrefix(choice, value) {
			c.Candidates = append(c.Candidates, Candidate{Word: prefix + choice})
		}
	}
	return c
}

// completeArgument completes the argument at a position.
func (p *Page) completeArgument(position int, word string) Completion {
	names := p.Arguments()
	if n := len(names); n > 1 && names[n-1] == "..." && position >= n-1 {
		position = n - 2
	}
	if position >= len(names) {
		return Completion{}
	}
	return needed(names[position], word)
}

// needed is the completion of something by what the help calls it.
func needed(name, typed string) Completion {
	c := Completion{Typed: typed}
	switch strings.ToUpper(strings.TrimSuffix(name, ".html")) {
	case "MEMBER":
		c.Need = Members
	case "FILE", "PATH", "DIR":
		c.Need = Files
	}
	return c
}

// firstSentence is the beginning of a text, for a list.
func firstSentence(text string) string {
	if i := strings.Index(text, ". "); i >= 0 {
		text = text[:i]
	}
	return strings.TrimSuffix(text, ".")
}
