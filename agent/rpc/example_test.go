package rpc_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"

	"serf/agent"
	"serf/agent/rpc"
	"serf/agent/rpc/server"
	"serf/swim/serf"
)

// A program asks the cluster, and prints who answers what.
func Example() {
	ctx := context.Background()
	client, err := rpc.Dial(ctx, agentAddr(), rpc.Options{AuthKey: "secret"})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	answers, err := client.Query(ctx, rpc.QueryParams{Name: "uptime", Tags: map[string]string{"role": "web"}})
	if err != nil {
		log.Fatal(err)
	}
	for {
		answer, err := answers.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", answer.From, answer.Payload)
	}
	// Output:
	// web-1: 3 days
	// web-2: 5 hours
}

// agentAddr starts a stand-in for an agent and returns its RPC address.
func agentAddr() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server.Serve(ln, cluster{}, server.Options{AuthKey: "secret"})
	return ln.Addr().String()
}

type cluster struct{ server.Agent }

func (cluster) StartQuery(context.Context, serf.QueryParams) (server.Feed[agent.Answer], error) {
	c := make(answers, 2)
	c <- agent.Answer{Kind: agent.AnswerResponse, From: "web-1", Payload: []byte("3 days")}
	c <- agent.Answer{Kind: agent.AnswerResponse, From: "web-2", Payload: []byte("5 hours")}
	close(c)
	return c, nil
}

type answers chan agent.Answer

func (c answers) Next() (agent.Answer, bool) { a, ok := <-c; return a, ok }
func (c answers) Len() int                   { return len(c) }
func (c answers) Close()                     {}
