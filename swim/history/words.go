package history

import (
	"strconv"
	"strings"
	"time"
)

// Words describes a change of the member subject, as the member observer saw it, in one sentence
// without a full stop. What isn't printable in a name is escaped.
func (c *Change) Words(subject, observer string) string {
	w := words{Change: *c, subject: clean(subject), observer: clean(observer)}
	w.Accuser, w.Via, w.Addr = clean(c.Accuser), clean(c.Via), clean(c.Addr)
	switch c.Cause {
	case Probe:
		return w.probe()
	case Accusation, Death:
		return w.accusation()
	case Timeout:
		return w.timeout()
	case Refutation:
		return w.refutation()
	case Join:
		return w.join()
	case Leave, ForceLeave, Reap, Stayed:
		return w.departure()
	case Moved:
		return w.subject + " moved to " + w.Addr + w.source()
	case Conflict:
		return "a member at " + w.Addr + " claims the name " + w.subject + ", too"
	case Pause:
		return w.subject + " stood still for " + pause(w.Paused) +
			": its process was stopped, or its host slept or was overloaded"
	}
	return w.subject + " became " + c.To.String() + w.source()
}

// words is a change with names that are fit to print.
type words struct {
	Change
	subject, observer string
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
		s += ", and TCP connected, but no answer came: its host is up, so its process stands still or " +
			"packets get lost"
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
func (w *words) room() string {
	if w.Refute > 0 && w.To == Suspect && w.Cause != Death && w.subject != w.observer {
		return "; it had up to " + seconds(w.Refute) + " to refute"
	}
	return ""
}

// health says how healthy the observer was, which bears on its own judgement.
func (w *words) health() string {
	scale := " (0 is good)"
	if w.Health == 0 {
		scale = " (good)"
	}
	return "; health of " + w.observer + ": " + strconv.Itoa(w.Health) + scale
}

func (w *words) probe() string {
	s := w.observer + " suspected " + w.subject + ": " + w.steps()
	if w.Confirmations > 0 {
		s += ";" + strings.TrimPrefix(w.confirmed(), ",")
	}
	return s + w.room() + w.health()
}

func (w *words) accusation() string {
	var s string
	switch {
	case w.Accuser == "":
		s = w.subject + " was accused, it isn't known by whom"
	case w.Cause == Death:
		s = w.Accuser + " called " + w.subject + " failed"
	default:
		s = w.Accuser + " accused " + w.subject
	}
	s += w.source()
	switch {
	case w.subject == w.observer:
	case w.Cause == Death && w.To == Suspect:
		s += "; " + w.observer + " hadn't suspected it and asks it first"
	case w.Cause == Death && w.From == Suspect:
		s += ", " + seconds(w.Refute) + " after the suspicion began" + w.confirmed()
	}
	if w.To == Suspect && w.Confirmations > 0 {
		s += w.confirmed()
	}
	if w.Probe != nil {
		s += "; the probe of " + w.observer + " failed, too: " + w.steps()
	}
	s += w.room()
	if w.Health > 0 || w.Probe != nil {
		s += w.health()
	}
	return s
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

func (w *words) timeout() string {
	s := w.observer + " called " + w.subject + " failed: it didn't refute " + w.claim() + " in " +
		seconds(w.Refute) + w.confirmed()
	if w.LastPing {
		s += ", and didn't answer a last ping"
	}
	return s + w.health()
}

func (w *words) refutation() string {
	inc := strconv.FormatUint(uint64(w.Incarnation), 10)
	if w.From != Suspect {
		return w.subject + " raised its incarnation to " + inc +
			": others know one from before a restart"
	}
	s := w.subject + " refuted " + w.claim()
	if w.subject == w.observer {
		return s + ": its incarnation is now " + inc
	}
	if w.Refute > 0 {
		s += " after " + seconds(w.Refute)
	} else {
		s += " at once"
	}
	if w.Confirmations > 0 {
		s += w.confirmed()
	}
	return s + ": its incarnation is now " + inc + w.source()
}

func (w *words) join() string {
	switch {
	case w.subject == w.observer && w.From == None:
		return w.subject + " started"
	case w.From == None:
		return w.subject + " joined" + w.source()
	case w.From == Reaped:
		return w.subject + " came back after it was no longer listed" + w.source()
	}
	return w.subject + " came back after it had " + w.past() + w.source()
}

// past is the state before, as what the member has done.
func (w *words) past() string {
	if w.From == Left {
		return "left"
	}
	return "failed"
}

func (w *words) departure() string {
	switch {
	case w.Cause == Stayed:
		return w.subject + " stays, although a message had said that it leaves" + w.source()
	case w.Cause == Reap:
		return w.subject + " is no longer listed: it had " + w.past() + " long ago"
	case w.Cause == ForceLeave && w.To == Reaped:
		return w.subject + " is no longer listed: an operator removed it" + w.source()
	case w.Cause == ForceLeave:
		return w.subject + " counts as left: an operator said so" + w.source()
	case w.To == Leaving && w.subject == w.observer:
		return w.subject + " leaves"
	case w.To == Leaving: // a force-leave of a living member looks the same
		return "a message says that " + w.subject + " leaves" + w.source()
	case w.From == Failed:
		return w.subject + " counts as left: a message had said that it leaves"
	}
	return w.subject + " left" + w.source()
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
