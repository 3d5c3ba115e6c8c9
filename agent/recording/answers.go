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

func (a *Answers) next(kind AnswerKind) Answer {
	if len(a.list) == 0 || a.list[0].Kind != kind {
		a.Wrong++
		return Answer{Yes: true}
	}
	next := a.list[0]
	a.list = a.list[1:]
	return next
}

// WantsQuery implements serf.Listener.
func (a *Answers) WantsQuery([]byte) bool { return a.next(AnswerWantsQuery).Yes }

func (a *Answers) admit(kind AnswerKind) error {
	if answer := a.next(kind); !answer.Yes {
		return errors.New(answer.Why)
	}
	return nil
}

// ask has a node ask a.
func (a *Answers) ask(k *savedConfig, c *serf.Config) {
	if k.Listener {
		c.Listener = a
	}
	if k.Admit {
		c.Admit = func(serf.Member) error { return a.admit(AnswerAdmit) }
	}
	if k.AdmitMerge {
		c.AdmitMerge = func([]serf.Member) error { return a.admit(AnswerAdmitMerge) }
	}
	if k.ListedFor {
		c.ListedFor = func(_ serf.Member, d time.Duration) time.Duration {
			if answer := a.next(AnswerListedFor); answer.Kind != 0 {
				return answer.Keep
			}
			return d
		}
	}
}
