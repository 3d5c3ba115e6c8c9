package netsim

import (
	"math"
	"testing"
	"time"
)

func TestDistributionsHaveTheirMomentsAndBounds(t *testing.T) {
	tests := []struct {
		d                Dist
		least, most      time.Duration
		mean, middleLow  time.Duration
		middleHigh, slop time.Duration
	}{
		{Dist{}, 0, 0, 0, 0, 0, 0},
		{Constant(5 * tick), 5 * tick, 5 * tick, 5 * tick, 5 * tick, 5 * tick, 0},
		{Uniform(tick, 3*tick), tick, 3 * tick, 2 * tick, 1900 * time.Microsecond, 2100 * time.Microsecond, tick / 50},
		{Exponential(tick, 5*tick), tick, 40 * tick, 5 * tick, 3600 * time.Microsecond, 3950 * time.Microsecond, tick / 5},
		{LogNormal(tick, 11*tick, 0.5), tick, 60 * tick, 12331 * time.Microsecond, 10800 * time.Microsecond, 11200 * time.Microsecond, tick / 4},
	}
	for _, tt := range tests {
		t.Run(tt.d.String(), func(t *testing.T) {
			const n = 100_000
			d := NewDraws(1, 2, 3)
			var sum time.Duration
			below := 0
			for range n {
				x := tt.d.Draw(d.Next())
				if x < tt.least || x > tt.most {
					t.Fatalf("drew %v, want %v to %v", x, tt.least, tt.most)
				}
				sum += x
				if x <= tt.middleHigh {
					below++
				}
			}
			if mean := sum / n; (mean - tt.mean).Abs() > tt.slop {
				t.Errorf("mean %v, want %v", mean, tt.mean)
			}
			if median := tt.d.Draw(1 << 63); median < tt.middleLow || median > tt.middleHigh {
				t.Errorf("median %v, want %v to %v", median, tt.middleLow, tt.middleHigh)
			}
			if below < n/2 {
				t.Errorf("%d of %d draws under the median", below, n)
			}
			if got := tt.d.Draw(math.MaxUint64); got > tt.d.Max() {
				t.Errorf("drew %v, over Max %v", got, tt.d.Max())
			}
		})
	}
}

func TestParseDistReadsWhatStringWrites(t *testing.T) {
	for _, d := range []Dist{
		{}, Constant(5 * tick), Uniform(tick, 20*tick), Exponential(tick, 5*tick), LogNormal(tick, 40*tick, 0.5), Constant(MaxDelay),
	} {
		got, err := ParseDist(d.String())
		if err != nil || got.String() != Constant(0).String() && got.String() != d.String() {
			t.Errorf("ParseDist(%q) = %v, %v", d, got, err)
		}
	}
}

func TestParseDistRefusesNonsense(t *testing.T) {
	for _, s := range []string{
		"", "fast", "-1ms", "5", "2h", "5ms..1ms", "1ms..", "exp:1ms", "exp:5ms,1ms", "exp:1ms,2ms,3ms",
		"lognormal:1ms,2ms", "lognormal:1ms,2ms,x", "lognormal:1ms,2ms,-1", "lognormal:1ms,2ms,NaN", "lognormal:1ms,2ms,3.1", "gauss:1ms,2ms",
	} {
		if d, err := ParseDist(s); err == nil {
			t.Errorf("ParseDist(%q) = %v, want an error", s, d)
		}
	}
}

func TestDelaysAreClampedToTheLimit(t *testing.T) {
	for _, d := range []Dist{Constant(2 * MaxDelay), Uniform(0, 2*MaxDelay), Exponential(0, MaxDelay), LogNormal(0, MaxDelay, maxSigma)} {
		if d.Max() != MaxDelay || d.Draw(math.MaxUint64) > MaxDelay {
			t.Errorf("%v: greatest draw %v, limit %v", d, d.Draw(math.MaxUint64), MaxDelay)
		}
	}
}

func TestChanceIsExactAtItsEnds(t *testing.T) {
	if Probability(0).hits(0) || !Probability(1).hits(math.MaxUint64) || Probability(-1) != 0 || Probability(2) != Always {
		t.Error("never must never hit, always must always hit")
	}
	if got := Probability(0.25).String(); got != "25%" {
		t.Errorf("a quarter prints as %s", got)
	}
}

// TestChanceIsReadAlikeEverywhere: options, files and sweeps have one reading of a bare number.
func TestChanceIsReadAlikeEverywhere(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0%", "0.05": "5%", "5": "5%", "5%": "5%", "0.5%": "0.5%", "1": "1%", "0.99": "99%", "100": "100%", "1%": "1%",
	} {
		var c Chance
		if err := c.UnmarshalText([]byte(text)); err != nil || c.String() != want {
			t.Errorf("%s is %v, error %v; want %s", text, c, err, want)
		}
	}
	for _, text := range []string{"", "-1", "-0.1", "101", "100.1%", "NaN", "Inf", "1e9"} {
		var c Chance
		if err := c.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %v, want an error", text, c)
		}
	}
}

func TestChancesTogether(t *testing.T) {
	half, tenth := Probability(0.5), Probability(0.1)
	for _, c := range []struct{ a, b, want Chance }{
		{0, 0, 0}, {half, 0, half}, {0, half, half}, {half, half, Probability(0.75)}, {half, tenth, Probability(0.55)},
		{Always, tenth, Always}, {tenth, Always, Always},
	} {
		if got := c.a.Or(c.b); got+2 < c.want || got > c.want+2 {
			t.Errorf("%v or %v: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
