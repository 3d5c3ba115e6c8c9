package interop

import (
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// TestEncryptedCluster goes through the life of an encrypted cluster of two agents of ours, the
// published Serf's and Debian's, in which each implementation does everything once. Debian's is
// driven by its own command line.
func TestEncryptedCluster(t *testing.T) {
	t.Parallel()
	old, next := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("o", 32))), base64.StdEncoding.EncodeToString([]byte(strings.Repeat("n", 32)))
	start := func(p program, name, make string, dial dialer) *running {
		return p.start(t, options{name: name, tags: map[string]string{"make": make}}, dial, "-encrypt="+old)
	}
	one, two := start(ownProgram, "one", "own", dialOriginal), start(ownProgram, "two", "own", dialOwn)
	published := start(originalProgram, "published", "published", dialOwn)
	debian := start(debianProgram, "debian", "debian", dialOwn)
	cli := newCommandLine(t, debianProgram, debian)
	all := []*running{one, two, published, debian}

	// First a chain, so that each implementation joins another; then everybody joins everybody.
	must(t, cli.try("join", one.addr().String()))
	must(t, one.join(false, published))
	must(t, published.join(false, two))
	for _, from := range all {
		for _, to := range all {
			if from != to {
				must(t, from.join(false, to))
			}
		}
	}
	wantAgreement(t, membersOf(all)...)
	wantTags(t, cli, all)
	wantEvents(t, cli, all)
	wantQueries(t, cli, all)
	wantRotation(t, cli, all, old, next)

	two.kill()
	wantStatus(t, "two", "failed", one, published, debian)
	must(t, cli.try("force-leave", "two"))
	wantStatus(t, "two", "left", one, published, debian)
	published.kill()
	wantStatus(t, "published", "failed", one, debian)
	must(t, one.forceLeave("published", false))
	wantStatus(t, "published", "left", one, debian)
	must(t, one.leave())
	wantDeparture(t, one, debian)
}

func membersOf(all []*running) []member {
	var members []member
	for _, m := range all {
		members = append(members, m)
	}
	return members
}

// try runs a command that must succeed.
func (c *commandLine) try(args ...string) error {
	if out, errs, exit := c.exec(args...); exit != 0 {
		return fmt.Errorf("serf %s: exit %d, %s%s", strings.Join(args, " "), exit, out, errs)
	}
	return nil
}

// wantTags changes a tag of each member by RPC, except for that of cli.
func wantTags(t *testing.T, cli *commandLine, all []*running) {
	t.Helper()
	for _, m := range all {
		if m.rpcAddr() == cli.rpcAddr {
			must(t, cli.try("tags", "-set", "new="+m.name()))
			continue
		}
		must(t, m.setTags(map[string]string{"make": m.program.name, "new": m.name()}))
	}
	for _, m := range all {
		eventually(t, patience, "the new tag of "+m.name(), func() error {
			for _, other := range all {
				if tags := other.members()[m.name()].Tags; !strings.HasSuffix(tags, "new="+m.name()) {
					return fmt.Errorf("%s has %s", other.name(), tags)
				}
			}
			return nil
		})
	}
	wantAgreement(t, membersOf(all)...)
}

// wantEvents fires an event from each member and waits until all have delivered it once.
func wantEvents(t *testing.T, cli *commandLine, all []*running) {
	t.Helper()
	for _, m := range all {
		if m.rpcAddr() == cli.rpcAddr {
			must(t, cli.try("event", "-coalesce=false", "from-"+m.name(), "payload"))
			continue
		}
		must(t, m.event("from-"+m.name(), []byte("payload"), false))
	}
	for _, m := range all {
		wantEvent(t, "user from-"+m.name()+" payload", membersOf(all)...)
	}
	for _, m := range all {
		for _, from := range all {
			if n := heard(m, "user from-"+from.name()+" payload"); n != 1 {
				t.Errorf("%s heard the event of %s %d times", m.name(), from.name(), n)
			}
		}
	}
}

// encryptedQueryTimeout ends queries of the implementations that always wait for the timeout.
const encryptedQueryTimeout = 1500 * time.Millisecond

// wantQueries queries all members, some by tag and one by name, from each member, and with relayed
// answers too.
func wantQueries(t *testing.T, cli *commandLine, all []*running) {
	t.Helper()
	everybody := membersOf(all)
	for _, m := range all {
		for _, q := range []struct {
			question question
			asked    []member
		}{
			{question{payload: "all of " + m.name(), relay: 2}, everybody},
			{question{payload: "role of " + m.name(), tags: map[string]string{"new": "t.*|debian"}}, []member{all[1], all[3]}},
			{question{payload: "name of " + m.name(), nodes: []string{"one", "published"}, relay: 1}, []member{all[0], all[2]}},
		} {
			q.question.name, q.question.ack, q.question.timeout = echoQuery, true, encryptedQueryTimeout
			q.question.acks, q.question.responses = len(q.asked), len(q.asked)
			if m.rpcAddr() == cli.rpcAddr {
				wantPrintedAnswers(t, cli, q.question, q.asked)
				continue
			}
			got, err := m.query(q.question)
			must(t, err)
			wantAnswers(t, got, q.asked, q.asked, q.question.payload)
		}
	}
}

// wantPrintedAnswers is wantAnswers for a command.
func wantPrintedAnswers(t *testing.T, cli *commandLine, q question, asked []member) {
	t.Helper()
	args := []string{"query", "-timeout=" + q.timeout.String(), fmt.Sprint("-relay-factor=", q.relay)}
	for _, name := range q.nodes {
		args = append(args, "-node="+name)
	}
	for k, v := range q.tags {
		args = append(args, "-tag="+k+"="+v)
	}
	out, errs, exit := cli.exec(append(args, q.name, q.payload)...)
	if exit != 0 {
		t.Errorf("%v: exit %d, %s%s", args, exit, out, errs)
	}
	wanted := []string{fmt.Sprintf("Total Acks: %d", len(asked)), fmt.Sprintf("Total Responses: %d", len(asked))}
	for _, m := range asked {
		wanted = append(wanted, fmt.Sprintf("Ack from '%s'", m.name()), fmt.Sprintf("Response from '%s': %s", m.name(), reply(m.name(), []byte(q.payload))))
	}
	for _, part := range wanted {
		if !strings.Contains(out, part) {
			t.Errorf("%v: no %q in\n%s", args, part, out)
		}
	}
}

// wantRotation installs a key from one member, uses it from another and removes the old one from a
// third. In between, each lists the keys of all four.
func wantRotation(t *testing.T, cli *commandLine, all []*running, old, next string) {
	t.Helper()
	one, two, published := all[0], all[1], all[2]
	wantListed(t, cli, all, map[string]int{old: 4})
	wantKeys(t, two, "install", next, nil)
	wantListed(t, cli, all, map[string]int{old: 4, next: 4})
	must(t, cli.try("keys", "-use="+next))
	wantKeys(t, published, "remove", old, nil)
	wantListed(t, cli, all, map[string]int{next: 4})
	must(t, one.event("rotated", nil, false))
	wantEvent(t, "user rotated ", membersOf(all)...)
	wantAgreement(t, membersOf(all)...)
}

// wantListed lists the keys by way of each member.
func wantListed(t *testing.T, cli *commandLine, all []*running, want map[string]int) {
	t.Helper()
	for _, m := range all {
		r, err := m.keys("list", "")
		if err != nil || !maps.Equal(r.Keys, want) {
			t.Fatalf("keys by way of %s: %v, %+v; want %v", m.name(), err, r, want)
		}
	}
	out, errs, exit := cli.exec("keys", "-list")
	for key, n := range want {
		if part := fmt.Sprintf("%s  [%d/4]", key, n); exit != 0 || !strings.Contains(out, part) {
			t.Errorf("keys -list: exit %d, no %q in\n%s%s", exit, part, out, errs)
		}
	}
}
