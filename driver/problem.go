package driver

import (
	"fmt"
	"log/slog"
	"net/netip"

	"serf/wire"
)

// Problem is something that went wrong with a socket or a stream: a line for a log, as a value.
type Problem struct {
	Kind ProblemKind
	Peer netip.AddrPort // of SendFailed and StreamDropped
	Err  error          // not of SendBlocked and StreamsFull
}

// ProblemKind is what went wrong. Each is counted, see [Counters].
type ProblemKind uint8

// What goes wrong. All of it can happen again and again, and much of it at the will of others:
// whoever writes logs does well to count what repeats.
const (
	SendFailed    ProblemKind = iota // a packet to Peer couldn't be sent
	SendBlocked                      // the network has no room for packets: the turn's rest is dropped
	ReadFailed                       // receiving packets failed; it is tried again
	AcceptFailed                     // accepting streams failed; it is tried again
	StreamsFull                      // a stream was refused: as many as can be are open
	StreamDropped                    // a stream that Peer opened brought nothing usable
)

// String names the kind in a word or two.
func (k ProblemKind) String() string {
	names := [...]string{"send", "send blocked", "read packet", "read stream", "streams", "serve"}
	return names[k]
}

// Foreign tells whether it is about a member of another cluster, or one that lacks the key: a
// condition that lasts until somebody acts.
func (p Problem) Foreign() bool { return p.Err != nil && wire.IsForeign(p.Err) }

// Level is how much a problem matters.
func (p Problem) Level() slog.Level {
	switch p.Kind {
	case SendFailed:
		return slog.LevelDebug
	case ReadFailed, AcceptFailed:
		return slog.LevelError
	}
	return slog.LevelWarn
}

// String words the problem as a line of a log.
func (p Problem) String() string {
	switch p.Kind {
	case SendFailed:
		return fmt.Sprintf("Failed to send a packet to %v: %v", p.Peer, p.Err)
	case SendBlocked:
		return "Failed to send packets: the system takes no more"
	case ReadFailed:
		return fmt.Sprintf("Failed to receive (packet): %v", p.Err)
	case AcceptFailed:
		return fmt.Sprintf("Failed to receive (stream): %v", p.Err)
	case StreamsFull:
		return fmt.Sprintf("Refused a stream: %d are open already", acceptMax)
	case StreamDropped:
		return fmt.Sprintf("Dropped a stream from %v: %s", p.Peer, wire.ErrText(p.Err))
	}
	return p.Kind.String()
}

// report passes a problem on to the driver's user.
func (d *Driver) report(p Problem) {
	if d.conf.Report != nil {
		d.conf.Report(p)
	}
}
