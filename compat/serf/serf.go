package serf

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"serf/agent"
	"serf/agent/snapshot"
	"serf/compat/coordinate"
	core "serf/swim/serf"
)

// FeatureNotSupported says that Config.ProtocolVersion is too old for what was called.
var FeatureNotSupported = errors.New("Feature not supported")

// Serf is a running node. Its methods may be called by any goroutine, readers of EventCh included.
type Serf struct {
	config           *Config
	name             string
	agent            *agent.Agent
	snapshot         *snapshot.Snapshot // nil without one
	keyManager       *KeyManager
	keys             keys
	encrypted        bool
	gossipInterval   time.Duration
	queryTimeoutMult int

	mu       sync.Mutex
	state    SerfState
	shutdown chan struct{} // closed at the very end
	err      error         // of the snapshot; set before shutdown is closed
}

// ProtocolVersion is that of Config.
func (s *Serf) ProtocolVersion() uint8 { return s.config.ProtocolVersion }

// EncryptionEnabled reports whether messages are encrypted.
func (s *Serf) EncryptionEnabled() bool { return s.encrypted }

// ValidateNodeNames returns what is wrong with the own name, if Config.ValidateNodeNames is set.
func (s *Serf) ValidateNodeNames() error { return s.config.validateName(s.config.NodeName) }

// Join contacts members at addresses (IP, IP:port, name or name:port, each also after NODE/) and
// exchanges states with them. It returns how many answered, and an error only if none did. With
// ignoreOld, user events from before aren't delivered.
func (s *Serf) Join(existing []string, ignoreOld bool) (int, error) {
	if s.State() != SerfAlive {
		return 0, errors.New("Serf can't Join after Leave or Shutdown")
	}
	return s.agent.Join(context.Background(), existing, !ignoreOld)
}

// UserEvent fires an event at all members. With coalesce, they may deliver only the newest of its
// name. When many are under way it waits until there is room, for 30 s at most.
func (s *Serf) UserEvent(name string, payload []byte, coalesce bool) error {
	err := s.agent.UserEvent(context.Background(), name, payload, coalesce)
	if size, ok := errors.AsType[*core.SizeError](err); ok && size.Encoded {
		return overLimit(err,
			"encoded user event exceeds configured limit of %d bytes after encoding")
	}
	return overLimit(err, "user event exceeds configured limit of %d bytes before encoding")
}

// SetTags replaces this node's tags and tells the others.
func (s *Serf) SetTags(tags map[string]string) error {
	err := s.agent.ReplaceTags(context.Background(), tags)
	return overLimit(err, tagsTooLarge)
}

const tagsTooLarge = "Encoded length of tags exceeds limit of %d bytes"

// RemoveFailedNode makes all members list a failed one as left. It may be unknown here.
func (s *Serf) RemoveFailedNode(node string) error {
	return s.agent.ForceLeave(context.Background(), node, false)
}

// RemoveFailedNodePrune makes all members list a failed one no more.
func (s *Serf) RemoveFailedNodePrune(node string) error {
	return s.agent.ForceLeave(context.Background(), node, true)
}

// Stats returns figures of the node, in the original's names, and how many events found no room
// because EventCh was full: events_dropped. It is empty after Shutdown.
func (s *Serf) Stats() map[string]string {
	stats := s.agent.Stats()["serf"]
	if stats == nil {
		return map[string]string{}
	}
	if s.config.DisableCoordinates {
		delete(stats, "coordinate_resets")
	}
	stats["events_dropped"] = strconv.FormatUint(s.agent.Traffic().EventsDropped, 10)
	return stats
}

// GetCoordinate returns this node's place in the space of round trips.
func (s *Serf) GetCoordinate() (*coordinate.Coordinate, error) {
	if s.config.DisableCoordinates {
		return nil, errors.New("Coordinates are disabled")
	}
	c, ok := s.GetCachedCoordinate(s.name)
	if !ok {
		return nil, errors.New("no coordinate: the node has stopped")
	}
	return c, nil
}

// GetCachedCoordinate returns where a member was when it was last heard of.
func (s *Serf) GetCachedCoordinate(name string) (*coordinate.Coordinate, bool) {
	c, ok, err := s.agent.Coordinate(context.Background(), name)
	if err != nil || !ok {
		return nil, false
	}
	return &coordinate.Coordinate{Vec: slices.Clone(c.Vec[:]), Error: c.Error,
		Adjustment: c.Adjustment, Height: c.Height}, true
}
