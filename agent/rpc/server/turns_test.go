package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent"
	"serf/agent/rpc/internal/protocol"
	"serf/swim/serf"
)

// causing is an agent that publishes an event before the call that causes it returns.
func causing(after time.Duration) *fakeAgent {
	events := newFeed[agent.Event](64)
	cause := func() {
		events.c <- agent.UserEvent{Name: "caused"}
		time.Sleep(after)
	}
	return &fakeAgent{
		subscribe: func(func(agent.Event) bool) (Feed[agent.Event], error) { return events, nil },
		userEvent: func(string) error { cause(); return nil },
		join:      func(context.Context, []string) (int, error) { cause(); return 1, nil },
		leave:     func(context.Context) error { cause(); return nil },
		respond:   func(uint64, []byte) error { cause(); return nil },
		query: func(serf.QueryParams) (Feed[agent.Answer], error) {
			cause()
			return newFeed[agent.Answer](1), nil
		},
	}
}

// follow greets, streams all events under Seq 2, and waits until the server is idle.
func (r *rawClient) follow() {
	r.t.Helper()
	r.greet()
	r.ask(protocol.CmdStream, 2, &protocol.StreamRequest{Type: "*"}, "")
	synctest.Wait()
}

func (r *rawClient) wantRecord() {
	r.t.Helper()
	r.want(2, "")
	var rec userEventRecord
	if r.read(&rec); rec.Name != "caused" {
		r.t.Errorf("record %+v", rec)
	}
}

// Clients that read from one connection expect their answer next.
func TestAnswerComesBeforeWhatTheRequestCauses(t *testing.T) {
	for _, tt := range []struct {
		cmd  string
		body any
		resp any
	}{
		{protocol.CmdEvent, &protocol.EventRequest{Name: "x"}, nil},
		{protocol.CmdJoin, &protocol.JoinRequest{Existing: []string{"x"}}, &protocol.JoinResponse{}},
		{protocol.CmdLeave, nil, nil},
		{protocol.CmdQuery, &protocol.QueryRequest{Name: "x"}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, l := startServer(t, causing(turnWait-time.Millisecond), Options{})
			r := dialRaw(t, l)
			r.follow()
			r.ask(tt.cmd, 3, tt.body, "")
			if tt.resp != nil {
				r.read(tt.resp)
			}
			r.wantRecord()
		})
	}
}

// The same with an agent, which publishes an event while it fires it.
func TestAnswersOfAnAgentComeFirst(t *testing.T) {
	c := agent.Config{Logger: slog.New(slog.DiscardHandler), Timing: agent.Local(), Bind: netip.MustParseAddrPort("127.0.0.1:0")}
	c.Name = "a"
	a, err := agent.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	_, l := startServer(t, ForAgent(a), Options{})
	r := dialRaw(t, l)
	r.greet()
	r.ask(protocol.CmdStream, 2, &protocol.StreamRequest{Type: "user,query"}, "")
	for seq := uint64(10); seq < 110; seq++ {
		name := fmt.Sprint(seq)
		r.ask(protocol.CmdEvent, seq, &protocol.EventRequest{Name: name}, "")
		r.want(2, "")
		var rec userEventRecord
		if r.read(&rec); rec.Name != name {
			t.Fatalf("record %+v, want %s", rec, name)
		}
	}
	r.ask(protocol.CmdQuery, 200, &protocol.QueryRequest{Name: "x", Timeout: int64(time.Minute)}, "")
	r.want(2, "")
}

// A request that takes long delays records by turnWait, once.
func TestRecordsDontWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := causing(0)
		events, _ := a.subscribe(nil)
		a.join = func(context.Context, []string) (int, error) {
			time.Sleep(10 * time.Second)
			return 1, nil
		}
		_, l := startServer(t, a, Options{})
		r := dialRaw(t, l)
		r.follow()
		began := time.Now()
		r.tell(protocol.CmdJoin, 3, &protocol.JoinRequest{Existing: []string{"x"}})
		for i, want := range []time.Duration{turnWait, turnWait} {
			events.(*feed[agent.Event]).c <- agent.UserEvent{Name: "caused"}
			r.wantRecord()
			if took := time.Since(began); took != want {
				t.Errorf("record %d came after %v, want %v: only the first waits", i, took, want)
			}
		}
		r.ask(protocol.CmdEvent, 4, &protocol.EventRequest{Name: "x"}, "")
		r.wantRecord() // the order is kept for what is asked in the meantime
		r.want(3, "")
	})
}

// An event may have to wait for room. When it is fired, records wait for its answer, however long
// that took.
func TestEventThatWaitedForRoomIsAnsweredFirst(t *testing.T) {
	var turns turns
	x := turns.begin()
	turns.lapse()
	if turns.next() != nil {
		t.Error("a turn that lapsed is waited for")
	}
	turns.renew(x)
	if turns.next() != x {
		t.Error("an event that goes out only now isn't waited for")
	}
	turns.end(x)
	turns.wait(nil)
}

func TestStoppedStreamWaitsForNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := causing(0)
		a.join = func(context.Context, []string) (int, error) {
			time.Sleep(time.Second / 2)
			return 1, nil
		}
		events, _ := a.subscribe(nil)
		_, l := startServer(t, a, Options{})
		r := dialRaw(t, l)
		r.follow()
		r.tell(protocol.CmdJoin, 3, &protocol.JoinRequest{Existing: []string{"x"}})
		events.(*feed[agent.Event]).c <- agent.UserEvent{Name: "caused"}
		synctest.Wait()
		began := time.Now()
		r.tell(protocol.CmdStop, 4, &protocol.StopRequest{Stop: 2})
		r.wantRecord()
		r.want(4, "")
		if took := time.Since(began); took != 0 {
			t.Errorf("a stop took %v while another request waited", took)
		}
		r.want(3, "")
	})
}
