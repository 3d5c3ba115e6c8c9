//go:build unix

package agent

import (
	"fmt"
	"log/syslog"
)

// openSyslog connects to the daemon of this machine.
func openSyslog(facility string) (syslogWriter, error) {
	n, err := facilityNumber(facility)
	if err != nil {
		return nil, err
	}
	w, err := syslog.New(syslogPriority(n), syslogTag)
	if err != nil {
		return nil, fmt.Errorf("no daemon takes messages on this machine: %w", err)
	}
	return w, nil
}

// syslogPriority combines a facility with the severity of lines that have none.
func syslogPriority(facility int) syslog.Priority {
	return syslog.Priority(facility)<<3 | syslog.LOG_NOTICE
}
