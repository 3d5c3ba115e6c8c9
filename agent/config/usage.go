package config

import (
	"fmt"
	"strings"
)

// Usage lists the options, one or two lines each, and the keys that only files have.
func Usage() string {
	var flags, keys strings.Builder
	for _, o := range options {
		switch {
		case o.flag != "":
			entry(&flags, "-"+o.flag, o.arg, o.usage)
		default:
			entry(&keys, o.key, o.arg, o.usage)
		}
	}
	return "Options:\n" + flags.String() + "\nKeys of configuration files without an option:\n" + keys.String() +
		"\nKeys that are named otherwise than their option:\n" + otherNames() + notes
}

// otherNames lists the keys of options that have another name.
func otherNames() string {
	var b strings.Builder
	width := 0
	for _, o := range options {
		if o.flag == "" || o.key == "" || o.key == strings.ReplaceAll(o.flag, "-", "_") {
			continue
		}
		entry := fmt.Sprintf("%s (-%s)", o.key, o.flag)
		if width += len(entry) + 2; width > usageWidth {
			b.WriteByte('\n')
			width = len(entry) + 2
		}
		b.WriteString("  " + entry)
	}
	return b.String() + "\n"
}

// usageWidth is where lines of names end.
const usageWidth = 110

// notes are what doesn't fit into a line of an option.
const notes = `
A configuration file is a JSON object, such as {"node_name": "a", "start_join": ["10.0.0.1"], "tags": {"role": "web"},
"event_handlers": ["member-failed=./page.sh"], "retry_interval": "10s"}, in UTF-8. Unknown keys, keys that come twice and
values of the wrong kind are errors. In a folder, files whose names begin with a dot are skipped. HUP reads the files again:
log level, event handlers and tags change at once, tags set at run time stay; what else has changed is named in the log and
needs a restart.
An option or key whose value is empty, as that of a variable that isn't set, is an error: for the default leave it out.

The files of -snapshot, -tags-file and -keyring-file belong to one agent each, with FILE.lock beside it while that runs: a
second one is refused. So is a file with something else in it: none is overwritten that an agent hasn't written.

A handler is [FILTER=]SCRIPT. The filter is a list with commas of member-join, member-leave, member-failed, member-update,
member-reap, user, user:NAME, query, query:NAME or *, which is the default. The script is run by the shell with SERF_EVENT,
SERF_SELF_NAME, SERF_SELF_ROLE, SERF_TAG_<NAME>, and SERF_USER_EVENT and SERF_USER_LTIME or SERF_QUERY_NAME and SERF_QUERY_LTIME in its environment.
On standard input it has the payload, or a line for each member: name, address, role and tags between tabs. What it prints
answers a query. Each handler gets its events in order; different handlers run side by side.

Addresses of members to join are IP, IP:port, [v6]:port, name or name:port. A name stands for all its addresses, and is
looked up again at each attempt. A name such as _serf._tcp.example.com, without a port, stands for what its SRV records say,
if it has any; dnssrv+NAME does so for any name.

Encryption can be turned on in a running cluster, by restarting each member three times: first all of them with the key,
-verify-incoming=false and -verify-outgoing=false; when all have it, without -verify-outgoing; when all encrypt, without
-verify-incoming.

Keys are changed by serf keys: -install, -use, then -remove of the old one. A member that was down meanwhile still has the
old key, in its keyring file. As long as the others keep it too they speak to that member with it: give it the new key by
-install and -use once more, before -remove. After that nobody can read what it sends, nor it what they do ("no
installed keys could decrypt the message" on both sides): put the new key into its keyring file and restart it.
`

// usageColumn is where explanations begin; longer names get a line of their own.
const usageColumn = 28

func entry(b *strings.Builder, name, arg, usage string) {
	if arg != "" {
		name += "=" + arg
	}
	if len(name)+3 > usageColumn {
		fmt.Fprintf(b, "  %s\n%*s%s\n", name, usageColumn, "", usage)
		return
	}
	fmt.Fprintf(b, "  %-*s%s\n", usageColumn-2, name, usage)
}
