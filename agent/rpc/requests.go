package rpc

import (
	"bytes"
	"fmt"
	"math"
)

// What clients send is read in every form that the original takes: text and bytes as one another or as lists of
// small numbers, 0 and 1 for booleans, nil or an empty list or map for what is empty, and a body as a list of its
// first fields, in the order below.

// request is a message that a client sends.
type request interface {
	// fields are what the message consists of, in the order in which the original declares them.
	fields() []field
}

// field is a part of a request: its name, and where it goes.
type field struct {
	name string
	to   any // what cursor.into knows
}

func (h *requestHeader) fields() []field {
	return []field{{"Command", &h.Command}, {"Seq", &h.Seq}}
}

func (r *handshakeRequest) fields() []field { return []field{{"Version", &r.Version}} }

func (r *authRequest) fields() []field { return []field{{"AuthKey", &r.AuthKey}} }

func (r *eventRequest) fields() []field {
	return []field{{"Name", &r.Name}, {"Payload", &r.Payload}, {"Coalesce", &r.Coalesce}}
}

func (r *forceLeaveRequest) fields() []field {
	return []field{{"Node", &r.Node}, {"Prune", &r.Prune}}
}

func (r *joinRequest) fields() []field {
	return []field{{"Existing", &r.Existing}, {"Replay", &r.Replay}}
}

func (r *membersFilteredRequest) fields() []field {
	return []field{{"Tags", &r.Tags}, {"Status", &r.Status}, {"Name", &r.Name}}
}

func (r *tagsRequest) fields() []field {
	return []field{{"Tags", &r.Tags}, {"DeleteTags", &r.DeleteTags}}
}

func (r *streamRequest) fields() []field { return []field{{"Type", &r.Type}} }

func (r *monitorRequest) fields() []field { return []field{{"LogLevel", &r.LogLevel}} }

func (r *stopRequest) fields() []field { return []field{{"Stop", &r.Stop}} }

func (r *queryRequest) fields() []field {
	return []field{
		{"FilterNodes", &r.FilterNodes}, {"FilterTags", &r.FilterTags}, {"RequestAck", &r.RequestAck},
		{"RelayFactor", &r.RelayFactor}, {"Timeout", &r.Timeout}, {"Name", &r.Name}, {"Payload", &r.Payload},
	}
}

func (r *respondRequest) fields() []field {
	return []field{{"ID", &r.ID}, {"Payload", &r.Payload}}
}

func (r *keyRequest) fields() []field { return []field{{"Key", &r.Key}} }

func (r *coordinateRequest) fields() []field { return []field{{"Node", &r.Node}} }

// parseRequest reads a whole value. r keeps nothing of p.
func parseRequest(p []byte, r request) error {
	c := cursor{p: p}
	fields := r.fields()
	switch k, n, _ := c.next(); k {
	case kindNil:
	case kindMap:
		for ; n > 0 && c.err == nil; n-- {
			if err := c.named(fields); err != nil {
				return err
			}
		}
	case kindList:
		for ; n > 0 && c.err == nil; n-- {
			if len(fields) == 0 {
				c.skip() // of a later version
				continue
			}
			if err := c.part(fields[0]); err != nil {
				return err
			}
			fields = fields[1:]
		}
	default:
		return fmt.Errorf("want a map or a list, got %v", k)
	}
	return c.err
}

// named reads a name and what it stands for. Of what nobody asked for nothing is kept.
func (c *cursor) named(fields []field) error {
	name := c.octets()
	if c.err != nil {
		return fmt.Errorf("name of a field: %w", c.err)
	}
	for _, f := range fields {
		if string(name) == f.name {
			return c.part(f)
		}
	}
	c.skip()
	return c.err
}

func (c *cursor) part(f field) error {
	before := *c
	if c.into(f.to); c.err != nil {
		k, _, _ := before.next()
		return fmt.Errorf("%s: can't be taken from %v", f.name, k)
	}
	return nil
}

// into reads a value to where to points.
func (c *cursor) into(to any) {
	switch to := to.(type) {
	case *string:
		*to = string(c.octets())
	case *[]byte:
		*to = bytes.Clone(c.octets())
	case *bool:
		*to = c.flag()
	case *uint8:
		*to = uint8(c.number(math.MaxUint8))
	case *uint64:
		*to = c.number(math.MaxUint64)
	case *signed:
		*to = c.signed()
	case *[]string:
		*to = c.texts()
	case *map[string]string:
		*to = c.textMap()
	default:
		panic(fmt.Sprintf("BUG: rpc: a request has a %T", to))
	}
}

// octets takes text, bytes or a list of numbers up to 255; what is borrowed is not to be changed.
func (c *cursor) octets() []byte {
	k, n, text := c.next()
	switch k {
	case kindText, kindNil:
		return text
	case kindMap:
		n *= 2
	case kindList:
	default:
		c.fail()
		return nil
	}
	if n > uint64(len(c.p)) { // each takes a byte at least
		c.fail()
		return nil
	}
	list := make([]byte, n)
	for i := range list {
		list[i] = byte(c.number(math.MaxUint8))
	}
	return list
}

// flag takes a boolean, 0 or 1. Nil is false.
func (c *cursor) flag() bool {
	k, n, _ := c.next()
	if k != kindFlag && k != kindNumber && k != kindNil || n > 1 {
		c.fail()
		return false
	}
	return n == 1
}

// signed takes a number that may be negative. Nil is 0.
func (c *cursor) signed() signed {
	k, n, _ := c.next()
	switch {
	case k == kindNegative, k == kindNumber && n <= math.MaxInt64, k == kindNil:
		return signed(n)
	}
	c.fail()
	return 0
}

// texts takes a list; of a map, keys and values in turn. Nil is an empty one.
func (c *cursor) texts() []string {
	k, n, _ := c.next()
	switch {
	case k == kindNil:
		return nil
	case k == kindMap:
		n *= 2
	case k != kindList:
		c.fail()
		return nil
	}
	var list []string
	for ; n > 0 && c.err == nil; n-- {
		list = append(list, string(c.octets()))
	}
	return list
}

// textMap takes a map. Nil and an empty list are an empty one.
func (c *cursor) textMap() map[string]string {
	k, n, _ := c.next()
	if k != kindMap && k != kindNil && (k != kindList || n > 0) {
		c.fail()
	}
	m := make(map[string]string)
	for ; n > 0 && c.err == nil; n-- {
		key := string(c.octets())
		m[key] = string(c.octets())
	}
	return m
}
