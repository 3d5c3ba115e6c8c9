package histogram

import (
	"testing"
	"time"
)

var millis = func() (b Bounds) {
	for i := range b {
		b[i] = time.Duration(i+1) * time.Millisecond
	}
	return b
}()

func TestBoundsAreInclusive(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{0, time.Millisecond, time.Millisecond + 1, Buckets * time.Millisecond, Buckets*time.Millisecond + 1, time.Hour} {
		h.Add(&millis, d)
	}
	want := Histogram{Sum: time.Hour + (2+2*Buckets)*time.Millisecond + 2}
	want.Counts[0], want.Counts[1], want.Counts[Buckets-1], want.Counts[Buckets] = 2, 1, 1, 2
	if h != want || h.N() != 6 {
		t.Errorf("%+v, %d in all; want %+v", h, h.N(), want)
	}
}
