// Package interop tests this program beside the one that it must work with, called the original
// here: the published Serf and memberlist as libraries, Serf's RPC client and command line, and
// Debian's serf. It is a module of its own, so that the main one depends on none of them.
//
//	cd interop && go test ./...    # 50 s on two processors
//
// Package interop/embed has the original's own tests of its Go API, on ours. Module interop/foreign
// has those of programs that are built on memberlist.
//
// Longer forms, and figures, with -v:
//
//	go test -run 'TestBurst|TestNothingTaken' -burst 10000 .
//	go test -run TestKilled -kills 100 .
//	go test -run TestRelay -long .         # partitions of minutes, more stops; the original alone
//	go test -run TestMute -long .
//	go test -run TestHostilePackets -packets 1000000 -timeout 0 .
//	go test -run TestRatios -ratios .      # times and allocations of ours and the original
//	go test -run TestFigures -ratios .     # agents of both; TestFigures/members is a part
//	go test -run NONE -bench Task/encode . # Task/WHAT/ours and Task/WHAT/original
//
// The files, by topic:
//
//   - cluster, traffic, failure, keys: members of both implementations in one process. Each test
//     has a cluster of its own and runs with each implementation as the one that acts. Push/pull
//     is off where it would hide mistakes of gossip.
//   - minimal: a member written from docs/protocol.md alone, with the original's codec, in a
//     cluster of either implementation.
//   - rpc, commands: our server with the original's client and command line, and the other way
//     around. The original by itself is always among them, so that a test expects what the
//     original does.
//   - handlers, files, snapshot: event scripts with the same input under both implementations, and
//     agents that continue with the other's files: snapshot, keyring, tags.
//   - agents: three processes, of Debian's serf, the published one and ours. Debian's is required
//     where CI is set in the environment; elsewhere these tests are skipped without it (apt-get
//     install serf).
//   - encrypted, burst, stuck, kills, mdns: agents in processes of their own at work. The life of
//     an encrypted cluster of all three, bursts of events, handlers and clients that hang, kills
//     while events flow, and discovery. The figures are printed with -v; mdns makes itself a
//     network namespace.
//   - relay: agents of all implementations in processes of their own, behind a relay that delays,
//     drops, duplicates, reorders and cuts what goes from one to another, each direction by
//     itself: partitions and islands, stopped processes, a member that reaches one other, blocked
//     UDP, moves, and queries on bad lines.
//   - mute: clients that subscribe to everything and read nothing, at an agent that logs
//     everything.
//   - packets: an agent, plain or encrypted, that is sent random, damaged, replayed and lying
//     packets in a network namespace.
//   - bench, codec_cases, path, alive_path, exchange_path, queue_path: the same work done by both
//     codecs, by whole nodes and by queues. The original's unexported functions are reached by
//     linkname, because a copy would not be what runs; its nodes get packets and streams through
//     its in-memory network. Tests check that its bytes and ours agree and that ours allocates
//     nothing on the path of a packet; times aren't checked.
//   - figures, crowd: agents of both implementations as they are shipped: memory, processor time,
//     and what they do by RPC. docs/figures/original.md has the results.
//
// Everything listens on addresses of 127.0.0.0/8, a new one for each member, and one test on ::1.
// The tests build the programs. A failure shows the logs of all members of its cluster.
//
// Where the original is at fault, a test says so at the place where it makes allowance for it.
package interop
