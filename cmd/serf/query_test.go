package main

import (
	"strings"
	"testing"
	"time"
)

// A query is over when all have answered, whatever its time-out (F24 in docs/failures.md). Ordinary
// agents have nothing that answers unless there is a handler, and a handler may fail.
func TestQueryThatNobodyAnswersEndsAtOnce(t *testing.T) {
	t.Parallel()
	a := runTestAgent(t, "-event-handler=query:fails=exit 1").started()
	for _, name := range []string{"nobody", "fails"} {
		began := time.Now()
		r := runLine(t.Context(), nil, "query", "-timeout=30s", "-rpc-addr="+a.addr("RPC"), name)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: it took %v though nobody will answer", name, took)
		}
		if !strings.Contains(r.stdout, "Total Acks: 1\nTotal Responses: 0\n") {
			t.Errorf("%s: exit %d\n%s%s", name, r.code, r.stdout, r.stderr)
		}
	}
}

// A response is shown as its member wrote it, but can't drive the terminal or forge a line.
func TestResponseText(t *testing.T) {
	for payload, want := range map[string]string{
		"up 3 days\n":            "up 3 days",
		"a\r\nb\r\n":             "a\n\tb",
		"a\nAck from 'b'\n":      "a\n\tAck from 'b'",
		"disk\tused":             "disk\tused",
		"\x1b[31mred\rx\x00\xff": `\x1b[31mred\rx\x00�`,
		"größe 大":                "größe 大",
		"":                       "",
	} {
		if got := responseText([]byte(payload)); got != want {
			t.Errorf("%q: %q, want %q", payload, got, want)
		}
	}
}

func TestQueryDoesNotTakeItsWholeTimeout(t *testing.T) {
	t.Parallel()
	first := runTestAgent(t, "-event-handler=query:load=echo 1").started()
	second := runTestAgent(t, "-node=b", "-bind=127.0.0.1:0", "-join", first.addr("Bind"), "-event-handler=query:load=echo 2").started()
	first.stdout.await(t, `EventMemberJoin: b `)
	began := time.Now()
	r := runLine(t.Context(), nil, "query", "-timeout=30s", "-rpc-addr="+second.addr("RPC"), "load")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v though both have answered", took)
	}
	for _, want := range []string{"Response from 'a': 1\n", "Response from 'b': 2\n", "Total Acks: 2\nTotal Responses: 2\n"} {
		if r.code != exitOK || !strings.Contains(r.stdout, want) {
			t.Errorf("exit %d, no %q in\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	stop(first, second)
}
