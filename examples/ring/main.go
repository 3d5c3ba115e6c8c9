// Command ring runs a member of a cache that is spread over a cluster: GET /KEY at any member is
// answered by the one that keeps KEY. Consistent hashing says which: a member that joins takes over
// its share of the keys and no others, one that leaves or fails gives its share to all others.
//
// Members may disagree about some keys for a moment. So a request is passed on once at most.
package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"

	"serf/agent"
)

const (
	httpTag = "http"        // its value is where a member serves its share
	passed  = "X-Passed-On" // header of requests that another member passed on
	points  = 100           // of each member on the ring: the more, the more equal are the shares
)

func main() {
	var conf agent.Config
	flag.StringVar(&conf.Name, "name", "cache-1", "`name` of this member, which no other has")
	flag.TextVar(&conf.Bind, "bind", netip.MustParseAddrPort("127.0.0.1:7946"), "gossip `IP:port`")
	join := flag.String("join", "127.0.0.1:7946", "`address` of a member")
	listen := flag.String("http", "127.0.0.1:8080", "`IP:port` for HTTP, as others reach it")
	flag.Parse()
	conf.Join.Retry = []string{*join}
	conf.Tags = map[string]string{httpTag: *listen}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s := &share{addr: *listen}
	s.ring.Store(newRing(nil))
	go func() { log.Fatal(http.ListenAndServe(s.addr, s)) }() // set time-outs in yours
	err := agent.Run(ctx, conf, func(ctx context.Context, a *agent.Agent) error {
		for members := range a.WatchMembers(ctx) {
			s.ring.Store(newRing(members))
		}
		return nil // the member leaves
	})
	if err != nil {
		log.Fatal(err)
	}
}

// share is the part of the cache that this member serves.
type share struct {
	addr string
	ring atomic.Pointer[ring]
}

// ServeHTTP answers for a key of this member, and passes on requests for others.
func (s *share) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	owner := s.ring.Load().owner(r.URL.Path)
	if owner == s.addr || owner == "" || r.Header.Get(passed) != "" {
		fmt.Fprintf(w, "%s of %s\n", r.URL.Path, s.addr) // here it would be computed and kept
		return
	}
	(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(&url.URL{Scheme: "http", Host: owner})
		p.Out.Header.Set(passed, s.addr)
	}}).ServeHTTP(w, r)
}

// ring is the points of all members, sorted. A key belongs to the member of the next point.
type ring []point

type point struct {
	hash  uint64
	owner string // address of the member
}

func (p point) compare(other point) int { return cmp.Compare(p.hash, other.hash) }

// newRing returns the same ring wherever the same members are known to be alive.
func newRing(members []agent.Member) *ring {
	var r ring
	for _, m := range members {
		if addr := m.Tags[httpTag]; addr != "" && m.Status == agent.StatusAlive {
			for i := range points {
				r = append(r, point{hash(fmt.Sprintf("%s %d", m.Name, i)), addr})
			}
		}
	}
	slices.SortFunc(r, point.compare)
	return &r
}

// owner returns the address of the member that a key belongs to; empty if there is none.
func (r ring) owner(key string) string {
	if len(r) == 0 {
		return ""
	}
	i, _ := slices.BinarySearchFunc(r, point{hash: hash(key)}, point.compare)
	return r[i%len(r)].owner // after the last point comes the first
}

// hash is the same on all machines and in all versions.
func hash(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(sum[:8])
}
