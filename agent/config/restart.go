package config

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
)

// live are the keys that a running agent can take over.
var live = map[string]bool{
	"log_level": true, "event_handlers": true, "handler_timeout": true, "tags": true, "role": true,
	"zone_tag": true, "zone_share": true, "zone_probes": true,
	"leave_on_terminate": true, "skip_leave_on_interrupt": true,
	"rpc_tls_cert": true, "rpc_tls_key": true, "rpc_tls_client_ca": true,
}

// NeedRestart names the settings that differ between the configuration of a running agent and a new
// one, and that need a restart to change.
func NeedRestart(running, next *Config) (names []string) {
	for _, o := range options {
		if o.key == "" || live[o.key] {
			continue
		}
		if !reflect.DeepEqual(o.field(running), o.field(next)) { // compares what both point at
			names = append(names, label(o.key))
		}
	}
	return names
}

// LiveChanges lists the changes that a running agent takes over from a new configuration, except
// for tags, one text for each key: "log_level is debug, was info".
func LiveChanges(running, next *Config) (changes []string) {
	for _, o := range options {
		if o.key == "" || !live[o.key] || o.key == "tags" || o.key == "role" {
			continue
		}
		was, is := shown(o.field(running)), shown(o.field(next))
		if was != is {
			changes = append(changes, fmt.Sprintf("%s is %s, was %s", o.key, is, was))
		}
	}
	return changes
}

// shown is a value as messages show it.
func shown(field any) string {
	switch f := field.(type) {
	case *[]string:
		if len(*f) == 0 {
			return "empty"
		}
		return fmt.Sprintf("%q", strings.Join(*f, ", "))
	case *string:
		return cmp.Or(*f, "empty")
	default:
		return fmt.Sprint(reflect.ValueOf(field).Elem().Interface())
	}
}
