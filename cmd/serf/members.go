package main

import (
	"context"
	"fmt"
	"io"

	"serf/agent/rpc"
)

const membersHelp = `
Usage: serf members [options]

  Lists the members of the cluster as the agent sees them. Regular expressions
  have to match the whole of what they are compared with.

Options:

  -detailed
        Add the Serf protocol that each member speaks, and the range it
        understands. (json always has them.)

  -format=text
        text or json.

  -name=REGEXP
        Only members with such a name.

  -status=REGEXP
        Only members in such a state: alive, leaving, left or failed.

  -tag KEY=REGEXP
        Only members with such a value of a tag. Repeated: all must match.

  -role=REGEXP
        Deprecated: use -tag role=REGEXP.
`

func runMembers(ctx context.Context, args []string, e env) int {
	o := newOptions("members", membersHelp, e)
	detailed := o.flag("detailed", false)
	format := o.format()
	name := o.text("name", "")
	status := o.text("status", "")
	tags := o.pairs("tag")
	role := o.text("role", "")
	return o.run(ctx, args, func(c *rpc.Client, _ []string) error {
		if *role != "" {
			fmt.Fprintln(e.Stderr, "-role is deprecated: use -tag role="+*role)
			tags["role"] = *role
		}
		warnOfStatus(o, *status)
		members, err := c.MembersFiltered(ctx,
			rpc.MemberFilter{Name: *name, Status: *status, Tags: tags})
		if err != nil {
			return fmt.Errorf("retrieving members: %w", err)
		}
		if *format == formatJSON {
			return writeMembersJSON(e.Stdout, members)
		}
		writeMembers(e.Stdout, members, *detailed)
		return nil
	})
}

func writeMembers(w io.Writer, members []rpc.Member, detailed bool) {
	var rows [][]string
	for _, m := range members {
		row := []string{printable(m.Name), memberAddr(m), m.Status, tagList(m.Tags)}
		if detailed {
			row = append(row,
				fmt.Sprintf("Protocol Version: %d", m.Delegate.Current),
				fmt.Sprintf("Available Protocol Range: [%d, %d]", m.Delegate.Min, m.Delegate.Max))
		}
		rows = append(rows, row)
	}
	writeColumns(w, rows)
}

// memberAddr is ADDR:PORT, or :PORT if the agent knows no address.
func memberAddr(m rpc.Member) string {
	if !m.Addr.Addr().IsValid() {
		return fmt.Sprintf(":%d", m.Addr.Port())
	}
	return m.Addr.String()
}

type jsonMember struct {
	Name     string            `json:"name"`
	Addr     string            `json:"addr"`
	Port     uint16            `json:"port"`
	Tags     map[string]string `json:"tags"`
	Status   string            `json:"status"`
	Protocol jsonProtocol      `json:"protocol"`
}

type jsonProtocol struct {
	Max     uint8 `json:"max"`
	Min     uint8 `json:"min"`
	Version uint8 `json:"version"`
}

func writeMembersJSON(w io.Writer, members []rpc.Member) error {
	list := make([]jsonMember, len(members))
	for i, m := range members {
		list[i] = jsonMemberOf(m)
	}
	return writeJSON(w, struct {
		Members []jsonMember `json:"members"`
	}{list})
}

func jsonMemberOf(m rpc.Member) jsonMember {
	return jsonMember{
		Name:     m.Name,
		Addr:     memberAddr(m),
		Port:     m.Addr.Port(),
		Tags:     m.Tags,
		Status:   m.Status,
		Protocol: jsonProtocol{m.Delegate.Max, m.Delegate.Min, m.Delegate.Current},
	}
}
