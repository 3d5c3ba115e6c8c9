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
	return "Options:\n" + flags.String() + "\nKeys of configuration files without an option:\n" + keys.String() + notes
}

// notes are what doesn't fit into a line of an option.
const notes = `
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
