package agent

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"serf/swim/serf"
)

// ask returns the answers to a query, sorted, and how long it took.
func ask(t *testing.T, a *Agent, p serf.QueryParams) (got []string, took time.Duration) {
	t.Helper()
	began := time.Now()
	q, err := a.Query(background, p)
	if err != nil {
		t.Fatal(err)
	}
	for answer := range q.Answers() {
		got = append(got, answer.Kind.String()+" "+answer.From+" "+string(answer.Payload))
	}
	slices.Sort(got)
	return got, time.Since(began)
}

// answering makes an agent answer the queries of one name.
func answering(t *testing.T, a *Agent, query string) {
	s := a.Subscribe(8, func(e Event) bool {
		q, ok := e.(QueryEvent)
		return ok && q.Name == query
	})
	go func() {
		for e := range s.C {
			if err := a.Respond(background, e.(QueryEvent).ID, []byte(a.conf.Name)); err != nil {
				t.Error(err)
			}
		}
	}()
}

// A query doesn't take its whole time-out when no more answers can come (F24 in docs/failures.md).
func TestQueryEndsWhenNothingMoreCanCome(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, agents []*Agent)
		params  serf.QueryParams
		want    []string
		least   time.Duration // that it takes
	}{
		{"nobody listens", func(*testing.T, []*Agent) {}, serf.QueryParams{WantAck: true},
			[]string{"ack a ", "ack b ", "ack c ", "ack d ", "ack e "}, 0},
		{"some do", func(t *testing.T, agents []*Agent) {
			answering(t, agents[1], "load")
			answering(t, agents[4], "load")
			answering(t, agents[3], "uptime")
		}, serf.QueryParams{}, []string{"response b b", "response e e"}, 0},
		{"only others are asked", func(t *testing.T, agents []*Agent) {
			agents[3].Subscribe(8, nil) // never answers
		}, serf.QueryParams{Nodes: []string{"a", "b"}, WantAck: true}, []string{"ack a ", "ack b "}, 0},
		{"somebody may answer yet", func(t *testing.T, agents []*Agent) {
			agents[3].Subscribe(8, nil)
			answering(t, agents[1], "load")
		}, serf.QueryParams{}, []string{"response b b"}, 30 * time.Second},
		{"nobody has that name", func(*testing.T, []*Agent) {}, serf.QueryParams{Nodes: []string{"x"}}, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agents := beginJoined(t, newMemNetwork(), 5)
				tt.prepare(t, agents)
				tt.params.Name, tt.params.Timeout = "load", 30*time.Second
				got, took := ask(t, agents[0], tt.params)
				if !slices.Equal(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if took < tt.least || took > tt.least+500*time.Millisecond {
					t.Errorf("it took %v, want %v and at most half a second more", took, tt.least)
				}
			})
		})
	}
}

func TestQueryEndsWhenTheLastMemberFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		agents := beginJoined(t, n, 3)
		agents[2].Subscribe(8, nil)
		n.Isolate(agents[2].Addr().Addr(), true)
		if _, took := ask(t, agents[0], serf.QueryParams{Name: "load", Timeout: time.Hour}); took > time.Minute {
			t.Errorf("it took %v though c has failed", took)
		}
	})
}

// A reader that has heard enough needn't wait for the deadline, and answers that come later do no harm.
func TestQueryCanBeClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agents := beginJoined(t, newMemNetwork(), 2)
		s := agents[1].Subscribe(8, func(e Event) bool { _, ok := e.(QueryEvent); return ok })
		q, err := agents[0].Query(background, serf.QueryParams{Name: "load", Timeout: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		asked := wantEvent(t, s, "the query").(QueryEvent)
		began := time.Now()
		q.Close()
		q.Close()
		for answer := range q.Answers() {
			t.Errorf("after Close: %v", answer)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Close and the end of Answers took %v", took)
		}
		if err := agents[1].Respond(background, asked.ID, nil); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		agents[0].Close()
		q.Close()
	})
}
