// Service is a cluster of agents that find each other by what they are, as Portainer's agents do:
// each tells its role and the port of its API by tags, and any of them says where an agent of a
// role or on a host is. It is written with the API of github.com/hashicorp/serf/serf: with that and
// github.com/hashicorp/memberlist in place of the last two imports it is the same program.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"serf/compat/memberlist"
	"serf/compat/serf"
)

// Agent is what others have to know of an agent in order to use it.
type Agent struct{ Name, Addr, Role string }

// Cluster is this agent's membership.
type Cluster struct{ serf *serf.Serf }

// Join makes this process a member, which offers an API at port.
func Join(conf *serf.Config, role, port string, seeds []string) (*Cluster, error) {
	conf.Init()
	conf.Tags["role"], conf.Tags["port"] = role, port
	conf.ReconnectTimeout = time.Minute // hosts that failed get another name when they come back
	s, err := serf.Create(conf)
	if err != nil {
		return nil, err
	}
	if n, err := s.Join(seeds, true); err != nil {
		log.Printf("%v: %d seeds reached", err, n) // others will join this one
	}
	return &Cluster{s}, nil
}

// Agents returns the living agents for which is is true.
func (c *Cluster) Agents(is func(Agent) bool) []Agent {
	agents := []Agent{}
	for _, m := range c.serf.Members() {
		a := Agent{m.Name, net.JoinHostPort(m.Addr.String(), m.Tags["port"]), m.Tags["role"]}
		if m.Status == serf.StatusAlive && is(a) {
			agents = append(agents, a)
		}
	}
	return agents
}

// SetRole changes this agent's role for all to see.
func (c *Cluster) SetRole(role string) error {
	tags := c.serf.LocalMember().Tags
	tags["role"] = role
	return c.serf.SetTags(tags)
}

// Leave tells the others that this agent is gone, and ends its membership.
func (c *Cluster) Leave() error { return errors.Join(c.serf.Leave(), c.serf.Shutdown()) }

// Handler answers questions of clients: GET /agents?role=R&name=N, POST /role?to=R.
func (c *Cluster) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /agents", func(w http.ResponseWriter, r *http.Request) {
		role, name := r.FormValue("role"), r.FormValue("name")
		json.NewEncoder(w).Encode(c.Agents(func(a Agent) bool {
			return (role == "" || a.Role == role) && (name == "" || a.Name == name)
		}))
	})
	mux.HandleFunc("POST /role", func(w http.ResponseWriter, r *http.Request) {
		if err := c.SetRole(r.FormValue("to")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}

func main() {
	conf := serf.DefaultConfig()
	conf.MemberlistConfig = memberlist.DefaultLANConfig()
	flag.StringVar(&conf.NodeName, "name", conf.NodeName, "name of this agent")
	flag.StringVar(&conf.MemberlistConfig.BindAddr, "bind", "127.0.0.1", "address to listen on")
	flag.IntVar(&conf.MemberlistConfig.BindPort, "port", 7946, "port of the cluster")
	api := flag.String("api", "127.0.0.1:9001", "address and port of the API")
	role := flag.String("role", "worker", "role of this agent")
	join := flag.String("join", "", "addresses of other agents, separated by commas")
	flag.Parse()

	listener, err := net.Listen("tcp", *api)
	if err != nil {
		log.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	seeds := strings.FieldsFunc(*join, func(r rune) bool { return r == ',' })
	c, err := Join(conf, *role, port, seeds)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("member %s:%d, API at %v", conf.MemberlistConfig.BindAddr, conf.MemberlistConfig.BindPort, listener.Addr())
	go http.Serve(listener, c.Handler())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	<-ctx.Done()
	if err := c.Leave(); err != nil {
		log.Fatal(err)
	}
}
