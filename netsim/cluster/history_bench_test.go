package cluster

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"serf/netsim"
	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
	"serf/wire"
)

// tape is a machine that notes what happens to it.
type tape struct {
	swim.Machine
	inputs []tapeInput
}

type tapeInput struct {
	now    swim.Time
	from   netip.AddrPort
	packet []byte         // nil: a stream or a tick
	stream *swim.StreamIn // nil: a tick
}

func (m *tape) Packet(now swim.Time, from netip.AddrPort, p []byte, out *swim.Output) {
	m.inputs = append(m.inputs, tapeInput{now: now, from: from, packet: bytes.Clone(p)})
	m.Machine.Packet(now, from, p, out)
}

func (m *tape) Stream(now swim.Time, in swim.StreamIn, out *swim.Output) {
	own := in
	own.Data, own.More = wire.Flatten(bytes.Clone(in.Data), in.More), nil
	m.inputs = append(m.inputs, tapeInput{now: now, stream: &own})
	m.Machine.Stream(now, in, out)
}

func (m *tape) Tick(now swim.Time, out *swim.Output) {
	m.inputs = append(m.inputs, tapeInput{now: now})
	m.Machine.Tick(now, out)
}

// replay does to a node what is on a tape.
func replay(n *serf.Node, inputs []tapeInput, out *swim.Output) {
	for i := range inputs {
		switch in := &inputs[i]; {
		case in.packet != nil:
			n.Packet(in.now, in.from, in.packet, out)
		case in.stream != nil:
			n.Stream(in.now, *in.stream, out)
		default:
			n.Tick(in.now, out)
		}
		out.Reset()
	}
}

// churnTape is what happens to the first of some members before and in a minute, in which another
// one crashes each second and starts again ten seconds later, and what makes that member.
func churnTape(b *testing.B, members int) (before, inputs []tapeInput, start func(out *swim.Output) *serf.Node) {
	b.Helper()
	p := profiles[0]
	sim := netsim.New(netsim.Config{Seed: 1, Link: p.Link})
	config := func(i int) serf.Config {
		c := serf.DefaultConfig(p.Timing)
		c.Name, c.Addr, c.Seed = "member-"+string(rune('a'+i/26))+string(rune('a'+i%26)), addr(i, 0), uint64(i)+1
		return c
	}
	start = func(out *swim.Output) *serf.Node {
		n, err := serf.New(0, config(0), out)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	first := new(tape)
	begin := func(i int) {
		err := sim.Start(i, addr(i, 0), func(now swim.Time, out *swim.Output) (swim.Machine, error) {
			n, err := serf.New(now, config(i), out)
			if i > 0 {
				return n, err
			}
			first.Machine = n
			return first, err
		})
		if err != nil {
			b.Fatal(err)
		}
		if i > 0 {
			sim.Do(i, func(m swim.Machine, now swim.Time, out *swim.Output) {
				m.(*serf.Node).Join(now, []netip.AddrPort{addr(0, 0)}, true, out)
			})
		}
	}
	for i := range members {
		sim.Add()
		begin(i)
	}
	sim.Run(swim.Time(20 * time.Second))
	boot := len(first.inputs)
	draws := netsim.NewDraws(7, 0, 0)
	for range 60 {
		victim := 1 + int(draws.Next()%uint64(members-1))
		if sim.Running(victim) {
			sim.Crash(victim)
			sim.After(10*time.Second, func() { begin(victim) })
		}
		sim.Run(sim.Now().Add(time.Second))
	}
	return first.inputs[:boot], first.inputs[boot:], start
}

// BenchmarkHistory replays a minute of churn to a member of 100, with and without a history, in
// turn. "history-%" is what the history adds to the node's time, which is only a part of the time
// of an agent.
func BenchmarkHistory(b *testing.B) {
	before, inputs, start := churnTape(b, 100)
	out := new(swim.Output)
	took := make(map[bool][]time.Duration)
	changes := 0
	run := func(with bool) {
		n := start(out)
		var log history.Log
		if with {
			n.TrackHistory(0, &log)
		}
		out.Reset()
		replay(n, before, out)
		begun := time.Now()
		replay(n, inputs, out)
		took[with] = append(took[with], time.Since(begun))
		changes = max(changes, log.Len())
	}
	with := false
	for b.Loop() {
		run(with)
		run(!with)
		with = !with
	}
	median := func(list []time.Duration) float64 {
		slices.Sort(list)
		return list[len(list)/2].Seconds()
	}
	b.ReportMetric(100*(median(took[true])/median(took[false])-1), "history-%")
	b.ReportMetric(1000*median(took[true]), "ms")
	b.ReportMetric(float64(changes), "changes")
	b.ReportMetric(float64(len(inputs)), "inputs")
}
