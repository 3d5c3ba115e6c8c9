package conversation

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/agent/recording"
	"serf/internal/dissect"
	"serf/internal/replay"
	"serf/swim"
	"serf/wire"
)

// Exported says what an export has.
type Exported struct {
	Node   string
	Inputs int
	// Same counts the inputs of which as many effects of each kind come in the file as came when it
	// was recorded.
	Same int
}

// InputsMax bounds the inputs of a file: more aren't read by anybody.
const InputsMax = 10_000

var (
	errTwoRuns = errors.New("the stretch has the start of another run of the agent: " +
		"give a -from or -to that leaves one")
	errTooMany = fmt.Errorf("more than %d inputs: give a shorter stretch by -from and -to",
		InputsMax)
	// ErrKeyShows means that a file would have a key, which is a bug.
	ErrKeyShows = errors.New("BUG: a key would be in the file")
)

// Export makes a file of a stretch of a recording. Flaws of the recording are w's: what is in the
// file of them is what comes of the inputs in this program.
func Export(w *replay.Walk) ([]byte, Exported, error) {
	x := exporter{keys: w.Keys}
	var run string
	var flaws replay.Flaws // before the stretch
	for s := range w.Steps() {
		p, e := s.Player, s.Entry
		if x.inputs() > 0 && (len(w.Unplayed) > len(flaws.Unplayed) || w.Lost > flaws.Lost) {
			break // something is missing: what comes after it doesn't follow from what is here
		}
		switch {
		case !s.In, e.Kind == recording.KindTick && p.Node != nil && p.Node.Deadline() > e.At:
			continue // it does nothing
		case x.inputs() == 0 && p.Node == nil && e.Kind != recording.KindStart:
			continue // it can't be played
		case x.inputs() == 0:
			run, flaws = s.Segment.Run, w.Flaws
			x.begin(s)
		case s.Segment.Run != run:
			return nil, Exported{}, errTwoRuns
		case x.inputs() == InputsMax:
			return nil, Exported{}, errTooMany
		}
		x.last = s.Wall
		in := x.input(p, e)
		if s.Play() != nil {
			continue
		}
		x.c.Inputs = append(x.c.Inputs, in)
		x.effects = append(x.effects, replay.CountsOf(e.Effects))
	}
	if x.inputs() == 0 {
		return nil, Exported{}, replay.ErrNothing
	}
	if err := x.head(); err != nil {
		return nil, Exported{}, err
	}
	// What is wanted is what comes in the file, whose keys are others.
	c := &x.c
	played, err := c.Play()
	if err != nil {
		return nil, Exported{}, err
	}
	for i := range played {
		c.Inputs[i].Want = played[i].Came
		if played[i].Effects == x.effects[i] {
			x.done.Same++
		}
	}
	x.done.Inputs = len(c.Inputs)
	return c.Append(nil), x.done, c.shows(w.Keys)
}

// shows returns an error if a key is in the file.
func (c *Conversation) shows(keys recording.Keys) error {
	all := [][]byte{c.Checkpoint.State}
	for _, in := range c.Inputs {
		all = append(append(all, in.Entry.Data, in.Entry.Stream.Data), in.Msgs...)
		all = append(all, []byte(strings.Join(in.Lines, "\n")), []byte(strings.Join(in.Want, "\n")))
	}
	for _, b := range all {
		for _, key := range keys { // order-free: any is an error
			encoded := []byte(base64.StdEncoding.EncodeToString(key))
			if bytes.Contains(b, key) || bytes.Contains(b, encoded) {
				return ErrKeyShows
			}
		}
	}
	return nil
}

type exporter struct {
	c    Conversation
	keys recording.Keys
	done Exported

	first, last time.Time
	state       []byte
	stateAt     swim.Time
	ring        []wire.Fingerprint
	effects     []replay.Counts
	dissector   dissect.Dissector
	scratch     wire.Scratch
}

func (x *exporter) inputs() int { return len(x.c.Inputs) }

// begin takes down the node as it is before the first input.
func (x *exporter) begin(s *replay.Step) {
	x.done.Node, x.first = s.Name(), s.Wall
	x.c.Checkpoint = *s.Start
	x.ring = s.Start.Keys
	if s.Entry.Kind != recording.KindStart {
		x.state, x.stateAt = s.Node.AppendState(nil), s.Entry.At
		x.ring = nil
		if sealer := s.Node.Sealer(); sealer != nil {
			x.ring = sealer.Keys.Fingerprints()
		}
	}
}

// head writes what comes before the first input.
func (x *exporter) head() error {
	head := []string{
		fmt.Sprintf("# %s from %s to %s, exported by serf replay.", dissect.Clean(x.done.Node),
			x.first.Format(replay.TimeForm), x.last.Format(replay.TimeForm)),
		"# go test ./swim/serf -run Conversations plays it from testdata/conversations; -update writes",
		"# what comes of the inputs. Lines may be deleted; docs/replay.md says what they mean.",
		"exact",
	}
	x.c.Keys, x.c.Checkpoint.Keys = recording.Keys{}, x.ring
	x.c.Checkpoint.State = x.hide(x.state)
	for print, key := range x.keys { // order-free: sorted below
		head = append(head, fmt.Sprintf("key %v %d", print, len(key)))
		x.c.Keys[print] = SubstituteOf(print, len(key))
	}
	slices.Sort(head[len(head)-len(x.keys):])
	if len(x.ring) > 0 {
		text := "ring"
		for _, print := range x.ring {
			text += " " + print.String()
		}
		head = append(head, text)
	}
	config, err := configLines(&x.c.Checkpoint)
	if err != nil {
		return err
	}
	head = append(head, config...)
	if x.state != nil {
		head = append(head, "state "+replay.NodeTime(x.stateAt))
		head = append(head, wrapped("", x.c.Checkpoint.State)...)
	}
	x.c.Head = append(head, "")
	return nil
}

// hide replaces keys by those that stand for them.
func (x *exporter) hide(b []byte) []byte {
	for print, key := range x.keys { // order-free: keys are no parts of each other
		sub := SubstituteOf(print, len(key))
		b = bytes.ReplaceAll(b, key, sub)
		b = bytes.ReplaceAll(b, []byte(base64.StdEncoding.EncodeToString(key)),
			[]byte(base64.StdEncoding.EncodeToString(sub)))
	}
	return b
}

// learn adds the keys that a message carries to those to be hidden: the node may come to have them
// later, or never, as those of another member in its answer.
func (x *exporter) learn(msg []byte) {
	for _, k := range wire.KeysIn(msg) {
		x.keys.Add(k.Key)
	}
}

// input is an entry as it is in the file, with other keys.
func (x *exporter) input(p *replay.Player, e *recording.Entry) *Input {
	in := &Input{Entry: *e}
	c := &in.Entry
	if data := e.Stream.Data; len(data) > 0 && wire.Type(data[0]) == wire.TypeUser {
		if msg, err := wire.ParseUserMsg(data[1:]); err == nil {
			x.learn(msg)
		}
	}
	c.Data, c.Stream.Data = x.hide(e.Data), x.hide(e.Stream.Data)
	if e.KeyPrint != nil {
		c.Key = SubstituteOf(*e.KeyPrint, len(e.Key))
	}
	c.Ring = x.ringOf(e.Prints)
	at := replay.NodeTime(e.At)
	switch e.Kind {
	case recording.KindPacket:
		x.packet(p, e, in)
	case recording.KindStream:
		in.Lines = streamLines(&c.Stream, at)
	default:
		in.Lines = []string{at + " " + e.Kind.String()}
		if with := callOf(c); with != "{}" {
			in.Lines = append(in.Lines, "  with "+with)
		}
	}
	for i := range e.Answers {
		in.Lines = append(in.Lines, answerLine(&e.Answers[i]))
	}
	return in
}

// ringOf is a keyring of other keys; nil for none.
func (x *exporter) ringOf(prints []wire.Fingerprint) (ring *wire.Keyring) {
	var keys [][]byte
	for _, print := range prints {
		keys = append(keys, SubstituteOf(print, len(x.keys[print])))
	}
	if len(keys) > 0 {
		ring, _ = wire.NewKeyring(keys[0], keys[1:]...) // as large as the real one
	}
	return ring
}

// packet takes a packet down: its messages, without the layers around them.
func (x *exporter) packet(p *replay.Player, e *recording.Entry, in *Input) {
	head := fmt.Sprintf("%s packet from %v", replay.NodeTime(e.At), e.From)
	sealer := p.Node.Sealer()
	msgs, err := sealer.OpenPacket(e.Data, &x.scratch, nil)
	if err != nil {
		x.dissector.Sealer = sealer
		words := x.dissector.Packet(e.Data)
		in.Raw = true
		in.Lines = append([]string{head, "  # " + words.Line()}, wrapped("raw", in.Entry.Data)...)
		return
	}
	if sealer != nil && sealer.Keys != nil {
		switch key := x.scratch.Key(); {
		case key == wire.NoKey:
			in.Plain = true
			head += " plain"
		case key > 0:
			in.Key = &sealer.Keys.Fingerprints()[key]
			head += " key " + in.Key.String()
		}
	}
	in.Lines = []string{head}
	for _, msg := range msgs {
		words := dissect.Message(msg)
		x.learn(msg)
		msg = bytes.Clone(x.hide(msg)) // the memory is used again
		in.Msgs = append(in.Msgs, msg)
		in.Lines = append(in.Lines, comment(&words)...)
		in.Lines = append(in.Lines, wrapped("msg", msg)...)
	}
}

// commentMax is how many parts of a message a comment shows.
const commentMax = 16

// comment words a message above its bytes.
func comment(words *dissect.Part) (lines []string) {
	for line := range strings.Lines(words.Text(0, commentMax)) {
		lines = append(lines, "  # "+strings.TrimRight(line, "\n"))
	}
	return lines
}

func streamLines(in *swim.StreamIn, at string) []string {
	head := at + " stream " + replay.StreamKinds[min(int(in.Kind), len(replay.StreamKinds)-1)] +
		" " + replay.StreamName(in.ID)
	if in.From.IsValid() {
		head += " from " + in.From.String()
	}
	if in.Err != nil {
		for word, target := range knownErrors { // order-free: it is one of them at most
			if errors.Is(in.Err, target) {
				head += " " + word
			}
		}
		head += " error " + strconv.Quote(in.Err.Error())
	}
	lines := []string{head}
	if in.Data != nil {
		words := dissect.StreamMessage(in.Data)
		lines = append(lines, comment(&words)...)
		lines = append(lines, wrapped("msg", in.Data)...)
	}
	return lines
}

// knownErrors are those of streams that a node tells apart.
var knownErrors = map[string]error{
	"refused": swim.ErrStreamRefused, "silent": swim.ErrStreamSilent,
}

// callOf is the arguments of a call as JSON.
func callOf(e *recording.Entry) string {
	c := call{Name: e.Name, Data: e.Data, Flag: e.Flag, Op: e.Op, Nodes: e.Nodes, Tags: e.Tags,
		Addrs: e.Addrs, Addr: e.From, Relay: e.Relay, Timeout: e.Timeout, Zones: e.Zones, IP: e.IP,
		Key: (*print)(e.KeyPrint)}
	if e.Err != nil {
		c.Err = e.Err.Error()
	}
	for _, f := range e.Prints {
		c.Ring = append(c.Ring, print(f))
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic("BUG: arguments don't marshal: " + err.Error())
	}
	return string(text)
}
