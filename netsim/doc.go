// Package netsim runs many members in one process, on a clock and a network of
// its own making, so that hours of a cluster's life pass in seconds and any
// moment of it can be repeated from a seed.
//
// It has two layers. [Sim] drives any [swim.Machine]: it owns the clock, the
// queues of what happens next, the links with their latency and faults, and the
// hosts that crash, pause and move. [Cluster] puts Serf nodes on a Sim, tells
// them what to do, measures what they make of it, and holds them to invariants
// (the check_*.go files).
//
// Everything is a function of the configuration and its seed. There is no wall clock and no
// shared random source. What happens at the
// same instant has a total order, (time, to, from, the sender's sequence), and
// the fate of a packet is a hash of (seed, from, the sender's sequence), so
// that one more random draw inside a node doesn't change the weather for all
// the others.
//
// Several workers can share a large simulation: no packet is quicker than the least latency, so
// for that long each goes ahead with its own hosts (windows.go). What comes out doesn't depend on how many there are.
//
// A test of a cluster begins with a [Profile] and [NewCluster], starts the members with
// [Cluster.Boot], lets time pass with [Cluster.Run] or [Cluster.RunUntilSettled], and
// makes things happen in between: [Cluster.Crash], [Cluster.Partition], [Cluster.SetFaults],
// [Cluster.UserEvent]. [Cluster.Report] has the figures and [Cluster.Violations] what
// the checkers found.
//
// What users simulate is a [Scenario]: one value that says what the cluster and its network are
// like, and which [Fault] and [Work] comes when. It is read from a file by [ParseScenario], or put together by
// options that [Scenario.Set] understands; [Scenario.Validate] names every problem; [Scenario.Run] plays
// it and returns a [Report], which [Report.WriteTo] writes for people, [Report.Figures] gives to programs, and package
// page makes a web page of. [Sweep] runs a scenario with many values and seeds. testdata/scenarios has
// examples. Courses under check are drawn from a seed ([DrawStory]), or written down step by step as
// scripts ([RunScript]).
package netsim
