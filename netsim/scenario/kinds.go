package scenario

import (
	"slices"
	"strings"
)

// KindInfo describes one kind of fault or work, and which keys it takes besides kind and start.
type KindInfo struct {
	Name, Usage string
	Keys        []string // that may be set
	needs       []string // one of these must be set; none: no key is needed
}

// OwnKeys are the Keys that don't say which members it concerns.
func (k *KindInfo) OwnKeys() []string {
	return slices.DeleteFunc(slices.Clone(k.Keys),
		func(key string) bool { return slices.Contains(whoKeys, key) })
}

var (
	whoKeys    = []string{"count", "share", "region", "members"}
	oftenKeys  = []string{"every", "repeat", "gap"}
	returnKeys = []string{"length", "snapshot", "move"}
	wayKeys    = []string{"length", "to", "way"}
	wrongKeys  = []string{"delay", "loss", "duplicate", "reorder", "hold_back", "bandwidth"}
	churnKeys  = []string{"joins", "leaves", "crashes"}
)

func kindNames(kinds []KindInfo) string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}
