package serf

import (
	"maps"

	"serf/internal/std"
	"serf/swim"
	"serf/wire"
)

const (
	// TagsMax is how many bytes the encoded tags may take.
	TagsMax = swim.MetaMax

	// tagSetsMax bounds the decoded sets of tags that are shared: either members have few different
	// ones, or each has its own. Beyond it all are forgotten, and sharing starts over.
	tagSetsMax = 256
)

// tagState is the tags of this node, and of the others once somebody asked for them.
type tagState struct {
	own      map[string]string
	byMember map[swim.MemberID]map[string]string
	// sets are by metadata: members with equal tags share a map, or thousands of maps would be most
	// of an agent's memory. At most tagSetsMax.
	sets map[string]map[string]string
}

// of returns the tags of another member, which its metadata encodes. Each is decoded once.
func (s *tagState) of(id swim.MemberID, meta []byte) map[string]string {
	tags, ok := s.byMember[id]
	if !ok {
		tags = s.shared(meta)
		if s.byMember == nil {
			s.byMember = make(map[swim.MemberID]map[string]string)
		}
		s.byMember[id] = tags
	}
	return tags
}

// shared decodes metadata, into the same map for equal bytes.
func (s *tagState) shared(meta []byte) map[string]string {
	if tags, ok := s.sets[string(meta)]; ok {
		return tags
	}
	if s.sets == nil || len(s.sets) >= tagSetsMax {
		s.sets = make(map[string]map[string]string)
	}
	tags := decodeTags(meta)
	s.sets[string(meta)] = tags
	return tags
}

// forget drops the tags of a member that is gone or has changed them.
func (s *tagState) forget(id swim.MemberID) { delete(s.byMember, id) }

// tagsOf returns the tags of a member.
func (n *Node) tagsOf(id swim.MemberID, meta []byte) map[string]string {
	if id == n.self {
		return n.tags.own
	}
	return n.tags.of(id, meta)
}

// Tags returns this node's tags: shared, read-only.
func (n *Node) Tags() map[string]string { return n.tags.own }

// SetTags replaces this node's tags and gossips them. It copies tags. The error is a *SizeError, or
// that of swim.Node.SetMeta.
func (n *Node) SetTags(now swim.Time, tags map[string]string, out *swim.Output) error {
	meta, err := encodeTags(n.cfg.protocol(), tags)
	if err != nil {
		return err
	}
	n.call.begin(out)
	if err = n.swim.SetMeta(now, meta, out); err == nil {
		n.tags.own = cloneTags(tags)
	}
	n.finish(now, out)
	return err
}

func cloneTags(tags map[string]string) map[string]string {
	c := make(map[string]string, len(tags))
	maps.Copy(c, tags)
	return c
}

// encodeTags returns tags as metadata, in key order, so that equal tags are equal bytes.
func encodeTags(protocol uint8, tags map[string]string) ([]byte, error) {
	var meta []byte
	if protocol < protocolTags {
		meta = []byte(tags["role"])
	} else {
		meta = wire.AppendTags(nil, tagPairs(tags))
	}
	if len(meta) > TagsMax {
		return nil, &SizeError{What: "tags", Size: len(meta), Limit: TagsMax, Encoded: true}
	}
	return meta, nil
}

// tagPairs returns tags in key order.
func tagPairs(tags map[string]string) []wire.Tag {
	pairs := make([]wire.Tag, 0, len(tags))
	for _, k := range std.SortedKeys(tags) {
		pairs = append(pairs, wire.Tag{Key: k, Value: tags[k]})
	}
	return pairs
}

// decodeTags returns the tags that metadata encodes: none if it is malformed, and only the role if
// it comes from a member with an old protocol.
func decodeTags(meta []byte) map[string]string {
	tags := make(map[string]string)
	parsed, err := wire.ParseTags(meta)
	if err != nil {
		return tags
	}
	for it := parsed.Iter(); it.Next(); {
		tags[string(it.Key)] = string(it.Value)
	}
	return tags
}
