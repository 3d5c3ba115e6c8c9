// Package metrics shows an agent's figures to Prometheus and whoever reads its formats. They are
// read from the counters that the agent keeps anyway: between two scrapes nothing is done.
//
// Values of labels are names of this program and of its user's event handlers, never of other
// members: what strangers do changes figures, not how many there are.
package metrics

import (
	"io"
	"iter"
	"strconv"
	"sync"

	"serf/agent"
	"serf/agent/handler"
	"serf/internal/http1"
)

// Source is the part of the agent that this package uses.
type Source interface {
	Metrics() (agent.Metrics, bool)
}

// RPC counts what clients of the agent's RPC did.
type RPC struct {
	Connections uint64
	Requests    iter.Seq2[string, uint64] // by command
}

// HTTP counts what HTTP clients do, and what became of those that were refused.
type HTTP struct {
	Requests uint64
	Streams  int                       // of events, now
	Dropped  iter.Seq2[string, uint64] // by reason
}

// Options say what the agent itself doesn't know.
type Options struct {
	Version, Commit string
	// Node is the name of this member, and Label that of its cluster, if it has one.
	Node, Label string
	// RPC reads the counters of the RPC server; nil if there is none.
	RPC func() RPC
	// HTTP reads those of the HTTP server; nil if there is none.
	HTTP func() HTTP
}

// Exporter writes an agent's metrics. Make it with New.
type Exporter struct {
	source Source
	o      Options
	spare  sync.Pool // of *scrape
}

// New returns an exporter of the metrics of source.
func New(source Source, o Options) *Exporter {
	e := &Exporter{source: source, o: o}
	e.spare.New = func() any { return &scrape{reading: reading{o: &e.o, process: new(process)}} }
	return e
}

// scrape is what one scrape needs, to be used again.
type scrape struct {
	writer
	reading
}

// bufferKeep is the largest buffer that is kept: some handlers and all else. One with many more
// handlers is made anew each time.
const bufferKeep = 256 << 10

// reading is one look at all figures.
type reading struct {
	agent.Metrics
	o       *Options
	rpc     RPC
	http    HTTP
	process *process
	shown   []handler.HandlerStats // the handlers that have labels of their own, named for those
}

// read reads all figures. It reports false if the agent has stopped.
func (r *reading) read(source Source) (ok bool) {
	if r.Metrics, ok = source.Metrics(); !ok {
		return false
	}
	if r.o.RPC != nil {
		r.rpc = r.o.RPC()
	}
	if r.o.HTTP != nil {
		r.http = r.o.HTTP()
	}
	r.process.read()
	r.shown = showHandlers(r.shown[:0], r.Handlers.Handlers)
	return true
}

// Serve answers a scrape, in the format that it asks for. Package agent/http/nethttp makes a
// handler of net/http of it.
func (e *Exporter) Serve(w http1.ResponseWriter, req *http1.Request) {
	s := e.spare.Get().(*scrape)
	defer e.keep(s)
	if !s.read(e.source) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http1.StatusServiceUnavailable)
		io.WriteString(w, `{"error":"the agent has stopped"}`+"\n")
		return
	}
	s.write(Accepted(req.Header.Get("Accept")))
	w.Header().Set("Content-Type", s.format.ContentType())
	w.Header().Set("Content-Length", strconv.Itoa(len(s.b)))
	w.Write(s.b)
}

// keep lets another scrape use s.
func (e *Exporter) keep(s *scrape) {
	if cap(s.b) <= bufferKeep {
		s.Metrics, s.rpc, s.http = agent.Metrics{}, RPC{}, HTTP{} // pins nothing
		clear(s.shown)
		e.spare.Put(s)
	}
}

// write writes all metrics of the reading.
func (s *scrape) write(f Format) {
	s.writer = writer{b: s.b[:0], format: f}
	for _, list := range families {
		for i := range list {
			s.writeFamily(&list[i])
		}
	}
	s.end()
}

// writeFamily writes a metric, or nothing if it has no samples.
func (s *scrape) writeFamily(f *family) {
	start := len(s.b)
	s.begin(f.name, f.kind, f.help)
	head := len(s.b)
	f.write(&s.writer, &s.reading)
	if len(s.b) == head {
		s.b = s.b[:start]
	}
}
