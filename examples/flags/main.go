// Flags keeps feature flags on all members of a cluster: one that is set at any member, by HTTP, is
// broadcast. Members that miss that get all flags with the next exchange of states. The later setting
// wins, by the clocks of the members.
//
//	go run ./examples/flags
//	go run ./examples/flags -name=flags-2 -bind=127.0.0.1:7947 -join=127.0.0.1:7946 -http=127.0.0.1:8081
//	curl -X PUT 127.0.0.1:8080/flags/checkout -d on; curl 127.0.0.1:8081/flags
package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"time"

	"serf/membership"
)

// setting is the value of a flag, and when it was set, in microseconds.
type setting struct {
	Value string
	At    int64
}

// flags are the flags as one member knows them.
type flags struct {
	mu     sync.Mutex
	values map[string]setting
}

// all returns all flags, encoded.
func (f *flags) all() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, _ := json.Marshal(f.values)
	return all
}

// take takes over what is later, and broadcasts it, in place of a message about its former value:
// that reaches some members, and all by way of these.
func (f *flags) take(n *membership.Node, from map[string]setting) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, s := range from {
		have := f.values[name]
		if s.At < have.At || s.At == have.At && s.Value <= have.Value {
			continue
		}
		f.values[name] = s
		msg, _ := json.Marshal(map[string]setting{name: s})
		if err := n.Broadcast(name, msg); err != nil {
			return err
		}
	}
	return nil
}

// config is that of a member that keeps flags.
func (f *flags) config() membership.Config {
	take := func(n *membership.Node, data []byte) {
		var from map[string]setting
		if err := json.Unmarshal(data, &from); err != nil {
			log.Printf("refused: %v", err)
		} else if err := f.take(n, from); err != nil {
			log.Printf("not passed on: %v", err)
		}
	}
	return membership.Config{
		OnMessage: func(m membership.Message) { take(m.Node, m.Data) },
		OnState:   func(s membership.RemoteState) { take(s.Node, s.Data) },
		State:     func(bool) []byte { return f.all() },
	}
}

func main() {
	f := &flags{values: make(map[string]setting)}
	c := f.config()
	flag.StringVar(&c.Name, "name", "flags-1", "`name` of this member")
	bind := flag.String("bind", "127.0.0.1:7946", "`address` of this member")
	join := flag.String("join", "", "`address` of another member")
	listen := flag.String("http", "127.0.0.1:8080", "`address` for HTTP")
	flag.Parse()
	c.Bind = netip.MustParseAddrPort(*bind)
	if *join != "" { // in the background, and again after a partition
		c.Join = []string{*join}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	n, err := membership.Start(ctx, c)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/flags", func(w http.ResponseWriter, _ *http.Request) { w.Write(f.all()) })
	http.HandleFunc("PUT /flags/{name}", func(w http.ResponseWriter, r *http.Request) {
		value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 256))
		if err == nil {
			s := setting{string(value), time.Now().UnixMicro()}
			err = f.take(n, map[string]setting{r.PathValue("name"): s})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	go func() { log.Fatal(http.ListenAndServe(*listen, nil)) }()
	<-ctx.Done()
	log.Print("left: ", n.Leave(context.Background())) // which is bounded by Config.Timing
	n.Close()
}
