// Package driver runs a [swim.Machine] on real sockets: it is the part of a member that has a clock,
// sockets, goroutines and a lock, so that the machine needs none. [swim.Node], which is plain
// membership, and the Serf node above it are machines; a program may bring one of its own.
//
// One goroutine, the loop, owns the machine. In turns it takes what has arrived (packets, streams,
// the time, functions of [Driver.Do]), calls the machine, shows its events and notes to the
// [Layer], and then carries out what else came of it: packets are sent, streams are handed to
// goroutines that dial, seal, write, read and open. Nothing that can wait runs on the loop.
//
// Everything has a limit, and what is dropped is counted: see [Counters], and [Config] for Report.
//
// The three steps of a start are apart, because the machine needs to know the port, and whoever
// makes it the driver's clock:
//
//	d, err := driver.Listen(driver.Config{Bind: netip.MustParseAddrPort("127.0.0.1:0")})
//	...
//	var out swim.Output
//	node, err := swim.New(d.Now(), swim.Config{Addr: d.Addr(), ...}, &out)
//	...
//	d.Start(node, driver.Layer{Handle: handle}, &out)
//	defer d.Close()
package driver
