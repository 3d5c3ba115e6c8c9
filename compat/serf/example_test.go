package serf_test

import (
	"fmt"
	"io"
	"strings"
	"time"

	"serf/compat/serf"
)

// config is what these examples start with: alone on a free port, with nothing in the log.
func config(name string) *serf.Config {
	c := serf.DefaultConfig()
	c.NodeName, c.LogOutput = name, io.Discard
	c.MemberlistConfig.BindAddr, c.MemberlistConfig.BindPort = "127.0.0.1", 0
	c.MemberlistConfig.LogOutput = io.Discard
	c.LeavePropagateDelay = time.Millisecond
	return c
}

// A program reads the events from the first on.
func ExampleCreate() {
	c := config("web-1")
	c.Tags = map[string]string{"role": "web"}
	events := make(chan serf.Event, 64)
	c.EventCh = events
	s, err := serf.Create(c)
	if err != nil {
		panic(err)
	}
	s.UserEvent("deploy", []byte("v2"), false)
	for range 2 {
		switch e := (<-events).(type) {
		case serf.MemberEvent:
			fmt.Println(e, e.Members[0].Name, e.Members[0].Tags)
		case serf.UserEvent:
			fmt.Printf("%v %s\n", e, e.Payload)
		}
	}
	s.Leave()
	s.Shutdown()
	fmt.Println(s.State())
	// Output:
	// member-join web-1 map[role:web]
	// user-event: deploy v2
	// shutdown
}

// Whoever reads the events of queries can answer them. Finished says that nobody else will.
func ExampleSerf_Query() {
	c := config("web-1")
	events := make(chan serf.Event, 64)
	c.EventCh = events
	s, err := serf.Create(c)
	if err != nil {
		panic(err)
	}
	defer s.Shutdown()
	go func() {
		for {
			select {
			case e := <-events:
				if q, ok := e.(*serf.Query); ok {
					q.Respond([]byte("v2, asked by " + q.SourceNode()))
				}
			case <-s.ShutdownCh():
				return
			}
		}
	}()
	r, err := s.Query("version", nil, &serf.QueryParam{Timeout: time.Minute})
	if err != nil {
		panic(err)
	}
	defer r.Close()
	for !r.Finished() { // long before the minute is over
		if answer, ok := <-r.ResponseCh(); ok {
			fmt.Printf("%s: %s\n", answer.From, answer.Payload)
		}
	}
	// Output: web-1: v2, asked by web-1
}

// A key is replaced on all members in three steps.
func ExampleKeyManager() {
	c := config("web-1")
	c.MemberlistConfig.SecretKey = []byte(strings.Repeat("1", 32))
	s, err := serf.Create(c)
	if err != nil {
		panic(err)
	}
	defer s.Shutdown()
	const fresh = "MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjI="
	m := s.KeyManager()
	for _, step := range []func(string) (*serf.KeyResponse, error){m.InstallKey, m.UseKey} {
		r, err := step(fresh)
		fmt.Println(r.NumResp, "of", r.NumNodes, err)
	}
	m.RemoveKey("MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=")
	r, err := m.ListKeys()
	fmt.Println(r.PrimaryKeys, len(r.Keys), err)
	// Output:
	// 1 of 1 <nil>
	// 1 of 1 <nil>
	// map[MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjI=:1] 1 <nil>
}
