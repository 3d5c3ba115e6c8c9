package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"serf/swim"
	"serf/swim/serf"
)

// queryAnswersMax bounds the answers that wait for their reader: two for each of 4,096 members.
// Further ones are dropped and counted.
const queryAnswersMax = 8192

// AnswerKind tells acks from responses.
type AnswerKind uint8

const (
	// AnswerAck: the member got the query.
	AnswerAck AnswerKind = iota
	// AnswerResponse: the member answered, with a payload.
	AnswerResponse
)

// String is "ack" or "response", as the RPC has it.
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
}

// Query is a running query of this agent. There is nothing to close: it ends by itself.
type Query struct {
	answers chan Answer
	dropped atomic.Uint64
}

// Answers carries the answers as they come, and is closed when the query is over: at its deadline,
// or when everyone asked has answered, or when the agent stops.
func (q *Query) Answers() <-chan Answer { return q.answers }

// Dropped is how many answers found no room because they weren't read.
func (q *Query) Dropped() uint64 { return q.dropped.Load() }

func (q *Query) offer(a Answer) {
	select {
	case q.answers <- a:
	default:
		q.dropped.Add(1)
	}
}

// Query asks the members that p selects. ctx bounds the start only.
func (a *Agent) Query(ctx context.Context, p serf.QueryParams) (*Query, error) {
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
		q = &Query{answers: make(chan Answer, min(room, queryAnswersMax))}
		a.loop.queries[op] = q
		return nil
	})
	if err != nil {
		return nil, err
	}
	return q, nil
}

// KeyReport is what the members said to a change of keys, or about theirs.
type KeyReport struct {
	Messages map[string]string // by member: what went wrong, or a remark
	NumErr   int               // members that refused
	NumNodes int               // members asked
	NumResp  int               // members that answered
	Keys     map[string]int    // base64 key -> members that have it; ListKeys only
	Primary  map[string]int    // base64 key -> members that encrypt with it; ListKeys only
}

// Failure is nil if all members answered and none refused.
func (r *KeyReport) Failure() error {
	switch {
	case r.NumErr != 0:
		return fmt.Errorf("%d/%d nodes reported failure", r.NumErr, r.NumNodes)
	case r.NumResp != r.NumNodes:
		return fmt.Errorf("%d/%d nodes reported success", r.NumResp, r.NumNodes)
	}
	return nil
}

// InstallKey gives all members a key (16, 24 or 32 bytes) to decrypt with. The report is valid with
// an error too, which then says how many failed.
func (a *Agent) InstallKey(ctx context.Context, key []byte) (KeyReport, error) {
	return a.keys(ctx, serf.InstallKey, key)
}

// UseKey makes an installed key the primary one on all members. As InstallKey.
func (a *Agent) UseKey(ctx context.Context, key []byte) (KeyReport, error) {
	return a.keys(ctx, serf.UseKey, key)
}

// RemoveKey takes a key that isn't primary from all members. As InstallKey.
func (a *Agent) RemoveKey(ctx context.Context, key []byte) (KeyReport, error) {
	return a.keys(ctx, serf.RemoveKey, key)
}

// ListKeys asks all members for their keys. As InstallKey.
func (a *Agent) ListKeys(ctx context.Context) (KeyReport, error) {
	return a.keys(ctx, serf.ListKeys, nil)
}

// keys runs one key operation and sums up the answers.
func (a *Agent) keys(ctx context.Context, c serf.KeyCommand, key []byte) (KeyReport, error) {
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
		return n.Keys(now, c, key, &a.loop.out)
	})
	if err != nil {
		return r, err
	}
	for {
		select {
		case answer, ok := <-q.Answers():
			if !ok {
				for name := range silent { // order-free: a message each
					r.Messages[name] = noAnswer
				}
				return r, a.concludeKeys(c, &r)
			}
			r.add(answer)
			if answer.Kind == AnswerResponse {
				delete(silent, answer.From)
			}
			if r.NumResp == r.NumNodes {
				return r, a.concludeKeys(c, &r)
			}
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
}

// concludeKeys logs what an operation on keys came to, and returns the error of it.
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

// InMemory lists the members that did what was asked for as long as they run only: they have no
// file for their keys.
func (r *KeyReport) InMemory() (names []string) {
	for name, message := range r.Messages { // order-free: sorted below
		if message == serf.KeysInMemory {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// noAnswer is what a report says of a member that didn't say anything: the change may have reached
// it, or not.
const noAnswer = "no answer"

// add counts one member's answer.
func (r *KeyReport) add(answer Answer) {
	if answer.Kind != AnswerResponse {
		return
	}
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
