// Package wire is the bytes of the gossip protocol and nothing else: every message of the
// membership layer and of Serf, the packing of messages into packets, and the layers around them
// (label, encryption, checksum, compression) for packets and for streams. docs/protocol.md
// describes them.
//
// Messages are structs whose names and bytes are []byte. Append writes the type byte and the body,
// and cannot fail. Parse takes what follows the type byte, borrows from it and allocates nothing:
// callers copy what must outlive the input. All bytes from the network are checked here. No input
// makes this package panic, or allocate memory for a length that was only announced.
//
// Two kinds of fields look alike in Go but not on the wire. Bytes are written as nil if they are
// nil, and as an empty string if they are empty. Names, which are strings in the original, are
// always written as strings. Parsing keeps the difference.
//
// From the outside in, a packet is: a label that names the cluster, encryption, a checksum,
// compression, and a compound of messages. [Packer] makes the body, [Sealer] puts the rest around
// it and takes it off again. On streams, [StreamReader] finds the end of a block while it arrives,
// and the Sealer opens it. A receiver does this:
//
//	msgs, err := sealer.OpenPacket(packet, &scratch, msgs[:0])
//	for _, msg := range msgs {
//		switch body := msg[1:]; wire.Type(msg[0]) {
//		case wire.TypePing:
//			ping, err := wire.ParsePing(body)
//
// Messages of Serf are carried in user messages, or as the user state of a push/pull. Their types
// are
// [SerfType].
package wire
