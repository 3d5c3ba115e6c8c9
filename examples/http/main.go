// Command http is a web server that is a member of a cluster: its own pages are at /, and below
// /serf/ is what "serf agent -http-addr" serves, the web page included. Prometheus finds the
// figures at /serf/metrics.
//
// Whoever can connect may read. A token in the environment, SERF_TOKEN, lets those that have it
// fire events, ask queries, and change tags, too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"time"

	"serf/agent"
	agenthttp "serf/agent/http"
	"serf/agent/http/nethttp"
	"serf/agent/metrics"
)

func main() {
	var conf agent.Config
	flag.StringVar(&conf.Name, "name", "web-1", "`name` of this member, which no other has")
	flag.TextVar(&conf.Bind, "bind", netip.MustParseAddrPort("127.0.0.1:7946"), "gossip `IP:port`")
	join := flag.String("join", "127.0.0.1:7946", "`address` of a member")
	listen := flag.String("http", "127.0.0.1:8080", "`IP:port` for HTTP")
	flag.Parse()
	conf.Join.Retry = []string{*join}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	a, err := agent.Start(ctx, conf)
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	if err := serve(ctx, a, ln, os.Getenv("SERF_TOKEN")); err != nil {
		log.Fatal(err)
	}
}

// serve serves HTTP until ctx or the agent ends, or the server fails. Then the agent has left.
func serve(ctx context.Context, a *agent.Agent, ln net.Listener, token string) error {
	handler, err := newHandler(a, token)
	if err != nil {
		return err
	}
	// No WriteTimeout: streams of events stay open, and have time-outs of their own.
	server := &http.Server{Handler: handler, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	case <-a.Done():
		err = a.Err()
	}
	// Streams end with the agent, and the server's Shutdown waits for them.
	a.Leave(context.Background())
	a.Close()
	soon, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(soon))
}

// newHandler returns the program's pages and the agent's.
func newHandler(a *agent.Agent, token string) (http.Handler, error) {
	var below *agenthttp.Handler
	figures := metrics.New(a, metrics.Options{Node: a.Self().Name, HTTP: func() metrics.HTTP {
		c := below.Counters()
		return metrics.HTTP{Requests: c.Requests, Streams: c.Streams, Dropped: c.Dropped}
	}})
	var err error
	below, err = agenthttp.New(a, agenthttp.Options{
		Token: token, OpenReads: true, Write: token != "", Metrics: figures,
		// Names that this server is reached by, besides localhost and loopback addresses.
		Host: func(host string) bool { return host == "web.example.com" },
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/serf/", http.StripPrefix("/serf", nethttp.Handler(below)))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := a.AllMembers()
		fmt.Fprintf(w, "This is %s, one of %d members: see /serf/\n", a.Self().Name, n)
	})
	return mux, nil
}
