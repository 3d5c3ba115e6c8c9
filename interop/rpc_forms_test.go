package interop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// value writes MessagePack in forms that no library would choose.
type value []byte

func text(s string) value { return append(value{0xa0 | byte(len(s))}, s...) }
func blob(s string) value { return append(value{0xc4, byte(len(s))}, s...) }
func list(items ...value) value {
	return append(value{0x90 | byte(len(items))}, bytes.Join(plain(items), nil)...)
}
func pairs(items ...value) value {
	return append(value{0x80 | byte(len(items)/2)}, bytes.Join(plain(items), nil)...)
}

func octets(s string) value { return append(value{0x90 | byte(len(s))}, s...) }

func plain(items []value) (list [][]byte) {
	for _, v := range items {
		list = append(list, v)
	}
	return list
}

var (
	yes, no, none = value{0xc3}, value{0xc2}, value{0xc0}
	one, zero     = value{1}, value{0}
)

func header(command string) value {
	return pairs(text("Command"), text(command), text("Seq"), value{5})
}

// oddRequests are requests that the original accepts.
var oddRequests = map[string][]value{
	"text as bytes":              {header("event"), pairs(text("Name"), blob("x"))},
	"bytes as text":              {header("event"), pairs(text("Name"), text("x"), text("Payload"), text("y"))},
	"text as numbers":            {header("event"), pairs(text("Name"), octets("xy"))},
	"bytes as numbers":           {header("event"), pairs(text("Name"), text("x"), text("Payload"), octets("yz"))},
	"bytes as pairs":             {header("event"), pairs(text("Name"), text("x"), text("Payload"), pairs(one, zero))},
	"empty list for bytes":       {header("event"), pairs(text("Name"), text("x"), text("Payload"), list())},
	"empty map for bytes":        {header("event"), pairs(text("Name"), text("x"), text("Payload"), pairs())},
	"empty list for text":        {header("stream"), pairs(text("Type"), list())},
	"nil for all":                {header("members-filtered"), pairs(text("Tags"), none, text("Status"), none, text("Name"), none)},
	"1 for true":                 {header("event"), pairs(text("Name"), text("x"), text("Coalesce"), one)},
	"0 for false":                {header("event"), pairs(text("Name"), text("x"), text("Coalesce"), zero)},
	"body as list":               {header("event"), list(text("x"), blob("y"), yes)},
	"body as shorter list":       {header("event"), list(text("x"))},
	"body as empty list":         {header("members-filtered"), list()},
	"body as longer list":        {header("event"), list(text("x"), blob("y"), no, one, pairs())},
	"query as list":              {header("query"), list(list(), pairs(), no, zero, one, text("q"), blob("p"))},
	"header as list":             {list(text("event"), value{5}), pairs(text("Name"), text("x"))},
	"command as numbers":         {pairs(text("Command"), octets("event"), text("Seq"), value{5}), pairs(text("Name"), text("x"))},
	"names as bytes":             {header("event"), pairs(blob("Name"), text("x"))},
	"names as numbers":           {header("event"), pairs(octets("Name"), text("x"))},
	"unknown names":              {header("event"), pairs(text("Zzz"), list(pairs(one, none)), text("Name"), text("x"))},
	"join of nobody":             {header("join"), pairs(text("Existing"), list())},
	"join of nil":                {header("join"), pairs()},
	"join of an empty map":       {header("join"), pairs(text("Existing"), pairs())},
	"tags of bytes and numbers":  {header("tags"), pairs(text("Tags"), pairs(blob("k"), octets("v")), text("DeleteTags"), pairs())},
	"needless body, a map":       {header("stats"), pairs()},
	"needless body, with fields": {header("members"), pairs(text("Name"), text("x"))},
	"needless body, a list":      {header("members"), list()},
}

// TestRPCTakesWhatTheOriginalTakes sends agents of both implementations requests in odd forms: what
// one answers without an error, so does the other.
func TestRPCTakesWhatTheOriginalTakes(t *testing.T) {
	t.Parallel()
	var agents []*running
	for _, p := range []program{originalProgram, ownProgram} {
		agents = append(agents, p.start(t, options{name: "agent"}, dialOwn))
	}
	for what, request := range oddRequests {
		for _, a := range agents {
			if err := answered(a.rpcAddr(), request); err != nil {
				t.Errorf("%s, %s: %v", what, a.name(), err)
			}
		}
	}
}

// answered sends a request after a handshake, and returns an error if that is the answer, or if
// there is none.
func answered(addr string, request []value) error {
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	greeting := []value{pairs(text("Command"), text("handshake"), text("Seq"), zero), pairs(text("Version"), one)}
	if _, err := nc.Write(bytes.Join(plain(append(greeting, request...)), nil)); err != nil {
		return err
	}
	dec := codec.NewDecoder(nc, &codec.MsgpackHandle{})
	for range 2 {
		var h struct {
			Seq   uint64
			Error string
		}
		if err := dec.Decode(&h); errors.Is(err, io.EOF) {
			return errors.New("hung up")
		} else if err != nil {
			return err
		}
		if h.Error != "" {
			return errors.New(h.Error)
		}
	}
	return nil
}
