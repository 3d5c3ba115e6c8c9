// Command leader runs a member that says who leads its cluster: of the candidates that are alive
// the one with the lowest rank, and of several with that rank the first by name. Whoever knows the
// same members names the same leader; no vote is needed.
//
// It doesn't promise that there is one leader at a time. A failure is noticed within seconds, not
// at once, by one member sooner than by another. A member that starts knows only itself at first,
// and in a partition each side sees only its own members alive: both name a leader. With -quorum,
// more than half of all candidates that there are, the smaller side has none, but only once its
// members have failed to reach the others. So let a leader do only what does no harm if two do it.
// For the rest take a lock from a store that has consensus.
package main

import (
	"cmp"
	"context"
	"flag"
	"log"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"

	"serf/agent"
)

// rankTag is the tag that makes a member a candidate.
const rankTag = "rank"

func main() {
	var conf agent.Config
	flag.StringVar(&conf.Name, "name", "web-1", "`name` of this member, which no other has")
	flag.TextVar(&conf.Bind, "bind", netip.MustParseAddrPort("127.0.0.1:7946"),
		"`IP:port` to listen on")
	join := flag.String("join", "127.0.0.1:7946", "`address` of a member")
	rank := flag.Int("rank", -1, "be a candidate: the lowest `rank` leads")
	quorum := flag.Int("quorum", 1, "how many candidates have to be alive for one to lead")
	flag.Parse()
	conf.Join.Retry = []string{*join} // may be this member itself
	if *rank >= 0 {
		conf.Tags = map[string]string{rankTag: strconv.Itoa(*rank)}
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := agent.Run(ctx, conf, func(ctx context.Context, a *agent.Agent) error {
		follow(ctx, a, *quorum, func(name string) {
			switch name {
			case "":
				log.Print("there is no leader")
			case conf.Name:
				log.Print("this member leads") // begin what a leader does
			default:
				log.Printf("%s leads", name) // stop it
			}
		})
		return nil // the member leaves
	})
	if err != nil {
		log.Fatal(err)
	}
}

// follow calls changed with the name of the leader, empty if there is none: at first and whenever
// it is another. It returns when ctx or the agent ends.
func follow(ctx context.Context, a *agent.Agent, quorum int, changed func(name string)) {
	last, known := "", false
	for members := range a.WatchMembers(ctx) {
		if name := leader(members, quorum); !known || name != last {
			changed(name)
			last, known = name, true
		}
	}
}

// leader returns the name of the member that leads. It is empty if fewer than quorum candidates are
// alive.
func leader(members []agent.Member, quorum int) string {
	candidates := slices.DeleteFunc(slices.Clone(members), func(m agent.Member) bool {
		_, ok := rankOf(m)
		return !ok || m.Status != agent.StatusAlive
	})
	if len(candidates) < max(quorum, 1) {
		return ""
	}
	return slices.MinFunc(candidates, func(a, b agent.Member) int {
		rankA, _ := rankOf(a)
		rankB, _ := rankOf(b)
		return cmp.Or(cmp.Compare(rankA, rankB), cmp.Compare(a.Name, b.Name))
	}).Name
}

// rankOf returns a member's rank; ok is false if it is no candidate.
func rankOf(m agent.Member) (rank int, ok bool) {
	rank, err := strconv.Atoi(m.Tags[rankTag])
	return rank, err == nil
}
