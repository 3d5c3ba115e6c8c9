//go:build !windows

package main

import "os"

// asService runs the agent; only Windows makes a difference for services.
func asService(_ chan<- os.Signal, run func() int) int { return run() }
