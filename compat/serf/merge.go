package serf

import core "serf/swim/serf"

// MergeDelegate decides whether other members and this node become one cluster. It is called by the
// node, which waits: it must be quick and not call the Serf.
type MergeDelegate interface {
	// NotifyMerge is given the members of another cluster before the two become one, and each
	// member by itself before it is taken in or changes. An error keeps them out. Their Status is
	// StatusLeft or StatusNone.
	NotifyMerge([]*Member) error
}

// admit decides about one member.
func (c *Config) admit(m core.Member) error {
	if err := c.MemberlistConfig.IPAllowed(m.Addr.Addr().AsSlice()); err != nil {
		return err
	}
	if c.Merge == nil {
		return nil
	}
	return c.admitMerge([]core.Member{m})
}

// admitMerge decides about the members of another cluster.
func (c *Config) admitMerge(list []core.Member) error {
	members := make([]*Member, len(list))
	for i := range list {
		m := memberOf(&list[i])
		if m.Status != StatusLeft {
			m.Status = StatusNone
		}
		if err := c.validateName(m.Name); err != nil {
			return err
		}
		members[i] = &m
	}
	return c.Merge.NotifyMerge(members)
}
