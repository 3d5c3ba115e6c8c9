package report

import (
	"fmt"
)

// The figures of a run, each said once: what the summary and the page show in tables, in their
// order. Figures by which runs are compared are in measure.go.

// TimeRow says how long something took that happened Of times. Took is nil if it never came about.
type TimeRow struct {
	Title  string
	Of     int
	Took   *QuantileFigures // seconds
	Remark string           // may be empty
}

// Times are the rows about what happened at all.
func (f *Figures) Times() []TimeRow {
	var rows []TimeRow
	add := func(title string, of int, took *QuantileFigures, remark string) {
		if of > 0 {
			rows = append(rows, TimeRow{title, of, took, remark})
		}
	}
	for _, x := range f.Changes {
		add("views agree, "+x.What, x.Count, x.AgreedSeconds, "")
	}
	c := &f.Crashes
	expected := fmt.Sprintf("expected %s to %s", shortSeconds(c.ExpectedLeastSeconds),
		shortSeconds(c.ExpectedMostSeconds))
	add("crash noticed by one", c.Count, c.FirstSeconds, expected)
	back := ""
	if c.Returned > 0 {
		back = fmt.Sprintf("%d back before", c.Returned)
	}
	add("crash known to all", c.Count, c.AllSeconds, back)
	add("event delivered to all", len(f.Events.Each), f.Events.AllSeconds, "")
	add("query answered by all", len(f.Queries.Each), f.Queries.AllSeconds, "")
	return rows
}

// CountRow says how often something happened. Those that matter only if they happened are Optional.
type CountRow struct {
	Title    string
	Count    uint64
	Optional bool
}

// Fates says what became of the packets.
func (p *PacketFigures) Fates() []CountRow {
	return []CountRow{
		{"delivered", p.Delivered, false}, {"lost by chance", p.Lost, true},
		{"cut off", p.Cut, true}, {"duplicated", p.Duplicated, true},
		{"to nobody", p.Nobody, true}, {"overflowed", p.Overflowed, true},
		{"choked by bandwidth", p.Choked, true}, {"rejected", p.Rejected, true},
		{"larger than an MTU", p.TooLarge, true}, {"dropped by a firewall or NAT", p.NoFlow, true},
	}
}

// Counts are the rows about how often something happened. Those that begin with "…" are parts of
// the one above.
func (f *Figures) Counts() []CountRow {
	rows := []CountRow{
		{"members falsely reported as failed", f.FalseFailures.All, false},
		{"… by healthy members", f.FalseFailures.AtHealthy, false},
		{"… by healthy members about healthy members", f.FalseFailures.OfHealthy, false},
		{"… not counted: across faults of the network", f.FalseFailures.AcrossFaults, false},
		{"suspicions", f.Suspicions, false},
		{"… refuted", f.Refutations, false},
		{"user events", uint64(f.Events.Count), true},
		{"… deliveries", f.Events.Deliveries, true},
		{"queries", uint64(f.Queries.Count), true},
		{"… answers", f.Queries.Deliveries, true},
		{"packets sent", f.Traffic.Packets.Sent, false},
	}
	for _, x := range f.Traffic.Packets.Fates() {
		rows = append(rows, CountRow{"… " + x.Title, x.Count, x.Optional})
	}
	return append(rows, CountRow{"streams", f.Traffic.Streams, false},
		CountRow{"… failed", f.Traffic.StreamsFailed, true})
}
