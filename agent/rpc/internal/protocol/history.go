package protocol

import (
	"reflect"

	"serf/internal/msgpack"
	"serf/swim/history"
)

// The commands about history are this implementation's own. Their fields are those of the JSON that
// the HTTP endpoint serves.

type HistoryRequest struct{ Name string }

type HistoryResponse struct {
	Name     string
	AsSeenBy string
	Status   string
	Dropped  int
	Changes  Changes
	Known    bool // the rest is empty without it
}

// Change is a history.Change. What isn't known is empty.
type Change struct {
	Seq           uint64
	Time          int64 // Unix time in milliseconds
	From, To      string
	Cause         string
	Learned       string
	Incarnation   uint64
	Accuser       string
	Via           string
	Addr          string
	Probed        bool // the next four count
	Relays        []string
	Nacks         int
	NacksHoped    int
	TCP           string
	Confirmations int
	Hoped         int
	Confirmers    []string
	Refute        int64 // milliseconds
	Paused        int64 // milliseconds
	LastPing      bool
	Health        int
	Text          string
}

type FlapsRequest struct{ Since int64 } // nanoseconds

type FlapsResponse struct {
	AsSeenBy    string
	Since       int64 // nanoseconds
	Members     Flappers
	More        int
	Accusations int
	Accusers    Accusers
	TCPOnly     TCPOnlys
	Summary     string
}

// TCPOnly is a history.TCPOnly.
type TCPOnly struct {
	Name  string
	Times int
	Last  int64 // Unix time in milliseconds
}

// Flapper is a history.Flapper.
type Flapper struct {
	Name    string
	Changes int
	Accused int
	Failed  int
	Refuted int
	Last    int64 // Unix time in milliseconds
}

// Accuser is a history.Accuser. Health is -1 if it isn't known.
type Accuser struct {
	Name        string
	Accusations int
	Refuted     int
	Health      int
	Self        bool
}

// Lists of structs.
type (
	Changes  []Change
	Flappers []Flapper
	Accusers []Accuser
	TCPOnlys []TCPOnly
)

// AppendTo implements Appender.
func (l Changes) AppendTo(b []byte) []byte { return appendStructs(b, l) }

// AppendTo implements Appender.
func (l Flappers) AppendTo(b []byte) []byte { return appendStructs(b, l) }

// AppendTo implements Appender.
func (l Accusers) AppendTo(b []byte) []byte { return appendStructs(b, l) }

// AppendTo implements Appender.
func (l TCPOnlys) AppendTo(b []byte) []byte { return appendStructs(b, l) }

// ParseFrom implements Parser.
func (l *Changes) ParseFrom(c *msgpack.Cursor) { *l = parseStructs[Change](c, history.MemberMax) }

// ParseFrom implements Parser.
func (l *Flappers) ParseFrom(c *msgpack.Cursor) { *l = parseStructs[Flapper](c, history.FlapsMax) }

// ParseFrom implements Parser.
func (l *Accusers) ParseFrom(c *msgpack.Cursor) { *l = parseStructs[Accuser](c, history.FlapsMax) }

// ParseFrom implements Parser.
func (l *TCPOnlys) ParseFrom(c *msgpack.Cursor) { *l = parseStructs[TCPOnly](c, history.FlapsMax) }

func appendStructs[T any](b []byte, list []T) []byte {
	b = msgpack.AppendArray(b, len(list))
	for i := range list {
		b = Append(b, &list[i])
	}
	return b
}

// parseStructs reads a list of at most this many.
func parseStructs[T any](c *msgpack.Cursor, most int) (list []T) {
	n, isNil := c.Array()
	if isNil {
		return nil
	}
	if n > most {
		c.Fail(msgpack.ErrRange)
		return nil
	}
	for ; n > 0 && c.OK(); n-- {
		var x T
		parseStruct(c, reflect.ValueOf(&x).Elem())
		list = append(list, x)
	}
	return list
}
