package wire

import (
	"errors"
	"strconv"

	"serf/internal/msgpack"
)

// Type is the first byte of a message of the membership layer.
type Type uint8

// The types of messages and of the layers around them.
const (
	TypePing Type = iota
	TypeIndirectPing
	TypeAck
	TypeSuspect
	TypeAlive
	TypeDead
	TypePushPull // streams only
	TypeCompound
	TypeUser
	TypeCompress
	TypeEncrypt // streams only; an encrypted packet starts with its version
	TypeNack
	TypeCRC
	TypeErr // streams only

	TypeLabel Type = 244
)

var typeNames = [...]string{
	"ping", "indirect ping", "ack", "suspect", "alive", "dead", "push/pull",
	"compound", "user", "compress", "encrypt", "nack", "crc", "err",
}

// String returns the name of t for logs.
func (t Type) String() string {
	switch {
	case int(t) < len(typeNames):
		return typeNames[t]
	case t == TypeLabel:
		return "label"
	}
	return "type " + strconv.Itoa(int(t))
}

// SerfType is the first byte of a Serf message.
type SerfType uint8

// The types of Serf messages.
const (
	SerfLeave SerfType = iota
	SerfJoin
	SerfPushPull // only as the user state of a push/pull
	SerfUserEvent
	SerfQuery
	SerfQueryResponse
	SerfConflictAnswer // only as the payload of a query response, as the next two
	SerfKeyRequest
	SerfKeyAnswer
	SerfRelay
	SerfAsk       // only as the payload of a query between members of this implementation
	SerfAskAnswer // only as the payload of a response to it
)

var serfTypeNames = [...]string{
	"leave", "join", "push/pull", "user event", "query", "query response",
	"conflict answer", "key request", "key answer", "relay", "ask", "ask answer",
}

// String returns the name of t for logs.
func (t SerfType) String() string {
	if int(t) < len(serfTypeNames) {
		return serfTypeNames[t]
	}
	return "serf type " + strconv.Itoa(int(t))
}

// Limits of the format. What exceeds one is refused with ErrLimit.
const (
	// LabelMax is the largest length of a label that its one byte can hold.
	LabelMax = 255

	// PacketPlainMax bounds the bytes of one packet after decompression. No sender compresses more
	// than fits a datagram uncompressed, and a datagram is at most 64 KiB.
	PacketPlainMax = 64 << 10

	// PacketMessagesMax bounds the messages in one packet. Senders put at most one compound of 255
	// parts into a packet; nested compounds get room for four.
	PacketMessagesMax = 1024

	// NestingMax bounds the compress and compound layers around one message. Senders use two, a
	// compressed compound, or three if they compress a part as well.
	NestingMax = 4

	// CompoundMax is the largest number of parts that the count byte of a compound can hold.
	CompoundMax = 255

	// StreamBlockMax bounds the bytes of one message on a stream as they are sent, without label
	// and encryption header. It is the original's limit, as the next ones are.
	StreamBlockMax = 20 << 20

	// StreamPlainMax bounds a message from a stream after decompression.
	StreamPlainMax = 40 << 20

	// StreamSmallMax bounds messages on a stream that are neither push/pulls nor user messages.
	// These are sent in packets as well, so they fit one.
	StreamSmallMax = 64 << 10

	// NodeStatesMax bounds the node states of a push/pull.
	NodeStatesMax = 1 << 20

	// UserStateMax bounds the user state of a push/pull, and a user message on a stream.
	UserStateMax = 20 << 20
)

// Reasons to refuse bytes from the network. Functions of this package return them unwrapped, so
// that refusing allocates nothing and == tells them apart.
var (
	ErrShort        = msgpack.ErrShort
	ErrFormat       = msgpack.ErrFormat
	ErrRange        = msgpack.ErrRange
	ErrType         = errors.New("wire: unexpected message type")
	ErrLimit        = errors.New("wire: message over a limit")
	ErrNesting      = errors.New("wire: too many layers around a message")
	ErrLabel        = errors.New("wire: labelled, and not as this cluster")
	ErrNoLabel      = errors.New("wire: without the label of this cluster")
	ErrNotEncrypted = errors.New("wire: not encrypted, or in an unknown way")
	ErrEncrypted    = errors.New("wire: encrypted, and there are no keys")
	ErrChecksum     = errors.New("wire: checksum mismatch")
	ErrCompress     = errors.New("wire: bad compressed data")

	// ErrNoKey has a text that people search their logs for.
	ErrNoKey = errors.New("wire: no installed keys could decrypt the message")
)

// parseCount reads a number of bytes or elements, at most most.
func parseCount(c *msgpack.Cursor, most int) int {
	n := c.Int64()
	if n < 0 {
		c.Fail(ErrRange)
		return 0
	}
	if n > int64(most) {
		c.Fail(ErrLimit)
		return 0
	}
	return int(n)
}
