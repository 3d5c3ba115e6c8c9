package house

import (
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// plain has, for words that this tree once had for ideas of its own, those that the field has. All
// are matched whatever their case, within longer names too.
var plain = map[string]string{
	`errand`: "pending ping", `laggard`: "stale key", `echoes`: "rebroadcasts", `hurry|hasten|hasty`: "catch up, speed up",
	`\btolls?\b`: "reply budget", `\bdeaf`: "not reading", `\bgang\b`: "worker pool", `beliefs?\b`: "view",
	`ledger`: "deliveries", `\bills\b`: "impairments", `\bknob`: "axis", `standstill`: "pause",
	`lastask`: "final probe", `frankack`: "deferred ack", `\bknock`: "probe", `befall`: "apply to",
	`mishap`: "fault", `hearsay`: "unconfirmed reports", `(?-i:[cC]omeback)`: "rejoin", `readdress`: "address change",
	`\bflights\b`: "packets in flight", `taken? for (alive|dead|failed)`: "considers alive, dead, failed",
}

// metaphors finds the words of plain.
func metaphors(all []*source) (found findings) {
	patterns := slices.Sorted(maps.Keys(plain))
	for _, f := range words(`(?i)` + strings.Join(patterns, "|"))(all) {
		i := slices.IndexFunc(patterns, func(p string) bool {
			return regexp.MustCompile(`(?i)"` + strings.ReplaceAll(p, `\b`, "") + `"$`).MatchString(f)
		})
		found = append(found, f+", that is "+plain[patterns[i]])
	}
	return found
}

// words returns a rule that finds a pattern in names and comments. Strings may hold it: users and
// other programs know what they say.
func words(pattern string) func(all []*source) findings {
	p := regexp.MustCompile(pattern)
	return func(all []*source) (found findings) {
		for _, s := range all {
			eachWord(s, func(at token.Pos, text string) {
				if word := p.FindString(text); word != "" {
					found.add(s.path, s.line(at), "%q", word)
				}
			})
		}
		return found
	}
}

// eachWord calls f for each name in a file, where it is first, and each line of its comments.
func eachWord(s *source, f func(at token.Pos, text string)) {
	seen := make(map[string]bool)
	ast.Inspect(s.tree, func(n ast.Node) bool {
		if n, ok := n.(*ast.Ident); ok && !seen[n.Name] {
			seen[n.Name] = true
			f(n.Pos(), n.Name)
		}
		return true
	})
	for _, group := range s.tree.Comments {
		for _, c := range group.List {
			at := c.Pos()
			for line := range strings.Lines(c.Text) {
				f(at, line)
				at += token.Pos(len(line))
			}
		}
	}
}
