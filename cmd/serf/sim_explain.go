package main

import (
	"errors"
	"fmt"
	"strconv"

	"serf/netsim/cluster"
	"serf/netsim/scenario"
)

// explainDefault is how many false failures -explain tells in full: the first few show what went
// wrong, the rest is likely more of it.
const explainDefault = 3

// addExplain adds -explain, with a number or without a value.
func (o *simOptions) addExplain() {
	o.set.BoolFunc("explain", "", func(s string) error {
		o.explained = s
		return nil
	})
}

// takeExplain sets what -explain asks for.
func (o *simOptions) takeExplain(s *scenario.Scenario) (err error) {
	switch o.explained {
	case "":
		return nil
	case "true": // without a value
		s.Explain = explainDefault
	default:
		if s.Explain, err = strconv.Atoi(o.explained); err != nil || s.Explain < 0 ||
			s.Explain > cluster.ExplainMax {
			return fmt.Errorf("-explain %q: want a number from 0 to %d", o.explained,
				cluster.ExplainMax)
		}
	}
	switch {
	case s.Explain > 0 && o.wantsSweep():
		return errors.New("-explain tells of one run, and not of a sweep")
	case s.Explain > 0 && s.Members > cluster.MaxChecked:
		return fmt.Errorf("-explain: %d nodes, allowed %d", s.Members, cluster.MaxChecked)
	}
	return nil
}
