package conversation

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/agent/recording"
	"serf/internal/replay"
	"serf/swim"
	"serf/wire"
)

// parser reads a file.
type parser struct {
	Conversation
	line  int
	in    *Input
	block string // that the indented lines belong to: config, state, msg, raw or none
	text  []byte // of the block
	ring  []string
}

// Parse reads a file. Errors name the line.
func Parse(text []byte) (*Conversation, error) {
	p := parser{Conversation: Conversation{Keys: recording.Keys{}}}
	p.Checkpoint.Config.Config = defaults()
	for line := range strings.Lines(string(text)) {
		p.line++
		if err := p.take(strings.TrimRight(line, "\r\n")); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	if err := p.endBlock(); err != nil {
		return nil, fmt.Errorf("line %d: %w", p.line, err)
	}
	for _, text := range p.ring {
		print, err := fingerprint(text)
		if err != nil {
			return nil, fmt.Errorf("ring: %w", err)
		}
		p.Checkpoint.Keys = append(p.Checkpoint.Keys, print)
	}
	return &p.Conversation, nil
}

// take takes a line.
func (p *parser) take(line string) error {
	content := strings.TrimSpace(line)
	if p.in != nil && strings.HasPrefix(content, "> ") {
		p.in.Want = append(p.in.Want, content[2:])
		return p.endBlock()
	}
	indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
	isInput := content != "" && !indented && content[0] >= '0' && content[0] <= '9'
	if isInput {
		if err := p.endBlock(); err != nil { // of the input before
			return err
		}
		p.in = &Input{Line: p.line}
		p.Inputs = append(p.Inputs, p.in)
	}
	if p.in == nil {
		p.Head = append(p.Head, line)
	} else {
		p.in.Lines = append(p.in.Lines, line)
	}
	switch {
	case content == "" && p.in == nil:
		return p.endBlock()
	case content == "", content[0] == '#':
		return nil
	case isInput:
		return p.input(strings.Fields(content), content)
	case indented && p.in != nil:
		return p.detail(content)
	case indented:
		return p.more(content)
	}
	if err := p.endBlock(); err != nil {
		return err
	}
	return p.setting(strings.Fields(content), content)
}

// endBlock takes what the indented lines since the last setting or message say together.
func (p *parser) endBlock() error {
	block, text := p.block, p.text
	p.block, p.text = "", nil
	switch block {
	case "config":
		if len(text) > 0 {
			return json.Unmarshal(append(append([]byte{'{'}, text[1:]...), '}'), &p.Checkpoint.Config)
		}
	case "state":
		p.Checkpoint.State = text
	case "raw":
		p.in.Raw, p.in.Entry.Data = true, text
	case "msg":
		if p.in.Entry.Kind == recording.KindStream {
			p.in.Entry.Stream.Data = text
		} else {
			p.in.Msgs = append(p.in.Msgs, text)
		}
	}
	return nil
}

// bytes takes a line of base64. Each can be read without the others, of which some may have been
// deleted.
func (p *parser) bytes(line string) error {
	b, err := base64.StdEncoding.DecodeString(line)
	p.text = append(p.text, b...)
	return err
}

// more takes an indented line before the first input: of the configuration, of the state, or of an
// input that was deleted.
func (p *parser) more(content string) error {
	switch p.block {
	case "config":
		name, value, ok := strings.Cut(content, ":")
		if !ok {
			return fmt.Errorf("config: want NAME: VALUE, not %q", content)
		}
		p.text = fmt.Appendf(p.text, ",%q:%s", name, value)
	case "state":
		return p.bytes(content)
	}
	return nil
}

// setting takes a line before the first input.
func (p *parser) setting(words []string, line string) error {
	switch words[0] {
	case "exact":
		p.Exact = true
	case "never":
		p.Never = append(p.Never, strings.TrimSpace(strings.TrimPrefix(line, "never")))
	case "config":
		p.block = "config"
	case "state":
		p.block = "state"
		if len(words) != 2 {
			return errors.New("state: want the node's time, as in state 12m0s")
		}
		at, err := time.ParseDuration(words[1])
		p.Checkpoint.At = swim.Time(at)
		return err
	case "key":
		if len(words) != 3 {
			return errors.New("key: want its fingerprint and size")
		}
		print, err := fingerprint(words[1])
		size, err2 := strconv.Atoi(words[2])
		if err := errors.Join(err, err2); err != nil || size < 16 || size > 32 {
			return fmt.Errorf("key: want its fingerprint and size, 16, 24 or 32")
		}
		p.Keys[print] = SubstituteOf(print, size)
	case "ring":
		p.ring = words[1:]
	default:
		return fmt.Errorf("unknown %q: want exact, never, key, ring, config, state or a time",
			words[0])
	}
	return nil
}

func fingerprint(text string) (f wire.Fingerprint, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(f) {
		return f, fmt.Errorf("%q is no fingerprint of a key", text)
	}
	return wire.Fingerprint(b), nil
}

// input takes the first line of an input.
func (p *parser) input(words []string, line string) error {
	at, err := time.ParseDuration(words[0])
	if err != nil || len(words) < 2 {
		return errors.New("want a time and an input, as in 1.5s tick")
	}
	e := &p.in.Entry
	e.At, e.Ended = swim.Time(at), true
	if words[1] == "run" {
		p.in.Run = true
		return nil
	}
	for kind := recording.KindStart; kind.String() != "unknown"; kind++ {
		if kind.String() == words[1] {
			e.Kind = kind
		}
	}
	switch e.Kind {
	case 0:
		return fmt.Errorf("unknown input %q", words[1])
	case recording.KindPacket:
		return p.packet(words[2:])
	case recording.KindStream:
		return p.stream(words[2:], line)
	}
	return nil
}

func (p *parser) packet(words []string) (err error) {
	for len(words) > 0 && err == nil {
		switch {
		case words[0] == "from" && len(words) > 1:
			p.in.Entry.From, err = netip.ParseAddrPort(words[1])
			words = words[2:]
		case words[0] == "key" && len(words) > 1:
			var print wire.Fingerprint
			print, err = fingerprint(words[1])
			p.in.Key = &print
			words = words[2:]
		case words[0] == "plain":
			p.in.Plain = true
			words = words[1:]
		default:
			return fmt.Errorf("packet: unexpected %q", words[0])
		}
	}
	return err
}

func (p *parser) stream(words []string, line string) (err error) {
	s := &p.in.Entry.Stream
	if len(words) < 2 || !slices.Contains(replay.StreamKinds, words[0]) {
		return fmt.Errorf("stream: want %s and a number", strings.Join(replay.StreamKinds, ", "))
	}
	s.Kind = swim.StreamInKind(slices.Index(replay.StreamKinds, words[0]))
	number, inbound := strings.CutPrefix(words[1], "in-")
	id, err := strconv.ParseUint(number, 10, 63)
	if s.ID = swim.StreamID(id); inbound {
		s.ID |= swim.Inbound
	}
	known := error(nil)
	for words = words[2:]; len(words) > 0 && err == nil; words = words[1:] {
		switch {
		case words[0] == "from" && len(words) > 1:
			s.From, err = netip.ParseAddrPort(words[1])
			words = words[1:]
		case knownErrors[words[0]] != nil:
			known = knownErrors[words[0]]
		case words[0] == "error":
			_, quoted, _ := strings.Cut(line, " error ")
			var text string
			text, err = strconv.Unquote(quoted)
			s.Err = &failure{text, known}
			return err
		default:
			return fmt.Errorf("stream: unexpected %q", words[0])
		}
	}
	return err
}

// failure is an error of a stream.
type failure struct {
	text string
	is   error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.is }

// detail takes an indented line of an input.
func (p *parser) detail(content string) error {
	word, rest, _ := strings.Cut(content, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "msg", "raw":
		err := p.endBlock()
		p.block = word
		return errors.Join(err, p.bytes(rest))
	case "with":
		return errors.Join(p.endBlock(), p.call(rest))
	case "<":
		return errors.Join(p.endBlock(), p.answer(rest))
	}
	if p.block == "" && !strings.ContainsAny(content, ": ") {
		return nil // of a message whose first line was deleted
	}
	if p.block == "" {
		return fmt.Errorf("unexpected %q: want msg, raw, with, < or >", word)
	}
	return p.bytes(content)
}

func (p *parser) call(text string) (err error) {
	var c call
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return fmt.Errorf("with: %w", err)
	}
	e := &p.in.Entry
	e.Name, e.Data, e.Flag, e.Op, e.Nodes = c.Name, c.Data, c.Flag, c.Op, c.Nodes
	e.Tags, e.Addrs, e.From, e.Relay, e.Timeout = c.Tags, c.Addrs, c.Addr, c.Relay, c.Timeout
	e.Zones, e.IP, e.KeyPrint = c.Zones, c.IP, (*wire.Fingerprint)(c.Key)
	if c.Err != "" {
		e.Err = errors.New(c.Err)
	}
	if c.Key != nil {
		e.Key = p.Keys[*e.KeyPrint]
	}
	for _, f := range c.Ring {
		e.Prints = append(e.Prints, wire.Fingerprint(f))
	}
	e.Ring, err = p.Keys.Ring(e.Prints)
	return err
}

func (p *parser) answer(text string) (err error) {
	words := strings.SplitN(text, " ", 3)
	kind := slices.Index(answerKinds, words[0])
	if kind <= 0 || len(words) < 2 {
		return fmt.Errorf("unknown answer %q", text)
	}
	a := recording.Answer{Kind: recording.AnswerKind(kind), Yes: words[1] == "true"}
	if len(words) == 3 && a.Kind == recording.AnswerListedFor {
		a.Keep, err = time.ParseDuration(words[2])
	} else if len(words) == 3 {
		a.Why, err = strconv.Unquote(words[2])
	}
	p.in.Entry.Answers = append(p.in.Entry.Answers, a)
	return err
}
