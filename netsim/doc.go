// Package netsim simulates many hosts in one process, on a clock and a network of its own, so that
// hours pass in seconds and every moment can be repeated from a seed. A [Sim] drives any
// [swim.Machine]: it owns the clock, the queues of what happens next, the links with their
// latency and impairments, and the hosts that crash, pause and move. It knows nothing of Serf.
//
// The simulator is built in layers, each a package that imports those below it only:
//
//	netsim             the engine
//	netsim/report      what a run has measured, as values; the text and JSON of it
//	netsim/cluster     Serf nodes on a Sim, held to invariants and measured
//	netsim/scenario    what a cluster is like and what happens to it, as a file; sweeps
//	netsim/study       experiments: Lifeguard, convergence, dissemination
//	netsim/report/page the web page of a run or a sweep
//
// Everything is a function of the configuration and its seed: there is no wall clock and no shared
// random source. Simultaneous events have a total order, (time, to, from, the sender's sequence),
// and the fate of a packet is a hash of (seed, from, the sender's sequence), so that one more
// random draw inside a machine leaves the network of all others as it is.
//
// Several workers can share a large simulation: no packet is quicker than the least latency, so for
// that long each worker simulates its own hosts without the others (windows.go). The outcome
// doesn't depend on the number of workers.
package netsim
