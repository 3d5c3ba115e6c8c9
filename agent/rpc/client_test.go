package rpc

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent/rpc/internal/protocol"
)

// An agent that accepts a connection and says nothing doesn't block a client for ever.
func TestMuteAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, _ := net.Pipe()
		start := time.Now()
		if _, err := NewClient(t.Context(), nc, Options{Timeout: 3 * time.Second}); err == nil {
			t.Fatal("no error")
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("gave up after %v, want 3s", d)
		}
	})
}

// A client that reaches something else than an agent says so soon, with the address.
func TestSomebodyElseListens(t *testing.T) {
	for _, tt := range []struct {
		name, says, want string
		after            time.Duration
	}{
		{"web server", "HTTP/1.0 400 Bad request\r\n", "no agent's RPC is there: it sends what a web server does", 0},
		{"mail server", "220 mail.example.org ESMTP\r\n", `no agent's RPC is there: it sends "220 mail.example.org"`, 0},
		{"no value", "\xc1 and more than is shown", `no agent's RPC is there: it sends "\xc1 and more than is s"`, 0},
		{"gossip", "", "it hangs up. Is that the agent's RPC port, and not the one for gossip, or for TLS?", 0},
		{"TLS", "\x15\x03\x03\x00\x02\x02\x46", "no agent's RPC is there: it sends TLS. Is its address tls://host:port?", 0},
		{"mute", "", "no answer in time. Is that an agent's RPC port?", handshakeTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nc, other := net.Pipe()
				defer other.Close()
				go func() {
					splitOne(other)
					if tt.after == 0 {
						other.Write([]byte(tt.says))
						other.Close()
					}
				}()
				start := time.Now()
				_, err := NewClient(t.Context(), nc, Options{})
				if want := "handshake with pipe: " + tt.want; err == nil || err.Error() != want {
					t.Errorf("%v, want %s", err, want)
				}
				if d := time.Since(start); d != tt.after {
					t.Errorf("after %v, want %v", d, tt.after)
				}
			})
		})
	}
}

func TestAnswerTimeoutOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, agent := net.Pipe()
		defer agent.Close()
		go func() {
			splitOne(agent)
			agent.Write(protocol.Append(nil, &protocol.ResponseHeader{Seq: 1}))
			io.Copy(io.Discard, agent) // and nothing more is answered
		}()
		c, err := NewClient(t.Context(), nc, Options{AnswerTimeout: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		_, err = c.Monitor(t.Context(), "info")
		if d := time.Since(start); err == nil || err.Error() != "no answer within 3s: context deadline exceeded" || d != 3*time.Second {
			t.Errorf("%v after %v", err, d)
		}
	})
}

func TestAnswerToNobodyEndsConnection(t *testing.T) {
	nc, agent := net.Pipe()
	defer agent.Close()
	go func() {
		splitOne(agent)
		agent.Write(protocol.Append(nil, &protocol.ResponseHeader{Seq: 99}))
	}()
	if _, err := NewClient(t.Context(), nc, Options{}); err == nil {
		t.Error("no error")
	}
}

// splitOne takes a request off a connection.
func splitOne(nc net.Conn) {
	r := protocol.NewReader(nc, protocol.RequestLimits)
	r.Next()
	r.Next()
}

// The client of a program that asks those that are missing, of whom there are none.
func TestQueryOfNobodyIsAnError(t *testing.T) {
	if _, err := new(Client).Query(t.Context(), QueryParams{Name: "x", Nodes: []string{}}); err != ErrNoNodes {
		t.Error(err)
	}
}
