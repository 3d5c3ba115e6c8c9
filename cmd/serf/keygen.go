package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

const keygenHelp = `
Usage: serf keygen

  Prints a new random key in the form that 'serf agent -encrypt' and 'serf keys' want.
`

// keySize is that of AES-256, the strongest cipher that members support.
const keySize = 32

func runKeygen(_ context.Context, args []string, e env) int {
	o := newOptions("keygen", keygenHelp, e)
	if code, ok := o.parseAnything(args); !ok {
		return code
	}
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	fmt.Fprintln(e.Stdout, base64.StdEncoding.EncodeToString(key))
	return exitOK
}
