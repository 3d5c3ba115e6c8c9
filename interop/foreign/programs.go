//go:build programs

package main

// The programs whose tests run here, so that go.mod keeps what they and their tests need.
import (
	_ "github.com/cortexproject/cortex/pkg/ring/kv/memberlist"
	_ "github.com/grafana/dskit/kv/memberlist"
	_ "github.com/hashicorp/serf/client"
	_ "github.com/hashicorp/serf/cmd/serf/command"
	_ "github.com/hashicorp/serf/serf"
	_ "github.com/moby/moby/v2/daemon/libnetwork/networkdb"
	_ "github.com/prometheus/alertmanager/cluster"
	_ "github.com/weaviate/weaviate/usecases/cluster"
)
