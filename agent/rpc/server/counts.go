package server

import (
	"iter"
	"maps"
	"slices"
	"sync/atomic"
)

// unknownCommand stands for the commands that this server doesn't have: clients can make up any
// number of them.
const unknownCommand = "unknown"

// requests counts the requests of all clients by command.
type requests struct {
	names  []string // sorted
	counts map[string]*atomic.Uint64
}

func newRequests() requests {
	r := requests{
		names:  append(slices.Collect(maps.Keys(commandTable)), unknownCommand),
		counts: make(map[string]*atomic.Uint64, len(commandTable)+1),
	}
	slices.Sort(r.names)
	for _, name := range r.names {
		r.counts[name] = new(atomic.Uint64)
	}
	return r
}

func (r *requests) add(command string) {
	n := r.counts[command]
	if n == nil {
		n = r.counts[unknownCommand]
	}
	n.Add(1)
}

// all yields the counts by command, sorted.
func (r *requests) all() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, name := range r.names {
			if !yield(name, r.counts[name].Load()) {
				return
			}
		}
	}
}

func (r *requests) sum() (n uint64) {
	for _, c := range r.all() {
		n += c
	}
	return n
}

// Requests yields how many requests there were of each command, in the order of their names, and of
// all unknown ones together.
func (s *Server) Requests() iter.Seq2[string, uint64] { return s.requests.all() }
