package cluster

import (
	"testing"
	"time"
)

func TestSamplesAreBoundedAndAtDistancesThatPeopleCountIn(t *testing.T) {
	t.Parallel()
	tests := []struct{ length, want time.Duration }{
		{time.Nanosecond, time.Millisecond},
		{10 * time.Second, 20 * time.Millisecond},
		{time.Minute, 100 * time.Millisecond},
		{time.Minute + 100*time.Millisecond, 200 * time.Millisecond},
		{24 * time.Hour, 5 * time.Minute},
		{30 * 24 * time.Hour, 2 * time.Hour},
	}
	for _, tt := range tests {
		got := sampleEvery(tt.length)
		if got != tt.want || tt.length/got > maxSamples {
			t.Errorf("%v: a sample every %v, want %v", tt.length, got, tt.want)
		}
	}
}

func TestQueuesOfAllMembersAreLookedAtInTurn(t *testing.T) {
	t.Parallel()
	c := newCluster(t, queueLooks+10, "lan")
	for i := range c.members {
		c.Start(i)
	}
	r := NewRecorder(c, time.Minute)
	r.lookAtQueues()
	if r.turn != queueLooks || r.depths.Quantiles().Count != queueLooks {
		t.Errorf("first look: at %d queues, next is member %d", r.depths.Quantiles().Count, r.turn)
	}
	r.lookAtQueues()
	if r.turn != queueLooks-10 || r.all.Quantiles().Count != 2*queueLooks {
		t.Errorf("second look: at %d queues in all, next is member %d", r.all.Quantiles().Count, r.turn)
	}
}

// BenchmarkSample is to stay far below what a member costs: there are 600 samples in a run.
func BenchmarkSample(b *testing.B) {
	c, err := New(Config{Members: 2000, Profile: profiles[0], Link: profiles[0].Link, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for i := range c.members {
		c.Start(i)
	}
	r := NewRecorder(c, time.Hour)
	for b.Loop() {
		r.next = c.Now()
		r.MaybeSample()
		r.series.Samples = r.series.Samples[:0]
	}
}
