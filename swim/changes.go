package swim

// changesMax bounds the members that Changes lists. After more changes, all members have to be looked
// at again, which costs about as much as looking at so many.
const changesMax = 4096

// Changes notes which members may have changed, for a driver that keeps a copy of what a node
// knows. The zero Changes says that all have. A nil one notes nothing.
type Changes struct {
	count  uint64
	ids    []MemberID
	listed bool // ids has all of them
}

// Add notes that a member may have changed.
func (c *Changes) Add(id MemberID) {
	if c == nil {
		return
	}
	c.count++
	switch {
	case !c.listed:
	case len(c.ids) == changesMax:
		c.ids, c.listed = c.ids[:0], false
	default:
		c.ids = append(c.ids, id)
	}
}

// Count is how many changes were noted so far. It never falls.
func (c *Changes) Count() uint64 { return c.count }

// Take returns the members that may have changed since the last call, some perhaps twice; listed is
// false if these are all members. The IDs are valid until the next Add.
func (c *Changes) Take() (ids []MemberID, listed bool) {
	ids, listed = c.ids, c.listed
	c.ids, c.listed = c.ids[:0], true
	return ids, listed
}

// TrackChanges notes in c, from now on, whose name, address, metadata or versions change.
func (n *Node) TrackChanges(c *Changes) { n.changes = c }
