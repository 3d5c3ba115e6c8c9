package server

import (
	"strings"

	"serf/internal/eventfilter"
)

// filtersMax bounds the parts of a filter: each is compared with each event.
const filtersMax = 256

// parseFilter reads the filter of a stream of events; false if it is none.
func parseFilter(s string) (eventfilter.Filters, bool) {
	if strings.Count(s, ",") >= filtersMax {
		return nil, false
	}
	f, err := eventfilter.Parse(s)
	return f, err == nil
}
