package membership

// Limits that tests go up to, and beyond.
const (
	EventQueueMax = eventQueueMax
	HeldMax       = heldMax
	HeldBytes     = heldBytes
	OutboxMax     = outboxMax
)
