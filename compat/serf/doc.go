// Package serf has the API of github.com/hashicorp/serf/serf 0.11, as far as programs that embed
// Serf use it: such a program moves by an import line.
//
//	import "serf/compat/serf" // in place of "github.com/hashicorp/serf/serf"
//
// Names, defaults, orders of events and texts of errors are those of the original, and members of
// both kinds form one cluster. The work is done by package serf/agent, which new programs should
// use instead. What differs on purpose:
//
//   - A full EventCh never holds up the node. What has no room waits in memory: see Config.EventCh.
//   - A query is finished when all who can answer have, not only at its deadline: see
//     QueryResponse.Finished.
//   - Nothing is sent on EventCh once Shutdown has returned.
//
// docs/embedding.md has the whole list, and what isn't there.
package serf
