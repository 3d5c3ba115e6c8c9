package netsim

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Dist is a distribution of delays. The zero value is no delay at all.
//
// It is kept as a table of quantiles, with straight lines between them: one way to draw for every
// shape, in integers, so that the draws don't depend on how a processor rounds.
type Dist struct {
	quantiles []time.Duration // ascending, evenly spaced in probability
	text      string
}

// distSteps is the resolution of the curved shapes. The greatest draw is the quantile at 1 -
// 1/(2*distSteps), which bounds the tail at about eight times an exponential's mean.
const distSteps = 1024

// MaxDelay bounds every quantile: interpolation multiplies it by 2^24, and no node waits that long
// for a packet.
const MaxDelay = time.Hour

// Constant is always d.
func Constant(d time.Duration) Dist {
	return Dist{[]time.Duration{clampDelay(d)}, d.String()}
}

// Uniform is anything from lo to hi, all equally likely.
func Uniform(lo, hi time.Duration) Dist {
	lo = clampDelay(lo)
	return Dist{[]time.Duration{lo, max(lo, clampDelay(hi))}, lo.String() + ".." + hi.String()}
}

// Exponential is least plus an exponential delay, mean on the whole.
func Exponential(least, mean time.Duration) Dist {
	return shaped(fmt.Sprintf("exp:%v,%v", least, mean), func(p float64) float64 {
		return float64(least) + float64(mean-least)*-math.Log(1-p)
	})
}

// LogNormal is least plus a log-normal delay. Half of the draws are below median; sigma is the
// spread: 0.5 is a calm network, 1 a wild one.
func LogNormal(least, median time.Duration, sigma float64) Dist {
	return shaped(fmt.Sprintf("lognormal:%v,%v,%v", least, median, sigma), func(p float64) float64 {
		return float64(least) + float64(median-least)*math.Exp(sigma*math.Sqrt2*math.Erfinv(2*p-1))
	})
}

// Normal is a normal distribution, cut off at 0.
func Normal(mean, deviation time.Duration) Dist {
	return shaped(fmt.Sprintf("normal:%v,%v", mean, deviation), func(p float64) float64 {
		return float64(mean) + float64(deviation)*math.Sqrt2*math.Erfinv(2*p-1)
	})
}

func shaped(text string, quantile func(p float64) float64) Dist {
	q := make([]time.Duration, distSteps+1)
	const half = 0.5 / distSteps // the ends, where the quantiles may be infinite
	for i := range q {
		p := min(max(float64(i)/distSteps, half), 1-half)
		// Whole microseconds: floating point may differ in the last bit between machines.
		q[i] = clampDelay(time.Duration(quantile(p))).Round(time.Microsecond)
	}
	return Dist{q, text}
}

func clampDelay(d time.Duration) time.Duration { return min(max(d, 0), MaxDelay) }

// Draw maps a uniform random u to a delay.
func (d Dist) Draw(u uint64) time.Duration {
	switch len(d.quantiles) {
	case 0:
		return 0
	case 1:
		return d.quantiles[0]
	}
	i, frac := bits.Mul64(u, uint64(len(d.quantiles)-1))
	lo, hi := d.quantiles[i], d.quantiles[i+1]
	const fracBits = 22 // maxDelay has 42
	return lo + time.Duration(uint64(hi-lo)*(frac>>(64-fracBits))>>fracBits)
}

// Min is the least delay that can be drawn.
func (d Dist) Min() time.Duration {
	if len(d.quantiles) == 0 {
		return 0
	}
	return d.quantiles[0]
}

// Max is the greatest delay that can be drawn.
func (d Dist) Max() time.Duration {
	if len(d.quantiles) == 0 {
		return 0
	}
	return d.quantiles[len(d.quantiles)-1]
}

// String is the form that ParseDist reads.
func (d Dist) String() string {
	if d.text == "" {
		return "0s"
	}
	return d.text
}

// ParseDist reads "5ms" (constant), "1ms..20ms" (uniform), "exp:LEAST,MEAN",
// "normal:MEAN,DEVIATION" or "lognormal:LEAST,MEDIAN,SIGMA".
func ParseDist(s string) (Dist, error) {
	shape, args, _ := strings.Cut(s, ":")
	switch shape {
	case "exp":
		lo, hi, err := twoDelays(args)
		return Exponential(lo, hi), err
	case "normal":
		mean, deviation, err := pairOfDelays(args)
		return Normal(mean, deviation), err
	case "lognormal":
		last := max(strings.LastIndexByte(args, ','), 0)
		lo, hi, err := twoDelays(args[:last])
		if err != nil {
			return Dist{}, err
		}
		sigma, err := strconv.ParseFloat(args[last+1:], 64)
		if err != nil || !(sigma >= 0 && sigma <= maxSigma) {
			return Dist{}, fmt.Errorf("spread %q: want a number from 0 to %v", args[last+1:],
				maxSigma)
		}
		return LogNormal(lo, hi, sigma), nil
	}
	if lo, hi, ok := strings.Cut(s, ".."); ok {
		lo, hi, err := twoDelays(lo + "," + hi)
		return Uniform(lo, hi), err
	}
	d, err := delay(s)
	return Constant(d), err
}

// twoDelays reads two delays, the lesser first.
func twoDelays(s string) (lo, hi time.Duration, err error) {
	if lo, hi, err = pairOfDelays(s); err != nil {
		return 0, 0, err
	}
	if lo > hi {
		return 0, 0, fmt.Errorf("%v is more than %v", lo, hi)
	}
	return lo, hi, nil
}

func pairOfDelays(s string) (a, b time.Duration, err error) {
	first, second, ok := strings.Cut(s, ",")
	if !ok {
		return 0, 0, fmt.Errorf("%q: want two durations with a comma in between", s)
	}
	if a, err = delay(first); err != nil {
		return 0, 0, err
	}
	b, err = delay(second)
	return a, b, err
}

// maxSigma keeps a log-normal's tail within what the clamp leaves meaningful.
const maxSigma = 3.0

func delay(s string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(s))
	if err != nil {
		return 0, fmt.Errorf("%q is no duration such as 5ms", s)
	}
	if d < 0 || d > MaxDelay {
		return 0, fmt.Errorf("%v: allowed 0 to %v", d, MaxDelay)
	}
	return d, nil
}

// Want describes the text that is expected where a Dist is.
func (Dist) Want() string { return `a delay such as "5ms", "1ms..20ms" or "exp:100µs,500µs"` }

// MarshalText implements encoding.TextMarshaler.
func (d Dist) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDist does.
func (d *Dist) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDist(string(b))
	return err
}

// IsZero reports whether d was never set. A distribution that is always 0s was.
func (d Dist) IsZero() bool { return d.text == "" }
