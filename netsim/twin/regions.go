package twin

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"serf/internal/std"
	"serf/internal/textwrap"
	"serf/netsim"
	"serf/netsim/scenario"
)

// region is a part of the members that are alive.
type region struct {
	name    string
	members []int // in maker.alive
}

// regionMax is how many regions a scenario has at most.
const regionMax = 64

// takeRegions divides the members by their tag or coordinates.
func (m *maker) takeRegions() (err error) {
	if m.o.RegionTag != "" {
		err = m.divideByTag(m.o.RegionTag)
	} else if tag := m.in.Zones.Tag; tag != "" && m.divideByTag(tag) == nil {
		m.found("regions", "by the tag %s, which divides the agent's zones", tag)
	} else {
		m.divideByPlace()
	}
	if err != nil {
		return err
	}
	m.of = make([]int, len(m.alive)) // all 0 without regions
	for r := range m.regions {
		for _, i := range m.regions[r].members {
			m.of[i] = r
		}
	}
	m.shareOut()
	for i := range m.regions {
		m.found("region "+m.regions[i].name, "%s: %s",
			textwrap.Count(len(m.regions[i].members), "node"), m.some(m.regions[i].members))
	}
	return nil
}

// divideByTag makes a region of each value of a tag, and one of the members without it.
func (m *maker) divideByTag(tag string) error {
	by := make(map[string][]int)
	var without []int
	for i := range m.alive {
		// Names come from other members: they must not drive a terminal.
		if v := textwrap.Escape(m.alive[i].Tags[tag], ""); v != "" {
			by[v] = append(by[v], i)
		} else {
			without = append(without, i)
		}
	}
	if len(by) == 0 {
		return fmt.Errorf("no member has the tag %q; %s", tag, m.tagsThere())
	}
	if len(without) > 0 {
		name := "no-" + tag
		for by[name] != nil {
			name += "_"
		}
		by[name] = without
		m.found("regions", "%s without the tag %s, in the region %s: %s",
			textwrap.Count(len(without), "node"), tag, name, m.some(without))
	}
	if len(by) > regionMax {
		return fmt.Errorf("the tag %q has %d values, and a scenario has at most %d regions", tag,
			len(by), regionMax)
	}
	m.regions = nil
	for _, name := range std.SortedKeys(by) {
		m.regions = append(m.regions, region{name, by[name]})
	}
	if len(by) == 1 {
		m.found("regions", "the tag %s has one value: all nodes are in one region", tag)
	}
	return nil
}

// tagsThere says which tags members have.
func (m *maker) tagsThere() string {
	const most = 10
	names := make(map[string]bool)
	for i := range m.alive {
		for tag := range m.alive[i].Tags {
			names[tag] = true
		}
	}
	list := std.SortedKeys(names)
	switch {
	case len(list) == 0:
		return "members have no tags"
	case len(list) > most:
		list = append(list[:most], "...")
	}
	return "tags are " + strings.Join(list, ", ")
}

// divideByPlace makes a region of each group of coordinates. A tag that divides the members in the
// same way names them.
func (m *maker) divideByPlace() {
	var places []place
	for i := range m.alive {
		if at := m.alive[i].At; at != nil {
			places = append(places, place{i, at})
		}
	}
	if len(places) < 2 {
		m.found("regions", "none: the agent knows the coordinates of %s. They come with "+
			"probes, in time. -region-tag divides nodes by a tag; %s",
			textwrap.Count(len(places), "node"), m.tagsThere())
		return
	}
	groups := group(places, m.tripsOfPairs())
	if len(groups) == 1 {
		m.found("regions", "none: the coordinates of %d nodes form one group. -region-tag divides "+
			"nodes by a tag; %s", len(places), m.tagsThere())
		return
	}
	lost := m.addUnplaced(groups, len(places))
	if len(groups) > 0 {
		by := "their size names them"
		if tag := m.nameByTag(groups); tag != "" {
			by = "each has one value of the tag " + tag + ", which names it"
		} else {
			m.nameBySize(groups)
		}
		m.found("regions", "%d groups of coordinates; %s", len(groups), by)
	}
	if lost > 0 {
		m.found("regions", "the largest has %s without coordinates, too",
			textwrap.Count(lost, "node"))
	}
}

// tripsOfPairs has the median of the measured round trips of each pair of members, in seconds.
func (m *maker) tripsOfPairs() map[[2]int]float64 {
	trips := make(map[[2]int]float64)
	for pair, list := range m.measured(func(i int) int { return i }) { // order-free: each by itself
		if pair[0] != pair[1] {
			trips[pair] = spreadOf(list).Median
		}
	}
	return trips
}

// addUnplaced adds the members without coordinates to the largest group, and returns their number.
func (m *maker) addUnplaced(groups [][]int, placed int) int {
	if placed == len(m.alive) {
		return 0
	}
	g := 0
	for i := range groups {
		if len(groups[i]) > len(groups[g]) {
			g = i
		}
	}
	for i := range m.alive {
		if m.alive[i].At == nil {
			groups[g] = append(groups[g], i)
		}
	}
	return len(m.alive) - placed
}

// nameByTag names each group by the value of the first tag that all its members share and no other
// has, if there is such a tag.
func (m *maker) nameByTag(groups [][]int) string {
	first := m.alive[groups[0][0]].Tags
	for _, tag := range std.SortedKeys(first) {
		var named []region
		seen := make(map[string]bool)
		for _, g := range groups {
			value := m.alive[g[0]].Tags[tag]
			other := func(i int) bool { return m.alive[i].Tags[tag] != value }
			if value == "" || seen[value] || slices.ContainsFunc(g, other) {
				break
			}
			seen[value] = true
			named = append(named, region{textwrap.Escape(value, ""), g})
		}
		if len(named) == len(groups) {
			m.regions = named
			return tag
		}
	}
	return ""
}

// nameBySize names groups r1, r2 and so on, the largest first.
func (m *maker) nameBySize(groups [][]int) {
	sort.SliceStable(groups, func(i, j int) bool { return len(groups[i]) > len(groups[j]) })
	m.regions = nil
	for i, g := range groups {
		m.regions = append(m.regions, region{"r" + strconv.Itoa(i+1), g})
	}
}

// some names the first of some members.
func (m *maker) some(members []int) string {
	const most = 3
	var names []string
	for _, i := range members[:min(len(members), most)] {
		names = append(names, m.alive[i].Name)
	}
	if len(members) > most {
		names = append(names, "...")
	}
	return strings.Join(names, ", ")
}

// shareOut gives the scenario its regions, by share, so that it can be played with more members or
// fewer. The last one has the rest. Shares have as many digits as tell each member.
func (m *maker) shareOut() {
	n := len(m.alive)
	digits := len(strconv.Itoa(n)) + 1 // 2 of them before the point of a percentage
	sum, before := 0, 0.0
	for i := range m.regions {
		r := scenario.Region{Name: m.regions[i].name}
		if sum += len(m.regions[i].members); i < len(m.regions)-1 {
			upTo := round(float64(sum)/float64(n), digits)
			r.Share = netsim.Probability(round(upTo-before, digits))
			before = upTo
		}
		m.Scenario.Regions = append(m.Scenario.Regions, r)
	}
}
