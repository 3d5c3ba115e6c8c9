package serf

import (
	"maps"
	"slices"

	"serf/swim"
	"serf/wire"
)

// TagsMax is how many bytes the encoded tags may take.
const TagsMax = swim.MetaMax

// encodeTags returns tags as metadata: in key order, so that equal tags are
// equal bytes.
func encodeTags(protocol uint8, tags map[string]string) ([]byte, error) {
	var meta []byte
	if protocol < protocolTags {
		meta = []byte(tags["role"])
	} else {
		meta = wire.AppendTags(nil, tagPairs(tags))
	}
	if len(meta) > TagsMax {
		return nil, &SizeError{What: "tags", Size: len(meta), Limit: TagsMax}
	}
	return meta, nil
}

// tagPairs returns tags in key order.
func tagPairs(tags map[string]string) []wire.Tag {
	pairs := make([]wire.Tag, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		pairs = append(pairs, wire.Tag{Key: k, Value: tags[k]})
	}
	return pairs
}

// SetTags replaces this node's tags and tells the others. It copies tags. The
// error is a *SizeError, or what swim.Node.SetMeta returns.
func (n *Node) SetTags(now swim.Time, tags map[string]string, out *swim.Output) error {
	meta, err := encodeTags(n.cfg.protocol(), tags)
	if err != nil {
		return err
	}
	n.begin(out)
	if err := n.swim.SetMeta(now, meta, out); err != nil {
		n.finish(now, out)
		return err
	}
	n.tags = cloneTags(tags)
	n.finish(now, out)
	return nil
}

// Tags returns this node's tags: shared, read-only.
func (n *Node) Tags() map[string]string { return n.tags }

func cloneTags(tags map[string]string) map[string]string {
	c := make(map[string]string, len(tags))
	maps.Copy(c, tags)
	return c
}

// decodeTags returns what metadata says. Metadata that isn't tags is the role
// of an old member; broken tags are as good as none.
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

// tagsOf returns the tags of id, decoded once.
func (n *Node) tagsOf(id swim.MemberID, meta []byte) map[string]string {
	if id == n.self {
		return n.tags
	}
	tags, ok := n.tagCache[id]
	if !ok {
		tags = n.sharedTags(meta)
		if n.tagCache == nil {
			n.tagCache = make(map[swim.MemberID]map[string]string)
		}
		n.tagCache[id] = tags
	}
	return tags
}

// tagSetsMax bounds the sets of tags that are remembered for sharing: members have few different ones, or
// each its own. When there are more, all are forgotten, and the sharing begins anew.
const tagSetsMax = 256

// sharedTags decodes metadata, to the same map for the same bytes: thousands of members with
// a map each are most of what an agent would have in memory.
func (n *Node) sharedTags(meta []byte) map[string]string {
	if tags, ok := n.tagSets[string(meta)]; ok {
		return tags
	}
	if n.tagSets == nil || len(n.tagSets) >= tagSetsMax {
		n.tagSets = make(map[string]map[string]string)
	}
	tags := decodeTags(meta)
	n.tagSets[string(meta)] = tags
	return tags
}
