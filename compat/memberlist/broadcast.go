package memberlist

// Broadcast is a message for all nodes. Its methods are called by the queue that it is in, one call
// at a time, and mustn't call that queue.
type Broadcast interface {
	// Invalidates tells whether this broadcast, which is being queued, makes b needless.
	Invalidates(b Broadcast) bool

	// Message returns the bytes to send. They don't change while the broadcast is queued.
	Message() []byte

	// Finished is called once, when the message won't be sent any more: it was sent as often as
	// it should, another one made it needless, or it was pruned.
	Finished()
}

// NamedBroadcast is a Broadcast that replaces the one with the same name. The queue finds that by
// the name, and doesn't ask Invalidates. With an empty name it is like any other Broadcast, except
// that no other one is asked to invalidate it.
type NamedBroadcast interface {
	Broadcast

	// Name returns what the broadcast is about.
	Name() string
}

// UniqueBroadcast is a Broadcast that neither makes others needless nor becomes it: queueing it
// looks at no other.
type UniqueBroadcast interface {
	Broadcast

	// UniqueBroadcast marks the type.
	UniqueBroadcast()
}
