package swim

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
	"testing"
	"time"
)

// vectors reads a file of recorded values.
func vectors(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("../testdata/" + name)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Each formula gives the values recorded from memberlist.
func TestFormulasAsRecorded(t *testing.T) {
	const ms = time.Millisecond
	var v struct {
		PushPull []struct {
			N      int
			Scaled int `json:"scaled_ms"`
		} `json:"push_pull_scale"`
		Retransmit []struct{ N, Mult, Limit int } `json:"retransmit_limit"`
		Remaining  []struct {
			C         int `json:"confirmations"`
			K         int
			Elapsed   int `json:"elapsed_ms"`
			Min       int `json:"min_ms"`
			Max       int `json:"max_ms"`
			Remaining int `json:"remaining_ms"`
		} `json:"suspicion_remaining"`
		Timeout []struct {
			N, Mult  int
			Interval int `json:"interval_ms"`
			Timeout  int `json:"timeout_us"`
		} `json:"suspicion_timeout_ms"`
	}
	vectors(t, "formulas.json", &v)
	if len(v.PushPull)*len(v.Retransmit)*len(v.Remaining)*len(v.Timeout) == 0 {
		t.Fatal("a table is empty")
	}
	for _, c := range v.PushPull {
		if got := pushPullScaled(30*time.Second, c.N); got != time.Duration(c.Scaled)*ms {
			t.Errorf("push/pull interval of %d members: %v, want %dms", c.N, got, c.Scaled)
		}
	}
	for _, c := range v.Retransmit {
		if got := retransmitLimit(c.Mult, c.N); got != c.Limit {
			t.Errorf("retransmit limit of %d members: %d, want %d", c.N, got, c.Limit)
		}
	}
	for _, c := range v.Remaining {
		got := suspicionFor(c.C, c.K, time.Duration(c.Min)*ms, time.Duration(c.Max)*ms) - time.Duration(c.Elapsed)*ms
		if got != time.Duration(c.Remaining)*ms {
			t.Errorf("suspicion after %dms with %d of %d confirmations: %v left, want %dms",
				c.Elapsed, c.C, c.K, got, c.Remaining)
		}
	}
	for _, c := range v.Timeout {
		got := suspicionMin(c.Mult, c.N, time.Duration(c.Interval)*ms)
		if got != time.Duration(c.Timeout)*time.Microsecond {
			t.Errorf("least suspicion of %d members: %v, want %dus", c.N, got, c.Timeout)
		}
	}
}

// Some processors round twice where others round once. A simulation must not depend on that.
func TestFormulasAreTheSameOnEveryProcessor(t *testing.T) {
	h := fnv.New64a()
	for n := 1; n <= 20_000; n++ {
		fmt.Fprintln(h, suspicionMin(4, n, time.Second), retransmitLimit(4, n), pushPullScaled(time.Second, n))
	}
	for k := 1; k <= 16; k++ {
		for c := range k + 1 {
			for n := 1; n <= 200; n++ {
				least := time.Duration(n) * 10 * time.Millisecond
				fmt.Fprintln(h, suspicionFor(c, k, least, 6*least))
			}
		}
	}
	if got, want := fmt.Sprintf("%x", h.Sum64()), "9eab7f0da561bd6b"; got != want {
		t.Errorf("the formulas' values have the sum %s on %s, on others %s",
			got, runtime.GOARCH, want)
	}
}

// With too few members to confirm, hoping for confirmations would only cause delay.
func TestConfirmationsNeedEnoughMembers(t *testing.T) {
	for _, c := range []struct{ mult, n, want int }{
		{4, 2, 0}, {4, 3, 0}, {4, 4, 2}, {4, 100, 2}, {6, 5, 0}, {6, 6, 4}, {3, 3, 1}, {3, 2, 0}, {1, 10, 0},
	} {
		if got := confirmationsFor(c.mult, c.n); got != c.want {
			t.Errorf("multiplier %d, %d members: %d confirmations, want %d",
				c.mult, c.n, got, c.want)
		}
	}
}
