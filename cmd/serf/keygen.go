package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

const keygenHelp = `
Usage: serf keygen [options]

  Prints a new random key in the form that 'serf agent -encrypt' and 'serf keys' want.

Options:

  -format=text
        text or json.
`

// keySize is that of AES-256, the strongest cipher that members support.
const keySize = 32

func runKeygen(_ context.Context, args []string, e env) int {
	o := newOptions("keygen", keygenHelp, e)
	format := o.format()
	if code, ok := o.parseAnything(args); !ok {
		return code
	}
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	text := base64.StdEncoding.EncodeToString(key)
	if *format == formatJSON {
		writeJSON(e.Stdout, jsonKeygen{text})
	} else {
		fmt.Fprintln(e.Stdout, text)
	}
	return exitOK
}

type jsonKeygen struct {
	Key string `json:"key"`
}
