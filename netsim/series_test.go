package netsim

import (
	"testing"
	"time"
)

func TestSamplesAreBoundedAndAtDistancesThatPeopleCountIn(t *testing.T) {
	tests := []struct{ length, want time.Duration }{
		{time.Nanosecond, time.Millisecond},
		{10 * time.Second, 20 * time.Millisecond},
		{time.Minute, 100 * time.Millisecond},
		{time.Minute + 100*time.Millisecond, 200 * time.Millisecond},
		{24 * time.Hour, 5 * time.Minute},
		{MaxTime, 2 * time.Hour},
	}
	for _, tt := range tests {
		got := sampleEvery(tt.length)
		if got != tt.want || tt.length/got > maxSamples {
			t.Errorf("%v: a sample every %v, want %v", tt.length, got, tt.want)
		}
	}
}

// A series adds up to the counters of the run, whatever its interval.
func TestSeriesAddsUp(t *testing.T) {
	for _, length := range []time.Duration{2 * time.Minute, 90 * time.Second} {
		p := exampleScenario()
		p.For = Duration(length)
		r, err := p.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var sum Sample
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

func TestQueuesOfAllMembersAreLookedAtInTurn(t *testing.T) {
	c := newCluster(t, queueLooks+10, "lan")
	for i := range c.members {
		c.Start(i)
	}
	r := newRecorder(c, time.Minute)
	r.lookAtQueues()
	if r.turn != queueLooks || r.depths.total != queueLooks {
		t.Errorf("first look: at %d queues, next is member %d", r.depths.total, r.turn)
	}
	r.lookAtQueues()
	if r.turn != queueLooks-10 || r.all.total != 2*queueLooks {
		t.Errorf("second look: at %d queues in all, next is member %d", r.all.total, r.turn)
	}
}

// The samples are for looking at a run: they change nothing about it.
func TestSamplingLeavesTheRunAsItIs(t *testing.T) {
	p := exampleScenario()
	with, err := p.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	run, err := newCourse(&p)
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

// BenchmarkSample is to stay far below what a member costs: there are 600 samples in a run.
func BenchmarkSample(b *testing.B) {
	c, err := NewCluster(ClusterConfig{Members: 2000, Profile: profiles[0], Link: profiles[0].Link, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for i := range c.members {
		c.Start(i)
	}
	r := newRecorder(c, time.Hour)
	for b.Loop() {
		r.next = c.Now()
		r.maybeSample()
		r.series.Samples = r.series.Samples[:0]
	}
}
