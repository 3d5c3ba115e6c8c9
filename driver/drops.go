package driver

import "sync"

// descriptor is a socket of the system, as in [syscall.RawConn].
type descriptor interface {
	Control(f func(fd uintptr)) error
}

// drops counts the packets that the system has dropped at a socket, before they could be read.
type drops struct {
	mu     sync.Mutex
	socket descriptor // nil once it is closed
	n      uint64
	known  bool // the system says so
}

// count returns how many there were until now, or until the socket was closed.
func (d *drops) count() (n uint64, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read()
	return d.n, d.known
}

func (d *drops) read() {
	if d.socket == nil {
		return
	}
	if now, ok := socketDrops(d.socket); ok {
		d.n += uint64(now - uint32(d.n)) // the system's count begins anew after 32 bits
		d.known = true
	}
}

// close reads the last count: the socket is about to be closed.
func (d *drops) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read()
	d.socket = nil
}
