package metrics

import (
	"fmt"
	"slices"

	"serf/agent/handler"
)

const (
	// handlersMax is how many handlers have labels of their own: each has 21 samples. What is
	// beyond is summed up.
	handlersMax = 64
	// otherHandlers is the label of those beyond.
	otherHandlers = "(others)"
)

// showHandlers appends the handlers whose figures are shown, each with a name that no other has
// when it is cut to labelMax.
func showHandlers(dst, all []handler.HandlerStats) []handler.HandlerStats {
	for i := range all {
		if i >= handlersMax {
			return append(dst, sumHandlers(all[i:]))
		}
		h := all[i]
		h.Handler = clip(h.Handler)
		for n := 2; named(dst, h.Handler); n++ {
			suffix := fmt.Sprintf(" (%d)", n)
			h.Handler = clipTo(all[i].Handler, labelMax-len(suffix)) + suffix
		}
		dst = append(dst, h)
	}
	return dst
}

func named(list []handler.HandlerStats, name string) bool {
	return slices.ContainsFunc(list, func(h handler.HandlerStats) bool { return h.Handler == name })
}

func sumHandlers(list []handler.HandlerStats) handler.HandlerStats {
	sum := handler.HandlerStats{Handler: otherHandlers}
	for i := range list {
		sum.Counts.Add(list[i].Counts)
		sum.Took.AddAll(&list[i].Took)
	}
	return sum
}
