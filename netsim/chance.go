package netsim

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Chance is a probability in units of 2^-32: whole numbers make a draw exact.
type Chance uint64

// Always is the chance of a certain event.
const Always Chance = 1 << 32

// Probability returns p, from 0 to 1, as a Chance.
func Probability(p float64) Chance {
	return Chance(min(max(p, 0), 1) * float64(Always))
}

func (c Chance) hits(u uint64) bool { return Chance(u>>32) < c }

// Or is the chance that at least one of two independent events happens.
func (c Chance) Or(o Chance) Chance {
	if c == 0 || o == 0 {
		return c + o
	}
	return Always - (Always-c)*(Always-o)/Always
}

// String is the probability in percent, in as few digits as give c again.
func (c Chance) String() string {
	const least, most = 4, 17 // digits
	for digits := least; ; digits++ {
		s := strconv.FormatFloat(float64(c)*100/float64(Always), 'g', digits, 64) + "%"
		var again Chance
		if err := again.UnmarshalText([]byte(s)); digits == most || err == nil && again == c {
			return s
		}
	}
}

// Want describes the text that is expected where a Chance is.
func (Chance) Want() string { return `a chance such as 0.05 or "5%"` }

// MarshalText implements encoding.TextMarshaler.
func (c Chance) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a percentage, "5%" or "5", or a number below 1, "0.05". A bare 1 is 1%.
func (c *Chance) UnmarshalText(b []byte) error {
	number, percent := strings.CutSuffix(strings.TrimSpace(string(b)), "%")
	p, err := strconv.ParseFloat(number, 64)
	if percent || p >= 1 {
		p /= 100
	}
	if err != nil || !(p >= 0 && p <= 1) {
		return errors.New("want a percentage up to 100, as 5% or 5, or a share below 1, as 0.05")
	}
	*c = Probability(p)
	return nil
}

// UnmarshalJSON reads a number, or a text, as UnmarshalText does.
func (c *Chance) UnmarshalJSON(b []byte) error { return unmarshalBare(b, c.UnmarshalText) }

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
