package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"sync"

	"serf/agent/rpc"
)

// jsonLine is a line of an agent's log.
type jsonLine struct {
	Time      string `json:"time,omitempty"` // of the agent's clock; its zone isn't known
	Level     string `json:"level,omitempty"`
	Component string `json:"component,omitempty"`
	Text      string `json:"text"`
}

// logLine is the form of a log's lines; some have no component.
var logLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) ` +
		`\[([A-Z]+)\] (?:([a-z][a-z0-9/-]*): )?(.*)$`)
})

// lineJSON is a line of the log as JSON. What isn't in the form of a log is all text.
func lineJSON(line string) string {
	m := logLine().FindStringSubmatch(line)
	if m == nil {
		return jsonLineOf(jsonLine{Text: line})
	}
	return jsonLineOf(jsonLine{m[1] + "-" + m[2] + "-" + m[3] + "T" + m[4], strings.ToLower(m[5]),
		m[6], m[7]})
}

// jsonMonitorEvent is an event of the cluster.
type jsonMonitorEvent struct {
	Event    string       `json:"event"`
	Members  []jsonMember `json:"members,omitempty"`
	Name     string       `json:"name,omitempty"`
	Payload  []byte       `json:"payload_b64,omitempty"`
	LTime    uint64       `json:"ltime,omitempty"`
	Coalesce *bool        `json:"coalesce,omitempty"`
	ID       uint64       `json:"id,omitempty"`
}

func eventJSON(ev rpc.Event) string {
	out := jsonMonitorEvent{Event: ev.Type, Name: ev.Name, Payload: ev.Payload, LTime: ev.LTime,
		ID: ev.ID}
	if ev.Type == rpc.UserEvent {
		out.Coalesce = &ev.Coalesce
	}
	for _, m := range ev.Members {
		out.Members = append(out.Members, jsonMemberOf(m))
	}
	return jsonLineOf(out)
}

// jsonLineOf is v in one line.
func jsonLineOf(v any) string {
	b, _ := json.Marshal(v) // of types of this package, which can be marshalled
	return string(b) + "\n"
}
