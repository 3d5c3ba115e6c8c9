package protocol

import "serf/swim/history"

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

// Lists of structs, and how many each may have.
type (
	Changes  []Change
	Flappers []Flapper
	Accusers []Accuser
	TCPOnlys []TCPOnly
)

func (Changes) most() int  { return history.MemberMax }
func (Flappers) most() int { return history.FlapsMax }
func (Accusers) most() int { return history.FlapsMax }
func (TCPOnlys) most() int { return history.FlapsMax }
