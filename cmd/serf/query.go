package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"serf/agent/rpc"
	"serf/internal/textwrap"
)

var queryHelp = `
Usage: serf query [options] NAME [PAYLOAD]

  Asks members a question and prints their answers as they come. Ends when all who
  were asked have answered, or at the timeout.
` + payloadHelp("query") + `
Options:

  -format=text
        text or json.

  -node=MEMBER
        Ask only this member. May be repeated.

  -tag KEY=REGEXP
        Ask only members with such a value of a tag; the regular expression has to
        match the whole value. Repeated: all must match.

  -timeout=DURATION
        When to stop waiting, for example 15s. Default: by the size of the cluster.

  -no-ack
        Don't ask members to acknowledge the query.

  -relay-factor=0
        How many other members pass on each answer, in case one gets lost; 0 to 255.
`

func runQuery(ctx context.Context, args []string, e env) int {
	o := newOptions("query", queryHelp, e)
	o.takesPayload("a query name")
	format := o.format()
	nodes := o.list("node")
	tags := o.pairs("tag")
	timeout := o.duration("timeout")
	noAck := o.flag("no-ack", false)
	relays := o.number("relay-factor", "Relay factor must be from 0 to 255")
	return o.run(ctx, args, func(c *rpc.Client, args []string) error {
		if err := warnOfNobody(ctx, o, c, *nodes, tags); err != nil {
			return err
		}
		answers, err := c.Query(ctx, rpc.QueryParams{
			Name:        args[0],
			Payload:     o.sent,
			Nodes:       *nodes,
			Tags:        tags,
			WantAck:     !*noAck,
			RelayFactor: *relays,
			Timeout:     *timeout,
		})
		if err != nil {
			return fmt.Errorf("sending query: %w", err)
		}
		if *format == formatJSON {
			return writeAnswersJSON(ctx, e.Stdout, answers)
		}
		fmt.Fprintf(e.Stdout, "Query '%s' dispatched\n", args[0])
		return writeAnswers(ctx, e.Stdout, answers, *noAck)
	})
}

// eachAnswer calls f for all answers to a query.
func eachAnswer(ctx context.Context, answers *rpc.Stream[rpc.Answer], f func(rpc.Answer)) error {
	for {
		a, err := answers.Next(ctx)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("waiting for answers: %w", err)
		}
		f(a)
	}
}

func writeAnswers(ctx context.Context, w io.Writer, answers *rpc.Stream[rpc.Answer],
	noAck bool) error {
	acks, responses := 0, 0
	err := eachAnswer(ctx, answers, func(a rpc.Answer) {
		if a.Ack {
			acks++
			fmt.Fprintf(w, "Ack from '%s'\n", printable(a.From))
			return
		}
		responses++
		fmt.Fprintf(w, "Response from '%s': %s\n", printable(a.From), responseText(a.Payload))
	})
	if err != nil {
		return err
	}
	if !noAck {
		fmt.Fprintf(w, "Total Acks: %d\n", acks)
	}
	fmt.Fprintf(w, "Total Responses: %d\n", responses)
	return nil
}

// responseText is a response without its last line end, on whatever system it was written. Its
// further lines are indented, so that none of them can pass for a line of this command.
func responseText(payload []byte) string {
	text := strings.ReplaceAll(string(payload), "\r\n", "\n")
	text = textwrap.Escape(strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"), "\n\t")
	return strings.ReplaceAll(text, "\n", "\n\t")
}

func writeAnswersJSON(ctx context.Context, w io.Writer, answers *rpc.Stream[rpc.Answer]) error {
	var result = struct {
		Acks      []string
		Responses map[string]string
	}{Acks: []string{}, Responses: map[string]string{}}
	err := eachAnswer(ctx, answers, func(a rpc.Answer) {
		if a.Ack {
			result.Acks = append(result.Acks, a.From)
			return
		}
		result.Responses[a.From] = string(a.Payload)
	})
	if err != nil {
		return err
	}
	return writeJSON(w, result)
}
