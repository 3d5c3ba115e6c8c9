package interop

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// relay is a bad network between agents in processes of their own. Each agent listens on an address
// that it doesn't advertise, and advertises one of the relay, which forwards what arrives there.
// What happens to the packets on a line, from one member to another, is drawn from the seed,
// independently of other lines.
//
// A packet's source tells who sent it, because agents send from where they listen. A stream comes
// from an arbitrary port; the system knows which process owns it.
type relay struct {
	seed uint64

	mu      sync.Mutex
	changed *sync.Cond // rule, or closed
	rule    func(from, to string) line
	ends    map[string]*relayEnd // by member
	byReal  map[netip.AddrPort]*relayEnd
	draws   map[[2]string]*rand.Rand
	seen    map[[2]string]int // packets that were sent, arrived or not
	strange int               // streams from unknown processes
	conns   map[net.Conn]bool // open
	closed  bool
	work    sync.WaitGroup
}

// line describes what happens to traffic from one member to another. The zero value forwards
// everything at once.
type line struct {
	cut       bool // nothing gets through; streams need both directions
	noPackets bool // packets are dropped, streams pass
	loss      float64
	duplicate float64
	reorder   float64 // share of packets that are held back by holdBack
	delay     time.Duration
	jitter    time.Duration // up to that much more
}

const (
	holdBack = 100 * time.Millisecond
	// retransmission is the least time that a lost piece of a stream costs.
	retransmission = 200 * time.Millisecond
)

// relayEnd is where the others reach one member.
type relayEnd struct {
	name         string
	public, real netip.AddrPort
	pid          int // of the process that listens at real
	udp          *net.UDPConn
	tcp          net.Listener
}

func newRelay(t *testing.T, seed uint64) *relay {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("whose a stream is, is read from /proc")
	}
	r := &relay{
		seed: seed, ends: make(map[string]*relayEnd), byReal: make(map[netip.AddrPort]*relayEnd),
		draws: make(map[[2]string]*rand.Rand), seen: make(map[[2]string]int), conns: make(map[net.Conn]bool),
	}
	r.changed = sync.NewCond(&r.mu)
	r.heal()
	t.Cleanup(r.close)
	return r
}

// heal makes all lines good.
func (r *relay) heal() { r.set(func(string, string) line { return line{} }) }

// set changes the lines to what rule returns, which must be quick.
func (r *relay) set(rule func(from, to string) line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rule = rule
	r.changed.Broadcast()
}

// split is a rule by which only members on the same side reach each other, over lines like l.
func split(l line, sides ...[]*running) func(from, to string) line {
	side := make(map[string]int)
	for i, members := range sides {
		for _, m := range members {
			side[m.name()] = i
		}
	}
	return func(from, to string) line {
		if side[from] != side[to] {
			return line{cut: true}
		}
		return l
	}
}

// start starts an agent behind the relay. An earlier agent of that name has moved or been killed.
func (r *relay) start(t *testing.T, p program, name string, args ...string) *running {
	t.Helper()
	p.find(t) // or skip
	end := r.open(t, name)
	began := func(pid int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		end.pid = pid
	}
	args = append([]string{"-advertise=" + end.public.String()}, args...)
	m := p.start(t, options{name: name, ip: end.real.Addr(), began: began}, dialOwn, args...)
	m.public = end.public
	return m
}

func (r *relay) open(t *testing.T, name string) *relayEnd {
	t.Helper()
	end := &relayEnd{name: name, real: netip.AddrPortFrom(ownIP(t), gossipPort), public: netip.AddrPortFrom(ownIP(t), gossipPort)}
	var err error
	end.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(end.public))
	must(t, err)
	end.tcp, err = net.Listen("tcp", end.public.String())
	must(t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.ends[name]; old != nil {
		old.udp.Close()
		old.tcp.Close()
		delete(r.byReal, old.real)
	}
	r.ends[name], r.byReal[end.real] = end, end
	r.work.Go(func() { r.passPackets(end) })
	r.work.Go(func() { r.passStreams(end) })
	return end
}

func (r *relay) close() {
	r.mu.Lock()
	r.closed = true
	for _, end := range r.ends {
		end.udp.Close()
		end.tcp.Close()
	}
	for conn := range r.conns {
		conn.Close()
	}
	r.changed.Broadcast()
	r.mu.Unlock()
	r.work.Wait()
}

// sent returns how many packets a member has sent to another so far.
func (r *relay) sent(from, to string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[[2]string{from, to}]
}

// passPackets forwards the packets sent to end.
func (r *relay) passPackets(end *relayEnd) {
	b := make([]byte, 64<<10)
	for {
		n, source, err := end.udp.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an earlier packet found no listener
		}
		r.passPacket(netip.AddrPortFrom(source.Addr().Unmap(), source.Port()), end, bytes.Clone(b[:n]))
	}
}

func (r *relay) passPacket(source netip.AddrPort, to *relayEnd, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := r.byReal[source]
	if from == nil || r.closed {
		return
	}
	key := [2]string{from.name, to.name}
	r.seen[key]++
	l := r.rule(from.name, to.name)
	d := r.drawsOf(key)
	// The same number of draws for each packet, so that the fate of the next doesn't depend on it.
	lost, twice, late, jitter, jitter2 := d.Float64() < l.loss, d.Float64() < l.duplicate, d.Float64() < l.reorder, d.Float64(), d.Float64()
	if lost || l.cut || l.noPackets {
		return
	}
	delay := l.delay + time.Duration(jitter*float64(l.jitter))
	if late {
		delay += holdBack
	}
	deliver := func() { from.udp.WriteToUDPAddrPort(p, to.real) } // an error means that the member is gone or the relay closed
	time.AfterFunc(delay, deliver)
	if twice {
		time.AfterFunc(l.delay+time.Duration(jitter2*float64(l.jitter)), deliver)
	}
}

func (r *relay) drawsOf(key [2]string) *rand.Rand {
	d := r.draws[key]
	if d == nil {
		var h uint64 = 14695981039346656037 // FNV-1a
		for _, c := range []byte(key[0] + ">" + key[1]) {
			h = (h ^ uint64(c)) * 1099511628211
		}
		d = rand.New(rand.NewPCG(r.seed, h))
		r.draws[key] = d
	}
	return d
}

// passStreams forwards the streams opened to end.
func (r *relay) passStreams(end *relayEnd) {
	for {
		conn, err := end.tcp.Accept()
		if err != nil {
			return
		}
		r.work.Go(func() { r.passStream(conn.(*net.TCPConn), end) })
	}
}

// keep registers a connection, which is closed with the relay and forgotten once it has ended.
func (r *relay) keep(conn net.Conn) (done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		conn.Close()
	}
	r.conns[conn] = true
	return func() {
		conn.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.conns, conn)
	}
}

func (r *relay) passStream(in *net.TCPConn, to *relayEnd) {
	defer r.keep(in)()
	from := r.owner(in)
	if from == "" {
		r.mu.Lock()
		r.strange++
		r.mu.Unlock()
		return
	}
	if !r.mayPass(from, to.name) {
		return
	}
	out, err := net.Dial("tcp", to.real.String())
	if err != nil {
		in.SetLinger(0) // closest to a refused connection
		return
	}
	defer r.keep(out)()
	back := make(chan struct{})
	go func() {
		defer close(back)
		r.pump(out.(*net.TCPConn), in, to.name, from)
	}()
	r.pump(in, out.(*net.TCPConn), from, to.name)
	<-back
}

// pump forwards what one end sends, piece by piece, until it closes.
func (r *relay) pump(src, dst *net.TCPConn, from, to string) {
	defer dst.CloseWrite()
	b := make([]byte, 32<<10)
	for {
		n, err := src.Read(b)
		if n > 0 {
			if !r.mayPass(from, to) {
				return
			}
			if _, err := dst.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// mayPass waits for as long as a piece of a stream takes from one member to another, and while the
// line is cut in either direction. It returns false if the relay is closed meanwhile.
func (r *relay) mayPass(from, to string) bool {
	r.mu.Lock()
	l := r.rule(from, to)
	delay := l.delay + time.Duration(r.drawsOf([2]string{from, to + " by stream"}).Float64()*float64(l.jitter))
	if r.drawsOf([2]string{from, to + " by stream"}).Float64() < l.loss {
		delay += retransmission
	}
	r.mu.Unlock()
	time.Sleep(delay)
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.closed && (r.rule(from, to).cut || r.rule(to, from).cut) {
		r.changed.Wait()
	}
	return !r.closed
}

// owner returns the member whose process is at the other end of a stream that was just accepted.
func (r *relay) owner(in *net.TCPConn) string {
	inode, err := socketInode(in.RemoteAddr().(*net.TCPAddr).AddrPort(), in.LocalAddr().(*net.TCPAddr).AddrPort())
	if err != nil {
		return "" // closed already
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, end := range r.ends {
		if end.pid != 0 && hasSocket(end.pid, inode) {
			return name
		}
	}
	return ""
}

// socketInode returns the inode of a connection's local socket.
func socketInode(local, remote netip.AddrPort) (string, error) {
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return "", err
	}
	defer f.Close()
	want := procAddr(local) + " " + procAddr(remote)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if !strings.Contains(lines.Text(), want) {
			continue
		}
		const inode = 9 // column
		if fields := strings.Fields(lines.Text()); len(fields) > inode && fields[inode] != "0" {
			return fields[inode], nil
		}
	}
	return "", io.EOF
}

// procAddr formats an address as /proc does: the bytes of the IP as a number in native byte order.
func procAddr(a netip.AddrPort) string {
	ip := a.Addr().Unmap().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), a.Port())
}

func hasSocket(pid int, inode string) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if target, err := os.Readlink(dir + e.Name()); err == nil && target == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}
