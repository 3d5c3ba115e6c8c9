package netsim

// Stats has counters of the network since the start.
type Stats struct {
	Sent, SentBytes   uint64 // packets handed to the network
	Delivered         uint64 // packets that reached a machine, copies included
	Lost              uint64 // by chance
	Cut               uint64 // by a partition, a cut or blocked UDP
	Duplicated        uint64
	Nobody            uint64 // sent where no host runs
	Overflowed        uint64 // dropped, as a paused host's socket buffer was full
	Choked            uint64 // dropped, as the sender's bandwidth had no room
	Rejected          uint64 // refused with an error to the sender
	TooLarge          uint64 // dropped, as they were larger than an MTU
	NoFlow            uint64 // dropped by a table of flows
	Streams           uint64 // exchanges begun
	StreamBytes       uint64 // in both directions
	StreamsFailed     uint64 // that ended with StreamFailed
	StreamsUnreadable uint64 // blocks that couldn't be decrypted or parsed
	Ticks             uint64
	Events            uint64
}

// Traffic is what went from some hosts to others, whether it arrived or not.
type Traffic struct {
	Packets, PacketBytes uint64
	StreamBytes          uint64
}

// plus returns the sum of s and t.
func (s Stats) plus(t Stats) Stats { return s.Since(Stats{}.Since(t)) }

// Since returns what was counted after earlier.
func (s Stats) Since(earlier Stats) Stats {
	s.Sent -= earlier.Sent
	s.SentBytes -= earlier.SentBytes
	s.Delivered -= earlier.Delivered
	s.Lost -= earlier.Lost
	s.Cut -= earlier.Cut
	s.Duplicated -= earlier.Duplicated
	s.Nobody -= earlier.Nobody
	s.Overflowed -= earlier.Overflowed
	s.Choked -= earlier.Choked
	s.Rejected -= earlier.Rejected
	s.TooLarge -= earlier.TooLarge
	s.NoFlow -= earlier.NoFlow
	s.Streams -= earlier.Streams
	s.StreamBytes -= earlier.StreamBytes
	s.StreamsFailed -= earlier.StreamsFailed
	s.StreamsUnreadable -= earlier.StreamsUnreadable
	s.Ticks -= earlier.Ticks
	s.Events -= earlier.Events
	return s
}
