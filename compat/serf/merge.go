package serf

// MergeDelegate decides whether this node and other members become one cluster. It is called by the
// node, which waits: it must be quick and not call the Serf.
type MergeDelegate interface {
	// NotifyMerge is given the members of the other cluster. An error keeps them out.
	NotifyMerge([]*Member) error
}
