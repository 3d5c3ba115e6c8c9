package history

import (
	"strconv"
	"strings"
	"time"
)

// Words describes a change of the member subject, as the member observer saw it, in one sentence
// without a full stop. What isn't printable in a name is escaped.
func (c *Change) Words(subject, observer string) string {
	subject, observer = clean(subject), clean(observer)
	own := *c
	own.Accuser, own.Via, own.Addr = clean(c.Accuser), clean(c.Via), clean(c.Addr)
	w := words{Change: &own, subject: subject, observer: observer}
	switch c.Cause {
	case Probe:
		w.add(observer, " suspected ", subject, ": ", w.steps())
		if w.Confirmations > 0 {
			w.add(";", strings.TrimPrefix(w.confirmed(), ","))
		}
		w.room()
		w.health()
	case Accusation, Death:
		w.accusation()
	case Timeout:
		w.timeout()
	case Refutation:
		w.refutation()
	case Join:
		w.join()
	case Leave, ForceLeave, Reap, Stayed:
		w.departure()
	case Moved:
		w.add(subject, " moved to ", w.Addr, w.source())
	case Conflict:
		w.add("a member at ", w.Addr, " claims the name ", subject, ", too")
	case Pause:
		w.add(subject, " stood still for ", pause(w.Paused), ": its process was stopped, or its ",
			"host slept or was overloaded")
	default:
		w.add(subject, " became ", c.To.String(), w.source())
	}
	return w.String()
}

// words is a sentence that is being made.
type words struct {
	strings.Builder
	*Change
	subject, observer string
}

func (w *words) add(parts ...string) {
	for _, p := range parts {
		w.WriteString(p)
	}
}

// source says how the observer learned of it.
func (w *words) source() string {
	switch {
	case w.Learned == ByGossip && w.Via != "":
		return " (gossip from " + w.Via + ")"
	case w.Learned == ByGossip:
		return " (gossip)"
	case w.Learned == ByExchange && w.Via != "":
		return " (exchange of states with " + w.Via + ")"
	case w.Learned == ByExchange:
		return " (exchange of states)"
	case w.Learned == ByAnswer:
		return " (it answered a ping)"
	}
	return ""
}

// steps says what the observer's own probe tried.
func (w *words) steps() string {
	p := w.Probe
	if p == nil {
		return "no answer"
	}
	s := "no answer to a ping"
	if len(p.Relays) > 0 {
		s += ", none to pings by " + list(p.Relays) + p.said()
	}
	switch p.TCP {
	case NoAnswer:
		s += ", none by TCP"
	case TCPFailed:
		s += ", and TCP failed"
	case TCPRefused:
		s += ", and TCP was refused: its host is up, but nothing listens there"
	case TCPSilent:
		s += ", and TCP connected without an answer: its host is up, but its process says nothing"
	}
	return s
}

// said says how many relays told the observer that they got no answer. If few did, it may be the
// observer that is cut off.
func (p *Steps) said() string {
	silent := max(p.NacksHoped-p.Nacks, 0)
	switch {
	case p.NacksHoped == 0:
		return ""
	case silent == 0 && p.Nacks == 1:
		return " (which said so)"
	case silent == 0:
		return " (which all said so)"
	case p.Nacks == 0:
		return " (which didn't report back)"
	}
	return " (" + strconv.Itoa(p.Nacks) + " said so, " + strconv.Itoa(silent) + " didn't report back)"
}

// room says how much time there was to refute.
func (w *words) room() {
	if w.Refute > 0 && w.To == Suspect && w.Cause != Death && w.subject != w.observer {
		w.add("; it had up to ", seconds(w.Refute), " to refute")
	}
}

// health says how healthy the observer was, which bears on its own judgement.
func (w *words) health() {
	w.add("; health of ", w.observer, ": ", strconv.Itoa(w.Health))
	if w.Health == 0 {
		w.add(" (good)")
	} else {
		w.add(" (0 is good)")
	}
}

func (w *words) accusation() {
	verb := " accused "
	if w.Cause == Death {
		verb = " called "
	}
	switch {
	case w.Accuser != "":
		w.add(w.Accuser, verb, w.subject)
	default:
		w.add(w.subject, " was accused, it isn't known by whom")
	}
	if w.Cause == Death && w.Accuser != "" {
		w.add(" dead")
	}
	w.add(w.source())
	switch {
	case w.subject == w.observer:
	case w.Cause == Death && w.To == Suspect:
		w.add("; ", w.observer, " hadn't suspected it and asks it first")
	case w.Cause == Death && w.From == Suspect:
		w.add(", ", seconds(w.Refute), " after the suspicion began", w.confirmed())
	}
	if w.To == Suspect && w.Confirmations > 0 {
		w.add(w.confirmed())
	}
	if w.Probe != nil {
		w.add("; the probe of ", w.observer, " failed, too: ", w.steps())
	}
	w.room()
	if w.Health > 0 || w.Probe != nil {
		w.health()
	}
}

// confirmed says who confirmed the accusation.
func (w *words) confirmed() string {
	n := strconv.Itoa(w.Confirmations)
	switch {
	case w.Confirmations == 0 && w.Hoped == 0:
		return ""
	case w.Confirmations == 0:
		return ", which nobody confirmed"
	case len(w.Confirmers) == w.Confirmations:
		return ", confirmed by " + list(w.Confirmers)
	}
	return ", confirmed by " + n + " members, among them " + list(w.Confirmers)
}

// claim names the accusation that a suspicion began with.
func (w *words) claim() string {
	if w.Accuser == "" {
		return "the accusation"
	}
	return "the accusation by " + w.Accuser
}

func (w *words) timeout() {
	w.add(w.observer, " called ", w.subject, " failed: it didn't refute ", w.claim(), " in ",
		seconds(w.Refute), w.confirmed())
	if w.LastPing {
		w.add(", and didn't answer a last ping")
	}
	w.health()
}

func (w *words) refutation() {
	inc := strconv.FormatUint(uint64(w.Incarnation), 10)
	if w.From != Suspect {
		w.add(w.subject, " raised its incarnation to ", inc,
			": others know one from before a restart")
		return
	}
	w.add(w.subject, " refuted ", w.claim())
	if w.subject != w.observer {
		if w.Refute > 0 {
			w.add(" after ", seconds(w.Refute))
		} else {
			w.add(" at once")
		}
		if w.Confirmations > 0 {
			w.add(w.confirmed())
		}
	}
	w.add(": its incarnation is now ", inc)
	if w.subject != w.observer {
		w.add(w.source())
	}
}

func (w *words) join() {
	switch {
	case w.subject == w.observer && w.From == None:
		w.add(w.subject, " started")
	case w.From == None:
		w.add(w.subject, " joined", w.source())
	case w.From == Reaped:
		w.add(w.subject, " came back after it was no longer listed", w.source())
	default:
		w.add(w.subject, " came back after it had ", w.past(), w.source())
	}
}

// past is the state before, as what the member has done.
func (w *words) past() string {
	if w.From == Left {
		return "left"
	}
	return "failed"
}

func (w *words) departure() {
	switch {
	case w.Cause == Stayed:
		w.add(w.subject, " stays, although a message had said that it leaves", w.source())
	case w.Cause == Reap:
		w.add(w.subject, " is no longer listed: it had ", w.past(), " long ago")
	case w.Cause == ForceLeave && w.To == Reaped:
		w.add(w.subject, " is no longer listed: an operator removed it", w.source())
	case w.Cause == ForceLeave:
		w.add(w.subject, " counts as left: an operator said so", w.source())
	case w.To == Leaving && w.subject == w.observer:
		w.add(w.subject, " leaves")
	case w.To == Leaving: // a force-leave of a living member looks the same
		w.add("a message says that ", w.subject, " leaves", w.source())
	case w.From == Failed:
		w.add(w.subject, " counts as left: a message had said that it leaves")
	default:
		w.add(w.subject, " left", w.source())
	}
}

// pause words a number of milliseconds, without what nobody needs of a long time.
func pause(ms int64) string {
	return duration((time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond))
}

// seconds words a number of milliseconds.
func seconds(ms int64) string { return duration(time.Duration(ms) * time.Millisecond) }

// duration words a duration without zeros at the end: 1h, not 1h0m0s.
func duration(d time.Duration) string {
	s := d.String()
	if short, cut := strings.CutSuffix(s, "m0s"); cut {
		s = short + "m"
	}
	if short, cut := strings.CutSuffix(s, "h0m"); cut {
		s = short + "h"
	}
	return s
}

// list joins names as a sentence does.
func list(names []string) string {
	names = cleanAll(names)
	switch n := len(names); n {
	case 0:
		return ""
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}
