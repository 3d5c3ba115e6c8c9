package docs_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"serf/wire"
)

// dialect is how strings and bytes are written: as one family in gossip, as two in RPC.
type dialect struct{ rpc bool }

// value encodes what a page has as a value of a type.
func (d dialect) value(typ, text string) ([]byte, error) {
	if elem, ok := strings.CutPrefix(typ, "list of "); ok && strings.HasPrefix(text, "[") {
		return d.list(strings.TrimSuffix(elem, "s"), text)
	}
	if elem, ok := strings.CutPrefix(typ, "map of "); ok && strings.HasPrefix(text, "{") {
		return d.pairs(strings.TrimSuffix(elem, "s"), text)
	}
	switch {
	case text == "nil":
		return []byte{0xc0}, nil
	case typ == "bool" && text == "true":
		return []byte{0xc3}, nil
	case typ == "bool" && text == "false":
		return []byte{0xc2}, nil
	case typ == "bytes" || typ == "byte":
		b, err := hex.DecodeString(strings.TrimSuffix(text, "empty"))
		return d.raw(b, 0xc4), err
	case typ == "string":
		var s string
		err := json.Unmarshal([]byte(text), &s)
		return d.raw([]byte(s), 0xd9), err
	case typ == "float64":
		f, err := strconv.ParseFloat(text, 64)
		return binary.BigEndian.AppendUint64([]byte{0xcb}, math.Float64bits(f)), err
	case typ == "int":
		n, err := strconv.ParseInt(text, 10, 64)
		return number(uint64(n), true), err
	case strings.HasPrefix(typ, "uint"):
		bits, _ := strconv.Atoi(strings.TrimPrefix(typ, "uint"))
		n, err := strconv.ParseUint(text, 10, bits)
		return number(n, false), err
	}
	return nil, fmt.Errorf("%q is no %s", text, typ)
}

// number encodes n, which isn't negative: unsigned and signed fields use different forms beyond
// 127.
func number(n uint64, signed bool) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	switch {
	case n <= math.MaxInt8:
		return b[7:]
	case signed && n <= math.MaxInt16:
		return append([]byte{0xd1}, b[6:]...)
	case signed && n <= math.MaxInt32:
		return append([]byte{0xd2}, b[4:]...)
	case signed:
		return append([]byte{0xd3}, b[:]...)
	case n <= math.MaxUint8:
		return append([]byte{0xcc}, b[7:]...)
	case n <= math.MaxUint16:
		return append([]byte{0xcd}, b[6:]...)
	case n <= math.MaxUint32:
		return append([]byte{0xce}, b[4:]...)
	}
	return append([]byte{0xcf}, b[:]...)
}

// raw encodes b; eight is the code that the newer dialect has for up to 255 bytes.
func (d dialect) raw(b []byte, eight byte) []byte {
	switch n := len(b); {
	case d.rpc && (eight == 0xc4 || n >= 32):
		return append([]byte{eight, byte(n)}, b...)
	case n < 32:
		return append([]byte{0xa0 | byte(n)}, b...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{0xda}, uint16(len(b))), b...)
}

func (d dialect) list(elem, text string) ([]byte, error) {
	parts := strings.Split(strings.Trim(text, "[]"), ", ")
	b := []byte{0x90 | byte(len(parts))}
	for _, part := range parts {
		v, err := d.value(elem, part)
		if err != nil {
			return nil, err
		}
		b = append(b, v...)
	}
	return b, nil
}

func (d dialect) pairs(elem, text string) ([]byte, error) {
	var parts []string
	if inner := strings.Trim(text, "{}"); inner != "" {
		parts = strings.Split(inner, ", ")
	}
	b := []byte{0x80 | byte(len(parts))}
	for _, part := range parts {
		key, value, _ := strings.Cut(part, ": ")
		k, err := d.value("string", key)
		if err != nil {
			return nil, err
		}
		v, err := d.value(elem, value)
		if err != nil {
			return nil, err
		}
		b = append(append(b, k...), v...)
	}
	return b, nil
}

var (
	fieldComment = regexp.MustCompile(`^(\w+) = (.*)$`)
	typeComment  = regexp.MustCompile(`^(?:membership|Serf) type (\d+), `)
	countComment = regexp.MustCompile(`^(?:(\w+): )?(map|list) of (\d+)$`)
	valueComment = regexp.MustCompile(`^(u?int|float64|bool|bytes|string) (\S+)$`)
)

// checkLine compares the bytes of a line with what is said of them.
func (d dialect) checkLine(l exampleLine, types func(field string) []string) error {
	if m := fieldComment.FindStringSubmatch(l.comment); m != nil {
		list := types(m[1])
		if len(list) == 0 {
			return fmt.Errorf("no table has %s", m[1])
		}
		key := d.raw([]byte(m[1]), 0xd9)
		var err error
		for _, typ := range list {
			var v []byte
			if v, err = d.value(typ, m[2]); err == nil && bytes.Equal(l.bytes, append(key, v...)) {
				return nil
			}
		}
		return fmt.Errorf("%x isn't %s (of type %q; %v)", l.bytes, l.comment, list, err)
	}
	want := l.bytes
	if m := typeComment.FindStringSubmatch(l.comment); m != nil {
		n, _ := strconv.Atoi(m[1])
		want = []byte{byte(n)}
	} else if m := countComment.FindStringSubmatch(l.comment); m != nil {
		n, _ := strconv.Atoi(m[3])
		want = []byte{map[string]byte{"map": 0x80, "list": 0x90}[m[2]] | byte(n)}
		if m[1] != "" {
			want = append(d.raw([]byte(m[1]), 0xd9), want...)
		}
	} else if m := valueComment.FindStringSubmatch(l.comment); m != nil {
		var err error
		if want, err = d.value(strings.Replace(m[1], "uint", "uint64", 1), m[2]); err != nil {
			return err
		}
	}
	if !bytes.Equal(l.bytes, want) {
		return fmt.Errorf("%x isn't %s", l.bytes, l.comment)
	}
	return nil
}

// Each example is what was recorded, decodes to what is written beside it, and has the fields of
// the tables above it, with their types; and each field is in one.
func TestExamples(t *testing.T) {
	recorded := recordedMessages(t)
	count := 0
	for _, s := range parsePage(t, "protocol.md", read(t, "docs/protocol.md")) {
		shown := make(map[string]bool)
		for i := range s.examples {
			e := &s.examples[i]
			count++
			where := fmt.Sprintf("protocol.md:%d", e.line)
			if e.info != "" && !bytes.Equal(e.bytes(), recorded[e.info]) {
				t.Errorf("%s: not what was recorded as %q", where, e.info)
			}
			checkExample(t, where, dialect{}, e, func(f string) []string { return s.fields[f] }, shown)
			if err := reencoded(e); err != nil {
				t.Errorf("%s: %v", where, err)
			}
		}
		for field := range s.fields {
			if !shown[field] {
				t.Errorf("protocol.md: %s: no example has %s", s.chapter, field)
			}
		}
	}
	if count < 30 {
		t.Errorf("%d examples", count)
	}
}

// checkExample checks each line, and notes the fields in shown.
func checkExample(t *testing.T, where string, d dialect, e *example, types func(string) []string,
	shown map[string]bool) {
	t.Helper()
	for _, l := range e.lines {
		if err := d.checkLine(l, types); err != nil {
			t.Errorf("%s: %v", where, err)
		}
		if m := fieldComment.FindStringSubmatch(l.comment); m != nil {
			shown[m[1]] = true
		} else if m := countComment.FindStringSubmatch(l.comment); m != nil {
			shown[m[1]] = true
		}
	}
}

// recordedMessages are the vectors by name.
func recordedMessages(t *testing.T) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	for _, file := range []string{"memberlist.json", "serf.json"} {
		var vectors []struct{ Name, Hex string }
		readJSON(t, file, &vectors)
		for _, v := range vectors {
			b, err := hex.DecodeString(v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			all[v.Name] = b
		}
	}
	return all
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, "testdata/"+file)), into); err != nil {
		t.Fatal(err)
	}
}

// appender is any message.
type appender interface{ Append([]byte) []byte }

func reread[T any, P interface {
	*T
	appender
}](parse func([]byte) (T, error)) func([]byte) ([]byte, error) {
	return func(body []byte) ([]byte, error) {
		m, err := parse(body)
		if err != nil {
			return nil, err
		}
		return P(&m).Append(nil), nil
	}
}

// reencoders parse a message of a type and encode it again.
var reencoders = map[string]func([]byte) ([]byte, error){
	"membership type 0": reread(wire.ParsePing), "membership type 1": reread(wire.ParseIndirectPing),
	"membership type 2": reread(wire.ParseAck), "membership type 11": reread(wire.ParseNack),
	"membership type 3": reread(wire.ParseSuspect), "membership type 4": reread(wire.ParseAlive),
	"membership type 5": reread(wire.ParseDead), "membership type 13": reread(wire.ParseErr),
	"Serf type 0": reread(wire.ParseLeaveIntent), "Serf type 1": reread(wire.ParseJoinIntent),
	"Serf type 3": reread(wire.ParseUserEvent), "Serf type 4": reread(wire.ParseQuery),
	"Serf type 5": reread(wire.ParseQueryResponse), "Serf type 6": reread(wire.ParseConflictAnswer),
	"Serf type 7": reread(wire.ParseKeyRequest), "Serf type 8": reread(wire.ParseKeyAnswer),
	"Serf type 9": reread(wire.ParseRelay), "Serf type 10": reread(wire.ParseAsk),
	"Serf type 11": reread(wire.ParseAskAnswer),
}

// reencoded says how an example differs from what this program writes for it. Of layers, push/pulls
// and parts that isn't asked: package wire has tests of the same bytes.
func reencoded(e *example) error {
	kind, _, _ := strings.Cut(e.lines[0].comment, ", ")
	again := reencoders[kind]
	if again == nil {
		return nil
	}
	b := e.bytes()
	got, err := again(b[1:])
	if err == nil && !bytes.Equal(got, b) {
		err = fmt.Errorf("written again as %x", got)
	}
	return err
}

// The examples of rpc.md are what was recorded between the original's agent and its command line,
// and say what is written beside them.
func TestRPCExamples(t *testing.T) {
	var exchanges []struct {
		CLI      string
		Exchange []struct{ From, Hex string }
	}
	readJSON(t, "rpc.json", &exchanges)
	said := make(map[string]string) // all bytes of one side, in hex
	for _, x := range exchanges {
		for _, part := range x.Exchange {
			said[x.CLI] += part.Hex
		}
	}
	sections := parsePage(t, "rpc.md", read(t, "docs/rpc.md"))
	headers := make(map[string][]string)
	for _, s := range sections {
		if s.chapter == "Requests and answers" {
			for field, types := range s.fields {
				headers[field] = append(headers[field], types...)
			}
		}
	}
	count := 0
	for _, s := range sections {
		shown := make(map[string]bool)
		for i := range s.examples {
			e := &s.examples[i]
			count++
			where := fmt.Sprintf("rpc.md:%d", e.line)
			if cli := strings.TrimPrefix(e.info, "rpc "); !strings.Contains(said[cli], hex.EncodeToString(e.bytes())) {
				t.Errorf("%s: not what was recorded of %q", where, cli)
			}
			types := func(f string) []string { return append(slices.Clone(s.fields[f]), headers[f]...) }
			checkExample(t, where, dialect{rpc: true}, e, types, shown)
		}
		for field := range s.fields {
			if !shown[field] && s.chapter == "Commands" {
				t.Errorf("rpc.md: no example has %s", field)
			}
		}
	}
	if count < 15 {
		t.Errorf("%d examples", count)
	}
}
