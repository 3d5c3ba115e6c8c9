package main

import (
	"fmt"
	"strings"

	"serf/internal/textwrap"
	"serf/netsim/scenario"
)

const simHelpHead = `
Usage: serf sim [options]

  Simulates a cluster of agents in virtual time and prints how it fared. The
  agents run the same code as 'serf agent'; clock and network are simulated.
  The same options and seed give the same output, on every machine.
  'serf sim lifeguard -h' describes a comparison with the literature,
  'serf sim convergence -h' and 'serf sim events -h' experiments with many seeds,
  'serf sim merge -h' how to put together what several machines did.

  -scenario=FILE
        Read a scenario from a JSON file, see below. Options override it.

  -like=ADDR
        Make a scenario of the cluster of a running agent, whose RPC listens there
        (host:port, unix:///path or tls://host:port): as many nodes, in regions, with
        round trips, losses and timings like its own, and as many events and queries.
        What each of these was made from goes to standard error. Options change it:
        -like=10.0.0.1:7373 -fault=partition,region=eu,start=20s,length=30s says what
        happens if the region eu is cut off. Each time the agent is asked anew;
        -print-scenario makes a file to keep. See also the options at the end.

  -region-tag=TAG
        With -like, the tag that says which region a node is in. Without it, network
        coordinates and round trips tell regions apart.

  -like-for=DURATION
        With -like, ask twice, so far apart, and count losses, events and queries in
        between. By default they are counted from the agent's start, or for 10s if
        the agent is HashiCorp's, which keeps no counts.

  -advise=2
        Look for timings with which crashes are noticed sooner, with no false
        failures, and with at most so many times the bytes that members send now.
        Crashes of some nodes and pauses of 2 s are added unless the scenario has
        such faults. Prints what was tried, what the best costs, and a configuration
        for 'serf agent -config-file'. A few minutes; -workers is how many runs
        there are at a time, by default one for each processor.

  -agent-config=PATH
        Take the profile and the timings of an agent's configuration file, or of a
        folder of such files. They replace those of the scenario. May be repeated.

  -print-scenario
        Print what the options mean as a file to start from, and run nothing.

  -join=cold
        cold: all nodes start within a second and join the first one.
        warm: they did so long ago.

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

  -explain=N
        Also tell how the first N false failures came about, 3 without a number: who
        accused, what each step of a probe brought, who confirmed it, how long there
        was to refute, and how the nodes that had to do with it really were.

  -format=text
        text: a summary to read. json: all figures, among them how each crash and
        event spread, and a series of samples over the time simulated. Names of
        fields don't change their meaning, times are in seconds; 'go doc
        serf/netsim/report.Figures' describes them.

  -workers=0
        How many processors share the work. It only changes how long that takes.
        0: one, or up to 8 for clusters of 5000 nodes and more. Of a sweep: how many
        runs there are at a time. 0: as many as there are processors.

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
` + shardHelp + `
`

const simHelpFile = `
What it prints

  views agree      from a change until each running node considers exactly the running nodes alive,
                   at their current addresses. A heal is the end of a network fault. A resume is the
                   end of a pause in which some nodes were considered failed
  crash noticed    from the crash until the first of the others, and until all of them, considered
                   the node failed. Expected: when the first one should, if the nodes around it are
                   healthy. Back before: it ran again before all knew
  event delivered  from when it was sent until all nodes that ran then have it
  per member       what each running node sends by UDP; messages to gossip are how many wait
  from region      what the nodes of one region send to those of another, by UDP and TCP; which
  to region        share of their events, and of the reports that one of them crashed, reached those
                   nodes, and how soon all
  event missed     which nodes that ran when an event was sent don't have it at the end
  false failures   how often a node reported another as failed that ran. Healthy nodes have neither
                   had a fault nor started within the time that a suspicion may take. Across faults
                   of the network: while a fault was between the two nodes, or soon after; these are
                   not among the others
  suspicions       how often a node began to suspect another, rightly or not, over all nodes;
                   refuted: the suspect showed that it is alive
  trace            a hash of all that happened, equal for equal runs

  -check watches rules that must always hold, and -settle demands that all views agree in the end.
  If a rule is broken, the output says which, and the exit code is 1.

Values

  Times are 500ms, 90s or 1h30m. Delays have a distribution: 5ms (always), 1ms..20ms (uniform),
  exp:LEAST,MEAN, normal:MEAN,DEVIATION or lognormal:LEAST,MEDIAN,SIGMA. Chances are 1%, 1 or 0.01,
  speeds are 512kbit, 100mbit or 1gbit a second.
`

// simHelpValues goes on with the names of mechanisms.
const simHelpValues = `  Mechanisms are none, ours (all that this program adds to Lifeguard), all (these and Lifeguard's:
  plain SWIM is left), or single ones joined by +, as -disable=correction+relay:
  %s
`

const simHelpScenario = `
Scenario files

  A file is a JSON object. Its keys are those of the options above, with _ instead of -, those of
  the network in an object "network", and the timings in "timing"; and these. The timings are keys
  of an agent's configuration, too.

  about     a text for readers
  start     {"warm": true, "apart": true} or {"over": "10s", "seeds": 3, "later": 5}
  regions   [{"name": "eu", "nodes": 20}, {"name": "us", "share": "30%"}, {"name": "asia"}]: parts
            of the nodes, in their order; those with neither nodes nor share divide the rest
  paths     [{"from": "eu", "to": "us", "latency": "normal:40ms,5ms", "loss": "0.1%"}]: the network
            between two regions (or within one), and back unless "one_way": latency instead of the
            network's; jitter, loss, duplicate and reorder (with hold_back) on top of it
  faults    [{"kind": "crash", "start": "30s", "count": 3}, ...]
  work      [{"kind": "event", "start": "10s", "every": "1s"}, ...]

  The nodes that a fault concerns are drawn from the seed: count or share of those that region and
  members name (m1, m2 and so on, or "m3..m9"; on the command line members=m1+m3..m9), or else all
  of these. A fault begins at start and ends after length, or never. With every, the nodes have it
  one after the other, so far apart; with repeat and gap it happens so many times, with a pause in
  between.

`

const simHelpTail = `
  to limits a fault of the network to the traffic with these nodes, as {"region": "us"} (on the
  command line to.region=us), and way to one direction, in or out, as seen from the nodes that the
  fault concerns. Delay, loss and so on are added to those of the network. A crash with a length of
  a few milliseconds is a restart that nobody notices. Work is done by a random node each time, or
  by those that count, share, region and members say; to of a force-leave are the nodes that it is
  about.
`

const simHelpLike = `
How -like connects to the agent
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
		fmt.Fprintf(&b, "  %-28s %s\n", "-"+p.Name+"="+value, textwrap.Fill(p.Usage, 31))
	}
	b.WriteString(simHelpFile)
	fmt.Fprintf(&b, simHelpValues, textwrap.Fill(strings.Join(scenario.MechanismNames(), ", ")+".", 2))
	b.WriteString(simHelpScenario)
	b.WriteString("  Kinds of faults, and their keys besides start and those that choose nodes:")
	b.WriteString("\n\n")
	writeKinds(&b, scenario.FaultKinds())
	b.WriteString("\n  Kinds of work:\n\n")
	writeKinds(&b, scenario.WorkKinds())
	b.WriteString(simHelpTail)
	b.WriteString(simHelpLike)
	b.WriteString(rpcAccessHelp)
	return b.String()
}

func writeKinds(b *strings.Builder, kinds []scenario.KindInfo) {
	for _, k := range kinds {
		const column = 18
		keys := "Keys: " + strings.Join(k.OwnKeys(), ", ")
		fmt.Fprintf(b, "  %-14s  %s\n", k.Name, textwrap.Fill(k.Usage+".", column))
		fmt.Fprintf(b, "%*s%s\n", column, "", textwrap.Fill(keys, column))
	}
}
