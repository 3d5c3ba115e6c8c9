package wire

import (
	"math"
	"testing"
)

// The short cut for payloads in the usual form changes nothing, however a payload is damaged.
func TestUsualCoordinatesAreReadAsAnyOthers(t *testing.T) {
	want := Coordinate{Vec: [CoordinateDimensions]float64{0.1, -2, math.Inf(1), 4, 5, 6, 7, 8},
		Error: 1.5, Adjustment: -0.25, Height: 1e-5}
	p := AppendAckPayload(nil, &want)[1:]
	if got, ok := usualCoordinate(p); !ok || got != want {
		t.Fatalf("%+v, %v, want %+v", got, ok, want)
	}
	for at := range p {
		for _, bad := range []byte{p[at] ^ 1, p[at] ^ 0x80, 0xc0, 0xca} {
			was := p[at]
			p[at] = bad
			fast, ok := usualCoordinate(p)
			slow, err := parseCoordinate(p)
			same := fast == slow || fast != fast && slow != slow // as numbers that aren't
			if ok && (err != nil || !same) {
				t.Errorf("byte %d as %#x: %+v, else %+v, %v", at, bad, fast, slow, err)
			}
			p[at] = was
		}
		if _, ok := usualCoordinate(p[:at]); ok {
			t.Errorf("cut to %d bytes: taken", at)
		}
	}
	if _, ok := usualCoordinate(append(p, 0)); ok {
		t.Error("with a byte too many: taken")
	}
}
