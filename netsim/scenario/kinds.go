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
		func(key string) bool { return slices.Contains(strings.Fields(whoKeys), key) })
}

// Keys that several kinds have, each followed by a space.
const (
	whoKeys    = "count share region members "
	oftenKeys  = "every repeat gap "
	returnKeys = "length snapshot move "
	wayKeys    = "length to way "
	wrongKeys  = "delay loss duplicate reorder hold_back bandwidth "
	churnKeys  = "joins leaves crashes "
)

// kind is a KindInfo in one line, with its keys separated by spaces: all of it is data, where lists
// would take 10 kB of code.
type kind struct{ name, usage, keys, needs string }

func kinds(list []kind) []KindInfo {
	out := make([]KindInfo, len(list))
	for i, k := range list {
		out[i] = KindInfo{k.name, k.usage, strings.Fields(k.keys), strings.Fields(k.needs)}
	}
	return out
}

func kindNames(kinds []KindInfo) string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}
