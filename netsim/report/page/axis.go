package page

import (
	"math"
	"slices"
)

// axis maps values to 0..1, and has the marks that a reader goes by.
type axis struct {
	Name     string
	Low, Top float64
	Log      bool
	Ticks    []tick
}

// tick is a mark of an axis. At is in percent of its length.
type tick struct {
	At    float64
	Label string
}

// Marks that an axis has at most, besides that at 0: more don't fit on a phone.
const (
	ticksUpward = 5
	ticksAcross = 7
)

// linear is an axis from 0 to top, in labels of the given unit size. A value axis is rounded up, so
// that its last mark is its end; an axis of time ends where the time does.
func linear(name string, top, unit float64, roundUp bool) axis {
	if top <= 0 {
		top = unit
	}
	step := niceStep(top / unit / ticksAcross)
	if roundUp {
		step = niceStep(top / unit / ticksUpward)
		top = math.Ceil(top/unit/step-1e-9) * step * unit
	}
	a := axis{Name: name, Top: top}
	for i := 0; float64(i)*step*unit <= top*(1+1e-9); i++ {
		v := float64(i) * step
		a.Ticks = append(a.Ticks, tick{a.percent(v * unit), digits(v, 6)})
	}
	return a
}

// zoomed is a linear axis of values from low to top that doesn't begin at 0 if that would press all
// of them into its last part, so that 495 of 500 can be told from all. least is the smallest step.
func zoomed(name string, low, top, unit, least float64) axis {
	if low < zoomFrom*top || low >= top {
		return linear(name, top, unit, true)
	}
	step := max(niceStep((top-low)/unit/(ticksUpward-1)), least)
	first := math.Floor(low/unit/step+1e-9) - 1 // a line at low is above the end of the axis
	last := math.Ceil(top/unit/step - 1e-9)
	a := axis{Name: name, Low: first * step * unit, Top: last * step * unit}
	for i := first; i <= last; i++ {
		a.Ticks = append(a.Ticks, tick{a.percent(i * step * unit), digits(i*step, 6)})
	}
	return a
}

// zoomFrom is the share of the greatest value from which on the least one is close to it.
const zoomFrom = 0.75

// counting is an axis of whole numbers, up to top at least.
func counting(name string, top float64) axis { return linear(name, max(top, ticksUpward), 1, true) }

// logarithmic is an axis from low, more than 0, to top. label writes the value at a mark.
func logarithmic(name string, low, top float64, label func(float64) string) axis {
	a := axis{Name: name, Log: true}
	a.Low = math.Pow(10, math.Floor(math.Log10(low)+1e-9))
	a.Top = math.Pow(10, math.Ceil(math.Log10(max(top, 2*a.Low))-1e-9))
	decades := math.Round(math.Log10(a.Top / a.Low))
	for p := a.Low; p <= a.Top*(1+1e-9); p *= 10 {
		marks := []float64{1}
		if decades <= 2 {
			marks = []float64{1, 2, 5}
		}
		for _, m := range marks {
			if m*p <= a.Top*(1+1e-9) {
				a.Ticks = append(a.Ticks, tick{a.percent(m * p), label(m * p)})
			}
		}
	}
	return a
}

// at is where v lies, from 0 to 1. What is beyond an end lies at the end.
func (a *axis) at(v float64) float64 {
	if a.Log {
		return min(max(math.Log(max(v, a.Low)/a.Low)/math.Log(a.Top/a.Low), 0), 1)
	}
	return min(max((v-a.Low)/(a.Top-a.Low), 0), 1)
}

// percent is at in percent, rounded to what a style sheet needs.
func (a *axis) percent(v float64) float64 { return math.Round(a.at(v)*1e4) / 100 }

// niceStep is the least of 1, 2 and 5 times a power of ten that isn't below x.
func niceStep(x float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(x)))
	for _, f := range []float64{1, 2, 5} {
		if f*p >= x*(1-1e-9) {
			return f * p
		}
	}
	return 10 * p
}

// skewed is how many times the middle of the positive values the greatest is if a linear axis would
// hide all but the greatest ones.
const skewed = 25

// spanOf returns the least and the greatest of the positive values, and whether they are so unequal
// that a logarithmic axis shows them better.
func spanOf(lists ...[]float64) (low, top float64, unequal bool) {
	var all []float64
	for _, list := range lists {
		for _, v := range list {
			if v > 0 {
				all = append(all, v)
			}
		}
	}
	if len(all) == 0 {
		return 0, 0, false
	}
	slices.Sort(all)
	low, top = all[0], all[len(all)-1]
	return low, top, top > skewed*all[len(all)/2]
}
