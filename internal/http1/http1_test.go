package http1

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"serf/internal/systest"
)

// pipes is a listener in memory, whose connections have no buffers: who doesn't read holds up the
// writer at once.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// client is one connection to a server.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (p *pipes) dial(t *testing.T) *client {
	t.Helper()
	ours, theirs := net.Pipe()
	p.conns <- theirs
	t.Cleanup(func() { ours.Close() })
	return &client{t, ours, bufio.NewReader(ours)}
}

// inBubble runs a test with a server in virtual time.
func inBubble(t *testing.T, o Options, h HandlerFunc, test func(t *testing.T, s *Server, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		s := Serve(p, h, o)
		defer s.Close()
		test(t, s, p)
	})
}

// send writes text without waiting for the server to read it.
func (c *client) send(text string) { go io.WriteString(c, text) }

// want reads an answer and checks status and body.
func (c *client) want(method string, status int, text string) *http.Response {
	c.t.Helper()
	r, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("answer: %v", err)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status || string(b) != text {
		c.t.Errorf("answer: %s %q, %v; want %d %q", r.Status, b, err, status, text)
	}
	return r
}

// wantClosed checks that the server has hung up.
func (c *client) wantClosed() {
	c.t.Helper()
	if b, err := io.ReadAll(c.r); err != nil || len(b) > 0 {
		c.t.Errorf("%q, %v; want the end of the connection", b, err)
	}
}

func refuseAs(w ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// echo answers with method, path and body.
func echo(w ResponseWriter, r *Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		refuseAs(w, http.StatusBadRequest, "bad body\n")
		return
	}
	fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, b)
}

const get = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"

func TestRequestsFollowEachOther(t *testing.T) {
	inBubble(t, Options{}, echo, func(t *testing.T, s *Server, p *pipes) {
		c := p.dial(t)
		c.send(get + "POST /y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" + get)
		r := c.want("GET", 200, "GET /x ")
		if r.ContentLength != 7 || r.Header.Get("Date") == "" || r.Close {
			t.Errorf("answer %+v", r)
		}
		c.want("POST", 200, "POST /y abc")
		c.want("GET", 200, "GET /x ")
		time.Sleep(idleDefault - time.Second)
		c.send(get)
		c.want("GET", 200, "GET /x ")
		time.Sleep(idleDefault + time.Second)
		c.wantClosed()
		if n := s.Counters(); n.Requests != 4 || n.TimedOut != 0 || n.Open != 0 {
			t.Errorf("%+v", n)
		}
	})
}

func TestConnectionEndsWhenAskedTo(t *testing.T) {
	for name, request := range map[string]string{
		"close":    "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		"HTTP/1.0": "GET /x HTTP/1.0\r\nHost: h\r\n\r\n",
		"chunked":  "GET /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		inBubble(t, Options{}, echo, func(t *testing.T, s *Server, p *pipes) {
			c := p.dial(t)
			c.send(request)
			if r := c.want("GET", 200, "GET /x "); !r.Close {
				t.Errorf("%s: the answer doesn't say that the connection ends", name)
			}
			c.wantClosed()
		})
	}
}

func TestHeadHasTheLengthOnly(t *testing.T) {
	inBubble(t, Options{}, echo, func(t *testing.T, s *Server, p *pipes) {
		c := p.dial(t)
		c.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n" + get)
		if r := c.want("HEAD", 200, ""); r.ContentLength != 8 {
			t.Errorf("length %d", r.ContentLength)
		}
		c.want("GET", 200, "GET /x ")
	})
}

func TestLongAnswersAreChunked(t *testing.T) {
	long := strings.Repeat("x", 3*writeMax)
	for _, version := range []string{"1.0", "1.1"} {
		inBubble(t, Options{}, func(w ResponseWriter, r *Request) {
			io.WriteString(w, long[:10])
			io.WriteString(w, long[10:])
		}, func(t *testing.T, s *Server, p *pipes) {
			c := p.dial(t)
			c.send("GET / HTTP/" + version + "\r\nHost: h\r\n\r\n")
			if r := c.want("GET", 200, long); (len(r.TransferEncoding) > 0) != (version == "1.1") {
				t.Errorf("HTTP/%s: encoding %v", version, r.TransferEncoding)
			}
		})
	}
}

func TestFlushedPiecesArriveAtOnce(t *testing.T) {
	inBubble(t, Options{}, func(w ResponseWriter, r *Request) {
		for i := range 3 {
			fmt.Fprintf(w, "piece %d\n", i)
			w.Flush()
			time.Sleep(time.Second)
		}
	}, func(t *testing.T, s *Server, p *pipes) {
		c := p.dial(t)
		began := time.Now()
		c.send(get)
		r, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(r.Body)
		for i := 0; lines.Scan(); i++ {
			if d := time.Since(began); d != time.Duration(i)*time.Second {
				t.Errorf("%q after %v", lines.Text(), d)
			}
		}
	})
}

func TestHeaderIsBounded(t *testing.T) {
	const limit = 8 << 10
	request := func(size int) string {
		const frame = "GET /x HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n"
		return strings.Replace(frame, "A: ", "A: "+strings.Repeat("x", size-len(frame)), 1)
	}
	inBubble(t, Options{Header: limit}, echo, func(t *testing.T, s *Server, p *pipes) {
		c := p.dial(t)
		c.send(request(limit))
		c.want("GET", 200, "GET /x ")
		c.send(request(limit + 1))
		c.want("GET", 431, "Request Header Fields Too Large\n")
		c.Close()
		synctest.Wait()
		if n := s.Counters(); n.TooLarge != 1 || n.Open != 0 || n.Requests != 1 {
			t.Errorf("%+v", n)
		}
	})
}

func TestFieldsAreBounded(t *testing.T) {
	for _, same := range []bool{true, false} {
		request := func(n int) string {
			var b strings.Builder
			b.WriteString("GET /x HTTP/1.1\r\nHost: h\r\n")
			for i := range n {
				if same {
					i = 0
				}
				fmt.Fprintf(&b, "a%d:\r\n", i)
			}
			return b.String() + "\r\n"
		}
		inBubble(t, Options{}, echo, func(t *testing.T, s *Server, p *pipes) {
			c := p.dial(t)
			c.send(request(fieldsMax))
			c.want("GET", 200, "GET /x ")
			c.send(request(fieldsMax + 1))
			c.want("GET", 431, "Request Header Fields Too Large\n")
			c.Close()
			if n := s.Counters(); n.TooLarge != 1 || n.Requests != 1 {
				t.Errorf("%+v", n)
			}
		})
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for _, tt := range []struct {
		request string
		status  int
	}{
		{"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n : x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost h\r\n\r\n", 400},
		{"GET /x\r\n\r\n", 400},
		{"G\x00T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
		{"PRI * HTTP/2.0\r\n\r\n", 505},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
	} {
		inBubble(t, Options{}, echo, func(t *testing.T, s *Server, p *pipes) {
			c := p.dial(t)
			c.send(tt.request)
			r, err := http.ReadResponse(c.r, nil)
			if err != nil || r.StatusCode != tt.status {
				t.Errorf("%q: %v, %v; want %d", tt.request, r, err, tt.status)
				return
			}
			io.Copy(io.Discard, r.Body)
			c.wantClosed()
			if n := s.Counters(); n.Bad+n.Requests != 1 {
				t.Errorf("%q: %+v", tt.request, n)
			}
		})
	}
}

// A client that sends a byte now and then (slowloris) keeps its connection no longer than one that
// sends nothing.
func TestSlowRequestsEnd(t *testing.T) {
	for name, request := range map[string]string{
		"nothing": "",
		"header":  "GET / HTTP/1.1\r\nA: ",
		"body":    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n",
	} {
		inBubble(t, Options{}, echo, func(t *testing.T, s *Server, p *pipes) {
			c := p.dial(t)
			began := time.Now()
			go func() {
				_, err := io.WriteString(c, request)
				for ; err == nil && request != ""; time.Sleep(time.Second) {
					_, err = io.WriteString(c, "x")
				}
			}()
			io.Copy(io.Discard, c.r)
			if d := time.Since(began); d < requestDefault || d > requestDefault+2*lingerTime {
				t.Errorf("%s: hung up after %v", name, d)
			}
			c.Close()
			if n := s.Counters(); n.TimedOut != uint64(min(len(request), 1)) {
				t.Errorf("%s: %+v", name, n)
			}
			time.Sleep(2 * time.Second) // the sender ends
		})
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	inBubble(t, Options{Conns: 2}, echo, func(t *testing.T, s *Server, p *pipes) {
		first, second := p.dial(t), p.dial(t)
		p.dial(t).wantClosed()
		first.Close()
		synctest.Wait()
		p.dial(t)
		second.send(get)
		second.want("GET", 200, "GET /x ")
		synctest.Wait()
		if n := s.Counters(); n.Open != 2 || n.Accepted != 3 || n.Refused != 1 {
			t.Errorf("%+v", n)
		}
	})
}

// Whoever reads slowly, but reads, gets all; whoever stops is cut off.
func TestSlowReadersAreCutOff(t *testing.T) {
	inBubble(t, Options{}, func(w ResponseWriter, r *Request) {
		w.Write(bytes.Repeat([]byte("x"), 10*writeMax))
	}, func(t *testing.T, s *Server, p *pipes) {
		slow, stuck := p.dial(t), p.dial(t)
		slow.send(get)
		stuck.send(get)
		b := make([]byte, writeMax)
		for n, got := 0, 0; got < 10*writeMax; got += n {
			time.Sleep(writeDefault * 9 / 10)
			n, _ = io.ReadFull(slow, b)
			if n == 0 {
				t.Fatalf("cut off after %d bytes", got)
			}
		}
		if n := s.Counters(); n.CutOff != 1 || n.Open != 1 {
			t.Errorf("%+v", n)
		}
	})
}

func TestHandlersHearThatTheClientIsGone(t *testing.T) {
	gone := make(chan struct{})
	inBubble(t, Options{}, func(w ResponseWriter, r *Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		gone <- struct{}{}
	}, func(t *testing.T, s *Server, p *pipes) {
		for _, request := range []string{get, "POST /y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"} {
			c := p.dial(t)
			c.send(request)
			synctest.Wait()
			c.Close()
			<-gone
		}
		p.dial(t).send(get)
		synctest.Wait()
		go s.Close()
		<-gone
	})
}

// A client may say that it sends no more, and still read. It must not take the end of a handler
// that has given up for an empty answer, but gets one that is there.
func TestHandlersThatGiveUpDoNotAnswer(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(ln, HandlerFunc(func(w ResponseWriter, r *Request) {
		<-r.Context().Done()
		if r.URL.Path == "/all" {
			io.WriteString(w, "all the same")
		}
	}), Options{})
	defer s.Close()
	for path, want := range map[string]string{"/none": "", "/all": "all the same"} {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n")
		c.(*net.TCPConn).CloseWrite()
		if b, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(b), want) || want == "" && len(b) > 0 {
			t.Errorf("%s: %q, %v", path, b, err)
		}
		c.Close()
	}
}

func TestPanicOfAHandlerEndsItsConnectionOnly(t *testing.T) {
	var value any
	o := Options{Panicked: func(v any, _ []byte) { value = v }}
	inBubble(t, o, func(w ResponseWriter, r *Request) { panic(r.URL.Path) },
		func(t *testing.T, s *Server, p *pipes) {
			c := p.dial(t)
			c.send(get)
			c.wantClosed()
			if n := s.Counters(); n.Panics != 1 || value != "/x" {
				t.Errorf("%+v, %v", n, value)
			}
		})
}

// The client of Go's library gets along with it, through sockets: with TLS, too, where watching for
// the end of a connection while a request is answered must not harm the next one.
func TestClientOfTheLibrary(t *testing.T) {
	t.Parallel()
	authority := systest.NewAuthority(t)
	for _, scheme := range []string{"http", "https"} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{}
		if scheme == "https" {
			pair, err := tls.LoadX509KeyPair(authority.Server("h"))
			if err != nil {
				t.Fatal(err)
			}
			ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{pair}})
			pem, _ := os.ReadFile(authority.File)
			transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
			transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem)
		}
		s := Serve(ln, HandlerFunc(echo), Options{})
		defer s.Close()
		c := &http.Client{Transport: transport}
		defer c.CloseIdleConnections()
		for _, expect := range []string{"", "100-continue"} {
			for _, body := range []string{"", "abc", strings.Repeat("x", 1<<20)} {
				r, err := http.NewRequestWithContext(context.Background(), "POST", scheme+"://"+s.Addr().String()+"/p", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Expect", expect)
				a, err := c.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(a.Body)
				if err != nil || string(got) != "POST /p "+body {
					t.Errorf("%d bytes: %.20q, %v", len(body), got, err)
				}
				a.Body.Close()
			}
		}
		if n := s.Counters(); n.Accepted != 1 || n.Requests != 6 {
			t.Errorf("%s: %+v", scheme, n)
		}
	}
}

// A body that the handler didn't want is read no further than a little, so that the answer arrives.
func TestUnreadBodyEndsTheConnection(t *testing.T) {
	inBubble(t, Options{}, func(w ResponseWriter, r *Request) { refuseAs(w, http.StatusForbidden, "no\n") },
		func(t *testing.T, s *Server, p *pipes) {
			c := p.dial(t)
			c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1000000))
			if r := c.want("POST", 403, "no\n"); !r.Close {
				t.Error("the answer doesn't say that the connection ends")
			}
			c.wantClosed()
		})
}

// What a handler says about the form of its answer can't make a client read the next answer at the
// wrong place.
func TestHandlersCannotBreakTheForm(t *testing.T) {
	long := strings.Repeat("x", 2*bufferSize)
	for name, tt := range map[string]struct {
		headers []string
		status  int
		text    string
	}{
		"less than promised":         {[]string{"Content-Length", "100"}, 200, "abc"},
		"more than promised":         {[]string{"Content-Length", "3"}, 200, long},
		"no length":                  {[]string{"Content-Length", "-1 x"}, 200, "abc"},
		"a length and no body":       {[]string{"Content-Length", "3"}, 204, ""},
		"chunks that aren't any":     {[]string{"Transfer-Encoding", "chunked"}, 200, "abc"},
		"line ends in a value":       {[]string{"X-A", "b\r\nContent-Length: 1\r\n\r\nHTTP/1.1 200 OK"}, 200, "abc"},
		"line ends in a name":        {[]string{"X-A: b\r\nContent-Length: 1\r\nY", "c"}, 200, "abc"},
		"a status of no last answer": {nil, 103, "abc"},
	} {
		inBubble(t, Options{}, func(w ResponseWriter, r *Request) {
			for i := 0; i < len(tt.headers); i += 2 {
				w.Header()[tt.headers[i]] = []string{tt.headers[i+1]}
			}
			w.WriteHeader(tt.status)
			io.WriteString(w, tt.text)
		}, func(t *testing.T, s *Server, p *pipes) {
			t.Log(name)
			c := p.dial(t)
			for range 2 {
				c.send(get)
				if tt.status < 200 {
					c.want("GET", 200, tt.text)
				} else if r := c.want("GET", tt.status, tt.text); tt.status == 204 && r.Header.Get("Content-Length") != "" {
					t.Errorf("%s: %v", name, r.Header)
				}
			}
		})
	}
}

// A server in front of this one that sees another end of a request must not get an answer to what
// it passed on as a part of that.
func TestNothingIsSmuggledInABody(t *testing.T) {
	const hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"
	for name, head := range map[string]string{
		"length and chunks":         "Content-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunks and length":         "Transfer-Encoding: chunked\r\nContent-Length: 44\r\n\r\n0\r\n\r\n",
		"space before the colon":    "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"another encoding":          "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"two encodings":             "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a folded line":             "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
		"a length with a sign":      "Content-Length: +5\r\n\r\n0\r\n\r\n",
		"two lengths":               "Content-Length: 5, 6\r\n\r\n0\r\n\r\n",
		"a chunk with a sign":       "Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
		"a NUL in a value":          "X: a\x00b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a carriage return in one":  "X: a\rTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunks that end elsewhere": "Transfer-Encoding: chunked\r\n\r\n0;a\nb\r\n\r\n",
	} {
		inBubble(t, Options{}, echo, func(t *testing.T, s *Server, p *pipes) {
			c := p.dial(t)
			c.send("POST /x HTTP/1.1\r\nHost: h\r\n" + head + hidden)
			for first := true; ; first = false {
				r, err := http.ReadResponse(c.r, nil)
				if err != nil {
					break
				}
				b, _ := io.ReadAll(r.Body)
				if !first || strings.Contains(string(b), "hidden") {
					t.Errorf("%s: %s %q", name, r.Status, b)
				}
			}
		})
	}
}

// Targets that aren't paths reach the handler as net/http has them.
func TestTargets(t *testing.T) {
	for target, want := range map[string]string{
		"GET http://other/a?b": "other /a", "OPTIONS *": "h *", "GET //x/../y": "h //x/../y",
		"CONNECT other:22": "other:22 ", "GET /%2e%2e%2fx%00": "h /../x\x00",
	} {
		inBubble(t, Options{}, func(w ResponseWriter, r *Request) {
			io.WriteString(w, r.Host+" "+r.URL.Path)
		}, func(t *testing.T, s *Server, p *pipes) {
			c := p.dial(t)
			c.send(target + " HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			c.want("GET", 200, want)
		})
	}
}

func TestHostIsNeeded(t *testing.T) {
	inBubble(t, Options{}, echo, func(t *testing.T, s *Server, p *pipes) {
		c := p.dial(t)
		c.send("GET /x HTTP/1.1\r\n\r\n")
		c.want("GET", 400, "Bad Request\n")
		c.wantClosed()
		c = p.dial(t)
		c.send("GET /x HTTP/1.0\r\n\r\n") // which is older than virtual hosts
		c.want("GET", 200, "GET /x ")
	})
}

func TestBodyIsAskedForIfTheClientWaits(t *testing.T) {
	for expect, asked := range map[string]bool{
		"Expect: 100-continue\r\nContent-Length: 3\r\n":          true,
		"Expect: 100-Continue\r\nContent-Length: 3\r\n":          true,
		"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n": true,
		"Expect: 100-continue\r\n":                               false, // there is no body
		"Expect: 100-continue\r\nContent-Length: 0\r\n":          false,
	} {
		inBubble(t, Options{}, echo, func(t *testing.T, s *Server, p *pipes) {
			c := p.dial(t)
			c.send("POST /x HTTP/1.1\r\nHost: h\r\n" + expect + "\r\n")
			r, err := http.ReadResponse(c.r, nil)
			if err != nil || (r.StatusCode == 100) != asked {
				t.Errorf("%q: %v, %v", expect, r, err)
			}
		})
	}
}
