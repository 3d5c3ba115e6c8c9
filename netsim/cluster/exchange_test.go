package cluster

import (
	"testing"
	"time"

	"serf/netsim"
	"serf/swim"
)

// exchanging is a running cluster in which some members exchange whole states as the original does.
func exchanging(t *testing.T, members int, whole func(i int) bool) *Cluster {
	t.Helper()
	return runningCluster(t, members, "lan", func(c *Config) {
		c.Check = false // it costs more than all the rest
		c.Without, c.WithoutAt = swim.Difference, whole
	})
}

var kinds = map[string]func(i int) bool{
	"of differences": func(int) bool { return false },
	"mixed":          func(i int) bool { return i%2 == 1 },
	"of all":         func(int) bool { return true },
}

func TestExchangesOfDifferencesCostATenth(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("100 members for nine minutes, three times")
	}
	bytes := map[string]uint64{}
	for name, whole := range kinds {
		c := exchanging(t, 100, whole)
		c.Run(9 * time.Minute)
		s := c.Sim().Stats()
		if bytes[name] = s.StreamBytes; s.StreamsFailed+s.StreamsUnreadable > 0 {
			t.Errorf("%s: %d exchanges failed", name, s.StreamsFailed)
		}
	}
	if 10*bytes["of differences"] > bytes["of all"] {
		t.Errorf("%d bytes, whole states take %d", bytes["of differences"], bytes["of all"])
	}
	if bytes["mixed"] > bytes["of all"]*11/10 {
		t.Errorf("%d bytes in a mixed cluster, whole states take %d", bytes["mixed"], bytes["of all"])
	}
}

// Members that missed an update learn of it from the next exchange, which comes every 30 s. With
// whole states, exchanges of 100 members are 90 s apart.
func TestMissedUpdatesComeWithTheNextExchange(t *testing.T) {
	t.Parallel()
	took := map[string]time.Duration{}
	for name, whole := range kinds {
		c := exchanging(t, 100, whole)
		c.Run(time.Minute)
		deaf := []int{10, 27, 44, 61, 78}
		end := c.Impair(deaf, nil, netsim.BothWays, netsim.Impairment{BlockUDP: true})
		if err := c.SetTags(7, map[string]string{"version": "2"}); err != nil {
			t.Fatal(err)
		}
		c.Run(4 * time.Second) // gossip is through
		end()
		began := c.Now()
		for !allKnow(c, deaf, "version", "2") && c.Now().Sub(began) < 10*time.Minute {
			c.Run(time.Second)
		}
		took[name] = c.Now().Sub(began)
	}
	if took["of differences"] > 30*time.Second {
		t.Errorf("it took %v", took["of differences"])
	}
	if took["of all"] < 30*time.Second {
		t.Errorf("with whole states it took only %v: the test shows nothing", took["of all"])
	}
	if took["mixed"] > 90*time.Second {
		t.Errorf("in a mixed cluster it took %v", took["mixed"])
	}
}

// allKnow tells whether some members know that member 7 has a tag.
func allKnow(c *Cluster, members []int, key, value string) bool {
	for _, i := range members {
		for _, m := range c.Node(i).Members(nil) {
			if m.Name == c.Name(7) && m.Tags[key] != value {
				return false
			}
		}
	}
	return true
}
