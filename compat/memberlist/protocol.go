package memberlist

import "serf/wire"

// Versions of the membership protocol.
const (
	// ProtocolVersionMin is the oldest version that is understood.
	ProtocolVersionMin uint8 = 1

	// ProtocolVersion2Compatible is what the default configurations speak. Members that speak it
	// still use what others understand of later versions: pings by stream since 3, nacks since 4,
	// checksums of packets since 5.
	ProtocolVersion2Compatible = 2

	// ProtocolVersionMax is the newest version that is understood.
	ProtocolVersionMax = 5
)

// MetaMaxSize is the largest size of a node's metadata, in bytes.
const MetaMaxSize = 512

// LabelMaxSize is the largest length of a label, in bytes.
const LabelMaxSize = wire.LabelMax
