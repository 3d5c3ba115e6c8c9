package conversation

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"serf/agent/recording"
	"serf/internal/dissect"
	"serf/internal/replay"
	"serf/swim"
	"serf/wire"
)

// Played is what came of an input.
type Played struct {
	Came    []string
	Effects replay.Counts
}

// Play gives the inputs to a node, and returns what came of each.
func (c *Conversation) Play() (all []Played, err error) {
	keys := recording.Keys{}
	for print, key := range c.Keys { // order-free: a map
		keys[print] = key
	}
	p, err := replay.Begin(&c.Checkpoint, keys)
	if err != nil {
		return nil, fmt.Errorf("%w; a state is of one version of the program: "+
			"export the stretch again, or one from the start of the agent, which has none", err)
	}
	for _, in := range c.Inputs {
		played, err := c.play(p, in)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", in.Line, err)
		}
		all = append(all, played)
	}
	return all, nil
}

// play gives one input to the node.
func (c *Conversation) play(p *replay.Player, in *Input) (played Played, err error) {
	if in.Run {
		return run(p, in.Entry.At)
	}
	e := in.Entry
	if e.Kind == recording.KindPacket && !in.Raw {
		if len(in.Msgs) == 0 {
			return played, nil
		}
		if e.Data, err = c.seal(p, in); err != nil {
			return played, err
		}
	}
	return played, played.input(p, &e)
}

// runMax bounds the ticks of a run.
const runMax = 100_000

// run lets time pass, with every tick that falls due.
func run(p *replay.Player, until swim.Time) (played Played, err error) {
	for range runMax {
		at := until
		if p.Node != nil {
			at = min(p.Node.Deadline(), until)
		}
		e := recording.Entry{Kind: recording.KindTick, At: at}
		if err := played.input(p, &e); err != nil || at == until {
			return played, err
		}
	}
	return played, fmt.Errorf("more than %d ticks", runMax)
}

// input gives an entry to the node, and adds what comes of it.
func (played *Played) input(p *replay.Player, e *recording.Entry) error {
	got, err := p.Play(e)
	if err != nil {
		return err
	}
	counts := replay.CountsOf(got)
	played.Effects.Packets += counts.Packets
	played.Effects.Streams += counts.Streams
	played.Effects.Events += counts.Events
	played.Effects.Notes += counts.Notes
	for _, x := range p.Effects() {
		played.Came = append(played.Came, effectLines(&x)...)
	}
	return nil
}

// effectLines are an effect in lines, one for each message of a packet.
func effectLines(x *dissect.Part) (lines []string) {
	if x.Kind != "packet" {
		return []string{replay.Compact(x)}
	}
	to := fmt.Sprint(x.Fields[0].Value)
	for i := range x.Parts {
		lines = append(lines, "packet "+to+": "+replay.Compact(&x.Parts[i]))
	}
	return lines
}

// seal makes the packet of an input, as its node seals packets, or with another of its keys.
func (c *Conversation) seal(p *replay.Player, in *Input) ([]byte, error) {
	s := p.Node.Sealer()
	var own wire.Sealer
	if s != nil {
		own = *s
	}
	own.Compress = false
	if in.Plain {
		own.Keys = nil
	}
	if in.Key != nil {
		key, ok := c.Keys[*in.Key]
		if !ok {
			return nil, fmt.Errorf("key %v: not among those of the file", *in.Key)
		}
		ring, err := wire.NewKeyring(key)
		if err != nil {
			return nil, err
		}
		own.Keys = ring
	}
	if own.Nonce == nil {
		own.Nonce = func([]byte) {}
	}
	own.PlainOut = own.Keys == nil
	return own.SealPacket(nil, body(in.Msgs), false, new(wire.Scratch)), nil
}

// body is the messages of a packet, in compounds if there are several.
func body(msgs [][]byte) []byte {
	if len(msgs) == 1 {
		return msgs[0]
	}
	if len(msgs) > wire.CompoundMax {
		first := slices.Clone(msgs[:wire.CompoundMax-1])
		return body(append(first, body(msgs[wire.CompoundMax-1:])))
	}
	b := []byte{byte(wire.TypeCompound), byte(len(msgs))}
	for _, msg := range msgs {
		b = binary.BigEndian.AppendUint16(b, uint16(len(msg)))
	}
	for _, msg := range msgs {
		b = append(b, msg...)
	}
	return b
}

// Check plays a conversation and returns what didn't come, or came and mustn't. With update, what
// is wanted of the inputs becomes what came: of all of a file that says exact, otherwise of those
// where it didn't come.
func (c *Conversation) Check(update bool) (wrong []string, err error) {
	all, err := c.Play()
	if err != nil {
		return nil, err
	}
	for i, in := range c.Inputs {
		came := all[i].Came
		missing := c.missing(in.Want, came)
		if missing != "" && !update {
			wrong = append(wrong, fmt.Sprintf("line %d: %s\n  %s\n  what came:\n    %s", in.Line,
				in.Lines[0], missing, strings.Join(came, "\n    ")))
		}
		if update && (c.Exact || missing != "") {
			in.Want = came
		}
		for _, pattern := range c.Never {
			for _, line := range came {
				if matches(pattern, line) {
					wrong = append(wrong, fmt.Sprintf("line %d: %s\n  never: %s\n  came:  %s",
						in.Line, in.Lines[0], pattern, line))
				}
			}
		}
	}
	return wrong, nil
}

// missing says what of the effects that are wanted didn't come, in this order.
func (c *Conversation) missing(want, came []string) string {
	at := 0
	for _, w := range want {
		found := slices.IndexFunc(came[at:], func(line string) bool { return matches(w, line) })
		if found < 0 {
			return "didn't come: " + w
		}
		if c.Exact && found > 0 {
			return "not wanted: " + came[at]
		}
		at += found + 1
	}
	if c.Exact && at < len(came) {
		return "not wanted: " + came[at]
	}
	return ""
}

// matches tells whether a line is what a pattern says, in which * is any text.
func matches(pattern, line string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == line
	}
	rest, ok := strings.CutPrefix(line, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		if ok {
			_, rest, ok = strings.Cut(rest, part)
		}
	}
	return ok && strings.HasSuffix(rest, parts[len(parts)-1])
}
