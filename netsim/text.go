package netsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Delays, chances and speeds have one text each, which files and options share.

// Want names what is wanted where a Dist is.
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

// Want names what is wanted where a Chance is.
func (Chance) Want() string { return `a chance such as 0.05 or "5%"` }

// MarshalText implements encoding.TextMarshaler.
func (c Chance) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a number below 1, or percent: "0.05" or "5%". A bare 1 is refused: who writes it means 1% as often as 100%.
func (c *Chance) UnmarshalText(b []byte) error {
	number, percent := strings.CutSuffix(strings.TrimSpace(string(b)), "%")
	p, err := strconv.ParseFloat(number, 64)
	if percent {
		p /= 100
	}
	if err != nil || !(p >= 0 && (p < 1 || percent && p == 1)) {
		return errors.New("want a percentage from 0% to 100%, or a number from 0 to less than 1")
	}
	*c = Probability(p)
	return nil
}

// UnmarshalJSON reads a number below 1, or a text as UnmarshalText does.
func (c *Chance) UnmarshalJSON(b []byte) error { return unmarshalBare(b, c.UnmarshalText) }

// Bandwidth is a speed in bits a second, written as "100mbit". 0 means no limit.
type Bandwidth int64

// Want names what is wanted where a Bandwidth is.
func (Bandwidth) Want() string { return `a speed such as "100mbit"` }

// The units of Bandwidth, the greatest first.
var bandwidthUnits = []struct {
	name string
	bits Bandwidth
}{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

// Limits of a Bandwidth: below the least a packet takes longer than anybody waits, above the greatest
// it takes no time that shows.
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
		if err != nil || !(bits == 0 || bits >= float64(bandwidthMin) && bits <= float64(bandwidthMax)) {
			break
		}
		*w = Bandwidth(bits)
		return nil
	}
	return fmt.Errorf(`want a speed from "%v" to "%v", such as "100mbit", or "0bit" for no limit`, bandwidthMin, bandwidthMax)
}

// time is how long size bytes take.
func (w Bandwidth) time(size int) time.Duration {
	return time.Duration(int64(size) * 8 * int64(time.Second) / int64(w))
}

// unmarshalBare gives text the value of a JSON number or string.
func unmarshalBare(b []byte, text func([]byte) error) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		b = []byte(s)
	}
	return text(b)
}
