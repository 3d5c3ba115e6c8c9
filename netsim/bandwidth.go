package netsim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bandwidth is a speed in bits a second, written as "100mbit". 0 means no limit.
type Bandwidth int64

// Want describes the text that is expected where a Bandwidth is.
func (Bandwidth) Want() string { return `a speed such as "100mbit"` }

// The units of Bandwidth, the greatest first.
var bandwidthUnits = []struct {
	name string
	bits Bandwidth
}{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

// Limits of a Bandwidth: below the least, a packet takes longer than anybody waits; above the
// greatest, the time it takes doesn't show.
const (
	bandwidthMin Bandwidth = 1e3
	bandwidthMax Bandwidth = 1e12
)

// String is the form that UnmarshalText reads, in the greatest unit that gives a whole number.
func (w Bandwidth) String() string {
	for _, u := range bandwidthUnits {
		if w%u.bits == 0 && w != 0 {
			return strconv.FormatInt(int64(w/u.bits), 10) + u.name
		}
	}
	return "0bit"
}

// MarshalText implements encoding.TextMarshaler.
func (w Bandwidth) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads a number and a unit: bit, kbit, mbit or gbit a second.
func (w *Bandwidth) UnmarshalText(b []byte) error {
	s := strings.ToLower(strings.TrimSpace(string(b)))
	for _, u := range bandwidthUnits {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		x, err := strconv.ParseFloat(number, 64)
		bits := x * float64(u.bits)
		if err != nil ||
			!(bits == 0 || bits >= float64(bandwidthMin) && bits <= float64(bandwidthMax)) {
			break
		}
		*w = Bandwidth(bits)
		return nil
	}
	return fmt.Errorf(`want a speed from "%v" to "%v", such as "100mbit", or "0bit" for no limit`,
		bandwidthMin, bandwidthMax)
}

// time is how long size bytes take.
func (w Bandwidth) time(size int) time.Duration {
	return time.Duration(int64(size) * 8 * int64(time.Second) / int64(w))
}
