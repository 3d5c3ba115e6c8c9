// Package interop tests this project against the programs that it has to live with: the published Serf and
// memberlist as libraries, Serf's RPC client and command line, and Debian's serf. It is a
// module of its own, so that the main one depends on none of them.
//
//	cd interop && go test ./...                            # about 40 s, two processors
//	cd interop && go test -run 'TestBurst|TestNothingTaken' -burst 10000 -v .
//	cd interop && go test -run TestKilled -kills 100 -v .
//	cd interop && go test -run TestRelay -long -v .        # partitions of minutes, more stops; next to the original alone
//	cd interop && go test -run TestMute -long -v .
//	cd interop && go test -run TestHostilePackets -packets 1000000 -timeout 0 -v .
//	cd interop && go test -run TestRatios -ratios -v .     # our times and allocations next to the original's
//	cd interop && go test -run TestFigures -ratios -v .    # agents next to the original's; TestFigures/members is a part
//	cd interop && go test -run NONE -bench Task/encode .   # the same as benchmarks: Task/WHAT/ours, Task/WHAT/original
//
// What there is:
//
//   - cluster, traffic, failure, keys: members of both makes in one process, each test with a cluster of its own
//     and each make as the one that acts. Push/pulls are off where they would hide what gossip gets wrong.
//   - minimal: a member written from docs/protocol.md alone, with the original's codec, in a cluster of either make.
//   - rpc, commands: our server with the original's client and command line, and the other way around. The original by
//     itself is always among them: what is asked for is what it does, not what we remember of it.
//   - handlers, files, snapshot: event scripts that are given the same by both makes, and agents that go on with
//     the files of the other: snapshot, keyring, tags.
//   - agents: three processes, of Debian's serf, the published one and ours. Debian's is needed where CI is
//     set in the environment; elsewhere these tests are skipped without it (apt-get install serf).
//   - encrypted, burst, stuck, kills, mdns: agents in processes of their own, in what is asked of them at work: the life of an
//     encrypted cluster of all three, bursts of events, handlers and clients that hang, being killed while events flow,
//     and finding each other. The figures are printed with -v; mdns makes a network namespace for itself.
//   - relay: agents of all makes in processes of their own, behind a relay that delays, drops, duplicates, reorders and cuts
//     what goes from one to another, each direction by itself: partitions and islands, stopped processes, a member that reaches one
//     other, blocked UDP, moves and queries on bad lines.
//   - mute: clients that ask for everything and read nothing, at an agent that logs everything.
//   - packets: an agent, plain or encrypted, that is sent random, damaged, replayed and lying packets in a network namespace.
//   - bench, codec_cases, path, alive_path, exchange_path, queue_path: the same work done by both codecs, by whole nodes
//     and by queues. The original's unexported functions are reached by linkname: a copy would not be what runs; its nodes
//     get their packets and streams through its in-memory network. That its
//     bytes and ours agree, and that ours doesn't allocate on the path of a packet, is tested; times aren't.
//   - figures, crowd: agents of both makes as they are shipped, in memory, processor time and what they do by RPC.
//     docs/figures/original.md has what came of it.
//
// Everything listens on addresses of 127.0.0.0/8, a new one for each member, and one test on ::1. The programs are
// built by the tests. A failure shows the logs of all members of its cluster.
//
// Where the original is at fault, a test says so at the place where it makes allowance for it.
package interop
