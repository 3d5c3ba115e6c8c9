package agent

import "errors"

// openSyslog fails: the system has no syslog.
func openSyslog(string) (syslogWriter, error) { return nil, errors.New("not available on windows") }
