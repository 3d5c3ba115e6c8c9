package interop

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"serf/internal/systest"
)

const (
	// mtuMax bounds a packet between regions, in bytes: that is the MTU of the interfaces.
	mtuMax = 1500
	// jitter is how much longer or shorter than usual a packet takes, at most.
	jitter = 0.05
	// coarse is how late Go's timers may be: these wait for whole milliseconds. For what remains
	// the router sleeps; it is shorter than any delay, so that no packet comes that is due earlier.
	coarse = 1200 * time.Microsecond
	// preferred is the niceness of this process and the agents: a busy machine makes packets late.
	preferred = -10
)

// world is some regions with a router between them, in the place of netem, which not every kernel
// has. Each region is a network namespace. All packets that leave it go to a TUN device, where the
// router gets them.
type world struct {
	regions []*region
}

// region has the addresses 10.77.NUMBER.1 and so on. Between these, packets don't leave the kernel.
type region struct {
	name   string
	number int
	ns     int // a file descriptor
	tun    *os.File
}

// newWorld makes regions with these names; delays[a][b] is the usual round trip between two. They
// end with the test.
func newWorld(t *testing.T, names []string, members int, delays [][]time.Duration) *world {
	t.Helper()
	w := new(world)
	for i, name := range names {
		w.regions = append(w.regions, newRegion(t, name, i+1, members))
	}
	r := &router{world: w, delays: delays, packets: make(chan packet, 1024)}
	var reading sync.WaitGroup
	for i := range w.regions {
		reading.Go(func() { r.read(i) })
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.run()
	}()
	t.Cleanup(func() {
		for _, region := range w.regions {
			region.tun.Close()
		}
		reading.Wait()
		close(r.packets)
		<-ended
	})
	return w
}

func newRegion(t *testing.T, name string, number, members int) *region {
	t.Helper()
	r := &region{name: name, number: number}
	var err error
	alone(func() {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return
		}
		r.ns, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			r.tun, err = openTun("tun0")
		}
	})
	systest.MustSetUp(t, err)
	t.Cleanup(func() {
		r.tun.Close()
		unix.Close(r.ns)
	})
	r.ip(t, "link", "set", "lo", "up")
	r.ip(t, "link", "set", "tun0", "up", "mtu", fmt.Sprint(mtuMax))
	for i := range members {
		r.ip(t, "address", "add", r.addr(i).String()+"/32", "dev", "tun0")
	}
	r.ip(t, "route", "add", "10.77.0.0/16", "dev", "tun0")
	return r
}

// addr is the address of the region's i-th member.
func (r *region) addr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 77, byte(r.number), byte(i + 1)})
}

// ip runs the command ip in the region.
func (r *region) ip(t *testing.T, args ...string) {
	t.Helper()
	var err error
	r.on(func() { err = systest.IP(t.Context(), args...) })
	systest.MustSetUp(t, err)
}

// on runs f in the region: on a thread that is in its namespace, and that ends with f.
func (r *region) on(f func()) {
	alone(func() {
		if err := unix.Setns(r.ns, unix.CLONE_NEWNET); err != nil {
			panic(err) // f must not run elsewhere
		}
		f()
	})
}

// connectTime measures a round trip: how long a TCP connection from one address to another takes.
// It calls the system itself, since Go's poller adds its own delay.
func (r *region) connectTime(from netip.Addr, to netip.AddrPort) (took time.Duration, err error) {
	r.on(func() {
		var fd int
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer unix.Close(fd)
		if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}); err != nil {
			return
		}
		began := time.Now()
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
		took = time.Since(began)
	})
	return took, err
}

// alone runs f on a thread of its own.
func alone(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: it ends with the goroutine
		f()
	}()
	<-done
}

// openTun makes a TUN device in the namespace of the calling thread.
func openTun(name string) (*os.File, error) {
	const path = "/dev/net/tun"
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("TUNSETIFF: %w", err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// router holds each packet back for half of a round trip between its regions. Packets from one
// region to another stay in order.
type router struct {
	*world
	delays  [][]time.Duration
	packets chan packet
}

// packet is one that the router holds.
type packet struct {
	from, to int
	due      time.Time
	bytes    []byte
}

// read takes what leaves a region until the device is closed.
func (r *router) read(from int) {
	for {
		b := make([]byte, mtuMax)
		n, err := r.regions[from].tun.Read(b)
		if err != nil {
			return
		}
		to, ok := r.region(b[:n])
		if !ok {
			continue
		}
		usual := r.delays[from][to] / 2
		delay := usual + time.Duration(float64(usual)*jitter*(2*rand.Float64()-1))
		r.packets <- packet{from, to, time.Now().Add(delay), b[:n]}
	}
}

// region is where an IPv4 packet goes.
func (r *router) region(b []byte) (int, bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return 0, false // IPv6 looks for neighbors on every interface
	}
	number := int(b[18])
	return number - 1, 1 <= number && number <= len(r.regions)
}

// run sends packets on when they are due.
func (r *router) run() {
	var held queue
	last := make(map[[2]int]time.Time)
	timer := time.NewTimer(time.Hour)
	for {
		select {
		case p, ok := <-r.packets:
			if !ok {
				return
			}
			path := [2]int{p.from, p.to}
			if !p.due.After(last[path]) {
				p.due = last[path].Add(1)
			}
			last[path] = p.due
			heap.Push(&held, p)
		case <-timer.C:
		}
		for len(held) > 0 && time.Until(held[0].due) < coarse {
			p := heap.Pop(&held).(packet)
			if left := unix.NsecToTimespec(int64(time.Until(p.due))); left.Nano() > 0 {
				unix.Nanosleep(&left, nil)
			}
			r.regions[p.to].tun.Write(p.bytes) // what doesn't fit is lost, as in any network
		}
		if len(held) > 0 {
			timer.Reset(time.Until(held[0].due) - coarse)
		}
	}
}

// queue has the packet that is due first at its root.
type queue []packet

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(packet)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// preferThisProcess has the scheduler prefer the threads of this process, and what it starts, to
// others; that takes privileges.
func preferThisProcess(t *testing.T) {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	must(t, err)
	for _, thread := range threads {
		var id int
		fmt.Sscan(thread.Name(), &id)
		if err := unix.Setpriority(unix.PRIO_PROCESS, id, preferred); err != nil {
			t.Logf("the agents can't be preferred to other programs: %v", err)
			return
		}
	}
}
