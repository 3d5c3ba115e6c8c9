package serf

import (
	"fmt"
	"reflect"
	"testing"

	"serf/swim"
	"serf/wire"
)

func TestMembersWithEqualMetadataShareTags(t *testing.T) {
	var n Node
	n.self = 1 << 20 // nobody below
	web := wire.AppendTags(nil, []wire.Tag{{Key: "role", Value: "web"}})
	a, b := n.tagsOf(1, web), n.tagsOf(2, append([]byte(nil), web...))
	if a["role"] != "web" || reflect.ValueOf(a).Pointer() != reflect.ValueOf(b).Pointer() {
		t.Errorf("%v and %v aren't one map", a, b)
	}
}

func TestSharedTagsAreLimited(t *testing.T) {
	var n Node
	n.self = 1 << 20
	for i := range tagSetsMax + 1 {
		role := fmt.Sprint(i)
		if tags := n.tagsOf(swim.MemberID(i), wire.AppendTags(nil, []wire.Tag{{Key: "role", Value: role}})); tags["role"] != role {
			t.Fatalf("tags of member %d: %v", i, tags)
		}
		if len(n.tagSets) > tagSetsMax {
			t.Fatalf("%d sets, limit %d", len(n.tagSets), tagSetsMax)
		}
	}
	if n.tagsOf(0, nil)["role"] != "0" {
		t.Error("the first member has lost its tags")
	}
}

func TestListsGiveMemoryOfBurstsBack(t *testing.T) {
	if got := kept(make([]int, listKeep)); cap(got) != listKeep || len(got) != 0 {
		t.Errorf("of %d: length %d, capacity %d", listKeep, len(got), cap(got))
	}
	if got := kept(make([]int, listKeep+1)); got != nil {
		t.Errorf("of %d: capacity %d", listKeep+1, cap(got))
	}
}
