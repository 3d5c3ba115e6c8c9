package main

import (
	"fmt"
	"strings"

	"serf/netsim/scenario"
)

const simHelpHead = `
Usage: serf sim [options]

  Simulates a cluster of agents in virtual time and prints how it fared. The
  agents run the same code as 'serf agent'; clock and network are simulated.
  The same options and seed give the same output, on every machine.
  'serf sim lifeguard -h' tells of a comparison with the literature,
  'serf sim convergence -h' and 'serf sim events -h' of experiments with many seeds.

  -scenario=FILE
        Read a scenario from a JSON file, see below. Options change what it says.

  -agent-config=PATH
        Take the profile and the timings of an agent's configuration file, or of a
        folder of such files. They replace those of the scenario. May be repeated.

  -print-scenario
        Print what the options mean as a file to start from, and run nothing.

  -join=cold
        cold: all nodes start within a second and join the first one.
        warm: they have done so long ago.

  -crash=N[@TIME]
        N random nodes crash together, by default after a third of the time.
        May be repeated.

  -partition=START,LENGTH[,SHARE]
        From START a random share of the nodes, by default half of them, is cut
        off for LENGTH. May be repeated.

  -fault=KIND,KEY=VALUE,...
        What goes wrong, see below: -fault=pause,count=3,start=20s,length=5s.
        May be repeated.

  -work=KIND,KEY=VALUE,...
        What users do, see below: -work=event,every=1s,size=100.
        May be repeated.

  -format=text
        text: a summary to read. json: all figures, among them how each crash and
        event spread, and a series of samples over the time simulated. Names of
        fields don't change their meaning, times are in seconds; 'go doc
        serf/netsim/report.Figures' describes them.

  -workers=0
        How many processors share the work. It changes nothing but how long it
        takes. 0: one, or up to 8 for clusters of 5000 nodes and more.

  -report=FILE.html
        Also write a page with plots and tables to this file. It needs no
        network and no other file.

  -set=KEY=VALUE
        Give one value of the scenario by its key in a file, see below:
        -set=faults[0].count=3. May be repeated.

  -sweep=NAME=VALUE,VALUE,...
        Run with each of these values of an option, as loss=0,1,5, or of a key, as
        faults[0].count=1,10, and print a table. Values with commas are separated
        by semicolons. May be repeated: then all combinations are run. An interrupt
        keeps what is done.

  -seeds=N
        Do each run with N seeds, those from -seed on, and print the median and
        from least to most.

`

const simHelpFile = `
What it prints

  views agree      from a change until each running node takes exactly those for alive that are, where they are; heal
                   and resume are the ends of faults of the network and of pauses after which some were taken for failed
  crash noticed    from the crash until the first of the others, and all of them, took the node for failed. Expected:
                   when the first one should, if the nodes around it are healthy. Back before: it ran again
                   before all knew.
  event delivered  from when it was sent until all nodes that ran then have it
  per member       what each running node sends by UDP: in the middle, and at most; messages to gossip are how many wait
  from region      what the nodes of one region send to those of another, UDP and TCP; how much of the events that they
  to region        send, and of the news that one of them crashed, reached those nodes, and after how long all of them
  event missed     which nodes that ran when an event was sent still don't have it at the end
  false failures   how often a node said of another that it failed while it ran. Healthy is who had no fault and did not
                   start for as long as a suspicion may take. Across faults of the network: said of a
                   node while, or soon after, a fault was between the two; these are not among the others.
  suspicions       how often a node began to suspect another, rightly or not, added up over all nodes;
                   refuted: it was told better
  trace            a hash of all that happened, equal for equal runs

  With -check rules that must hold at any time are watched; if one is broken, it says so and the exit code is 1.

Values

  Times are 500ms, 90s or 1h30m. Delays have a distribution: 5ms (always), 1ms..20ms (uniform),
  exp:LEAST,MEAN, normal:MEAN,DEVIATION or lognormal:LEAST,MEDIAN,SIGMA. Chances are 1%, 1 or 0.01, speeds
  are 512kbit, 100mbit or 1gbit a second.
`

// simHelpValues goes on with the names of mechanisms.
const simHelpValues = `  Mechanisms are none, ours (all that this program adds to Lifeguard), all (these and Lifeguard's: plain SWIM
  is left), or single ones joined by +, as -disable=correction+relay:
  %s.
`

const simHelpScenario = `
Scenario files

  A file is a JSON object. Its keys are those of the options above, with _ instead of -, those of the network in an
  object "network", and the timings in "timing"; and these. The timings are keys of an agent's configuration, too.

  about     a text for readers
  start     {"warm": true, "apart": true} or {"over": "10s", "seeds": 3, "later": 5}
  regions   [{"name": "eu", "nodes": 20}, {"name": "us", "share": "30%"}, {"name": "asia"}]: parts of the nodes, in
            their order; who has neither nodes nor share divides the rest
  paths     [{"from": "eu", "to": "us", "latency": "normal:40ms,5ms", "loss": "0.1%"}]: the network between two
            regions (or within one), and back unless "one_way": latency instead of the network's; jitter,
            loss, duplicate and reorder (with hold_back) on top of it
  faults    [{"kind": "crash", "start": "30s", "count": 3}, ...]
  work      [{"kind": "event", "start": "10s", "every": "1s"}, ...]

  Whom a fault befalls is drawn from the seed: count or share of those of the region and members (m1, m2 and so
  on, or "m3..m9"; on the command line members=m1+m3..m9) that it names, or else all of these. It begins at start and ends after length, or
  never. With every it befalls one after the other, so far apart; with repeat and gap it happens so
  many times, with a pause in between.

`

const simHelpTail = `
  to is whom the network is bad with, as {"region": "us"} (on the command line to.region=us), and way is in or out, as
  seen from those whom it befalls. A delay, loss and so on are on top of what the network does anyway.
  Work is done by a random node each time, or by those that count, share, region and members say.
`

// simHelp is the help text, with the options and kinds that there are.
func simHelp() string {
	var b strings.Builder
	b.WriteString(strings.TrimLeft(simHelpHead, "\n"))
	defaults := scenario.Default()
	for _, p := range scenario.Params() {
		value, _ := defaults.Value(p.Name) // the table has no other names
		if value == "" {
			value = p.Arg()
		}
		fmt.Fprintf(&b, "  %-28s %s\n", "-"+p.Name+"="+value, p.Usage)
	}
	b.WriteString(simHelpFile)
	fmt.Fprintf(&b, simHelpValues, wrapNames(scenario.MechanismNames()))
	b.WriteString(simHelpScenario)
	b.WriteString("  Kinds of faults, and their keys besides start and those that say whom:\n\n")
	writeKinds(&b, scenario.FaultKinds())
	b.WriteString("\n  Kinds of work:\n\n")
	writeKinds(&b, scenario.WorkKinds())
	b.WriteString(simHelpTail)
	return b.String()
}

// wrapNames lists names in lines of an indented paragraph.
func wrapNames(names []string) string {
	var b strings.Builder
	width := 0
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		if width += len(name) + 2; width > 100 {
			b.WriteString("\n  ")
			width = len(name) + 2
		}
		b.WriteString(name)
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

func writeKinds(b *strings.Builder, kinds []scenario.KindInfo) {
	for _, k := range kinds {
		fmt.Fprintf(b, "  %-11s %s\n%14s%s\n", k.Name, k.Usage, "", strings.Join(k.OwnKeys(), ", "))
	}
}
