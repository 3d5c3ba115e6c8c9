package scenario

import (
	"bytes"
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
	if w.Kind == WorkRotateKey && !w.KeepOld {
		run.rotate(w, d)
		return
	}
	end := run.c.Now().Add(time.Duration(w.span(run.s.For)))
	var again func()
	again = func() {
		if w.Kind == WorkRotateKey {
			run.rotateOn(run.assigned(&d, w))
		} else {
			run.perform(&d, run.assigned(&d, w), w)
		}
		if w.Every > 0 && run.c.Now().Add(time.Duration(w.Every)) < end {
			run.c.Sim().After(time.Duration(w.Every), again)
		}
	}
	again()
}

// assigned draws the members that do the work this time.
func (run *scenarioRun) assigned(d *netsim.Draws, w *Work) []int {
	who := w.who()
	return run.choose(d, &who, func(i int) bool { return run.c.Sim().Running(i) && run.c.Alive(i) })
}

// perform has members do the work. What a busy member refuses isn't done, and shows in the report.
func (run *scenarioRun) perform(d *netsim.Draws, members []int, w *Work) {
	if run.mended {
		return
	}
	for _, i := range members {
		if w.Kind == WorkForceLeave {
			for _, of := range run.choose(d, w.To, func(int) bool { return true }) {
				_ = run.c.ForceLeave(i, run.c.Name(of), w.Prune)
			}
			continue
		}
		for range max(1, w.Burst) {
			run.performOnce(i, w)
		}
	}
}

// performOnce has a member do the work once.
func (run *scenarioRun) performOnce(i int, w *Work) {
	run.count++
	text := fmt.Appendf(nil, "%d", run.count)
	for len(text) < w.Size {
		text = append(text, '.')
	}
	switch w.Kind {
	case WorkEvent:
		_ = run.c.UserEvent(i, cmp.Or(w.Name, WorkEvent), text)
	case WorkQuery:
		_, _ = run.c.Query(i, serf.QueryParams{
			Name: cmp.Or(w.Name, WorkQuery), Payload: text,
			WantAck: true, RelayFactor: uint8(w.Relay),
		})
	case WorkTags:
		_ = run.c.SetTags(i, map[string]string{"n": string(text)})
	}
}

// rotate rotates the key: members ask all to install a new one, to use it, and to remove the old
// one, a step every w.Every. Members that can't be reached keep the old key.
func (run *scenarioRun) rotate(w *Work, d netsim.Draws) {
	old := run.key
	run.key++
	fresh := run.key
	for i, step := range []struct {
		command serf.KeyCommand
		key     int
	}{{serf.InstallKey, fresh}, {serf.UseKey, fresh}, {serf.RemoveKey, old}} {
		run.c.Sim().After(time.Duration(i)*time.Duration(w.Every), func() {
			run.askKeys(run.assigned(&d, w), step.command, step.key)
		})
	}
}

// askKeys has each of the members start a query about a key. A busy one refuses, which leaves the
// keys as they are.
func (run *scenarioRun) askKeys(members []int, command serf.KeyCommand, key int) {
	if run.mended {
		return
	}
	for _, i := range members {
		_, _ = run.c.Keys(i, command, run.s.key(key))
	}
}

// maxKeptKeys bounds the keys of a rotation that keeps old ones, so that it doesn't reach the limit
// of keyrings.
const maxKeptKeys = 4

// rotateOn takes the next step of a rotation that keeps old keys, in a cluster in any state. A
// further key is installed only when every member encrypts with the last one: members that share
// only older keys couldn't read each other. Until then the last two steps are repeated.
func (run *scenarioRun) rotateOn(members []int) {
	if len(members) == 0 {
		return
	}
	run.use = !run.use
	if !run.use {
		run.askKeys(members, serf.UseKey, run.key)
		return
	}
	if run.key < maxKeptKeys-1 && run.allUse(run.key) {
		run.key++
	}
	run.askKeys(members, serf.InstallKey, run.key)
}

// allUse reports whether every member encrypts with a key.
func (run *scenarioRun) allUse(key int) bool {
	want := run.s.key(key)
	for i := range run.c.Len() {
		if !bytes.Equal(run.c.Keyring(i).Primary(), want) {
			return false
		}
	}
	return true
}
