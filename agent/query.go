package agent

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"

	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// queryAnswersMax bounds the answers that wait for their reader: two for each of 4,096 members.
// Further ones are dropped and counted.
const queryAnswersMax = 8192

// AnswerKind distinguishes acks from responses.
type AnswerKind uint8

const (
	// AnswerAck says that the member got the query.
	AnswerAck AnswerKind = iota
	// AnswerResponse is an answer with a payload.
	AnswerResponse
)

// String is "ack" or "response", as in the RPC protocol.
func (k AnswerKind) String() string {
	if k == AnswerAck {
		return "ack"
	}
	return "response"
}

// Answer is what one member sent to a query.
type Answer struct {
	Kind    AnswerKind
	From    string
	Payload []byte // of a response
	// Other, of an ack: the member isn't of this implementation.
	Other bool
}

// Query is a running query of this agent. It ends by itself and needs no Close.
type Query struct {
	agent   *Agent
	op      swim.OpID
	answers chan Answer   // the loop closes it
	over    chan struct{} // closed with answers
	silent  []string      // set before
	dropped atomic.Uint64
}

// All yields the answers as they arrive, until the query is over or ctx ends. A loop that ends
// before closes the query.
func (q *Query) All(ctx context.Context) iter.Seq[Answer] {
	return func(yield func(Answer) bool) {
		for a := range q.each(ctx) {
			if !yield(a) {
				break
			}
		}
		q.Close()
	}
}

// each is All for a query that goes on when nobody reads its answers any more.
func (q *Query) each(ctx context.Context) iter.Seq[Answer] { return received(ctx, q.answers) }

// Silent returns the names of the members that the query was meant for and that are here, but
// neither responded nor said that they won't. It waits until the query is over: at its deadline, or
// when nobody is silent. After Close, or if the agent stops, it returns nil: nobody knows.
func (q *Query) Silent(ctx context.Context) ([]string, error) {
	select {
	case <-q.over:
		return q.silent, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Answers delivers the answers as they arrive. The channel is closed when the query is over: at its
// deadline, when all members asked have answered, by Close, or when the agent stops.
func (q *Query) Answers() <-chan Answer { return q.answers }

// Close closes Answers for a reader that has heard enough. Members that were asked may still
// answer, which nobody hears. It may be called again.
func (q *Query) Close() {
	// A stopped agent has closed it.
	q.agent.do(context.Background(), func(swim.Time) { q.agent.loop.endQuery(q.op, nil) })
}

// endQuery ends a running query for its reader. silent are those that owe an answer.
func (l *loop) endQuery(op swim.OpID, silent []swim.MemberID) {
	q := l.queries[op]
	if q == nil {
		return
	}
	delete(l.queries, op)
	for _, id := range silent {
		if m, ok := l.node.ByID(id); ok {
			q.silent = append(q.silent, m.Name)
		}
	}
	slices.Sort(q.silent)
	q.end()
}

func (q *Query) end() {
	close(q.answers)
	close(q.over)
}

// Dropped is how many answers were lost because they weren't read in time.
func (q *Query) Dropped() uint64 { return q.dropped.Load() }

func (q *Query) offer(a Answer) {
	select {
	case q.answers <- a:
	default:
		q.dropped.Add(1)
	}
}

// Query asks the members that p selects. ctx bounds only the start.
func (a *Agent) Query(ctx context.Context, p QueryParams) (*Query, error) {
	a.log.Debugf("agent", "Requesting query send: %s. Payload: %q", p.Name, p.Payload)
	q, err := a.ask(ctx, func(now swim.Time) (swim.OpID, error) {
		return a.loop.node.Query(now, p, &a.loop.out)
	})
	if err != nil {
		a.log.Warnf("agent", "failed to start user query: %v", err)
	}
	return q, err
}

// ask starts a query on the loop and registers for its answers.
func (a *Agent) ask(ctx context.Context, f func(swim.Time) (swim.OpID, error)) (*Query, error) {
	var q *Query
	err := a.try(ctx, func(now swim.Time) error {
		op, err := f(now)
		if err != nil {
			return err
		}
		// An ack and a response each, and some for members that appear meanwhile.
		room := 2*a.loop.node.Swim().Len() + 16
		q = &Query{agent: a, op: op, answers: make(chan Answer, min(room, queryAnswersMax)),
			over: make(chan struct{})}
		a.loop.queries[op] = q
		return nil
	})
	if err != nil {
		return nil, err
	}
	return q, nil
}

// KeyReport sums up the members' answers to a key operation.
type KeyReport struct {
	Messages map[string]string // by member: what went wrong, or a remark
	NumErr   int               // members that refused
	NumNodes int               // members asked
	NumResp  int               // members that answered
	Keys     map[string]int    // base64 key -> members that have it; ListKeys only
	Primary  map[string]int    // base64 key -> members that encrypt with it; ListKeys only
}

// Failure is nil if all members answered and none failed.
func (r *KeyReport) Failure() error {
	switch {
	case r.NumErr != 0:
		return fmt.Errorf("%d/%d nodes reported failure", r.NumErr, r.NumNodes)
	case r.NumResp != r.NumNodes:
		return fmt.Errorf("%d/%d nodes reported success", r.NumResp, r.NumNodes)
	}
	return nil
}

// InstallKey gives all members a key (16, 24 or 32 bytes) to decrypt with. The report is valid even
// with an error, which then says how many members failed.
func (a *Agent) InstallKey(ctx context.Context, key []byte) (KeyReport, error) {
	return a.Keys(ctx, KeyRequest{Command: serf.InstallKey, Key: key})
}

// UseKey makes an installed key the primary one on all members. See InstallKey for errors.
func (a *Agent) UseKey(ctx context.Context, key []byte) (KeyReport, error) {
	return a.Keys(ctx, KeyRequest{Command: serf.UseKey, Key: key})
}

// RemoveKey removes a key, which must not be primary, from all members. See InstallKey for errors.
func (a *Agent) RemoveKey(ctx context.Context, key []byte) (KeyReport, error) {
	return a.Keys(ctx, KeyRequest{Command: serf.RemoveKey, Key: key})
}

// ListKeys asks all members for their keys. See InstallKey for errors.
func (a *Agent) ListKeys(ctx context.Context) (KeyReport, error) {
	return a.Keys(ctx, KeyRequest{Command: serf.ListKeys})
}

// SetKeys replaces the keys of this member alone, as Config.Keys has them: for programs that give
// each member its keys by other means. To replace a key of a running cluster, give all members the
// new one, then have all encrypt with it, then take the old one away. KeyringChanged isn't called:
// what it has failed to save, or hasn't been called for yet, isn't saved any more, and the member
// that asked for it is told so.
func (a *Agent) SetKeys(ctx context.Context, keys ...[]byte) error {
	var ring *wire.Keyring
	if len(keys) > 0 {
		var err error
		if ring, err = wire.NewKeyring(keys[0], keys[1:]...); err != nil {
			return err
		}
	}
	return a.do(ctx, func(now swim.Time) {
		a.loop.node.SetKeyring(now, ring, &a.loop.out)
		a.setUnsaved(nil)
	})
}

// Keys asks all members to do something about keys, as the methods above do, and sums up the
// answers. See InstallKey for errors.
func (a *Agent) Keys(ctx context.Context, request KeyRequest) (KeyReport, error) {
	r := KeyReport{Messages: make(map[string]string), Keys: make(map[string]int),
		Primary: make(map[string]int)}
	silent := make(map[string]bool) // members that owe an answer
	q, err := a.ask(ctx, func(now swim.Time) (swim.OpID, error) {
		n := a.loop.node
		r.NumNodes = n.Swim().Live()
		for _, m := range n.Members(nil) {
			if m.Status == serf.StatusAlive || m.Status == serf.StatusLeaving {
				silent[m.Name] = true
			}
		}
		return n.Keys(now, request, &a.loop.out)
	})
	if err != nil {
		return r, err
	}
	for answer := range q.each(ctx) {
		if answer.Kind != AnswerResponse {
			continue
		}
		r.add(answer)
		delete(silent, answer.From)
		if r.NumResp == r.NumNodes {
			return r, a.concludeKeys(request.Command, &r)
		}
	}
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	for name := range silent { // order-free: a message each
		r.Messages[name] = noAnswer
	}
	return r, a.concludeKeys(request.Command, &r)
}

// concludeKeys logs the outcome of a key operation and returns its error.
func (a *Agent) concludeKeys(c serf.KeyCommand, r *KeyReport) error {
	op := strings.TrimSuffix(string(c), "-key")
	if names := r.InMemory(); len(names) > 0 {
		a.log.Warnf("agent", "keys: %s is done in memory only on %s", op, strings.Join(names, ", "))
	}
	err := r.Failure()
	if err != nil {
		a.log.Errorf("agent", "keys: %s: %v", op, err)
	}
	return err
}

// InMemory lists the members that made the change only in memory, because they have no keyring
// file.
func (r *KeyReport) InMemory() (names []string) {
	for name, message := range r.Messages { // order-free: sorted below
		if message == serf.KeysInMemory {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// noAnswer is the message about a member that didn't answer: the change may have reached it or not.
const noAnswer = "no answer"

// add counts one member's response.
func (r *KeyReport) add(answer Answer) {
	r.NumResp++
	k, err := serf.ParseKeyAnswer(answer.Payload)
	switch {
	case err != nil:
		r.NumErr++
		r.Messages[answer.From] = "answered something that is no key answer: " + err.Error()
		return
	case !k.OK:
		r.NumErr++
		r.Messages[answer.From] = k.Message
	case k.Message != "":
		r.Messages[answer.From] = k.Message
	}
	for _, key := range k.Keys {
		r.Keys[key]++
	}
	if k.Primary != "" {
		r.Primary[k.Primary]++
	}
}
