package http_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"serf/agent"
	agenthttp "serf/agent/http"
	"serf/agent/http/nethttp"
)

// A program that embeds an agent serves it below a path of its own server.
func ExampleNew() {
	conf := agent.Config{Timing: agent.Local(), Bind: netip.MustParseAddrPort("127.0.0.1:0")}
	conf.Name = "web-1"
	a, err := agent.Start(context.Background(), conf)
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()

	h, err := agenthttp.New(a, agenthttp.Options{Token: "a-long-random-token"})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/serf/", http.StripPrefix("/serf", nethttp.Handler(h)))
	server := httptest.NewServer(mux) // or an http.Server with time-outs, and TLS
	defer server.Close()

	r, err := http.NewRequest("GET", server.URL+"/serf/v1/members", nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, header := range []string{"", "Bearer a-long-random-token"} {
		r.Header.Set("Authorization", header)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		var body struct {
			Error   string
			Members []struct{ Name, Status string }
		}
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		fmt.Println(resp.StatusCode, body.Error, body.Members)
	}

	// Output:
	// 401 this needs the agent's token: Authorization: Bearer TOKEN []
	// 200  [{web-1 alive}]
}
