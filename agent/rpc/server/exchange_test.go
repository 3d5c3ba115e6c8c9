package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"serf/agent"
	"serf/agent/rpc"
	"serf/agent/rpc/internal/protocol"
	"serf/internal/eventfilter"
	"serf/swim/serf"
	"serf/swim/serf/coord"
)

func decodeValue(b []byte, v any) error { return msgpack.Unmarshal(b, v) }

// An exchange is what passed between the original's command line and its agent.
type exchange struct {
	CLI      string
	Exchange []struct{ From, Hex string }
}

func loadExchanges(t *testing.T) []exchange {
	t.Helper()
	b, err := os.ReadFile("../../../testdata/rpc.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []exchange
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// bytesFrom is all that one side sent, without a value that the recording cuts short.
func (x exchange) bytesFrom(t *testing.T, side string) [][]byte {
	t.Helper()
	var all []byte
	for _, part := range x.Exchange {
		if part.From == side {
			b, err := hex.DecodeString(part.Hex)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
	}
	return splitValues(all)
}

func splitValues(b []byte) (values [][]byte) {
	r := protocol.NewReader(bytes.NewReader(b), protocol.AnswerLimits)
	for {
		v, err := r.Next()
		if err != nil {
			return values
		}
		values = append(values, bytes.Clone(v))
	}
}

// canonical returns a value with the entries of its maps sorted: the original writes maps in the
// order of Go's iteration.
func canonical(b []byte) []byte {
	v, rest := canonicalFirst(b)
	if len(rest) > 0 {
		panic("more than one value")
	}
	return v
}

func canonicalFirst(b []byte) (v, rest []byte) {
	switch code := b[0]; {
	case msgpcode.IsFixedMap(code):
		rest = b[1:]
		entries := make([][]byte, code&msgpcode.FixedMapMask)
		for i := range entries {
			var key, value []byte
			key, rest = canonicalFirst(rest)
			value, rest = canonicalFirst(rest)
			entries[i] = slices.Concat(key, value)
		}
		slices.SortFunc(entries, bytes.Compare)
		return slices.Concat([]byte{code}, bytes.Join(entries, nil)), rest
	case msgpcode.IsFixedArray(code):
		v, rest = []byte{code}, b[1:]
		for range code & msgpcode.FixedArrayMask {
			var e []byte
			e, rest = canonicalFirst(rest)
			v = append(v, e...)
		}
		return v, rest
	}
	first, err := protocol.NewReader(bytes.NewReader(b), protocol.AnswerLimits).Next()
	if err != nil {
		panic(err)
	}
	return b[:len(first)], b[len(first):]
}

// bySeq groups an agent's values by the Seq of their header, in hex, each in order.
func bySeq(t *testing.T, values [][]byte) map[uint64][]string {
	t.Helper()
	groups := make(map[uint64][]string)
	var seq uint64
	for _, v := range values {
		var keys map[string]any
		if err := decodeValue(v, &keys); err != nil {
			t.Fatal(err)
		}
		if _, isHeader := keys["Seq"]; isHeader {
			var h protocol.ResponseHeader
			if err := decodeValue(v, &h); err != nil {
				t.Fatal(err)
			}
			seq = h.Seq
		}
		groups[seq] = append(groups[seq], hex.EncodeToString(canonical(v)))
	}
	return groups
}

const authKey = "sekret" // of the recorded agent

// recordedAgent is an agent in the state that one of the recorded agents was in.
func recordedAgent(t *testing.T, x exchange) *fakeAgent {
	member := func(name, addr string, tags map[string]string) serf.Member {
		return serf.Member{
			Name:     name,
			Addr:     netip.MustParseAddrPort(addr),
			Status:   serf.StatusAlive,
			Tags:     tags,
			Versions: [6]byte{1, 5, 2, 2, 5, 5},
		}
	}
	tags := map[string]string{"role": "web", "dc": "east"}
	if x.CLI == "reachability" { // recorded after the tags were changed
		tags = map[string]string{"role": "web", "a": "b"}
	}
	a := &fakeAgent{
		members: []serf.Member{
			member("n1", "127.0.0.21:7496", tags),
			member("n2", "127.0.0.22:7496", nil),
		},
		coords: make(map[string]coord.Coordinate),
	}
	a.query = func(q serf.QueryParams) (Feed[agent.Answer], error) {
		answers := []agent.Answer{{From: "n1"}, {From: "n2"}}
		if q.Name == "ping-q" {
			answers = append(answers, agent.Answer{
				From: "n2", Kind: agent.AnswerResponse, Payload: []byte("hi\n"),
			})
		}
		return ended(answers...), nil
	}
	a.join = func(_ context.Context, addrs []string) (int, error) {
		if strings.HasPrefix(addrs[0], "127.0.0.99") {
			return 0, errors.New("1 error occurred:\n\t* failed to join 127.0.0.99:1: dial tcp 127.0.0.99:1: connect: connection refused\n\n")
		}
		return len(addrs), nil
	}
	if strings.HasPrefix(x.CLI, "keys") {
		a.report = agent.KeyReport{NumNodes: 2, NumResp: 2, Keys: map[string]int{}}
	}
	switch x.CLI {
	case "keys -list":
		a.report.Keys = map[string]int{"AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8=": 2}
	case "keys -remove=Hziy3LTQVC6/XFDUz0qKLpPBOfq91+UDrQgfK+uh8L4=":
		const refusal = "removing the primary key is not allowed"
		a.report.NumErr = 2
		a.report.Messages = map[string]string{"n1": refusal, "n2": refusal}
		a.keysErr = errors.New("2/2 nodes reported failure")
	}
	a.takeRecorded(t, x)
	return a
}

// takeRecorded takes figures, log lines and events from the recording.
func (a *fakeAgent) takeRecorded(t *testing.T, x exchange) {
	var lines []string
	var events []agent.Event
	names := []string{"n2", "n1"} // the order in which rtt asks
	for _, v := range x.bytesFrom(t, "agent") {
		var keys map[string]any
		if err := decodeValue(v, &keys); err != nil {
			t.Fatal(err)
		}
		switch {
		case keys["runtime"] != nil:
			if err := decodeValue(v, &a.stats); err != nil {
				t.Fatal(err)
			}
		case keys["Log"] != nil:
			lines = append(lines, keys["Log"].(string))
		case keys["Event"] != nil:
			events = append(events, recordedEvent(t, v))
		case keys["Coord"] != nil:
			var r protocol.CoordinateResponse
			if err := decodeValue(v, &r); err != nil {
				t.Fatal(err)
			}
			c := coord.Coordinate{Adjustment: r.Coord.Adjustment, Error: r.Coord.Error, Height: r.Coord.Height}
			copy(c.Vec[:], r.Coord.Vec)
			a.coords[names[0]] = c
			names = names[1:]
		}
	}
	a.monitor = func(string) (Feed[string], error) { return newFeed(0, lines...), nil }
	a.subscribe = func(func(agent.Event) bool) (Feed[agent.Event], error) { return newFeed(0, events...), nil }
}

// recordedEvent reads the record of an event.
func recordedEvent(t *testing.T, record []byte) agent.Event {
	t.Helper()
	var e struct {
		Event, Name string
		ID, LTime   uint64
		Payload     []byte
		Coalesce    bool
	}
	if err := decodeValue(record, &e); err != nil {
		t.Fatal(err)
	}
	if e.Event == eventfilter.Query {
		return agent.QueryEvent{ID: e.ID, LTime: e.LTime, Name: e.Name, Payload: e.Payload}
	}
	return agent.UserEvent{LTime: e.LTime, Name: e.Name, Payload: e.Payload, Coalesce: e.Coalesce}
}

// The server answers the original's command line like the original's agent, byte for byte except
// for the order of map entries, and of records of different streams.
func TestServerAnswersAsRecorded(t *testing.T) {
	for _, x := range loadExchanges(t) {
		t.Run(x.CLI, func(t *testing.T) {
			want := x.bytesFrom(t, "agent")
			if strings.HasPrefix(x.CLI, "no-auth") {
				// The original takes the body of the refused request for another request and
				// refuses that too. Not so here.
				want = want[:2]
			}
			_, l := startServer(t, recordedAgent(t, x), Options{AuthKey: authKey})
			client := l.dial()
			defer client.Close()
			requests := bytes.Join(x.bytesFrom(t, "client"), nil)
			go client.Write(requests)
			got := readValues(t, client, len(want))
			if diff := gocmp.Diff(bySeq(t, want), bySeq(t, got)); diff != "" {
				t.Errorf("answers differ (-original +ours):\n%s", diff)
			}
		})
	}
}

func readValues(t *testing.T, nc net.Conn, n int) (values [][]byte) {
	t.Helper()
	nc.SetReadDeadline(time.Now().Add(time.Minute)) // only so that a failure is told
	r := protocol.NewReader(nc, protocol.AnswerLimits)
	for range n {
		v, err := r.Next()
		if err != nil {
			t.Fatalf("after %d of %d values: %v", len(values), n, err)
		}
		values = append(values, bytes.Clone(v))
	}
	return values
}

// replayed are the calls that make a client send what the original's command line sent, and the
// expected results.
var replayed = map[string]func(ctx context.Context, c *rpc.Client) (got, want any, err error){
	"members": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		m, err := c.MembersFiltered(ctx, rpc.MemberFilter{})
		return memberNames(m), []string{"n1 127.0.0.21:7496 alive", "n2 127.0.0.22:7496 alive"}, err
	},
	"members -status=alive -tag role=web -name=n.*": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		m, err := c.MembersFiltered(ctx, rpc.MemberFilter{Name: "n.*", Status: "alive", Tags: map[string]string{"role": "web"}})
		return memberNames(m), []string{"n1 127.0.0.21:7496 alive"}, err
	},
	"event -coalesce=false deploy v1 payload": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		return nil, nil, c.UserEvent(ctx, "deploy", []byte("v1 payload"), false)
	},
	"tags -set a=b -delete dc": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		return nil, nil, c.SetTags(ctx, map[string]string{"a": "b"}, []string{"dc"})
	},
	"query -timeout=1s ping-q x": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		q := rpc.QueryParams{Name: "ping-q", Payload: []byte("x"), Tags: map[string]string{}, WantAck: true, Timeout: time.Second}
		got, err := allAnswers(ctx, c, q)
		want := []rpc.Answer{{From: "n1", Ack: true}, {From: "n2", Ack: true}, {From: "n2", Payload: []byte("hi\n")}}
		return got, want, err
	},
	"info": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		s, err := c.Stats(ctx)
		return s["serf"]["members"] + s["tags"]["a"] + s["agent"]["name"], "2bn1", err
	},
	"rtt n2": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		if _, err := c.Stats(ctx); err != nil {
			return nil, nil, err
		}
		a, _, err := c.Coordinate(ctx, "n2")
		if err != nil {
			return nil, nil, err
		}
		b, _, err := c.Coordinate(ctx, "n1")
		got := []uint64{math.Float64bits(a.Error), math.Float64bits(a.Vec[0]), math.Float64bits(b.Height), math.Float64bits(b.Vec[7])}
		return got, []uint64{0x3ff63701992294e1, 0xbef5d49b0e190ef6, 0x3efb9dbdbf762d44, 0xbf0c69152b8dd132}, err
	},
	"keys -list": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		r, err := c.ListKeys(ctx)
		return r, rpc.KeyReport{Members: 2, Responses: 2, Messages: map[string]string{}, Keys: map[string]int{"AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8=": 2}}, err
	},
	"keys -install=Hziy3LTQVC6/XFDUz0qKLpPBOfq91+UDrQgfK+uh8L4=": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		_, err := c.InstallKey(ctx, "Hziy3LTQVC6/XFDUz0qKLpPBOfq91+UDrQgfK+uh8L4=")
		return nil, nil, err
	},
	"keys -use=Hziy3LTQVC6/XFDUz0qKLpPBOfq91+UDrQgfK+uh8L4=": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		_, err := c.UseKey(ctx, "Hziy3LTQVC6/XFDUz0qKLpPBOfq91+UDrQgfK+uh8L4=")
		return nil, nil, err
	},
	"keys -remove=Hziy3LTQVC6/XFDUz0qKLpPBOfq91+UDrQgfK+uh8L4=": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		r, err := c.RemoveKey(ctx, "Hziy3LTQVC6/XFDUz0qKLpPBOfq91+UDrQgfK+uh8L4=")
		return []any{r.Errors, len(r.Messages), err}, []any{2, 2, rpc.RemoteError("2/2 nodes reported failure")}, nil
	},
	"force-leave nosuch": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		return nil, nil, c.ForceLeave(ctx, "nosuch", false)
	},
	"join 127.0.0.22:7496": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		n, err := c.Join(ctx, []string{"127.0.0.22:7496"}, false)
		return n, 1, err
	},
	"join 127.0.0.99:1": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		_, err := c.Join(ctx, []string{"127.0.0.99:1"}, false)
		return strings.Contains(err.Error(), "connection refused"), true, nil
	},
	"reachability": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		if _, err := c.Members(ctx); err != nil {
			return nil, nil, err
		}
		got, err := allAnswers(ctx, c, rpc.QueryParams{Name: "_serf_ping", WantAck: true})
		return got, []rpc.Answer{{From: "n1", Ack: true}, {From: "n2", Ack: true}}, err
	},
	"monitor -log-level=debug (with a user event and a query arriving)": func(ctx context.Context, c *rpc.Client) (any, any, error) {
		events, err := c.Stream(ctx, "*")
		if err != nil {
			return nil, nil, err
		}
		lines, err := c.Monitor(ctx, "debug")
		if err != nil {
			return nil, nil, err
		}
		first, err := lines.Next(ctx)
		if err != nil {
			return nil, nil, err
		}
		e, err := events.Next(ctx)
		return []any{first, e.Type, e.Name}, []any{"2026/11/22 09:31:48 [INFO] agent: Serf agent starting", rpc.QueryEvent, "qq"}, err
	},
	"leave": func(ctx context.Context, c *rpc.Client) (any, any, error) { return nil, nil, c.Leave(ctx) },
}

func memberNames(members []rpc.Member) (list []string) {
	for _, m := range members {
		list = append(list, m.Name+" "+m.Addr.String()+" "+m.Status)
	}
	return list
}

func allAnswers(ctx context.Context, c *rpc.Client, q rpc.QueryParams) (list []rpc.Answer, err error) {
	s, err := c.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	for {
		a, err := s.Next(ctx)
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
}

// The client sends the same bytes as the original's, and understands the original's answers.
func TestClientSpeaksAsRecorded(t *testing.T) {
	for _, x := range loadExchanges(t) {
		do := replayed[x.CLI]
		if do == nil {
			if !strings.Contains(x.CLI, "-auth ") && x.CLI != "keys -remove=AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8=" {
				t.Errorf("no call for %q", x.CLI)
			}
			continue
		}
		t.Run(x.CLI, func(t *testing.T) {
			nc, script := net.Pipe()
			failed := make(chan string, 1)
			go func() { failed <- playAgent(script, x) }()
			c, err := rpc.NewClient(t.Context(), nc, rpc.Options{AuthKey: authKey})
			if err != nil {
				t.Fatalf("%v; %s", err, <-failed)
			}
			defer c.Close()
			got, want, err := do(t.Context(), c)
			if err != nil {
				t.Fatalf("%v; %s", err, <-failed)
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if text := <-failed; text != "" {
				t.Error(text)
			}
		})
	}
}

// playAgent expects the recorded requests and sends the recorded answers. It returns what went
// wrong.
func playAgent(nc net.Conn, x exchange) string {
	nc.SetDeadline(time.Now().Add(time.Minute)) // only so that a failure is told
	for _, part := range x.Exchange {
		b, err := hex.DecodeString(part.Hex)
		if err != nil {
			return err.Error()
		}
		if part.From == "agent" {
			if _, err := nc.Write(b); err != nil {
				return err.Error()
			}
			continue
		}
		got := make([]byte, len(b))
		if n, err := io.ReadFull(nc, got); err != nil || !bytes.Equal(got, b) {
			return cmp.Or(errText(err), "request differs") + "\n got " + hex.EncodeToString(got[:n]) + "\nwant " + part.Hex
		}
	}
	return ""
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A client that is refused returns an error that its user can act on.
func TestClientIsRefused(t *testing.T) {
	_, l := startServer(t, &fakeAgent{}, Options{AuthKey: authKey})
	if _, err := rpc.NewClient(t.Context(), l.dial(), rpc.Options{AuthKey: "wrong"}); !errors.Is(err, rpc.ErrInvalidToken) {
		t.Errorf("wrong key: %v, want %v", err, rpc.ErrInvalidToken)
	}
	c := connect(t, l, "")
	if _, err := c.Members(t.Context()); !errors.Is(err, rpc.ErrAuthRequired) {
		t.Errorf("no key: %v, want %v", err, rpc.ErrAuthRequired)
	}
}
