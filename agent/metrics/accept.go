package metrics

import (
	"strconv"
	"strings"
)

// Accepted is the format that a scraper prefers, by the header Accept of its request: OpenMetrics
// if it names that and doesn't like plain text better, Text otherwise.
func Accepted(accept string) Format {
	open, text := 0.0, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		media, parameters, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "application/openmetrics-text":
			open = max(open, quality(parameters))
		case "text/plain":
			text = max(text, quality(parameters))
		}
	}
	if open > 0 && open >= text {
		return OpenMetrics
	}
	return Text
}

// quality is the parameter q: how much a client likes what it stands at, from 0 to 1.
func quality(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil || !(q >= 0 && q <= 1) {
				return 0
			}
			return q
		}
	}
	return 1
}
