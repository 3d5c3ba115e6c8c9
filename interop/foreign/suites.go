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
	timed    bool // every test is flaky that isn't listed
}

// listed is a test that may fail, and why.
type listed struct {
	kind   kind
	reason string
}

// kind says when a listed test may fail.
type kind int

const (
	flaky  kind = iota // beside others, but not when it is run again by itself
	host               // on this host
	differ             // always: ours differs. A test that passes must be taken off the list
)

// timed is the reason of most that are flaky.
const timed = "waits for a fixed time; on a busy machine it fails on the published memberlist, too"

const (
	moby = "github.com/moby/moby/v2"
	own  = "github.com/hashicorp/memberlist"
)

// suites are in the order of the tables.
var suites = []suite{
	{
		name:     "hashicorp/serf",
		module:   "github.com/hashicorp/serf",
		packages: "github.com/hashicorp/serf/...",
		timed:    true, // by 5 to 100 ms: a pause of the host fails whatever test it hits
		listed: map[string]listed{
			"TestSyslogFilter":                  {host, "needs a syslog daemon"},
			"TestForceLeaveCommandRun_prune":    {flaky, timed},
			"TestMemberEventCoalesce_Basic":     {flaky, timed},
			"TestRPCClientStream_Query_Respond": {flaky, timed},
			"TestRPCClientStream_User":          {flaky, timed},
			"TestMemberEventCoalesce_TagUpdate": {flaky, timed},
			"TestSerf_InstallKey":               {flaky, timed},
			"TestSerf_ListKeys":                 {flaky, timed},
			"TestSerf_NameResolution":           {flaky, timed},
			"TestSerf_RemoveKey":                {flaky, timed},
			"TestSerf_SnapshotRecovery":         {flaky, timed},
			"TestSerf_eventsUser":               {flaky, timed},
			"TestSerf_forceLeaveLeaving":        {flaky, timed},
			"TestUserEventCoalesce_Basic":       {flaky, timed},
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
		why:      "waits for 52 s",
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
		listed: map[string]listed{
			"TestMultipleClients": {flaky, timed},
			"TestMultipleClientsWithMixedLabelsAndClusterLabelVerificationDisabled": {differ,
				"its fork takes messages with a label in spite of SkipInboundLabelCheck; " +
					"the published memberlist refuses them, and so does ours"},
		},
	},
	{
		name:     "memberlist's own",
		module:   own,
		packages: own,
		listed: map[string]listed{
			"TestGossip_MismatchedKeys": {differ, "ours doesn't answer members that it can't read, " +
				"and Join's error asks whether the key is the same"},
			"TestMemberlist_JoinDifferentNetworksMultiMasks": {flaky, "expects gossip to have " +
				"arrived; fails on the published memberlist, too"},
		},
	},
}

// known returns whether a test of the suite is listed, and how.
func (s *suite) known(test string) (l listed, ok bool) {
	if l, ok = s.listed[test]; !ok && s.timed {
		return listed{flaky, timed}, true
	}
	return l, ok
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
