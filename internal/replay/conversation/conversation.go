// Package conversation reads, writes and plays scripts of conversations with a node: text files
// that serf replay makes of a stretch of a recording, for go test ./swim/serf.
//
// A file has a configuration and perhaps a state, then inputs, each with what has to come of it:
//
//	exact
//	never note * Suspect web-3*
//	key 0f3a5c7788990011 32
//	ring 0f3a5c7788990011
//	config
//	  Name: "web-1"
//	state 12m0s
//	  AAEC...
//
//	12m1.5s packet from 127.0.0.12:7946
//	  # suspect node=web-1 incarnation=3 from=web-2
//	  msg A4Ok...
//	  > packet 127.0.0.12:7946: alive node=web-1 incarnation=4 ...
//
// Any line may be deleted: what belonged to an input belongs to the one before, and a field of the
// configuration has its default. Of an effect that isn't there nothing is demanded, unless the file
// says exact: then these effects have to come and no others. In an effect, * stands for any text.
package conversation

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/agent/recording"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// Conversation is such a file.
type Conversation struct {
	Head  []string // lines before the first input, as they are in the file
	Exact bool
	Never []string

	Checkpoint recording.Checkpoint
	Keys       recording.Keys // made up, by the fingerprints of the real ones
	Inputs     []*Input
}

// Input is an input of the node.
type Input struct {
	Line  int      // of the file, from 1
	Lines []string // as they are in the file, without the effects
	Want  []string // effects

	Entry recording.Entry
	Msgs  [][]byte // of a packet, if it isn't raw
	Key   *wire.Fingerprint
	Plain bool // the packet isn't sealed, though the node has keys
	Raw   bool
	Run   bool // in place of an input: all ticks that are due until then
}

// Append appends the file.
func (c *Conversation) Append(b []byte) []byte {
	line := func(text string) { b = append(append(b, text...), '\n') }
	for _, text := range c.Head {
		line(text)
	}
	for _, in := range c.Inputs {
		// What stands apart from an input, such as an empty line, comes after its effects.
		end := len(in.Lines)
		for end > 1 && !strings.HasPrefix(in.Lines[end-1], " ") {
			end--
		}
		for _, text := range in.Lines[:end] {
			line(text)
		}
		for _, text := range in.Want {
			line("  > " + text)
		}
		for _, text := range in.Lines[end:] {
			line(text)
		}
	}
	return b
}

// SubstituteOf returns the key that stands for one with this fingerprint. The real one isn't in a
// file.
func SubstituteOf(f wire.Fingerprint, size int) []byte {
	return bytes.Repeat(f[:], size/len(f)+1)[:size]
}

// wrapped cuts base64 into lines that fit a screen.
func wrapped(prefix string, data []byte) (lines []string) {
	const width = 88 // whole groups of 4: a line less is still base64
	text := base64.StdEncoding.EncodeToString(data)
	for first := true; first || text != ""; first = false {
		n := min(width, len(text))
		if first {
			lines = append(lines, strings.TrimRight("  "+prefix+" "+text[:n], " "))
		} else {
			lines = append(lines, "    "+text[:n])
		}
		text = text[n:]
	}
	return lines
}

// configLines are the fields of a configuration that haven't their defaults.
func configLines(c *recording.Checkpoint) ([]string, error) {
	fields := func(config any) (m map[string]json.RawMessage, err error) {
		text, err := json.Marshal(config)
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		return m, err
	}
	var usual recording.Checkpoint
	usual.Config.Config = defaults()
	set, err := fields(c.Config)
	if err != nil {
		return nil, err
	}
	def, err := fields(usual.Config)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, value := range set { // order-free: sorted below
		if string(def[name]) != string(value) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	lines := []string{"config"}
	for _, name := range names {
		lines = append(lines, fmt.Sprintf("  %s: %s", name, set[name]))
	}
	return lines, nil
}

// defaults are those of what a configuration in a file doesn't have.
func defaults() serf.Config { return serf.DefaultConfig(swim.Timing{}) }

// call is the arguments of a call in a file, as JSON.
type call struct {
	Name    string            `json:",omitempty"`
	Data    []byte            `json:",omitempty"`
	Flag    bool              `json:",omitempty"`
	Op      swim.OpID         `json:",omitempty"`
	Nodes   []string          `json:",omitempty"`
	Tags    map[string]string `json:",omitempty"`
	Addrs   []netip.AddrPort  `json:",omitempty"`
	Addr    netip.AddrPort    `json:",omitzero"`
	Relay   uint8             `json:",omitempty"`
	Timeout time.Duration     `json:",omitempty"`
	Zones   serf.Zones        `json:",omitzero"`
	IP      swim.Families     `json:",omitempty"`
	Err     string            `json:",omitempty"`
	Key     *print            `json:",omitempty"`
	Ring    []print           `json:",omitempty"`
}

// print is a fingerprint in hex.
type print wire.Fingerprint

func (f print) MarshalText() ([]byte, error) { return []byte(wire.Fingerprint(f).String()), nil }

func (f *print) UnmarshalText(text []byte) error {
	read, err := fingerprint(string(text))
	*f = print(read)
	return err
}

// answerKinds are what the node asks the layer above.
var answerKinds = []string{"", "wants-query", "admit", "admit-merge", "listed-for"}

// answerLine is an answer in a file.
func answerLine(a *recording.Answer) string {
	text := "  < " + answerKinds[a.Kind] + " " + strconv.FormatBool(a.Yes)
	switch {
	case a.Kind == recording.AnswerListedFor:
		text += " " + a.Keep.String()
	case a.Why != "":
		text += " " + strconv.Quote(a.Why)
	}
	return text
}
