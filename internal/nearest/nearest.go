// Package nearest suggests what was meant by a mistyped name.
package nearest

import "strings"

// maxTypos is how many letters of a name may be wrong for it to be suggested. For short names it is
// fewer: half of "role" is no slip.
const maxTypos = 2

// Of returns the one of names that is closest to word, or "" if none is close. Case doesn't count,
// and - and _ count as the same.
func Of(word string, names []string) string {
	word = plain(word)
	best, bestDistance := "", min(maxTypos, (len(word)+1)/3)+1
	for _, name := range names {
		known := plain(name)
		d := distance(word, known)
		if len(word) > 1 && strings.HasPrefix(known, word) {
			d = 0
		}
		if d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

func plain(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// wordMax is longer than any name, in bytes. Longer words aren't compared.
const wordMax = 64

// distance is the number of bytes to insert, delete or replace, and of neighbours to swap, to get
// from a to b.
func distance(a, b string) int {
	if len(a) > wordMax {
		return len(a)
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			replace := last[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
