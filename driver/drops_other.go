//go:build !linux

package driver

// socketDrops says nothing: other systems don't count by socket.
func socketDrops(descriptor) (n uint32, ok bool) { return 0, false }
