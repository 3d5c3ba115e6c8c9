package interop

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/hashicorp/logutils"
	"github.com/hashicorp/serf/client"

	"serf/agent/rpc"
)

// caller is an RPC client, of either implementation.
type caller interface {
	join(addrs []string, replay bool) (int, error)
	members(f memberFilter) (map[string]seen, error)
	event(name string, payload []byte, coalesce bool) error
	setTags(set map[string]string, gone []string) error
	query(q question) (answers, error)
	keys(op, key string) (keyReport, error)
	forceLeave(name string, prune bool) error
	leave() error
	stats() (map[string]map[string]string, error)
	// coordinate reports whether the agent knows a member's coordinate.
	coordinate(name string) (known bool, err error)
	// stream calls tell for each event until stop is called or the connection ends.
	stream(filter string, tell func(rpcEvent)) (stop func() error, err error)
	monitor(level string, tell func(line string)) (stop func() error, err error)
	respond(id uint64, payload []byte) error
	close()
}

// dialer connects to an agent.
type dialer func(addr string) (caller, error)

type memberFilter struct {
	name, status string
	tags         map[string]string
}

// rpcEvent is one record of an event stream.
type rpcEvent struct {
	kind    string
	members []string // names
	name    string
	payload []byte
	id      uint64
	// coalesce and ltime are for comparison only.
	coalesce bool
	ltime    uint64
}

// ownCaller is our client.
type ownCaller struct{ c *rpc.Client }

func dialOwn(addr string) (caller, error) { return dialOwnWith(addr, "") }

func dialOwnWith(addr, key string) (caller, error) {
	ctx, cancel := callContext()
	defer cancel()
	c, err := rpc.Dial(ctx, addr, rpc.Options{AuthKey: key})
	if err != nil {
		return nil, err
	}
	return ownCaller{c}, nil
}

func (o ownCaller) close() { o.c.Close() }

func (o ownCaller) join(addrs []string, replay bool) (int, error) {
	ctx, cancel := callContext()
	defer cancel()
	return o.c.Join(ctx, addrs, replay)
}

func (o ownCaller) members(f memberFilter) (map[string]seen, error) {
	ctx, cancel := callContext()
	defer cancel()
	var list []rpc.Member
	var err error
	if f.name+f.status == "" && len(f.tags) == 0 {
		list, err = o.c.Members(ctx)
	} else {
		list, err = o.c.MembersFiltered(ctx, rpc.MemberFilter{Name: f.name, Status: f.status, Tags: f.tags})
	}
	all := make(map[string]seen)
	for _, m := range list {
		all[m.Name] = seen{m.Addr, m.Status, tagText(m.Tags)}
	}
	return all, err
}

func (o ownCaller) event(name string, payload []byte, coalesce bool) error {
	ctx, cancel := callContext()
	defer cancel()
	return o.c.UserEvent(ctx, name, payload, coalesce)
}

func (o ownCaller) setTags(set map[string]string, gone []string) error {
	ctx, cancel := callContext()
	defer cancel()
	return o.c.SetTags(ctx, set, gone)
}

func (o ownCaller) query(q question) (answers, error) {
	ctx, cancel := callContext()
	defer cancel()
	s, err := o.c.Query(ctx, rpc.QueryParams{
		Name: q.name, Payload: []byte(q.payload), Nodes: q.nodes, Tags: q.tags, WantAck: q.ack, RelayFactor: q.relay, Timeout: q.patience(),
	})
	if err != nil {
		return answers{}, err
	}
	got := answers{Responses: make(map[string]string)}
	for {
		a, err := s.Next(ctx)
		switch {
		case err == io.EOF:
			slices.Sort(got.Acks)
			return got, nil
		case err != nil:
			return got, err
		case a.Ack:
			got.Acks = append(got.Acks, a.From)
		default:
			got.Responses[a.From] = string(a.Payload)
		}
	}
}

func (o ownCaller) keys(op, key string) (keyReport, error) {
	ctx, cancel := callContext()
	defer cancel()
	var r rpc.KeyReport
	var err error
	switch op {
	case "install":
		r, err = o.c.InstallKey(ctx, key)
	case "use":
		r, err = o.c.UseKey(ctx, key)
	case "remove":
		r, err = o.c.RemoveKey(ctx, key)
	case "list":
		r, err = o.c.ListKeys(ctx)
	default:
		return keyReport{}, fmt.Errorf("no key operation %q", op)
	}
	return keyReport{r.Members, r.Responses, r.Errors, r.Keys, r.Messages}, err
}

func (o ownCaller) forceLeave(name string, prune bool) error {
	ctx, cancel := callContext()
	defer cancel()
	return o.c.ForceLeave(ctx, name, prune)
}

func (o ownCaller) leave() error {
	ctx, cancel := callContext()
	defer cancel()
	return o.c.Leave(ctx)
}

func (o ownCaller) stats() (map[string]map[string]string, error) {
	ctx, cancel := callContext()
	defer cancel()
	return o.c.Stats(ctx)
}

func (o ownCaller) coordinate(name string) (bool, error) {
	ctx, cancel := callContext()
	defer cancel()
	_, ok, err := o.c.Coordinate(ctx, name)
	return ok, err
}

func (o ownCaller) stream(filter string, tell func(rpcEvent)) (func() error, error) {
	ctx, cancel := callContext()
	defer cancel()
	s, err := o.c.Stream(ctx, filter)
	if err != nil {
		return nil, err
	}
	go drain(s, func(e rpc.Event) {
		record := rpcEvent{kind: e.Type, name: e.Name, payload: e.Payload, id: e.ID, coalesce: e.Coalesce, ltime: e.LTime}
		for _, m := range e.Members {
			record.members = append(record.members, m.Name)
		}
		tell(record)
	})
	return func() error { return stopStream(s) }, nil
}

func (o ownCaller) monitor(level string, tell func(string)) (func() error, error) {
	ctx, cancel := callContext()
	defer cancel()
	s, err := o.c.Monitor(ctx, level)
	if err != nil {
		return nil, err
	}
	go drain(s, tell)
	return func() error { return stopStream(s) }, nil
}

// drain passes all events of a stream to tell; it returns when the stream ends.
func drain[T any](s *rpc.Stream[T], tell func(T)) {
	for {
		v, err := s.Next(context.Background())
		if err != nil {
			return
		}
		tell(v)
	}
}

func stopStream[T any](s *rpc.Stream[T]) error {
	ctx, cancel := callContext()
	defer cancel()
	return s.Stop(ctx)
}

func (o ownCaller) respond(id uint64, payload []byte) error {
	ctx, cancel := callContext()
	defer cancel()
	return o.c.Respond(ctx, id, payload)
}

// originalCaller is the original's client library.
type originalCaller struct{ c *client.RPCClient }

func dialOriginal(addr string) (caller, error) { return dialOriginalWith(addr, "") }

func dialOriginalWith(addr, key string) (caller, error) {
	c, err := client.ClientFromConfig(&client.Config{Addr: addr, AuthKey: key, Timeout: callTimeout})
	if err != nil {
		return nil, err
	}
	return originalCaller{c}, nil
}

func (o originalCaller) close() { o.c.Close() }

func (o originalCaller) join(addrs []string, replay bool) (int, error) {
	return o.c.Join(addrs, replay)
}

func (o originalCaller) members(f memberFilter) (map[string]seen, error) {
	var list []client.Member
	var err error
	if f.name+f.status == "" && len(f.tags) == 0 {
		list, err = o.c.Members()
	} else {
		list, err = o.c.MembersFiltered(f.tags, f.status, f.name)
	}
	all := make(map[string]seen)
	for _, m := range list {
		all[m.Name] = seen{addrPort(m.Addr, m.Port), m.Status, tagText(m.Tags)}
	}
	return all, err
}

func (o originalCaller) event(name string, payload []byte, coalesce bool) error {
	return o.c.UserEvent(name, payload, coalesce)
}

func (o originalCaller) setTags(set map[string]string, gone []string) error {
	return o.c.UpdateTags(set, gone)
}

func (o originalCaller) query(q question) (answers, error) {
	acks, responses := make(chan string, 64), make(chan client.NodeResponse, 64)
	err := o.c.Query(&client.QueryParam{
		FilterNodes: q.nodes, FilterTags: q.tags, RequestAck: q.ack, RelayFactor: q.relay, Timeout: q.patience(),
		Name: q.name, Payload: []byte(q.payload), AckCh: acks, RespCh: responses,
	})
	if err != nil {
		return answers{}, err
	}
	got := answers{Responses: make(map[string]string)}
	// Both are closed at the end of the query. Just before, the original's agent can send empty
	// answers, which its client passes on.
	for from := range acks {
		if from != "" {
			got.Acks = append(got.Acks, from)
		}
	}
	for a := range responses {
		if a.From != "" {
			got.Responses[a.From] = string(a.Payload)
		}
	}
	slices.Sort(got.Acks)
	return got, nil
}

// keys reports less, because this client's functions return less.
func (o originalCaller) keys(op, key string) (r keyReport, err error) {
	switch op {
	case "install":
		r.Messages, err = o.c.InstallKey(key)
	case "use":
		r.Messages, err = o.c.UseKey(key)
	case "remove":
		r.Messages, err = o.c.RemoveKey(key)
	case "list":
		r.Keys, r.Nodes, r.Messages, err = o.c.ListKeys()
	default:
		err = fmt.Errorf("no key operation %q", op)
	}
	return r, err
}

func (o originalCaller) forceLeave(name string, prune bool) error {
	if prune {
		return o.c.ForceLeavePrune(name)
	}
	return o.c.ForceLeave(name)
}

func (o originalCaller) leave() error                                 { return o.c.Leave() }
func (o originalCaller) stats() (map[string]map[string]string, error) { return o.c.Stats() }

func (o originalCaller) coordinate(name string) (bool, error) {
	c, err := o.c.GetCoordinate(name)
	return c != nil, err
}

func (o originalCaller) stream(filter string, tell func(rpcEvent)) (func() error, error) {
	records := make(chan map[string]any, 4096)
	handle, err := o.c.Stream(filter, records)
	if err != nil {
		return nil, err
	}
	go func() {
		for r := range records {
			tell(originalEvent(r))
		}
	}()
	return func() error { return o.c.Stop(handle) }, nil
}

// originalEvent converts a record as the original's client returns it: untyped values.
func originalEvent(r map[string]any) rpcEvent {
	e := rpcEvent{kind: fmt.Sprint(r["Event"])}
	if name, ok := r["Name"]; ok {
		e.name = fmt.Sprint(name)
	}
	e.payload, _ = r["Payload"].([]byte)
	e.coalesce, _ = r["Coalesce"].(bool)
	fmt.Sscan(fmt.Sprint(r["ID"]), &e.id) // of whatever integer type
	fmt.Sscan(fmt.Sprint(r["LTime"]), &e.ltime)
	members, _ := r["Members"].([]any)
	for _, m := range members {
		if fields, ok := m.(map[any]any); ok {
			e.members = append(e.members, fmt.Sprint(fields["Name"]))
		}
	}
	return e
}

func (o originalCaller) monitor(level string, tell func(string)) (func() error, error) {
	lines := make(chan string, 4096)
	handle, err := o.c.Monitor(logutils.LogLevel(level), lines)
	if err != nil {
		return nil, err
	}
	go func() {
		for line := range lines {
			tell(line)
		}
	}()
	return func() error { return o.c.Stop(handle) }, nil
}

func (o originalCaller) respond(id uint64, payload []byte) error { return o.c.Respond(id, payload) }
