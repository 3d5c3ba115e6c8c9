// Package wire is the bytes of the gossip protocol and nothing else: the
// MessagePack dialect, every message of the membership layer and of Serf, the
// packing of messages into packets, and the layers around them (label,
// encryption, checksum, compression) for packets and for streams.
//
// Messages are structs whose names and bytes are []byte. Append writes the type
// byte and the body, and cannot fail. Parse takes what follows the type byte,
// borrows from it and allocates nothing: what must live longer than the input
// has to be copied. All bytes that come from the network are checked here; no
// input makes this package panic or allocate on the word of a length.
//
// Two kinds of fields look alike in Go but not on the wire. A byte string that
// is nil is written as nil, and one that is empty as an empty string; a name
// (marked so by its meaning: a string for the reference) is always written as a
// string. Parsing keeps the difference.
//
// From the outside in, a packet is: a label that names the cluster, encryption, a checksum,
// compression, and a compound of messages. [Sealer] puts all of it around a body
// and takes it off again, [Packer] makes the body. On streams, [StreamReader] finds
// where a block ends, as it comes, and the Sealer opens it. A member that receives
// does this:
//
//	msgs, err := sealer.OpenPacket(packet, &scratch, msgs[:0])
//	for _, msg := range msgs {
//		switch body := msg[1:]; wire.Type(msg[0]) {
//		case wire.TypePing:
//			ping, err := wire.ParsePing(body)
//
// Messages of Serf travel inside of user messages, or as the state in a push/pull; their
// types are [SerfType].
package wire
