package serf

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/swim"
	"serf/swim/serf/coord"
	"serf/wire"
)

func TestProfilesAreValid(t *testing.T) {
	for _, profile := range []swim.Timing{swim.LAN(), swim.WAN(), swim.Local()} {
		c := DefaultConfig(profile)
		c.Name, c.Addr = "a", addrOf("a")
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestValidateReportsEveryProblem(t *testing.T) {
	c := DefaultConfig(swim.LAN())
	c.Name, c.Addr = "no spaces", addrOf("a")
	c.CheckNames = true
	c.Protocol = 6
	c.Tags = map[string]string{"x": strings.Repeat("y", 512)}
	c.ReapInterval, c.ReconnectInterval = 0, -1
	c.ReconnectTimeout, c.TombstoneTimeout = -1, -1
	c.EventSizeMax, c.QuerySizeMax, c.QueryResponseSizeMax = EventSizeCeiling+1, 0, messageCeiling+1
	c.BroadcastTimeout, c.LeavePropagateDelay = -1, -1
	c.CoalescePeriod, c.QuiescentPeriod, c.UserCoalescePeriod, c.UserQuiescentPeriod = -1, -1, -1, -1
	err := c.Validate()
	if err == nil {
		t.Fatal("no problem found")
	}
	for _, want := range []string{
		"name", "protocol", "tags", "reap interval", "reconnect interval", "reconnect timeout",
		"tombstone timeout",
		"user event size", "query size", "query response size", "broadcast timeout",
		"leave propagate delay",
		"coalesce period", "quiescent period", "user coalesce period", "user quiescent period",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no problem with the %s in:\n%v", want, err)
		}
	}
}

func TestCheckedNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"web-1.example": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
		"a_b": false, "a b": false, "ü": false,
	} {
		c := testConfig("a")
		c.Name, c.CheckNames = name, true
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTagsLimit(t *testing.T) {
	fits := map[string]string{"x": strings.Repeat("y", 512-1-1-2-3)} // magic, map, key, str16
	if meta, err := encodeTags(ProtocolMax, fits); err != nil || len(meta) != 512 {
		t.Errorf("%d bytes: %v", len(meta), err)
	}
	fits["x"] += "y"
	if _, err := encodeTags(ProtocolMax, fits); err == nil {
		t.Error("513 bytes are taken")
	}
}

func TestTagsOfOldProtocolAreTheRole(t *testing.T) {
	meta, err := encodeTags(2, map[string]string{"role": "web", "x": "y"})
	if err != nil || string(meta) != "web" {
		t.Errorf("%q, %v", meta, err)
	}
	if tags := decodeTags(meta); len(tags) != 1 || tags["role"] != "web" {
		t.Errorf("read back as %v", tags)
	}
	if tags := decodeTags([]byte{255, 0xc1}); len(tags) != 0 {
		t.Errorf("broken tags read as %v", tags)
	}
}

func TestMessagesMatchTheOriginal(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/serf.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Name, Hex string }
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	hex := map[string]string{}
	for _, v := range vectors {
		hex[v.Name] = v.Hex
	}
	meta, _ := encodeTags(ProtocolMax, map[string]string{"role": "web"})
	if got := fmt.Sprintf("%x", meta); got != hex["tags"] {
		t.Errorf("tags %s, want %s", got, hex["tags"])
	}
	meta, _ = encodeTags(ProtocolMax, nil)
	if got := fmt.Sprintf("%x", meta); got != hex["tags-empty"] {
		t.Errorf("no tags %s, want %s", got, hex["tags-empty"])
	}
	tn := converse(t, "b")
	if got := fmt.Sprintf("%x", tn.n.answerConflict(tn.now, &inboundQuery{}, []byte("z"))); got != hex["conflict-response-unknown"] {
		t.Errorf("unknown %s", got)
	}
}

// ackPayload is what the ack to a member's ping carries.
func (tn *conversation) ackPayload(from string) []byte {
	tn.t.Helper()
	ping := wire.Ping{Seq: 9, Node: []byte("a")}
	var sc wire.Scratch
	tn.n.Packet(tn.now, addrOf(from), tn.n.Sealer().SealPacket(nil, ping.Append(nil), false, &sc),
		&tn.out)
	defer tn.out.Reset()
	for _, p := range tn.out.Packets {
		msgs, err := tn.n.Sealer().OpenPacket(p.Data, &sc, nil)
		if err != nil {
			tn.t.Fatal(err)
		}
		for _, m := range msgs {
			if ack, err := wire.ParseAck(m[1:]); err == nil && wire.Type(m[0]) == wire.TypeAck &&
				ack.Seq == 9 {
				return slices.Clone(ack.Payload)
			}
		}
	}
	tn.t.Fatal("no ack")
	return nil
}

func TestCoordinates(t *testing.T) {
	tn := converse(t, "b")
	if _, ok := tn.n.Coordinate("b"); ok {
		t.Error("b has never been probed")
	}
	there := wire.Coordinate(coord.Origin())
	there.Vec[0] = 0.2
	acked := func(data []byte) {
		tn.n.call.begin(&tn.out)
		tn.n.handle(tn.now, &swim.Event{Kind: swim.EventAcked, Member: tn.n.lookup([]byte("b")),
			RTT: 50 * time.Millisecond, Data: data}, &tn.out)
		tn.n.finish(tn.now, &tn.out)
		tn.collect()
	}
	acked(wire.AppendAckPayload(nil, &there))
	if c, ok := tn.n.Coordinate("b"); !ok || c.Vec[0] != 0.2 {
		t.Errorf("b is at %v, %v", c, ok)
	}
	_, at, located, _ := tn.n.Listed(tn.n.lookup([]byte("b")))
	if !located || at.RTT != 50*time.Millisecond {
		t.Errorf("b is located: %v, %v away, want 50 ms", located, at.RTT)
	}
	here, _ := tn.n.Coordinate("a")
	if here == coord.Origin() {
		t.Error("we haven't moved")
	}
	acked(nil)             // a member without coordinates
	acked([]byte{2, 0x80}) // another version
	acked([]byte{1, 0xc1})
	if got, _ := tn.n.Coordinate("a"); got != here {
		t.Error("nonsense moves us")
	}
	if got := tn.n.Counters().CoordinatesRefused; got != 2 {
		t.Errorf("%d refused", got)
	}
	payload, err := wire.ParseAckPayload(tn.ackPayload("b"))
	if err != nil || coord.Coordinate(payload) != here {
		t.Errorf("own acks carry %v, %v", payload, err)
	}

	off := converseWith(t, func(c *Config) { c.DisableCoordinates = true }, "b")
	if _, ok := off.n.Coordinate("a"); ok || len(off.ackPayload("b")) != 0 {
		t.Error("turned off, and there still is one")
	}
}
