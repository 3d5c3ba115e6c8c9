package main

import (
	"context"
	_ "embed" // the scripts
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"serf/agent/rpc"
	"serf/internal/manual"
	"serf/internal/std"
)

const completionHelp = `
Usage: serf completion SHELL

  Prints a script that makes a shell complete the commands of serf, their options, and names of
  members, which it asks the agent for. SHELL is bash, zsh, fish or powershell.

  bash: put it into a file "serf" in ~/.local/share/bash-completion/completions, or in
  /etc/bash_completion.d for all users; or into ~/.bashrc:

      eval "$(serf completion bash)"

  zsh: put it into a file "_serf" in a folder of $fpath, before compinit runs, or into ~/.zshrc
  after it:

      eval "$(serf completion zsh)"

  fish: put it into ~/.config/fish/completions/serf.fish.

  PowerShell: put this into $PROFILE:

      serf completion powershell | Out-String | Invoke-Expression
`

// completionScripts are the scripts by the name of the shell. All ask the program itself, by
// completeCommand, so that they fit every version of it.
var completionScripts = map[string]string{
	"bash":       bashCompletion,
	"zsh":        zshCompletion,
	"fish":       fishCompletion,
	"powershell": powershellCompletion,
}

//go:embed completion/serf.bash
var bashCompletion string

//go:embed completion/serf.zsh
var zshCompletion string

//go:embed completion/serf.fish
var fishCompletion string

//go:embed completion/serf.ps1
var powershellCompletion string

func runCompletion(_ context.Context, args []string, e env) int {
	o := newOptions("completion", completionHelp, e)
	o.takes(1, 1, "the name of a shell")
	rest, code, ok := o.parse(args)
	if !ok {
		return code
	}
	script, known := completionScripts[rest[0]]
	if !known {
		return o.misused("unknown shell %q: there are %s", rest[0],
			strings.Join(std.SortedKeys(completionScripts), ", "))
	}
	io.WriteString(e.Stdout, script)
	return exitOK
}

// completeCommand is the hidden command that the scripts run, with what has been typed so far:
//
//	serf __complete -line=LINE              the line up to the cursor, as it was typed
//	serf __complete -word=WORD BEFORE ...   the word at the cursor, and those before it
//
// It prints what may stand in place of the last word, one to a line, each with an explanation after
// a tab if there is one. The line :files stands for names of files after the last = of the word.
// The command is silent about errors: somebody is typing.
const completeCommand = "__complete"

// completeTimeout bounds how long a completion waits for the agent: somebody is typing.
const completeTimeout = 500 * time.Millisecond

func runComplete(ctx context.Context, args []string, e env) int {
	if len(args) == 0 {
		return exitError
	}
	var words []string
	line, isLine := strings.CutPrefix(args[0], "-line=")
	word, isWord := strings.CutPrefix(args[0], "-word=")
	switch {
	case isLine:
		if words = shellWords(line); len(words) < 2 {
			return exitOK // the program's own name
		}
		words, word = words[1:len(words)-1], words[len(words)-1]
	case isWord:
		words = args[1:]
	default:
		return exitError
	}
	ctx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	writeCompletion(ctx, complete(ctx, words, word), words, e)
	return exitOK
}

// complete finds what can stand in place of word after the words before it.
func complete(ctx context.Context, before []string, word string) manual.Completion {
	if len(before) == 0 {
		return commandNames(word, true)
	}
	if before[0] == "help" {
		if len(before) > 1 {
			return partsOf(before[1], word)
		}
		return commandNames(word, false)
	}
	c, ok := findCommand(before[0])
	if !ok {
		return manual.Completion{}
	}
	part := ""
	if rest := before[1:]; len(rest) > 0 && slices.Contains(c.parts, rest[0]) {
		part, before = rest[0], rest
	}
	page := manual.Parse(helpOf(ctx, c, part))
	found := page.Complete(before[1:], word)
	if len(before) == 1 && part == "" {
		found.Candidates = append(partsOf(c.name, word).Candidates, found.Candidates...)
	}
	if c.name == "completion" && len(before) == 1 {
		for _, shell := range std.SortedKeys(completionScripts) {
			if strings.HasPrefix(shell, word) {
				found.Candidates = append(found.Candidates, manual.Candidate{Word: shell})
			}
		}
	}
	return found
}

// helpOf is the help text of a command, or of a part of it.
func helpOf(ctx context.Context, c command, part string) string {
	if c.help != nil {
		return c.help()
	}
	var text strings.Builder
	e := env{Stdout: &text, Stderr: io.Discard,
		LookupEnv: func(string) (string, bool) { return "", false }}
	args := []string{"-h"}
	if part != "" {
		args = []string{part, "-h"}
	}
	c.run(ctx, args, e)
	return text.String()
}

func commandNames(word string, helpToo bool) (c manual.Completion) {
	all := commands()
	if helpToo {
		all = append(all, command{name: "help", synopsis: "Describe a command"})
	}
	for _, known := range all {
		if strings.HasPrefix(known.name, word) {
			c.Candidates = append(c.Candidates,
				manual.Candidate{Word: known.name, Text: known.synopsis})
		}
	}
	return c
}

func partsOf(name, word string) (c manual.Completion) {
	known, _ := findCommand(name)
	for _, part := range known.parts {
		if strings.HasPrefix(part, word) {
			c.Candidates = append(c.Candidates, manual.Candidate{Word: part})
		}
	}
	return c
}

// writeCompletion prints a completion, with names of members if they are needed.
func writeCompletion(ctx context.Context, c manual.Completion, before []string, e env) {
	var b strings.Builder
	for _, one := range c.Candidates {
		b.WriteString(one.Word)
		if one.Text != "" {
			b.WriteString("\t" + one.Text)
		}
		b.WriteByte('\n')
	}
	switch c.Need {
	case manual.Files:
		b.WriteString(":files\n")
	case manual.Members:
		for _, name := range memberNames(ctx, c.Typed, before, e) {
			b.WriteString(c.Prefix + name + "\n")
		}
	}
	io.WriteString(e.Stdout, b.String())
}

// memberNames asks the agent for the members whose names begin with typed. The words before say
// which agent: they have its options.
func memberNames(ctx context.Context, typed string, before []string, e env) (names []string) {
	e.Stdout, e.Stderr = io.Discard, io.Discard
	o := newOptions("members", "", e)
	o.run(ctx, agentOptions(before), func(c *rpc.Client, _ []string) error {
		found, err := c.MembersFiltered(ctx, rpc.MemberFilter{Name: regexp.QuoteMeta(typed) + ".*"})
		for _, m := range found {
			// Others can't be typed, or would be taken for something else.
			if printable(m.Name) == m.Name && !strings.HasPrefix(m.Name, ":") &&
				!strings.HasPrefix(m.Name, "-") {
				names = append(names, m.Name)
			}
		}
		return err
	})
	return names
}

// agentOptions are the options among words that say where the agent is, and how to get in.
func agentOptions(words []string) (list []string) {
	page := manual.Parse("Usage: serf\n" + rpcHelp)
	for i, w := range words {
		name, _, hasValue := strings.Cut(strings.TrimLeft(w, "-"), "=")
		option, ok := page.Option(name)
		switch {
		case !ok || !strings.HasPrefix(w, "-") || name == "rpc-timeout":
		case hasValue || !option.TakesWord():
			list = append(list, w)
		case i+1 < len(words):
			list = append(list, w, words[i+1])
		}
	}
	return append(list, fmt.Sprintf("-rpc-timeout=%v", completeTimeout))
}

// shellWords splits a line as shells do, without any expansion. The last word is the one that is
// being typed: empty after a space.
func shellWords(line string) (words []string) {
	var word strings.Builder
	var quote rune
	escaped := false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote = r
		case unicode.IsSpace(r):
			if word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
		default:
			word.WriteRune(r)
		}
	}
	return append(words, word.String())
}
