// Package agent runs one Serf node on real sockets and is the Go API for programs that embed one.
//
// [Start] takes a [Config]: a [serf.Config] from serf.DefaultConfig with a Name, and the address to
// bind. What comes back is a member that is alone until it joins others, by
// [Agent.Join] or by Config.Join, which keeps looking. Then:
//
//   - [Agent.Members] and [Agent.Member] tell who there is, and [Agent.SetTags] what this one says of itself;
//   - [Agent.Subscribe] gives the events: who came and went, user events, queries to answer;
//   - [Agent.UserEvent] tells all members something, [Agent.Query] asks them, [Agent.Respond] answers;
//   - [Agent.InstallKey], [Agent.UseKey], [Agent.RemoveKey] and [Agent.ListKeys] change keys in the whole cluster;
//   - [Agent.Leave] says goodbye, and [Agent.Shutdown] ends it, with or without. [Agent.Done] tells if it ended by itself.
//
// What an agent gives out is a copy, and all methods may be called by any goroutine. A reader of
// events that is too slow is cut off rather than waited for: see [Subscription].
//
// One goroutine, the loop, owns the node: packets, opened streams, the timer and the calls of this
// API reach it through channels, and what the node wants done is carried out when the loop has
// taken what was there. Nothing that can wait (a dial, a disk, a script, a slow reader of events)
// runs on the loop.
//
// The packages below are parts of the command serf: config (options and files), handler (scripts),
// rpc (the control port and its client), snapshot, telemetry and mdns.
package agent
