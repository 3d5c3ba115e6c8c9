package main

import (
	"bytes"
	"testing"

	"serf/agent/survey"
)

// With -verbose each agent has a line; those that gave no figures have none.
func TestAgentsAreListed(t *testing.T) {
	v, _ := new(knownCluster).Views(t.Context(), 0)
	var b bytes.Buffer
	writeAgents(&b, v.Agents)
	const want = `
agent              status  answer  digest            health  alive  suspect  leaving  failed  left  ms
evil\nn9 \x1b[31m  alive   yes     f576b188329f7edd  1       2      1        0        1       0     12.0
n1                 alive   yes     a768785d4439f6de  1       2      1        0        1       0     0.4
node-two           failed  other
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
	b.Reset()
	writeViews(&b, &survey.Views{AsSeenBy: "n1", Agree: true, Summary: "all agree"}, false)
	if b.String() != "Views compared with that of n1: all agree\n" {
		t.Errorf("got\n%s", b.String())
	}
}
