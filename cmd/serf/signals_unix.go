//go:build unix

package main

import (
	"os"
	"syscall"
)

// agentSignals are the signals that the agent handles.
var agentSignals = []os.Signal{os.Interrupt, syscall.SIGTERM, reloadSignal, dumpSignal,
	reopenSignal}

// reloadSignal makes the agent read its configuration again.
var reloadSignal os.Signal = syscall.SIGHUP

// dumpSignal makes the agent print its metrics.
var dumpSignal os.Signal = syscall.SIGUSR1

// reopenSignal makes the agent open its log file again.
var reopenSignal os.Signal = syscall.SIGUSR2

// surviveSignals would end the program by default, but must not end the agent: it goes on when the
// reader of its output is gone. They aren't ignored, because handlers would inherit that.
var surviveSignals = []os.Signal{syscall.SIGPIPE}

const signalUsage = "INT leaves the cluster first, TERM doesn't. " +
	"HUP reads the configuration again, USR1 prints the agent's figures on standard error. " +
	"HUP and USR2 open the log file again."
