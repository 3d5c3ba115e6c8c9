package main

import "strings"

// suite is the tests of one module, or of a part of it.
type suite struct {
	name     string
	module   string
	packages string
	skip     string // tests that aren't run: their pattern, and the reason
	why      string
	listed   map[string]listed
}

// listed is a test that may fail, or must.
type listed struct {
	always bool
	reason string
}

const (
	moby = "github.com/moby/moby/v2"
	own  = "github.com/hashicorp/memberlist"
)

// suites are in the order of the table.
var suites = []suite{
	{
		name:     "hashicorp/serf",
		module:   "github.com/hashicorp/serf",
		packages: "github.com/hashicorp/serf/...",
		listed: map[string]listed{
			"TestSyslogFilter": {reason: "needs a syslog daemon"},
			"TestSerf_forceLeaveLeaving": {
				reason: "waits a fixed time, too short under load; fails on the original, too",
			},
		},
	},
	{
		name:     "Alertmanager, cluster",
		module:   "github.com/prometheus/alertmanager",
		packages: "github.com/prometheus/alertmanager/cluster",
	},
	{
		name:     "Docker, networkdb",
		module:   moby,
		packages: moby + "/daemon/libnetwork/networkdb",
		skip:     "^TestNetworkDBGarbageCollection$",
		why:      "sleeps for 52 s",
	},
	{
		name:     "Cortex, ring/kv/memberlist",
		module:   "github.com/cortexproject/cortex",
		packages: "github.com/cortexproject/cortex/pkg/ring/kv/memberlist",
	},
	{
		name:     "Weaviate, cluster",
		module:   "github.com/weaviate/weaviate",
		packages: "github.com/weaviate/weaviate/usecases/cluster",
	},
	{
		name:     "Grafana dskit, kv/memberlist",
		module:   "github.com/grafana/dskit",
		packages: "github.com/grafana/dskit/kv/memberlist",
	},
	{
		name:     "memberlist's own",
		module:   own,
		packages: own,
	},
}

// suiteOf returns the suite that a package belongs to.
func suiteOf(pkg string) *suite {
	for i := range suites {
		if strings.HasPrefix(pkg, suites[i].module) {
			return &suites[i]
		}
	}
	return nil
}
