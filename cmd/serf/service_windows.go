package main

import (
	"os"

	"golang.org/x/sys/windows/svc"
)

// serviceName is what the agent calls itself towards the service manager, which doesn't compare it.
const serviceName = "serf"

// stopHint is how long the service manager should wait for a graceful leave, in milliseconds.
const stopHint = 15_000

// asService runs the agent as a Windows service if the service manager started this process.
// Stopping the service, or the system, leaves the cluster, as Ctrl-C does; "sc control NAME
// paramchange" reads the configuration again.
func asService(signals chan<- os.Signal, run func() int) int {
	s := &service{signals: signals, run: run}
	// Only the service manager knows whether it started this process: svc.IsWindowsService guesses
	// by the parent's session. It can be asked once; a second agent of a process is no service.
	if err := svc.Run(serviceName, s); err != nil && !s.began {
		return run()
	}
	return s.code
}

// service runs an agent for the service manager.
type service struct {
	signals chan<- os.Signal
	run     func() int
	began   bool
	code    int
}

// Execute implements svc.Handler.
func (s *service) Execute(
	_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status,
) (specific bool, code uint32) {
	s.began, s.code = true, exitError // unless the agent says otherwise
	const accepted = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptParamChange
	ended := make(chan int, 1)
	status <- svc.Status{State: svc.StartPending}
	go func() { ended <- s.run() }()
	status <- svc.Status{State: svc.Running, Accepts: accepted}
	for {
		select {
		case s.code = <-ended:
			// A code of this program, not of Windows: the event log shows it as such.
			return s.code != exitOK, uint32(s.code)
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- r.CurrentStatus
			case svc.ParamChange:
				s.signal(reloadSignal)
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending, WaitHint: stopHint}
				s.signal(os.Interrupt)
			}
		}
	}
}

// signal passes on a signal as the system would: when too many wait it is lost.
func (s *service) signal(sig os.Signal) {
	select {
	case s.signals <- sig:
	default:
	}
}
