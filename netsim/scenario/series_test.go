package scenario

import (
	"testing"
	"time"

	"serf/netsim/report"
)

// A series adds up to the counters of the run, whatever its interval.
func TestSeriesAddsUp(t *testing.T) {
	t.Parallel()
	for _, length := range []time.Duration{2 * time.Minute, 90 * time.Second} {
		p := exampleScenario()
		p.For = Duration(length)
		r, err := p.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var sum report.Sample
		for _, s := range r.Series.Samples {
			sum.Packets += s.Packets
			sum.PacketBytes += s.PacketBytes
			sum.StreamBytes += s.StreamBytes
			sum.Suspicions += s.Suspicions
			sum.FalseFailures.All += s.FalseFailures.All
		}
		n := &r.Network
		if sum.Packets != n.Sent || sum.PacketBytes != n.SentBytes || sum.StreamBytes != n.StreamBytes ||
			sum.Suspicions != r.Suspicions || sum.FalseFailures.All != r.FalseFailures.All {
			t.Errorf("%v: the samples add up to %+v, the report says %+v, %d suspicions, %+v", length, sum, *n, r.Suspicions, r.FalseFailures)
		}
		last := r.Series.Samples[len(r.Series.Samples)-1]
		if last.At != length || last.Running != r.Running || last.Wrong != r.Wrong {
			t.Errorf("%v: last sample %+v; at the end %d run, %d views are wrong", length, last, r.Running, r.Wrong)
		}
	}
}

// The samples are for looking at a run: they change nothing about it.
func TestSamplingLeavesTheRunAsItIs(t *testing.T) {
	t.Parallel()
	p := exampleScenario()
	with, err := p.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	run, err := newRun(&p)
	if err != nil {
		t.Fatal(err)
	}
	c := run.c
	c.Boot(bootTime)
	run.begin()
	c.Run(time.Duration(p.For))
	if without := c.Report(); with.Trace != without.Trace {
		t.Errorf("trace %x with samples, %x without", with.Trace, without.Trace)
	}
}
