package config

import (
	"fmt"
	"runtime"
	"strings"

	"serf/internal/textwrap"
)

// Usage lists the options, filled to textwrap.Width, and the keys that only files have.
func Usage() string { return usage(runtime.GOOS) }

// usage is Usage for a system.
func usage(system string) string {
	var flags, keys strings.Builder
	for _, o := range options {
		switch {
		case o.flag != "":
			entry(&flags, "-"+o.flag, o.arg, o.usage)
		default:
			entry(&keys, o.key, o.arg, o.usage)
		}
	}
	return "Options:\n" + flags.String() + "\nKeys of configuration files without an " +
		"option:\n" + keys.String() +
		"\nKeys whose name differs from the option's:\n" + otherNames() + notesFor(system)
}

// notesFor is the text below the list of options.
func notesFor(system string) string {
	if system == "windows" {
		return strings.Replace(notes, reloadPlace, noReload, 1) + windowsNotes + moreNotes
	}
	return strings.Replace(notes, reloadPlace, reload, 1) + moreNotes
}

// Windows has no signal for a reload.
const (
	reloadPlace = "%RELOAD%"
	noReload    = "They are read when the agent starts: a change of them needs a restart."
	reload      = `HUP reads the files again: log level, event handlers and their time-out, tags, zones
and certificates change at once, and tags that were set at run time stay. The agent says what has
changed, and what needs a restart.`
)

// otherNames lists the keys that aren't spelt like their options.
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

// usageWidth is the width of the lists of names.
const usageWidth = 98

// notes explain files and handlers.
const notes = `
Configuration files

A configuration file is a JSON object in UTF-8, such as {"node_name": "a",
"start_join": ["10.0.0.1"], "tags": {"role": "web"}, "retry_interval": "10s",
"event_handlers": ["member-failed=./page.sh"]}. Unknown keys, keys that come twice and values of
the wrong kind are errors. In a folder, files whose names begin with a dot are skipped.
%RELOAD%
An option or key with an empty value, such as that of a variable that isn't set, is an error: for
the default leave it out.

RPC on unix:///path can be used by the owner of the socket, and by others as its mode says; its
folder has to exist. For tls://host:port give -rpc-tls-cert and -rpc-tls-key; without
-rpc-tls-client-ca set rpc_auth, too. Commands take the same addresses.

Secrets are better kept in files of their own (-encrypt-key-file, -rpc-auth-file): one line, whose
end doesn't count, for the owner to read alone. A relative path of such a file begins in
$CREDENTIALS_DIRECTORY if that is set, as it is by LoadCredential= of systemd.

The files of -snapshot, -tags-file and -keyring-file belong to one agent each. FILE.lock beside
such a file keeps a second agent from it while the first one runs. The agent refuses a file with
other content, and never overwrites what an agent hasn't written. The directory of -record belongs
to one agent, too.

Event handlers

A handler is [FILTER=]SCRIPT. FILTER is a comma-separated list of member-join, member-leave,
member-failed, member-update, member-reap, user, user:NAME, query, query:NAME or *, the default,
and of timeout:TIME, such as timeout:30s, for a time-out of its own (0 for none). The shell runs the
script with SERF_EVENT, SERF_SELF_NAME, SERF_SELF_ROLE, SERF_TAG_<NAME>, and SERF_USER_EVENT and
SERF_USER_LTIME or SERF_QUERY_NAME and SERF_QUERY_LTIME in its environment; and with SERF_RPC_ADDR
and, if there is an rpc_auth, SERF_RPC_AUTH, by which serf commands find this agent. Standard input
is the payload, or a line for each member: name, address, role and tags, separated by tabs. What the
script prints answers a query. A failure is logged at level err.

exec:PROGRAM ARGUMENT... in place of a script runs a program without a shell: the text is split at
spaces, which quotes of either kind keep, and nothing in it is expanded. Text that other members
choose, such as names of events, is only data to a program; a script has to quote it.

Each handler gets its events in order. Those for one event run in the order of the configuration,
each when the one before has ended or is slow (1s). When more than 1024 events wait for a handler,
the oldest are dropped. serf info shows, under handlers, what waits, runs, failed, timed out and was
dropped.
`

// windowsNotes are for Windows only.
const windowsNotes = `
On Windows cmd runs the script, and expands %VARIABLES% before it looks for commands: in a script or
batch file with %SERF_USER_EVENT%, an event named x&COMMAND runs COMMAND, and whoever can fire
events chooses their names. The same holds for a payload that was read into a variable. In batch
files use delayed expansion (setlocal EnableDelayedExpansion, then !SERF_USER_EVENT!), or use exec:
with a program, such as exec:powershell -NoProfile -File C:\serf\deploy.ps1. exec: refuses batch
files, since cmd would run them.
`

// moreNotes follow those about handlers.
const moreNotes = `
Addresses and keys

Addresses of members to join are IP, IP:port, [v6]:port, name or name:port. A name stands for all
its addresses, and is looked up again at each attempt. A name such as _serf._tcp.example.com,
without a port, stands for the targets of its SRV records, if it has any; dnssrv+NAME does so for
any name.

Encryption can be turned on in a running cluster by restarting each member three times: first all of
them with the key, -verify-incoming=false and -verify-outgoing=false; when all have it, without
-verify-outgoing; when all encrypt, without -verify-incoming.

Keys are changed by serf keys: -install, -use, then -remove of the old one. A member that was down
meanwhile still has the old key in its keyring file. As long as the others also have it they can
talk to that member: give it the new key by -install and -use once more, before -remove. After that
neither can read what the other sends ("no installed keys could decrypt the message" on both sides):
put the new key into its keyring file and restart it.
`

// usageColumn is where explanations begin; longer names get a line of their own.
const usageColumn = 28

func entry(b *strings.Builder, name, arg, usage string) {
	if arg != "" {
		name += "=" + arg
	}
	if len(name)+3 > usageColumn {
		fmt.Fprintf(b, "  %s\n%*s%s\n", name, usageColumn, "", textwrap.Fill(usage, usageColumn))
		return
	}
	fmt.Fprintf(b, "  %-*s%s\n", usageColumn-2, name, textwrap.Fill(usage, usageColumn))
}
