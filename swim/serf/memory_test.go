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
	n.self = 1 << 20 // the ID of no member
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
		if len(n.tags.sets) > tagSetsMax {
			t.Fatalf("%d sets, limit %d", len(n.tags.sets), tagSetsMax)
		}
	}
	if n.tagsOf(0, nil)["role"] != "0" {
		t.Error("the first member has lost its tags")
	}
}

func TestLongListsAreDroppedAfterACall(t *testing.T) {
	var out swim.Output
	c := call{events: make([]swim.Event, 1, listKeep), ids: make([]swim.MemberID, 1, listKeep),
		arena: make([]byte, 1, arenaKeep)}
	c.end(&out)
	if cap(c.events) != listKeep || cap(c.ids) != listKeep || cap(c.arena) != arenaKeep ||
		len(c.events) != 0 || len(out.Events) != 1 {
		t.Errorf("at the limits: %d events, %d members and %d bytes are kept", cap(c.events),
			cap(c.ids), cap(c.arena))
	}
	c = call{events: make([]swim.Event, 1, listKeep+1), ids: make([]swim.MemberID, 1, listKeep+1),
		arena: make([]byte, 1, arenaKeep+1)}
	c.end(&out)
	if c.events != nil || c.ids != nil || c.arena != nil {
		t.Errorf("beyond them: %d events, %d members and %d bytes are kept", cap(c.events),
			cap(c.ids), cap(c.arena))
	}
}
