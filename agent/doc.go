// Package agent runs one Serf node on real sockets, and is the Go API for programs that embed one.
//
// [Start] takes a [Config], whose zero value works. The agent is alone until it joins others, by
// [Agent.Join] or by Config.Join, which keeps trying. Then:
//
//   - [Agent.Members] and [Agent.Member] return the members, and [Agent.SetTags] changes this one's
//     tags;
//   - [Agent.WatchMembers] yields the members whenever they have changed;
//   - [Agent.Events] yields events, and [Agent.MemberEvents], [Agent.UserEvents] and
//     [Agent.Queries] those of one kind: members that come and go, user events, queries to answer.
//     [Agent.Subscribe] delivers them by a channel. [ParseFilter] makes a filter from a text such
//     as "user:deploy,query:version";
//   - [Agent.UserEvent] fires an event at all members, [Agent.Query] asks them, and [Agent.Respond]
//     answers;
//   - [Agent.InstallKey], [Agent.UseKey], [Agent.RemoveKey] and [Agent.ListKeys] manage the keys of
//     the whole cluster;
//   - [Agent.Leave] leaves the cluster, and [Agent.Close] stops the agent, with or without a leave
//     before. [Agent.Wait] waits until it has stopped, and [Run] does all of that around a function.
//
// Whatever an agent returns is a copy, and all methods may be called by any goroutine. A reader of
// events that is too slow is cut off rather than waited for: see [Subscription].
//
// One goroutine, the loop, owns the node. In turns it takes packets, opened streams, the time and
// the calls of this API, and carries out the node's outputs once the waiting inputs have been
// handled. Nothing that can block (a dial, a disk, a script, a slow reader of events) runs on the
// loop.
//
// The packages below are parts of the command serf: config (options and files), handler (scripts),
// rpc (the client of the control port) and rpc/server, http, snapshot, recording, metrics,
// telemetry and mdns.
package agent
