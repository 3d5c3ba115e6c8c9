package driver

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketDrops is how many packets the kernel has dropped at a socket, in 32 bits. ok is false if it
// doesn't say: it is older than 4.12, or a sandbox.
func socketDrops(s descriptor) (n uint32, ok bool) {
	var info [unix.SK_MEMINFO_DROPS + 1]uint32
	err := s.Control(func(fd uintptr) {
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET,
			unix.SO_MEMINFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		ok = errno == 0 && size == uint32(unsafe.Sizeof(info))
	})
	return info[unix.SK_MEMINFO_DROPS], ok && err == nil
}
