package recording

import (
	"errors"
	"time"

	"serf/internal/checkpoint"
	"serf/swim/serf"
)

// Answer is what the layer above answered when the node asked it during an input.
type Answer struct {
	Kind AnswerKind
	Yes  bool          // WantsQuery; admitted
	Why  string        // why not admitted
	Keep time.Duration // ListedFor

	err error // that Why is of, in the agent
}

// AnswerKind is which function of serf.Config was asked.
type AnswerKind uint8

// The functions are Listener.WantsQuery, Admit, AdmitMerge and ListedFor.
const (
	AnswerWantsQuery AnswerKind = iota + 1
	AnswerAdmit
	AnswerAdmitMerge
	AnswerListedFor
	// ended comes after the answers of an entry: the call has returned.
	ended
)

func (a *Answer) code(c *checkpoint.Coder) {
	c.Bool(&a.Yes)
	switch a.Kind {
	case AnswerWantsQuery:
	case AnswerAdmit, AnswerAdmitMerge:
		c.Text(&a.Why)
	case AnswerListedFor:
		checkpoint.Int(c, &a.Keep)
	default:
		c.Fail(errFormat)
	}
}

// admission is the answer of Admit or AdmitMerge.
func admission(kind AnswerKind, err error) Answer {
	a := Answer{Kind: kind, Yes: err == nil, err: err}
	if err != nil {
		a.Why = err.Error()
	}
	return a
}

// refusal is the error of such an answer.
func (a Answer) refusal() error {
	if a.err == nil && !a.Yes {
		return errors.New(a.Why)
	}
	return a.err
}

// interpose has a node ask what it asks by way of via, which gets what would answer.
func interpose(c *serf.Config, via func(kind AnswerKind, ask func() Answer) Answer) {
	if l := c.Listener; l != nil {
		c.Listener = listener(func(name []byte) bool {
			return via(AnswerWantsQuery, func() Answer {
				return Answer{Kind: AnswerWantsQuery, Yes: l.WantsQuery(name)}
			}).Yes
		})
	}
	if admit := c.Admit; admit != nil {
		c.Admit = func(m serf.Member) error {
			return via(AnswerAdmit, func() Answer { return admission(AnswerAdmit, admit(m)) }).refusal()
		}
	}
	if admit := c.AdmitMerge; admit != nil {
		c.AdmitMerge = func(m []serf.Member) error {
			return via(AnswerAdmitMerge, func() Answer {
				return admission(AnswerAdmitMerge, admit(m))
			}).refusal()
		}
	}
	if listed := c.ListedFor; listed != nil {
		c.ListedFor = func(m serf.Member, d time.Duration) time.Duration {
			a := via(AnswerListedFor, func() Answer {
				return Answer{Kind: AnswerListedFor, Keep: listed(m, d)}
			})
			if a.Kind == 0 {
				return d
			}
			return a.Keep
		}
	}
}

// listener is a serf.Listener.
type listener func(name []byte) bool

func (l listener) WantsQuery(name []byte) bool { return l(name) }

// Answers answers a node that is replayed as it was answered when it was recorded.
type Answers struct {
	list []Answer
	// Wrong counts questions that weren't asked then.
	Wrong int
}

// Give sets the answers to an input. It returns how many of the last ones weren't asked for.
func (a *Answers) Give(list []Answer) (left int) {
	left = len(a.list)
	a.list = list
	return left
}

func (a *Answers) next(kind AnswerKind, _ func() Answer) Answer {
	if len(a.list) == 0 || a.list[0].Kind != kind {
		a.Wrong++
		return Answer{Yes: true}
	}
	next := a.list[0]
	a.list = a.list[1:]
	return next
}

// ask has a node ask a what it asked then.
func (a *Answers) ask(k *savedConfig, c *serf.Config) {
	if k.Listener {
		c.Listener = listener(nil)
	}
	if k.Admit {
		c.Admit = func(serf.Member) error { return nil }
	}
	if k.AdmitMerge {
		c.AdmitMerge = func([]serf.Member) error { return nil }
	}
	if k.ListedFor {
		c.ListedFor = func(serf.Member, time.Duration) time.Duration { return 0 }
	}
	interpose(c, a.next)
}
