package interop

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// garbageShort is how many requests TestGarbageByHTTP sends by default.
const garbageShort = 10_000

var garbage = flag.Int("garbage", garbageShort, "how many requests TestGarbageByHTTP sends; full size is 1000000")

const (
	// garbageWorkers send garbage as fast as it is taken, garbageSlow a byte now and then, and
	// garbageDeaf ask for more than they read. Together with the two clients that behave they are
	// fewer than the listener's connections.
	garbageWorkers, garbageSlow, garbageDeaf = 8, 64, 8
	// slowByte is the pause between two bytes of a slow client, whose requests last for longer than
	// the agent's patience.
	slowByte = 200 * time.Millisecond
	// garbageHeap bounds what the garbage may add to the live heap, and garbageMemory to resident
	// memory, in bytes: what a few hundred connections need is kept for the next.
	garbageHeap, garbageMemory = 4 << 20, 8 << 20
)

// TestGarbageByHTTP has an agent's HTTP listener attacked by clients that send what no request is,
// too much, too slowly, or under a wrong name, or don't read. Meanwhile requests by RPC and HTTP
// are answered; afterwards nothing is left of it.
func TestGarbageByHTTP(t *testing.T) {
	if *garbage <= garbageShort {
		t.Parallel()
	}
	victim, a := startVictim(t, "victim")
	_, elsewhere := startVictim(t, "other")
	a.run(t, 2000, 0) // what is made once is made
	before := a.settled(t, victim)

	// What the machine alone costs: the same garbage goes to another agent.
	elsewhere.runWatched(t, victim, min(*garbage, 50_000))
	a.runWatched(t, victim, *garbage)
	for status := range a.statuses {
		if strings.HasPrefix(status, "5") && status != "503" && status != "505" && status != "501" {
			t.Errorf("%d answers of %s", a.statuses[status], status)
		}
	}
	var after garbageFigures
	eventually(t, time.Minute, "an agent as it was before", func() error {
		after = a.figures(t, victim)
		if after.goroutines > before.goroutines+4 || after.files > before.files+2 {
			return fmt.Errorf("%+v, before %+v", after, before)
		}
		return nil
	})
	t.Logf("before %+v, after %+v", before, after)
	if after.heap > before.heap+garbageHeap || after.resident > before.resident+garbageMemory {
		t.Errorf("memory grew: %+v, before %+v", after, before)
	}
}

// startVictim starts an agent that serves HTTP.
func startVictim(t *testing.T, name string) (*running, *garbageAttack) {
	ip := ownIP(t)
	addr := net.JoinHostPort(ip.String(), "7374")
	victim := ownProgram.start(t, options{name: name, ip: ip}, dialOwn, "-log-level=warn", "-http-addr="+addr)
	return victim, &garbageAttack{name: name, addr: addr, statuses: make(map[string]int)}
}

// runWatched sends garbage while well-behaved clients ask an agent, which has to answer them.
func (a *garbageAttack) runWatched(t *testing.T, asked *running, requests int) {
	t.Helper()
	w := startWatcher(t, asked)
	if *garbage > garbageShort { // what else this machine does, and the attack itself, isn't measured
		prefer(asked.cmd.Process.Pid)
		prefer(w.cmd.Process.Pid)
	}
	began := time.Now()
	a.run(t, requests, garbageSlow)
	took := time.Since(began)
	t.Logf("%d requests to %s in %v, %.0f a second; answers: %s", a.sent.Load(), a.name, took.Round(time.Millisecond), float64(requests)/took.Seconds(), a.summary())
	for _, line := range w.end(t) { // what is asked is always the same agent
		t.Logf("  meanwhile %s", line)
		if !strings.Contains(line, " 0 failed") {
			t.Errorf("%s\n%s", line, &w.out)
		}
	}
}

// prefer gives all threads of a process a higher priority, if this one may do that.
func prefer(pid int) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, thread := range threads {
		if id, err := strconv.Atoi(filepath.Base(thread)); err == nil {
			syscall.Setpriority(syscall.PRIO_PROCESS, id, -15)
		}
	}
}

// watcher is a process of its own whose clients ask an agent: in the one that attacks they would
// wait for each other.
type watcher struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   bytes.Buffer
}

// watchedEnv names the RPC and the HTTP address of the agent that TestWatchAgent asks.
const watchedEnv = "SERF_INTEROP_WATCHED"

func startWatcher(t *testing.T, asked *running) *watcher {
	t.Helper()
	w := &watcher{cmd: exec.Command(os.Args[0], "-test.run=^TestWatchAgent$", "-test.v")}
	w.cmd.Env = append(os.Environ(), programsEnv+"="+binDir, watchedEnv+"="+asked.rpcAddr()+" "+net.JoinHostPort(asked.bind.Addr().String(), "7374"))
	w.cmd.Stdout, w.cmd.Stderr = &w.out, &w.out
	stdin, err := w.cmd.StdinPipe()
	must(t, err)
	w.stdin = stdin
	must(t, w.cmd.Start())
	t.Cleanup(func() { w.cmd.Process.Kill() })
	return w
}

// end returns what the watcher has to say.
func (w *watcher) end(t *testing.T) (lines []string) {
	t.Helper()
	w.stdin.Close()
	if err := w.cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &w.out)
	}
	for line := range strings.Lines(w.out.String()) {
		if _, result, ok := strings.Cut(line, "watched: "); ok {
			lines = append(lines, strings.TrimSpace(result))
		}
	}
	if len(lines) != 2 {
		t.Fatalf("want two results\n%s", &w.out)
	}
	return lines
}

// TestWatchAgent asks an agent, by RPC and by HTTP, until its standard input ends.
func TestWatchAgent(t *testing.T) {
	addrs := strings.Fields(os.Getenv(watchedEnv))
	if len(addrs) != 2 {
		t.Skip("a part of TestGarbageByHTTP, which runs it in a process of its own")
	}
	client, err := dialOwn(addrs[0])
	must(t, err)
	defer client.close()
	stop := make(chan struct{})
	var both sync.WaitGroup
	var byRPC, byHTTP latencies
	both.Go(func() {
		byRPC.watch(stop, func() error { _, err := client.members(memberFilter{}); return err })
	})
	both.Go(func() { byHTTP.watch(stop, func() error { return fetchOnce("http://" + addrs[1] + "/v1/members") }) })
	io.Copy(io.Discard, os.Stdin)
	close(stop)
	both.Wait()
	for _, l := range []*latencies{&byRPC, &byHTTP} {
		if l.failed > 0 {
			t.Logf("the last failure: %v", l.err)
		}
	}
	t.Logf("watched: members by RPC: %v", &byRPC)
	t.Logf("watched: members by HTTP: %v", &byHTTP)
}

// fetchOnce asks with a connection of its own, which has to be answered.
func fetchOnce(url string) error {
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	r, err := c.Get(url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %w", r.Status, err)
	}
	return nil
}

// latencies are how long something took, time after time.
type latencies struct {
	took   []time.Duration
	failed int
	err    error // the last
}

// watch calls f twenty times a second.
func (l *latencies) watch(stop <-chan struct{}, f func() error) {
	for {
		began := time.Now()
		if err := f(); err != nil {
			l.failed, l.err = l.failed+1, err
		} else {
			l.took = append(l.took, time.Since(began))
		}
		select {
		case <-stop:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (l *latencies) String() string {
	if len(l.took) == 0 {
		return fmt.Sprintf("no answer, %d failed: %v", l.failed, l.err)
	}
	slices.Sort(l.took)
	at := func(share float64) time.Duration {
		return l.took[int(share*float64(len(l.took)-1))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%d answers, %d failed; median %v, 99th %v, worst %v", len(l.took), l.failed, at(0.5), at(0.99), at(1))
}

// garbageFigures are what could leak.
type garbageFigures struct {
	goroutines, files int
	heap, resident    int // bytes: the heap that was in use at the last collection, about, and VmRSS
}

func (a *garbageAttack) figures(t *testing.T, victim *running) (f garbageFigures) {
	families := parsed(t, get(t, "http://"+a.addr+"/metrics"))
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", victim.cmd.Process.Pid))
	must(t, err)
	return garbageFigures{
		goroutines: int(valueOf(families, "go_goroutines")), files: len(files),
		heap: int(valueOf(families, "go_memstats_next_gc_bytes")), resident: int(valueOf(families, "process_resident_memory_bytes")),
	}
}

// settled are the figures when all connections have ended.
func (a *garbageAttack) settled(t *testing.T, victim *running) (f garbageFigures) {
	last := -1
	eventually(t, time.Minute, "an agent at rest", func() error {
		f = a.figures(t, victim)
		same := f.goroutines == last
		if last = f.goroutines; !same {
			return fmt.Errorf("%+v", f)
		}
		return nil
	})
	return f
}

// garbageAttack is what clients do to the HTTP listener at addr.
type garbageAttack struct {
	name string // of its agent
	addr string
	sent atomic.Int64

	mu       sync.Mutex
	statuses map[string]int // of answers
}

// run sends so many requests, while slow clients hold some connections.
func (a *garbageAttack) run(t *testing.T, requests, slow int) {
	a.sent.Store(0)
	var fast, held sync.WaitGroup
	done := make(chan struct{})
	for i := range slow {
		held.Go(func() { a.trickle(i, done) })
	}
	if slow > 0 {
		for i := range garbageDeaf {
			held.Go(func() { a.deaf(i, done) })
		}
	}
	for i := range garbageWorkers {
		fast.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(requests)))
			for a.sent.Load() < int64(requests) {
				a.attack(t, rng)
			}
		})
	}
	fast.Wait()
	close(done)
	held.Wait()
}

func (a *garbageAttack) summary() string {
	var b strings.Builder
	for _, status := range slices.Sorted(maps.Keys(a.statuses)) {
		fmt.Fprintf(&b, "%s: %d, ", status, a.statuses[status])
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// dial connects from an address of its own: closed connections block their ports for a while.
func (a *garbageAttack) dial(rng *rand.Rand) (*net.TCPConn, error) {
	from := net.IPv4(127, 200+byte(rng.IntN(50)), byte(rng.IntN(256)), byte(1+rng.IntN(250)))
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", a.addr)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// attack sends garbage on one connection, and reads what is answered or hangs up.
func (a *garbageAttack) attack(t *testing.T, rng *rand.Rand) {
	g := garbageKinds[rng.IntN(len(garbageKinds))]
	payload, requests := g(rng, a.addr)
	a.sent.Add(int64(requests))
	c, err := a.dial(rng)
	if err != nil {
		t.Errorf("connecting: %v", err)
		time.Sleep(100 * time.Millisecond)
		return
	}
	defer c.Close()
	c.SetLinger(0)
	c.SetDeadline(time.Now().Add(5 * time.Second))
	c.Write(payload) // the agent may hang up before all is written
	if rng.IntN(8) == 0 {
		return // without reading
	}
	c.CloseWrite()
	a.count(c)
}

// count reads answers to the end of the connection, and counts their status.
func (a *garbageAttack) count(c net.Conn) {
	in := bufio.NewScanner(c)
	in.Buffer(nil, 1<<20)
	got := make(map[string]int)
	for in.Scan() {
		for _, part := range bytes.Split(in.Bytes(), []byte("HTTP/1."))[1:] {
			if len(part) >= 5 {
				got[string(part[2:5])]++
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for status, n := range got {
		a.statuses[status] += n
	}
}

// trickle is a client that takes its time: for a header that never ends, for one of its lines, or
// for a body.
func (a *garbageAttack) trickle(i int, done <-chan struct{}) {
	rng := rand.New(rand.NewPCG(uint64(i), 99))
	begin := []string{
		"GET /v1/members HTTP/1.1\r\nHost: " + a.addr + "\r\n",
		"GET /",
		"POST /v1/event/x HTTP/1.1\r\nHost: " + a.addr + "\r\nContent-Length: 60000\r\n\r\n",
		"",
	}[i%4]
	for {
		c, err := a.dial(rng)
		if err == nil {
			c.SetLinger(0)
			io.WriteString(c, begin)
			for n := 0; err == nil; n++ {
				select {
				case <-done:
					c.Close()
					return
				case <-time.After(slowByte):
				}
				_, err = c.Write([]byte{"X-a: b\r\n"[n%8]})
			}
			c.Close()
		}
		select {
		case <-done:
			return
		case <-time.After(slowByte):
		}
	}
}

// deaf is a client that asks and doesn't read.
func (a *garbageAttack) deaf(i int, done <-chan struct{}) {
	rng := rand.New(rand.NewPCG(uint64(i), 77))
	request := []byte("GET /metrics HTTP/1.1\r\nHost: " + a.addr + "\r\n\r\n")
	for {
		c, err := a.dial(rng)
		if err == nil {
			c.SetLinger(0)
			c.SetReadBuffer(4 << 10)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for err := error(nil); err == nil; {
					_, err = c.Write(request)
				}
			}()
			select {
			case <-done:
			case <-ended:
			}
			c.Close()
			<-ended
		}
		select {
		case <-done:
			return
		case <-time.After(slowByte):
		}
	}
}

// garbageKinds make what one connection carries, and say how many requests that is. addr is the
// listener's.
var garbageKinds = []func(rng *rand.Rand, addr string) ([]byte, int){
	func(rng *rand.Rand, _ string) ([]byte, int) { return randomBytes(rng, 1+rng.IntN(4000)), 1 },
	func(rng *rand.Rand, _ string) ([]byte, int) { // other names than ours
		host := []string{"example.com", "127.0.0.1.example.com", "", "localhost.evil", "[::1].evil", "0x7f000001", "127.0.0.1:80:80", "a b", "\x00", "[", "evil@127.0.0.1"}
		return pipelined(rng, func() string { return "GET /v1/members HTTP/1.1\r\nHost: " + host[rng.IntN(len(host))] + "\r\n\r\n" })
	},
	func(rng *rand.Rand, addr string) ([]byte, int) { // header too large: one line, or many
		if rng.IntN(2) == 0 {
			return []byte("GET / HTTP/1.1\r\nHost: " + addr + "\r\nX: " + strings.Repeat("x", 1<<14+rng.IntN(1<<18)) + "\r\n\r\n"), 1
		}
		return []byte("GET / HTTP/1.1\r\nHost: " + addr + "\r\n" + strings.Repeat("X-"+strconv.Itoa(rng.IntN(9))+": y\r\n", 1000+rng.IntN(20_000)) + "\r\n"), 1
	},
	func(rng *rand.Rand, addr string) ([]byte, int) { // chunks
		chunks := []string{"ffffffffffffffff\r\n", "-1\r\nx\r\n", "5\r\nab", "5;" + strings.Repeat("x", 5000) + "\r\nabcde\r\n0\r\n\r\n", "zz\r\n", "0\r\nTrailer: x\r\n\r\n", "3\r\nabcdef\r\n0\r\n\r\n", "\r\n\r\n"}
		return pipelined(rng, func() string {
			return "POST /v1/event/x HTTP/1.1\r\nHost: " + addr + "\r\nTransfer-Encoding: " + pick(rng, "chunked", "chunked, chunked", "gzip", "Chunked\r\nContent-Length: 3", "\x0bchunked") + "\r\n\r\n" + chunks[rng.IntN(len(chunks))]
		})
	},
	func(rng *rand.Rand, addr string) ([]byte, int) { // lengths
		return pipelined(rng, func() string {
			return "PUT /v1/tags HTTP/1.1\r\nHost: " + addr + "\r\nContent-Length: " + pick(rng, "-1", "1e3", "99999999999999999999", "5\r\nContent-Length: 6", "+3", "0x10", "", "9223372036854775807", "70000") + "\r\n\r\nabc"
		})
	},
	func(rng *rand.Rand, addr string) ([]byte, int) { // lines
		return pipelined(rng, func() string {
			return pick(rng, "GET", "get", "", "G\x00T", "CONNECT", "PRI", "TRACE", "OPTIONS", strings.Repeat("M", 2000)) + " " +
				pick(rng, "/", "*", "http://evil/", "//evil", "/../../etc/passwd", "/%", "/%00", "/v1/members/%2e%2e%2f", "/v1/members?status=%zz", "/v1/events?after=x", strings.Repeat("/a", 3000)) + " " +
				pick(rng, "HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9", "", "HTTP/1.1 x") + "\r\nHost: " + addr + "\r\n\r\n"
		})
	},
	func(rng *rand.Rand, addr string) ([]byte, int) { // what there is, asked for all at once
		return pipelined(rng, func() string {
			return "GET " + pick(rng, "/healthz", "/readyz?members=-1", "/v1/agent", "/v1/members?name=(((", "/v1/members?format=text", "/v1/stats", "/metrics", "/v1/nothing", "/") + " HTTP/1.1\r\nHost: " + addr +
				"\r\nAccept: " + pick(rng, "*/*", "application/openmetrics-text", strings.Repeat("a/b;q=1,", 500)) + "\r\n\r\n"
		})
	},
	func(rng *rand.Rand, addr string) ([]byte, int) { // a part of a request
		whole := "POST /v1/query/x HTTP/1.1\r\nHost: " + addr + "\r\nContent-Length: 10\r\n\r\n0123456789"
		return []byte(whole[:rng.IntN(len(whole))]), 1
	},
	func(rng *rand.Rand, _ string) ([]byte, int) { // TLS, HTTP/2 and SSH, spoken to a port of HTTP
		return []byte(pick(rng, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04", "SSH-2.0-OpenSSH_9.2\r\n")), 1
	},
	func(rng *rand.Rand, addr string) ([]byte, int) { // fields
		return pipelined(rng, func() string {
			return "GET /v1/members HTTP/1.1\r\n" + pick(rng, "Host: "+addr+"\r\nHost: evil", "Host:"+addr+"\r\n folded: x", "Host : "+addr, "X\x00: y\r\nHost: "+addr, "no colon\r\nHost: "+addr,
				"Host: "+addr+"\r\nExpect: 100-continue\r\nContent-Length: 5", "Host: "+addr+"\r\nUpgrade: h2c\r\nConnection: Upgrade", "Host: "+addr+"\nX: y") + "\r\n\r\n"
		})
	},
}

func pick(rng *rand.Rand, of ...string) string { return of[rng.IntN(len(of))] }

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// pipelined is some requests that are sent before any answer is read.
func pipelined(rng *rand.Rand, request func() string) ([]byte, int) {
	n := 1 + rng.IntN(32)
	var b []byte
	for range n {
		b = append(b, request()...)
	}
	return b, n
}
