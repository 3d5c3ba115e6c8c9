package main

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"serf/agent/rpc"
	"serf/internal/std"
)

// Kinds of lines beside those of events.
const (
	lineConnected    = "connected"
	lineDisconnected = "disconnected"
	lineMember       = "member"  // a member that is there when the connection is made
	lineChanged      = "changed" // one whose status has changed without an event
)

// printLines prints each change as a line, until ctx ends, which is no error.
func (s *watchSession) printLines(ctx context.Context, format string, e env) int {
	go s.run(ctx)
	p := &watchPrinter{w: e.Stdout, json: format == formatJSON, status: make(map[string]string)}
	for {
		select {
		case <-ctx.Done():
			return exitOK
		case u := <-s.updates:
			if p.print(time.Now(), &u); p.err != nil {
				return e.fail("writing", p.err)
			}
		}
	}
}

// watchPrinter prints updates as lines.
type watchPrinter struct {
	w       io.Writer
	json    bool
	status  map[string]string // by member, as it was printed
	agent   string            // "" before the first connection
	offline bool              // a line says so
	err     error             // of the writer
}

func (p *watchPrinter) print(now time.Time, u *watchUpdate) {
	switch {
	case u.connected:
		p.line(now, watchLine{Event: lineConnected, Agent: u.agent})
		kind := lineMember
		if p.agent != "" {
			kind = lineChanged
		}
		p.agent, p.offline = u.agent, false
		p.members(now, kind, u.members)
	case u.members != nil:
		p.members(now, lineChanged, u.members)
	case u.event != nil:
		p.event(now, u.event)
	case u.lost != nil && !p.offline: // attempts that fail, too, are not worth a line each
		p.offline = true
		p.line(now, watchLine{Event: lineDisconnected, Reason: u.lost.Error()})
	}
}

// members prints those of a list whose status isn't the one that was printed last.
func (p *watchPrinter) members(now time.Time, kind string, list []rpc.Member) {
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	listed := make(map[string]bool, len(list))
	for _, m := range list {
		listed[m.Name] = true
		if p.status[m.Name] != m.Status {
			p.line(now, watchLine{Event: kind, Member: new(jsonMemberOf(m))})
		}
		p.status[m.Name] = m.Status
	}
	for _, name := range std.SortedKeys(p.status) {
		if !listed[name] {
			delete(p.status, name)
			gone := &jsonMember{Name: name, Status: "none"}
			p.line(now, watchLine{Event: lineChanged, Member: gone})
		}
	}
}

// event prints a line for each member of an event, or one for a user event or query.
func (p *watchPrinter) event(now time.Time, ev *rpc.Event) {
	if len(ev.Members) == 0 {
		p.line(now, watchLine{Event: ev.Type, Name: ev.Name, LTime: ev.LTime, Payload: ev.Payload})
	}
	for _, m := range ev.Members {
		if p.status[m.Name] = m.Status; ev.Type == rpc.MemberReap {
			delete(p.status, m.Name)
		}
		p.line(now, watchLine{Event: ev.Type, Member: new(jsonMemberOf(m))})
	}
}

// watchLine is a line, as JSON has it.
type watchLine struct {
	Time    string      `json:"time"`
	Event   string      `json:"event"`
	Agent   string      `json:"agent,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	Member  *jsonMember `json:"member,omitempty"`
	Name    string      `json:"name,omitempty"`
	LTime   uint64      `json:"ltime,omitempty"`
	Payload []byte      `json:"payload_b64,omitempty"`
}

// jsonTime is how times are written.
const jsonTime = "2006-01-02T15:04:05.000Z07:00"

func (p *watchPrinter) line(now time.Time, l watchLine) {
	if p.err != nil {
		return
	}
	l.Time = now.UTC().Format(time.RFC3339)
	text := l.text()
	if p.json {
		l.Time = now.UTC().Format(jsonTime)
		text = jsonLineOf(l)
	}
	_, p.err = io.WriteString(p.w, text)
}

// text is the line for people and simple programs: time, kind, then what it is about.
func (l *watchLine) text() string {
	words := []string{l.Time, l.Event}
	add := func(word string) {
		if word != "" {
			words = append(words, printable(word))
		}
	}
	add(l.Agent)
	add(l.Reason)
	add(l.Name)
	if m := l.Member; m != nil {
		add(m.Name)
		add(m.Addr)
		if l.Event == lineMember || l.Event == lineChanged {
			add(m.Status)
		}
		add(tagList(m.Tags))
	}
	if l.LTime > 0 {
		add(fmt.Sprintf("ltime=%d", l.LTime))
	}
	if len(l.Payload) > 0 {
		add(fmt.Sprintf("%q", l.Payload))
	}
	return strings.Join(words, " ") + "\n"
}
