//go:build amd64 || arm64

package driver

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"serf/swim"
)

// packetsAtOnce is how many packets one system call takes at most.
const packetsAtOnce = 16

// poller has the loop read its packets itself: a packet wakes one thread once. Three things of Go's
// runtime would wake others, which do nothing, and cost a member with little to do most of its
// time:
//
//   - A socket in its poller wakes it when a sent packet has left, too. Here the socket is in a
//     poller of its own (epoll), for reading alone, and that one in Go's.
//   - Before its timers fire, a thread that watches over the others wakes up. Here the time is a
//     file of that poller (timerfd).
//   - That thread also wakes up with each system call that may take long. Those here never wait, so
//     they are made without a word to the runtime.
//
// Go's poller knows of one file, so the loop waits for it as for any other.
type poller struct {
	d      *Driver
	socket int // of UDP
	v4     bool
	timer  int
	armed  swim.Time // what the timer is set to
	epoll  *os.File
	raw    syscall.RawConn    // of epoll
	try    func(uintptr) bool // p.ready, made once: a new one each time would be garbage
	due    swim.Time          // when the present wait ends
	paused swim.Time          // nothing is read before

	memory  []byte // of the packets: packetsAtOnce of datagramMax
	headers [packetsAtOnce]header
	vectors [packetsAtOnce]unix.Iovec
	names   [packetsAtOnce]unix.RawSockaddrInet6 // of IPv4 or IPv6
	n, used int                                  // packets that have been read, and given out
	zone    zone
}

// header is struct mmsghdr.
type header struct {
	unix.Msghdr
	bytes uint32
}

// newWaiter takes the socket out of package net if it is the system's, and the system lets it.
func newWaiter(d *Driver) waiter {
	if s, ok := d.udp.(*udpSocket); ok {
		if p, err := newPoller(d, s); err == nil {
			return p
		}
	}
	return newQueued(d)
}

func newPoller(d *Driver, s *udpSocket) (_ *poller, err error) {
	p := &poller{d: d, v4: s.local.Addr().Is4(), socket: -1, timer: -1}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.socket, err = duplicate(s.conn); err != nil {
		return nil, err
	}
	const flags = unix.TFD_NONBLOCK | unix.TFD_CLOEXEC
	if p.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, flags); err != nil {
		return nil, err
	}
	if p.memory, err = unix.Mmap(-1, 0, packetsAtOnce*datagramMax,
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON); err != nil {
		return nil, err
	}
	if err := p.open(); err != nil {
		return nil, err
	}
	for i := range p.headers {
		p.vectors[i].Base = &p.memory[i*datagramMax]
		p.vectors[i].SetLen(datagramMax)
		h := &p.headers[i]
		h.Iov, h.Iovlen = &p.vectors[i], 1
		h.Name = (*byte)(unsafe.Pointer(&p.names[i]))
	}
	p.try = p.ready
	if err := p.receive(); err != nil {
		return nil, err // a sandbox doesn't know of it
	}
	s.conn.Close()
	s.poller, s.drops.socket = p, p
	return p, nil
}

// duplicate returns the socket of a connection, which stays when that is closed.
func duplicate(conn *net.UDPConn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	failed := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	})
	if failed != nil {
		return -1, failed
	}
	return fd, err
}

// open makes the file that the loop waits for.
func (p *poller) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil { // as Go's poller wants it
		unix.Close(fd)
		return err
	}
	p.epoll = os.NewFile(uintptr(fd), "packets and time")
	for _, of := range []int{p.socket, p.timer} {
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(of)}
		if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, of, &event); err != nil {
			return err
		}
	}
	if p.raw, err = p.epoll.SyscallConn(); err != nil {
		return err
	}
	return p.epoll.SetReadDeadline(time.Time{}) // fails if it isn't in Go's poller
}

func (p *poller) start() {}

func (p *poller) wake() { p.epoll.SetReadDeadline(time.Unix(1, 0)) } // in the past

func (p *poller) wait(now, until swim.Time) {
	if p.paused > now {
		until = min(until, p.paused)
	}
	if p.due = until; until > now {
		p.arm(now, until)
	}
	if err := p.raw.Read(p.try); err != nil { // woken
		p.epoll.SetReadDeadline(time.Time{})
	}
}

// ready reports whether the present wait is over. Go's poller asks again when something happened.
func (p *poller) ready(uintptr) bool { return p.read() || p.d.Now() >= p.due }

// arm sets the timer.
func (p *poller) arm(now, until swim.Time) {
	if p.armed == until {
		return
	}
	p.armed = until
	var at unix.ItimerSpec // zero: never
	if until != swim.Never {
		at.Value = unix.NsecToTimespec(int64(until.Sub(now)))
	}
	syscall.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(p.timer), 0,
		uintptr(unsafe.Pointer(&at)), 0, 0, 0)
}

func (p *poller) next() (from netip.AddrPort, data []byte, ok bool) {
	// wait has read packets. That there were fewer than it had room for means that it took all.
	if p.used == p.n && (p.n < packetsAtOnce || !p.read()) {
		return from, nil, false
	}
	i := p.used
	p.used++
	return p.from(i), p.memory[i*datagramMax:][:p.headers[i].bytes], true
}

// read reads packets unless there are some. It reports whether there are.
func (p *poller) read() bool {
	if p.used < p.n {
		return true
	}
	p.n, p.used = 0, 0
	if p.paused > 0 && p.d.Now() < p.paused {
		return false
	}
	if err := p.receive(); err != nil {
		now := p.d.Now()
		p.paused = now.Add(readBackoff)
		p.due = min(p.due, p.paused)
		p.arm(now, p.due)
		p.d.readFailed(ReadFailed, err)
	}
	return p.n > 0
}

// receive takes packets out of the socket, if there are any.
func (p *poller) receive() error {
	for i := range p.headers {
		p.headers[i].Namelen = unix.SizeofSockaddrInet6
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(p.socket),
		uintptr(unsafe.Pointer(&p.headers)), packetsAtOnce, unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
		p.n = int(n)
	case unix.EAGAIN, unix.EINTR:
	default:
		return os.NewSyscallError("recvmmsg", errno)
	}
	return nil
}

// from is where packet i came from.
func (p *poller) from(i int) netip.AddrPort {
	name := &p.names[i]
	port := (*[2]byte)(unsafe.Pointer(&name.Port))
	number := uint16(port[0])<<8 | uint16(port[1])
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), number)
	}
	ip := netip.AddrFrom16(name.Addr).Unmap()
	if name.Scope_id != 0 {
		ip = ip.WithZone(p.zone.nameOf(name.Scope_id))
	}
	return netip.AddrPortFrom(ip, number)
}

// send sends a packet. See PacketConn.WriteTo.
func (p *poller) send(b []byte, to netip.AddrPort) error {
	errno := p.attempt(b, to)
	if errno == unix.EAGAIN {
		room := []unix.PollFd{{Fd: int32(p.socket), Events: unix.POLLOUT}}
		unix.Poll(room, int(sendTimeout.Milliseconds()))
		if errno = p.attempt(b, to); errno == unix.EAGAIN {
			return os.ErrDeadlineExceeded
		}
	}
	if errno != 0 {
		return os.NewSyscallError("sendto", errno)
	}
	return nil
}

// attempt makes one attempt.
func (p *poller) attempt(b []byte, to netip.AddrPort) syscall.Errno {
	var (
		ip   = to.Addr()
		name unix.RawSockaddrInet6
		size uintptr
	)
	port := (*[2]byte)(unsafe.Pointer(&name.Port))
	port[0], port[1] = byte(to.Port()>>8), byte(to.Port())
	switch {
	case !ip.IsValid() || p.v4 && !ip.Unmap().Is4():
		return unix.EAFNOSUPPORT
	case p.v4:
		name.Family, size = unix.AF_INET, unix.SizeofSockaddrInet4
		(*unix.RawSockaddrInet4)(unsafe.Pointer(&name)).Addr = ip.Unmap().As4()
	default:
		name.Family, size = unix.AF_INET6, unix.SizeofSockaddrInet6
		name.Addr = ip.As16()
		if ip.Zone() != "" {
			name.Scope_id = p.zone.indexOf(ip.Zone())
		}
	}
	for {
		_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(p.socket),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT,
			uintptr(unsafe.Pointer(&name)), size)
		if errno != unix.EINTR {
			return errno
		}
	}
}

// Control lends the socket.
func (p *poller) Control(f func(fd uintptr)) error {
	f(uintptr(p.socket))
	return nil
}

// close is called when the loop has ended, or never began.
func (p *poller) close() error {
	if p.epoll != nil {
		p.epoll.Close()
	}
	for _, fd := range []int{p.timer, p.socket} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	if p.memory != nil {
		unix.Munmap(p.memory)
		p.memory = nil
	}
	return nil
}

// zone is the interface of a link-local address that was asked for last: its index and name.
type zone struct {
	index uint32
	name  string
}

func (z *zone) nameOf(index uint32) string {
	if z.index != index {
		z.index, z.name = index, strconv.Itoa(int(index))
		if i, err := net.InterfaceByIndex(int(index)); err == nil {
			z.name = i.Name
		}
	}
	return z.name
}

func (z *zone) indexOf(name string) uint32 {
	if z.name != name {
		n, _ := strconv.ParseUint(name, 10, 32) // 0: the kernel refuses it
		z.index, z.name = uint32(n), name
		if i, err := net.InterfaceByName(name); err == nil {
			z.index = uint32(i.Index)
		}
	}
	return z.index
}
