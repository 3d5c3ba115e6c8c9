package http

import (
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	garbageCount = flag.Int("garbage", 3000, "requests of garbage that TestGarbage sends")
	garbageAddr  = flag.String("garbage-addr", "", "where to, instead of an agent of its own")
)

// garbage are connections of clients that are broken, or mean ill. Those that end with "..." hang
// up before they are answered.
var garbage = []string{
	"GET /v1/members HTTP/1.1\r\nHost: evil.example\r\n\r\n",
	"GET /v1/members HTTP/1.1\r\n\r\n",
	"GET /v1/members HTTP/1.1\r\nHost: localhost\r\nX: ...",
	"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n...",
	"GET /v1/members?wait=5m&index=0123456789abcdef-0 HTTP/1.1\r\nHost: localhost\r\n\r\n...",
	"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 32<<10) + "\r\n\r\n",
	"GET /" + strings.Repeat("%ff", 8<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"POST /v1/event/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
	"POST /v1/event/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab...",
	"POST /v1/event/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n" + strings.Repeat("x", 1000) + "...",
	"POST /v1/event/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
	"PUT /v1/tags HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
	strings.Repeat("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 20) + "...",
	strings.Repeat("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 20) + "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n...",
	"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n...",
	"\r\n\r\n\r\n\r\n",
	"...",
}

// throw sends one piece of garbage. It reads the answer unless the piece hangs up.
func throw(t *testing.T, addr string, rng *rand.Rand) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	c.(*net.TCPConn).SetLinger(0) // no port waits for the end of a connection
	text, hangUp := strings.CutSuffix(garbage[rng.IntN(len(garbage))], "...")
	io.WriteString(c, text)
	if hangUp {
		return
	}
	c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) // some are kept open for more
	c.Read(make([]byte, 1<<10))
}

// Whatever clients send, nothing is left of it: no connection, no stream, and the agent answers.
func TestGarbage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("thousands of requests")
	}
	addr := *garbageAddr
	var s *Server
	if addr == "" {
		a := startAgent(t)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr = ln.Addr().String()
		s = Serve(ln, newHandler(t, a, Options{}), a.Log())
		defer s.Close()
	}
	var clients sync.WaitGroup
	const atOnce = 16
	for i := range atOnce {
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for range *garbageCount / atOnce {
				throw(t, addr, rng)
			}
		})
	}
	clients.Wait()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get("http://" + addr + "/healthz")
	if err != nil || r.StatusCode != 200 {
		t.Fatalf("%+v, %v", r, err)
	}
	r.Body.Close()
	if s != nil {
		s.Close() // returns when all of its goroutines have ended
		n := s.Server.Counters()
		if n.Open != 0 || s.h.streams.taken.Load() != 0 || s.h.polls.taken.Load() != 0 || n.Panics != 0 || n.Bad == 0 || n.TooLarge == 0 {
			t.Errorf("%+v, %v", n, &s.h.counts)
		}
	}
}
