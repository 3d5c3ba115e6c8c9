package main

import (
	"testing"
	"time"
)

func TestHandlerTimeoutReachesTheAgent(t *testing.T) {
	for option, want := range map[string]time.Duration{"": time.Hour, "-handler-timeout=5s": 5 * time.Second, "-handler-timeout=0": -1} {
		args := []string{"-node=n", "-bind=127.0.31.1"}
		if option != "" {
			args = append(args, option)
		}
		s, err := loadSetup(args)
		if err != nil {
			t.Fatal(err)
		}
		if c := s.agentConfig(); c.HandlerTimeout != want {
			t.Errorf("%q: %v, %v, want %v", option, c.HandlerTimeout, err, want)
		}
	}
	_, err := loadSetup([]string{"-node=n", "-bind=127.0.31.1", "-handler-timeout=-1s"})
	if err == nil || err.Error() != "-handler-timeout: -1s is negative, want at least 0s" {
		t.Errorf("below zero: %v", err)
	}
}
