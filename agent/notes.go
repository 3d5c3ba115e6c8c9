package agent

import (
	"log/slog"
	"net/netip"

	"serf/driver"
	"serf/internal/notes"
	"serf/internal/notes/serfnotes"
	"serf/swim"
)

// tellNote writes a note to the log.
func (a *Agent) tellNote(n *swim.Note) {
	level := slog.Level(n.Level)
	if !a.log.wants(level) {
		return
	}
	component, w := serfnotes.Of(n)
	text := func() string { return w.Fill(n, a.subject) }
	if !w.Limited {
		a.log.Logf(level, component, "%s", text())
		return
	}
	a.log.repeat(level, component, notes.Key(n), text)
}

// tellProblem writes to the log what went wrong with a socket or stream.
func (a *Agent) tellProblem(p driver.Problem) {
	a.log.repeat(p.Level(), "memberlist", notes.ProblemKey(p), p.String)
}

// subject returns the name and address of a member that a note is about.
func (a *Agent) subject(id swim.MemberID) (name string, addr netip.AddrPort) {
	m, _ := a.loop.node.ByID(id)
	return a.nameOf(id), m.Addr
}

// nameOf is a member's name.
func (a *Agent) nameOf(id swim.MemberID) string { return a.loop.node.Swim().Roster().Name(id) }
