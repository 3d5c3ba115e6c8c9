package main

import (
	"os"
	"syscall"
)

// agentSignals are the signals that the agent handles: Ctrl-C, and the end of the console, session
// or system. Windows has nothing for reloads.
var agentSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

// reloadSignal and dumpSignal are never sent here.
var reloadSignal, dumpSignal os.Signal

// surviveSignals is empty here.
var surviveSignals []os.Signal

const signalUsage = "Ctrl-C leaves the cluster first; the end of the console or of the session " +
	"doesn't. " +
	"To read the configuration again, restart it."
