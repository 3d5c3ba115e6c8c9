package rpc

import (
	"context"
	"fmt"

	"serf/agent/rpc/internal/protocol"
	"serf/swim/serf/coord"
)

// Members returns all members that the agent knows.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	var resp membersResponse
	err := c.call(ctx, protocol.CmdMembers, nil, &resp)
	return resp.Members, err
}

// MemberFilter selects members by regular expressions, each of which has to match the whole text.
// An empty name or status matches all. A tag that a member doesn't have counts as empty.
type MemberFilter struct {
	Name, Status string
	Tags         map[string]string
}

// MembersFiltered returns the members that match f.
func (c *Client) MembersFiltered(ctx context.Context, f MemberFilter) ([]Member, error) {
	req := &protocol.MembersFilteredRequest{Name: f.Name, Status: f.Status, Tags: f.Tags}
	if req.Tags == nil {
		req.Tags = map[string]string{}
	}
	var resp membersResponse
	err := c.call(ctx, protocol.CmdMembersFiltered, req, &resp)
	return resp.Members, err
}

// Join makes the agent contact these addresses, and returns how many of them answered. With replay
// the agent also receives past user events.
func (c *Client) Join(ctx context.Context, addrs []string, replay bool) (int, error) {
	var resp protocol.JoinResponse
	req := &protocol.JoinRequest{Existing: addrs, Replay: replay}
	err := c.call(ctx, protocol.CmdJoin, req, &resp)
	return int(resp.Num), err
}

// Leave makes the agent leave its cluster. It returns when the agent has left and is about to stop.
func (c *Client) Leave(ctx context.Context) error {
	return c.call(ctx, protocol.CmdLeave, nil, nil)
}

// ForceLeave changes a failed member's status to left; with prune the cluster forgets it.
func (c *Client) ForceLeave(ctx context.Context, name string, prune bool) error {
	req := &protocol.ForceLeaveRequest{Node: name, Prune: prune}
	return c.call(ctx, protocol.CmdForceLeave, req, nil)
}

// UserEvent fires an event. With coalesce, members may be told only of the last of several events
// with the same name.
func (c *Client) UserEvent(ctx context.Context, name string, payload []byte, coalesce bool) error {
	req := &protocol.EventRequest{Name: name, Payload: payload, Coalesce: coalesce}
	return c.call(ctx, protocol.CmdEvent, req, nil)
}

// SetTags sets some tags of the agent and deletes others. A tag that is in both is set.
func (c *Client) SetTags(ctx context.Context, set map[string]string, remove []string) error {
	return c.call(ctx, protocol.CmdTags, &protocol.TagsRequest{Tags: set, DeleteTags: remove}, nil)
}

// Respond answers a query that came as an Event.
func (c *Client) Respond(ctx context.Context, id uint64, payload []byte) error {
	return c.call(ctx, protocol.CmdRespond, &protocol.RespondRequest{ID: id, Payload: payload}, nil)
}

// Stats returns the agent's figures: sections of names and values.
func (c *Client) Stats(ctx context.Context) (map[string]map[string]string, error) {
	var resp map[string]map[string]string
	err := c.call(ctx, protocol.CmdStats, nil, &resp)
	return resp, err
}

// Coordinate returns a member's network coordinate, and whether the agent knows it.
func (c *Client) Coordinate(ctx context.Context, name string) (coord.Coordinate, bool, error) {
	var resp protocol.CoordinateResponse
	req := &protocol.CoordinateRequest{Node: name}
	if err := c.call(ctx, protocol.CmdCoordinate, req, &resp); err != nil || !resp.Ok {
		return coord.Coordinate{}, false, err
	}
	at := coord.Coordinate{
		Adjustment: resp.Coord.Adjustment,
		Error:      resp.Coord.Error,
		Height:     resp.Coord.Height,
	}
	if n := copy(at.Vec[:], resp.Coord.Vec); n != coord.Dimensions || len(resp.Coord.Vec) != n {
		return coord.Coordinate{}, false, fmt.Errorf("coordinate of %s has %d dimensions, want %d",
			name, len(resp.Coord.Vec), coord.Dimensions)
	}
	return at, true, nil
}

// InstallKey makes all members accept a key, base64 of 16, 24 or 32 bytes. If some members failed,
// the error says how many and the report is valid, too, as for the other operations on keys.
func (c *Client) InstallKey(ctx context.Context, key string) (KeyReport, error) {
	return c.keys(ctx, protocol.CmdInstallKey, &protocol.KeyRequest{Key: key})
}

// UseKey makes all members encrypt with an installed key.
func (c *Client) UseKey(ctx context.Context, key string) (KeyReport, error) {
	return c.keys(ctx, protocol.CmdUseKey, &protocol.KeyRequest{Key: key})
}

// RemoveKey makes all members forget a key. The one in use can't be removed.
func (c *Client) RemoveKey(ctx context.Context, key string) (KeyReport, error) {
	return c.keys(ctx, protocol.CmdRemoveKey, &protocol.KeyRequest{Key: key})
}

// ListKeys asks all members for their keys.
func (c *Client) ListKeys(ctx context.Context) (KeyReport, error) {
	return c.keys(ctx, protocol.CmdListKeys, nil)
}

func (c *Client) keys(ctx context.Context, name string, req any) (KeyReport, error) {
	var resp protocol.KeyResponse
	err := c.call(ctx, name, req, &resp)
	return KeyReport{
		Members:   int(resp.NumNodes),
		Responses: int(resp.NumResp),
		Errors:    int(resp.NumErr),
		Messages:  resp.Messages,
		Keys:      resp.Keys,
	}, err
}
