package scenario

import (
	"errors"
	"strings"

	"serf/internal/fielderr"
	"serf/internal/jsonfile"
)

// Place is where a key of a file is: line and column, both from 1.
type Place = jsonfile.Place

// Problem is one thing that is wrong with a scenario. Key is its place, such as "faults[2].count".
type Problem struct {
	Key, Text string
}

func (p *Problem) Error() string { return strings.TrimPrefix(p.Key+" ", " ") + p.Text }

// Problems returns the problems joined in an error of Validate.
func Problems(err error) []*Problem {
	var list []*Problem
	for _, e := range fielderr.Flatten(err) {
		if p, ok := errors.AsType[*Problem](e); ok {
			list = append(list, p)
		}
	}
	return list
}
