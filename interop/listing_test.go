package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/serf/client"

	"serf/agent/rpc"
)

// measureMembers lists the members, with one simple client for both and with each implementation's
// own. Lists of 1,000 and 10,000 come from a crowd that answers for all. For the largest, memory is
// measured too.
func measureMembers(t *testing.T, f *figures) {
	for _, n := range []int{3, 1000, largeCluster} {
		var agents [2]*agentProcess
		for i, p := range sides {
			agents[i], _ = launch(t, p, "asked")
			defer agents[i].kill()
			newCrowd(t, n-1).join(t, agents[i].bind())
			wantCount(t, agents[i], n)
		}
		time.Sleep(settleTime / 2)
		own, theirs := askAll(t, agents[0], n, dialOwnMembers), askAll(t, agents[1], n, dialOriginalMembers)
		raw := [2]asked{askAll(t, agents[0], n, dialRaw), askAll(t, agents[1], n, dialRaw)}
		what := fmt.Sprintf("members by RPC, %d", n)
		f.add(what+": time, by a client that only takes the bytes", "ms", [2]float64{raw[0].took, raw[1].took})
		f.add(what+": the fastest of these", "ms", [2]float64{raw[0].fastest, raw[1].fastest})
		f.add(what+": of it processor time of the agent", "ms", [2]float64{raw[0].agent, raw[1].agent})
		f.add(what+": time, each by its own client", "ms", [2]float64{own.took, theirs.took})
		f.add(what+": processor time of both ends", "ms", [2]float64{own.agent + own.client, theirs.agent + theirs.client})
		if n < largeCluster {
			continue
		}
		time.Sleep(settleTime)
		var resident, private [2]float64
		for i, a := range agents {
			u := a.usage(t)
			resident[i], private[i] = u.resident, u.private
		}
		f.add(fmt.Sprintf("resident memory, %d members", n), "MB", resident)
		f.add(fmt.Sprintf("of it not of files, %d members", n), "MB", private)
	}
}

// memberCounter lists an agent's members and returns how many there are.
type memberCounter func() (int, error)

func dialOwnMembers(t *testing.T, addr string) (ask memberCounter, end func()) {
	c, err := rpc.Dial(t.Context(), addr, rpc.Options{})
	must(t, err)
	return func() (int, error) {
		all, err := c.Members(context.Background())
		return len(all), err
	}, func() { c.Close() }
}

func dialOriginalMembers(t *testing.T, addr string) (ask memberCounter, end func()) {
	c, err := client.NewRPCClient(addr)
	must(t, err)
	return func() (int, error) {
		all, err := c.Members()
		return len(all), err
	}, func() { c.Close() }
}

// dialRaw is a client that does as little as possible: it counts the members of the first answer,
// and of later ones, which are as long, it only reads the bytes.
func dialRaw(t *testing.T, addr string) (ask memberCounter, end func()) {
	conn, err := net.Dial("tcp", addr)
	must(t, err)
	c := &countedConn{Conn: conn}
	d, e, b := codec.NewDecoder(c, new(codec.MsgpackHandle)), codec.NewEncoder(c, new(codec.MsgpackHandle)), make([]byte, 1<<16)
	var failed struct{ Error string }
	must(t, errors.Join(e.Encode(command{"handshake", 1}), e.Encode(map[string]int{"Version": 1}), d.Decode(&failed)))

	var body struct{ Members []struct{ Name string } }
	request := command{"members", 2}
	c.n = 0
	must(t, errors.Join(e.Encode(request), d.Decode(&failed), d.Decode(&body)))
	length := c.n
	return func() (int, error) {
		if err := e.Encode(request); err != nil {
			return 0, err
		}
		for c.n = 0; c.n < length; {
			if _, err := c.Read(b); err != nil {
				return 0, err
			}
		}
		return len(body.Members), nil
	}, func() { conn.Close() }
}

// command is the header of a request. A number is reused after its request has ended.
type command struct {
	Command string
	Seq     uint64
}

// countedConn counts the bytes that come.
type countedConn struct {
	net.Conn
	n int
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n += n
	return n, err
}

// asked is what an answer takes, in milliseconds: elapsed time, the median and the least, and
// processor time, the mean.
type asked struct{ took, fastest, agent, client float64 }

func askAll(t *testing.T, a *agentProcess, n int, dial func(*testing.T, string) (memberCounter, func())) asked {
	t.Helper()
	ask, end := dial(t, a.rpcAddr())
	defer end()
	var took []time.Duration
	agent, client := a.usage(t).processor, processorTime()
	rounds := askRounds
	if n < 100 {
		rounds *= 25 // so that others of this machine, and a garbage collection, are no part of the median
	}
	for range rounds {
		began := time.Now()
		got, err := ask()
		took = append(took, time.Since(began))
		if err == nil && got != n {
			err = fmt.Errorf("%d members, want %d", got, n)
		}
		must(t, err)
	}
	client, agent = processorTime()-client, a.usage(t).processor-agent
	all := float64(rounds)
	return asked{
		took: milliseconds(middle(took)), fastest: milliseconds(slices.Min(took)),
		agent: milliseconds(agent) / all, client: milliseconds(client) / all,
	}
}
