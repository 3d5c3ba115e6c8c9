package config

import "reflect"

// live are the keys whose changes a running agent takes over.
var live = map[string]bool{
	"log_level": true, "event_handlers": true, "handler_timeout": true, "tags": true, "role": true,
	"leave_on_terminate": true, "skip_leave_on_interrupt": true,
}

// NeedRestart names the options that differ between the configuration of a
// running agent and a new one, and that can't change while it runs.
func NeedRestart(running, next *Config) (names []string) {
	for _, o := range options {
		if o.key == "" || live[o.key] {
			continue
		}
		if !reflect.DeepEqual(o.field(running), o.field(next)) { // both are pointers: what they point at is compared
			names = append(names, label(o.key))
		}
	}
	return names
}
