package main

import (
	"os"
	"syscall"
)

// agentSignals are the signals that the agent handles: Ctrl-C, and the end of the console, session
// or system.
var agentSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

// reloadSignal comes from the service manager: Windows has no signal for it.
var reloadSignal os.Signal = serviceReload{}

// dumpSignal and reopenSignal are never sent here.
var dumpSignal, reopenSignal os.Signal

type serviceReload struct{}

func (serviceReload) Signal()        {}
func (serviceReload) String() string { return "reload" }

// surviveSignals is empty here.
var surviveSignals []os.Signal

const signalUsage = "Ctrl-C leaves the cluster first; the end of the console or of the session " +
	"doesn't. " +
	"As a service, stopping leaves, and `sc control NAME paramchange` reads the configuration again."
