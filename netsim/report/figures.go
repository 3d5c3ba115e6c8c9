package report

import (
	"fmt"
	"time"

	"serf/swim"
)

// Figures is a [Report] in the form in which programs get it: its JSON is what `serf sim
// -format=json` writes and what report pages are made from. Names of fields are stable: new ones
// may come, none changes its meaning. Times are in seconds, and count from the start; a field that
// has nothing to say is null.
type Figures struct {
	SimulatedSeconds float64 `json:"simulated_seconds"`
	Interrupted      bool    `json:"interrupted"`
	Members          int     `json:"members"`
	// How things were at the end. Paused members run; views agree with each other and the truth;
	// WrongViews are pairs of a running member and another that it is wrong about.
	Running    int  `json:"running"`
	ViewsAgree bool `json:"views_agree"`
	WrongViews int  `json:"wrong_views"`

	Changes       []ChangeFigures  `json:"changes"` // by kind
	Faults        []FaultFigures   `json:"faults"`  // what was wrong when
	Crashes       CrashFigures     `json:"crashes"`
	FalseFailures FalseFailures    `json:"false_failures"`
	Suspicions    uint64           `json:"suspicions"`
	Refutations   uint64           `json:"refutations"`
	Events        NewsFigures      `json:"events"`
	Queries       NewsFigures      `json:"queries"`
	Traffic       TrafficFigures   `json:"traffic"`
	Pairs         []PairFigures    `json:"pairs,omitempty"` // of regions, if there are any
	GossipQueue   *QuantileFigures `json:"gossip_queue"`    // what waits, by member and sample
	Series        SeriesFigures    `json:"series"`
	BrokenRules   []BrokenRule     `json:"broken_rules"`
	Trace         string           `json:"trace"` // equal for equal runs
}

// QuantileFigures sums up some values; there is at least one.
type QuantileFigures struct {
	Count  int     `json:"count"`
	Median float64 `json:"median"`
	P99    float64 `json:"p99"` // 99 % of the values don't exceed it
	Worst  float64 `json:"worst"`
	P10    float64 `json:"p10"`
	P90    float64 `json:"p90"`
}

// ChangeFigures is about changes of the cluster of one kind: how long it took until all views
// agreed.
type ChangeFigures struct {
	What          string           `json:"what"`
	Count         int              `json:"count"`
	AgreedSeconds *QuantileFigures `json:"agreed_seconds"` // of those after which they did
}

// FaultFigures is a time in which something was wrong, or a moment at which something happened.
type FaultFigures struct {
	What        string  `json:"what"`
	FromSeconds float64 `json:"from_seconds"`
	ToSeconds   float64 `json:"to_seconds"`
}

// CrashFigures is how crashes were detected.
type CrashFigures struct {
	Count    int `json:"count"`
	Returned int `json:"returned"` // members that were back before all knew
	// Of FirstSeconds, with healthy members around.
	ExpectedLeastSeconds float64 `json:"expected_least_seconds"`
	ExpectedMostSeconds  float64 `json:"expected_most_seconds"`

	FirstSeconds *QuantileFigures `json:"first_seconds"` // until the first other member said so
	AllSeconds   *QuantileFigures `json:"all_seconds"`   // until the last one did
	Each         []SpreadFigures  `json:"each"`
}

// NewsFigures is how user events were delivered, or queries answered.
type NewsFigures struct {
	Count      int              `json:"count"`
	Share      float64          `json:"share"`       // of what was due, from 0 to 1
	Deliveries uint64           `json:"deliveries"`  // to anybody
	AllSeconds *QuantileFigures `json:"all_seconds"` // until all had it
	Each       []SpreadFigures  `json:"each"`        // of very many the first only
}

// PairFigures is what went from the members of one region to those of another, or within one.
type PairFigures struct {
	From        string          `json:"from"`
	To          string          `json:"to"`
	Packets     uint64          `json:"packets"` // sent, whether they arrived or not, as are bytes
	PacketBytes uint64          `json:"packet_bytes"`
	StreamBytes uint64          `json:"stream_bytes"`
	Events      DeliveryFigures `json:"events"`  // that members of From sent
	Crashes     DeliveryFigures `json:"crashes"` // of members of From, unless they returned before
}

// DeliveryFigures is how events, or the knowledge of crashes, from one region spread in another.
type DeliveryFigures struct {
	Due     int `json:"due"` // members, over all events or crashes
	Reached int `json:"reached"`
	// AllSeconds is until all of the region had it, leaving out what some of it never had.
	AllSeconds *QuantileFigures `json:"all_seconds"`
}

// SpreadFigures is how one event, or the knowledge of one crash, spread.
type SpreadFigures struct {
	Name         string   `json:"name,omitempty"`     // of an event, and of its sender
	Missed       []string `json:"missed,omitempty"`   // some of those that should have the event
	Member       string   `json:"member,omitempty"`   // that crashed
	Returned     bool     `json:"returned,omitempty"` // it was back before all knew
	AtSeconds    float64  `json:"at_seconds"`
	Due          int      `json:"due"` // members that it was for
	Reached      int      `json:"reached"`
	FirstSeconds *float64 `json:"first_seconds"`
	AllSeconds   *float64 `json:"all_seconds"`
	// Spread has pairs: seconds after AtSeconds, and the share of Due that had been reached by
	// then.
	Spread [][2]float64 `json:"spread"`
}

// TrafficFigures is what members sent.
type TrafficFigures struct {
	// By member that runs at the end.
	PacketsPerSecond     *QuantileFigures `json:"packets_per_second"`
	PacketBytesPerSecond *QuantileFigures `json:"packet_bytes_per_second"`
	StreamBytesPerSecond float64          `json:"stream_bytes_per_second"` // by member, on average
	Packets              PacketFigures    `json:"packets"`
	Streams              uint64           `json:"streams"`
	StreamsFailed        uint64           `json:"streams_failed"`
	StreamBytes          uint64           `json:"stream_bytes"`
}

// PacketFigures is what became of the packets.
type PacketFigures struct {
	Sent       uint64 `json:"sent"`
	SentBytes  uint64 `json:"sent_bytes"`
	Delivered  uint64 `json:"delivered"` // second copies included
	Lost       uint64 `json:"lost"`      // by chance
	Cut        uint64 `json:"cut"`
	Duplicated uint64 `json:"duplicated"`
	Nobody     uint64 `json:"nobody"` // sent where nobody runs
	Overflowed uint64 `json:"overflowed"`
	Choked     uint64 `json:"choked"` // the sender's bandwidth had no room for them
	Rejected   uint64 `json:"rejected"`
	TooLarge   uint64 `json:"too_large"` // for an MTU
	NoFlow     uint64 `json:"no_flow"`   // unknown to a firewall or NAT
}

// SeriesFigures is a Series by column: the n-th entries of all are the n-th sample. Rates are by
// running member.
type SeriesFigures struct {
	EverySeconds           float64   `json:"every_seconds"`
	AtSeconds              []float64 `json:"at_seconds"` // the end of the interval
	Running                []int     `json:"running"`
	WrongViews             []int     `json:"wrong_views"`
	PacketsPerSecond       []float64 `json:"packets_per_second"`
	PacketBytesPerSecond   []float64 `json:"packet_bytes_per_second"`
	StreamBytesPerSecond   []float64 `json:"stream_bytes_per_second"`
	Suspicions             []uint64  `json:"suspicions"` // in the interval, as are the following
	Refutations            []uint64  `json:"refutations"`
	FalseFailures          []uint64  `json:"false_failures"`
	FalseFailuresAtHealthy []uint64  `json:"false_failures_at_healthy"`
	FalseFailuresOfHealthy []uint64  `json:"false_failures_of_healthy"`
	// At the end of the interval.
	GossipQueueMedian []int `json:"gossip_queue_median"`
	GossipQueueP99    []int `json:"gossip_queue_p99"`
	GossipQueueWorst  []int `json:"gossip_queue_worst"`
}

// BrokenRule is a rule of the checkers that didn't hold.
type BrokenRule struct {
	AtSeconds float64 `json:"at_seconds"`
	Rule      string  `json:"rule"`
	Text      string  `json:"text"`
}

// Figures returns r for programs.
func (r *Report) Figures() Figures {
	f := Figures{
		SimulatedSeconds: r.Time.Seconds(), Interrupted: r.Cut,
		Members: r.Members, Running: r.Running,
		ViewsAgree: r.Settled, WrongViews: r.Wrong, Changes: r.Changes(), Faults: []FaultFigures{},
		Crashes: r.crashFigures(), FalseFailures: r.FalseFailures,
		Suspicions: r.Suspicions, Refutations: r.Refutations,
		Events:  r.newsFigures(r.Events, r.UserEvents, r.EventDeliveries, r.EventSpread),
		Queries: r.newsFigures(r.Queries, len(r.Queries), reached(r.Queries), r.QuerySpread),
		Traffic: r.trafficFigures(), Pairs: r.Pairs(),
		GossipQueue: quantileFigures(r.Queue, func(n int) float64 { return float64(n) }),
		Series:      r.Series.figures(), BrokenRules: []BrokenRule{},
		Trace: fmt.Sprintf("%016x", r.Trace),
	}
	for _, b := range r.Bands {
		f.Faults = append(f.Faults, FaultFigures{b.What, b.From.Seconds(), b.To.Seconds()})
	}
	for _, v := range r.Violations {
		f.BrokenRules = append(f.BrokenRules,
			BrokenRule{time.Duration(v.At).Seconds(), v.Check, v.Text})
	}
	return f
}

func quantileFigures[T int | float64 | time.Duration](
	q Quantiles[T], number func(T) float64,
) *QuantileFigures {
	if q.Count == 0 {
		return nil
	}
	return &QuantileFigures{q.Count, number(q.Median), number(q.P99), number(q.Worst),
		number(q.P10), number(q.P90)}
}

func inSeconds(d Durations) *QuantileFigures { return quantileFigures(d, time.Duration.Seconds) }

func (r *Report) crashFigures() CrashFigures {
	f := CrashFigures{
		Count: len(r.Detections), Returned: r.Returned,
		ExpectedLeastSeconds: r.Bounds[0].Seconds(), ExpectedMostSeconds: r.Bounds[1].Seconds(),
		FirstSeconds: inSeconds(r.FirstNoticed), AllSeconds: inSeconds(r.AllNoticed),
		Each: []SpreadFigures{},
	}
	for i := range r.Detections {
		d := &r.Detections[i]
		s := r.spreadFigures(&d.Spread)
		s.Member, s.Returned, s.AllSeconds = d.Name, d.Void, nil
		if d.All != swim.Never && !d.Void {
			all := d.All.Sub(d.At).Seconds()
			s.AllSeconds = &all
		}
		f.Each = append(f.Each, s)
	}
	return f
}

func (r *Report) newsFigures(
	list []Spread, count int, deliveries uint64, all Durations,
) NewsFigures {
	f := NewsFigures{
		Count: count, Share: Share(list), Deliveries: deliveries,
		AllSeconds: inSeconds(all), Each: []SpreadFigures{},
	}
	for i := range list {
		f.Each = append(f.Each, r.spreadFigures(&list[i]))
	}
	return f
}

func reached(list []Spread) (n uint64) {
	for i := range list {
		n += uint64(list[i].Reached)
	}
	return n
}

func (r *Report) spreadFigures(s *Spread) SpreadFigures {
	f := SpreadFigures{
		Name: s.Name, Missed: s.Missed, AtSeconds: time.Duration(s.At).Seconds(), Due: s.Due,
		Reached: s.Reached,
		Spread:  [][2]float64{},
	}
	for _, x := range s.Steps {
		share := float64(x.Reached) / float64(s.Due)
		f.Spread = append(f.Spread, [2]float64{x.After.Seconds(), share})
	}
	if len(s.Steps) > 0 {
		first := s.Steps[0].After.Seconds()
		f.FirstSeconds = &first
	}
	if took, ok := s.ToAll(); ok {
		all := took.Seconds()
		f.AllSeconds = &all
	}
	return f
}

func (r *Report) trafficFigures() TrafficFigures {
	n, same := &r.Network, func(x float64) float64 { return x }
	return TrafficFigures{
		PacketsPerSecond:     quantileFigures(r.Packets, same),
		PacketBytesPerSecond: quantileFigures(r.Bytes, same),
		StreamBytesPerSecond: r.StreamRate(),
		Packets: PacketFigures{
			Sent: n.Sent, SentBytes: n.SentBytes, Delivered: n.Delivered, Lost: n.Lost, Cut: n.Cut,
			Duplicated: n.Duplicated, Nobody: n.Nobody, Overflowed: n.Overflowed, Choked: n.Choked,
			Rejected: n.Rejected, TooLarge: n.TooLarge, NoFlow: n.NoFlow,
		},
		Streams: n.Streams, StreamsFailed: n.StreamsFailed, StreamBytes: n.StreamBytes,
	}
}
