package netsim

import "testing"

// FuzzParseDist reads arbitrary distributions. What is understood draws delays within bounds, and
// its text means the same.
func FuzzParseDist(f *testing.F) {
	for _, s := range []string{"5ms", "1ms..20ms", "exp:100µs,500µs", "lognormal:10ms,60ms,0.4", "lognormal:0s,1h,3", "..", "exp:,", "lognormal:,"} {
		f.Add(s, uint64(1)<<63)
	}
	f.Fuzz(func(t *testing.T, s string, u uint64) {
		d, err := ParseDist(s)
		if err != nil {
			return
		}
		if got := d.Draw(u); got < 0 || got > d.Max() || d.Max() > MaxDelay {
			t.Fatalf("%q draws %v of at most %v", s, got, d.Max())
		}
		again, err := ParseDist(d.String())
		if err != nil || again.Draw(u) != d.Draw(u) {
			t.Fatalf("%q is written as %v, which draws %v, not %v; %v", s, d, again.Draw(u), d.Draw(u), err)
		}
	})
}
