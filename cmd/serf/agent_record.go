package main

import (
	"errors"
	"runtime/debug"
	"strings"

	"serf/agent"
	"serf/agent/recording"
)

// record says where the agent records, if it does.
func (s *setup) record() recording.Config {
	limit, _ := recording.ParseSize(s.conf.RecordLimit) // checked
	return recording.Config{Dir: s.conf.Record, Limit: limit, Build: build()}
}

// recordError names the option in an error of the start that is about the recording.
func (s *setup) recordError(err error) error {
	var problem *agent.ConfigError
	if errors.As(err, &problem) && strings.HasPrefix(problem.Field, "Record.") {
		return s.from("record", errors.New(problem.Text))
	}
	return err
}

// build names this program: its version and what it was built from.
func build() string {
	info, _ := debug.ReadBuildInfo()
	return version + " (" + commitOf(info) + ")"
}
