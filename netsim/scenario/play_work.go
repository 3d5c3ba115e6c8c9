package scenario

import (
	"cmp"
	"fmt"
	"time"

	"serf/netsim"
	"serf/swim/serf"
)

// work begins work number i.
func (run *scenarioRun) work(i int) {
	w := &run.s.Work[i]
	d := netsim.NewDraws(run.s.Seed, workStream+uint64(i), 0)
	if w.Kind == WorkRotateKey {
		run.rotate(w, d)
		return
	}
	end := run.c.Now().Add(time.Duration(w.span(run.s.For)))
	var again func()
	again = func() {
		run.each(run.workers(&d, w), w)
		if w.Every > 0 && run.c.Now().Add(time.Duration(w.Every)) < end {
			run.c.Sim().After(time.Duration(w.Every), again)
		}
	}
	again()
}

// workers draws who does it this time.
func (run *scenarioRun) workers(d *netsim.Draws, w *Work) []int {
	who := w.who()
	return run.choose(d, &who, func(i int) bool { return run.c.Sim().Running(i) && run.c.Alive(i) })
}

// each has members do the work. What a member refuses, for it has too much to do already, isn't done: the
// report shows so much less of it.
func (run *scenarioRun) each(members []int, w *Work) {
	c := run.c
	for _, i := range members {
		run.count++
		text := fmt.Appendf(nil, "%d", run.count)
		for len(text) < w.Size {
			text = append(text, '.')
		}
		switch w.Kind {
		case WorkEvent:
			_ = c.UserEvent(i, cmp.Or(w.Name, WorkEvent), text)
		case WorkQuery:
			_, _ = c.Query(i, serf.QueryParams{Name: cmp.Or(w.Name, WorkQuery), Payload: text, WantAck: true})
		case WorkTags:
			_ = c.SetTags(i, map[string]string{"n": string(text)})
		}
	}
}

// rotate changes the key: one member asks all to install a new one, to use it, and to
// remove the old one, a step every w.Every. Members that are out of reach then keep the old.
func (run *scenarioRun) rotate(w *Work, d netsim.Draws) {
	k := run.rotations
	run.rotations++
	fresh, old := run.s.key(k+1), run.s.key(k)
	for i, step := range []struct {
		command serf.KeyCommand
		key     []byte
	}{{serf.InstallKey, fresh}, {serf.UseKey, fresh}, {serf.RemoveKey, old}} {
		run.c.Sim().After(time.Duration(i)*time.Duration(w.Every), func() {
			if by := run.workers(&d, w); len(by) > 0 {
				// Refused by a member that has too much to do: the key stays as it is.
				_, _ = run.c.Keys(by[0], step.command, step.key)
			}
		})
	}
}
