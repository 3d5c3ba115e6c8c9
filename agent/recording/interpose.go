package recording

import (
	"time"

	"serf/swim/serf"
)

// interpose has a node ask what it asks by way of the recorder.
func (r *Recorder) interpose(c *serf.Config) {
	if c.Listener != nil {
		c.Listener = listener{r, c.Listener}
	}
	if admit := c.Admit; admit != nil {
		c.Admit = func(m serf.Member) error { return r.admitted(AnswerAdmit, admit(m)) }
	}
	if admit := c.AdmitMerge; admit != nil {
		c.AdmitMerge = func(m []serf.Member) error {
			return r.admitted(AnswerAdmitMerge, admit(m))
		}
	}
	if listed := c.ListedFor; listed != nil {
		c.ListedFor = func(m serf.Member, d time.Duration) time.Duration {
			keep := listed(m, d)
			r.answer(Answer{Kind: AnswerListedFor, Keep: keep})
			return keep
		}
	}
}

// admitted records whether a member was admitted, or a state.
func (r *Recorder) admitted(kind AnswerKind, err error) error {
	a := Answer{Kind: kind, Yes: err == nil}
	if err != nil {
		a.Why = err.Error()
	}
	r.answer(a)
	return err
}

// listener is a serf.Listener whose answers are recorded.
type listener struct {
	rec *Recorder
	of  serf.Listener
}

func (l listener) WantsQuery(name []byte) bool {
	wants := l.of.WantsQuery(name)
	l.rec.answer(Answer{Kind: AnswerWantsQuery, Yes: wants})
	return wants
}
