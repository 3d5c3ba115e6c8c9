package serf

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"serf/agent"
	core "serf/swim/serf"
)

// QueryParam says whom a query asks, and how. Zero values are defaults.
type QueryParam struct {
	// FilterNodes are the names of the members that are asked; none for all.
	FilterNodes []string
	// FilterTags are regular expressions, not anchored, that the tags of these names have to match.
	FilterTags map[string]string
	// RequestAck makes AckCh deliver the name of each member that got the query.
	RequestAck bool
	// RelayFactor is how many other members each answer is sent through besides, for networks that
	// lose packets.
	RelayFactor uint8
	// Timeout is how long answers are waited for: 0 for DefaultQueryTimeout.
	Timeout time.Duration
}

// DefaultQueryTimeout is how long a query waits for answers unless it says so:
// GossipInterval * QueryTimeoutMult * ceil(log10(n+1)) for n living members.
func (s *Serf) DefaultQueryTimeout() time.Duration {
	living := 1
	if stats, ok := s.agent.NodeStats(); ok {
		living = stats.Alive + stats.Leaving
	}
	rounds := time.Duration(math.Ceil(math.Log10(float64(living + 1))))
	return s.gossipInterval * time.Duration(s.queryTimeoutMult) * rounds
}

// DefaultQueryParams returns parameters for a query of all members, without acks.
func (s *Serf) DefaultQueryParams() *QueryParam {
	return &QueryParam{Timeout: s.DefaultQueryTimeout()}
}

// Query asks members by name and payload, which may have Config.QuerySizeLimit bytes when encoded.
// params may be nil. Answers come by the response's channels.
func (s *Serf) Query(name string, payload []byte, params *QueryParam) (*QueryResponse, error) {
	if s.config.ProtocolVersion < protocolQueries {
		return nil, FeatureNotSupported
	}
	if params == nil {
		params = &QueryParam{}
	}
	timeout := params.Timeout
	if timeout == 0 {
		timeout = s.DefaultQueryTimeout()
	}
	deadline := time.Now().Add(timeout)
	p := core.QueryParams{
		Name: name, Payload: payload, Nodes: params.FilterNodes, Tags: params.FilterTags,
		WantAck: params.RequestAck, RelayFactor: params.RelayFactor, Timeout: timeout,
	}
	if len(p.Nodes) == 0 {
		p.Nodes = nil // means all, as in the original
	}
	q, err := s.agent.Query(context.Background(), p)
	if err != nil {
		return nil, overLimit(err, "query exceeds limit of %d bytes")
	}
	r := &QueryResponse{query: q, log: s.agent.Log(), deadline: deadline, all: make(chan struct{}),
		responses: make(chan NodeResponse, cap(q.Answers()))}
	if params.RequestAck {
		r.acks = make(chan string, cap(q.Answers()))
	}
	go r.collect()
	return r, nil
}

// protocolQueries is the first version of the Serf protocol with queries.
const protocolQueries = 4

// QueryResponse delivers what comes back to a Query.
type QueryResponse struct {
	query     *agent.Query
	log       *agent.Log
	deadline  time.Time
	responses chan NodeResponse
	acks      chan string // nil unless asked for

	all chan struct{} // closed when nothing more will come

	mu     sync.Mutex // held while sending and closing
	timer  *time.Timer
	closed bool
}

// NodeResponse is what one member answered.
type NodeResponse struct {
	From    string
	Payload []byte
}

// AckCh delivers the name of each member that got the query. It is closed as ResponseCh is, and nil
// unless the query asked for acks.
func (r *QueryResponse) AckCh() <-chan string { return r.acks }

// ResponseCh delivers the answers. It stays open until the deadline, since programs count on that,
// or until Close.
func (r *QueryResponse) ResponseCh() <-chan NodeResponse { return r.responses }

// Deadline is when the query is finished at the latest.
func (r *QueryResponse) Deadline() time.Time { return r.deadline }

// Finished reports whether there is nothing more to be read and never will be. Most queries are
// finished long before their deadline: when all members that can answer have. It may take a
// millisecond.
func (r *QueryResponse) Finished() bool {
	switch over, read := r.progress(); {
	case over:
		return true
	case !read:
		return false
	}
	// The last answer comes some microseconds before it is known that it was the last.
	select {
	case <-r.all:
		_, read := r.progress()
		return read
	case <-time.After(finishedWait):
		return false
	}
}

// finishedWait is much longer than the agent takes to end a query, and too short to be noticed.
const finishedWait = time.Millisecond

// progress says whether the channels are closed or the time is over, and whether all that has come
// is read.
func (r *QueryResponse) progress() (over, read bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed || time.Now().After(r.deadline), len(r.responses) == 0 && len(r.acks) == 0
}

// Close finishes the query, and closes its channels. It may be called again.
func (r *QueryResponse) Close() {
	r.close()
	r.query.Close()
}

func (r *QueryResponse) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	close(r.responses)
	if r.acks != nil {
		close(r.acks)
	}
}

// collect hands over the answers as they come. The channels have room for as many as the agent's.
func (r *QueryResponse) collect() {
	for answer := range r.query.Answers() {
		r.deliver(answer)
	}
	close(r.all)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.timer = time.AfterFunc(time.Until(r.deadline), r.close)
	}
}

func (r *QueryResponse) deliver(answer agent.Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	room := true
	if answer.Kind == agent.AnswerResponse {
		room = offer(r.responses, NodeResponse{From: answer.From, Payload: answer.Payload})
	} else if r.acks != nil {
		room = offer(r.acks, answer.From)
	}
	if !room {
		r.log.Repeatf(slog.LevelWarn, "serf", "query response",
			"dropped an answer to a query: %d wait for a reader", cap(r.responses))
	}
}

// offer sends v if there is room.
func offer[T any](c chan<- T, v T) (sent bool) {
	select {
	case c <- v:
		return true
	default:
		return false
	}
}
