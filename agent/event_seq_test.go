package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
)

// subscribers is how many readers of events the agent has.
func subscribers(a *Agent) int {
	a.events.mu.Lock()
	defer a.events.mu.Unlock()
	return len(a.events.subs)
}

func TestEventsAreYieldedUntilTheLoopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		a := begin(t, memConfig(n, "a", 1))
		before := subscribers(a)
		b := begin(t, memConfig(n, "b", 2))
		go func() {
			synctest.Wait() // until the loop has begun: it gets what comes then
			b.Join(background, []string{a.Addr().String()}, false)
		}()
		for e := range a.MemberEvents(background, MemberJoin) {
			if e.Members[0].Name != "b" {
				t.Errorf("%v joined", e.Members)
			}
			break
		}
		if got := subscribers(a); got != before {
			t.Errorf("%d readers of events, %d before", got, before)
		}
	})
}

// A loop that calls the agent gets what happens meanwhile later.
func TestTypedEventsAreFiltered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		ctx, cancel := context.WithCancel(background)
		var got []string
		go func() {
			for e := range a.UserEvents(ctx, "deploy", "stop") {
				got = append(got, e.Name)
				if e.Name == "deploy" {
					a.UserEvent(ctx, "stop", nil, false)
				}
			}
			got = append(got, "end")
		}()
		answered := make(chan struct{})
		go func() {
			for q := range a.Queries(ctx) {
				a.Respond(ctx, q.ID, []byte("answer"))
			}
			close(answered)
		}()
		synctest.Wait()
		for _, name := range []string{"other", "deploy", "last"} {
			if err := a.UserEvent(ctx, name, nil, false); err != nil {
				t.Fatal(err)
			}
		}
		q, err := a.Query(ctx, QueryParams{Name: "any"})
		if err != nil {
			t.Fatal(err)
		}
		var answers []string
		for answer := range q.All(ctx) {
			answers = append(answers, answer.From+" "+string(answer.Payload))
		}
		if !slices.Equal(answers, []string{"a answer"}) {
			t.Errorf("answers %q", answers)
		}
		synctest.Wait() // for "stop"
		cancel()
		<-answered
		synctest.Wait()
		if want := []string{"deploy", "stop", "end"}; !slices.Equal(got, want) {
			t.Errorf("yielded %v, want %v", got, want)
		}
	})
}

func TestEventsEndWithTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		ended := make(chan struct{})
		go func() {
			for range a.Events(background, nil) {
			}
			close(ended)
		}()
		synctest.Wait()
		a.Close()
		<-ended
		for e := range a.Events(background, nil) {
			t.Errorf("%v after the end", e)
		}
	})
}

func TestEventsEndAtTheLimitOfSubscriptions(t *testing.T) {
	a := &Agent{ctx: background}
	a.events.subs = make([]subscriber, subscriptionsMax)
	for e := range a.Events(background, nil) {
		t.Error(e)
	}
}

func TestSubscriptionYieldsUntilItEnds(t *testing.T) {
	s := NewSubscription(8, nil)
	var f fanout
	f.adopt(s)
	for i := range 3 {
		f.publish(UserEvent{Name: fmt.Sprint(i)})
	}
	f.close(ErrStopped)
	var got []string
	for e := range s.All(background) {
		got = append(got, e.(UserEvent).Name)
	}
	if !slices.Equal(got, []string{"0", "1", "2"}) || !errors.Is(s.Err(), ErrStopped) {
		t.Errorf("%v, %v", got, s.Err())
	}
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	open := NewSubscription(8, nil)
	f = fanout{}
	f.adopt(open)
	f.publish(UserEvent{})
	f.publish(UserEvent{})
	n := 0
	for range open.All(ctx) {
		n++
		cancel()
	}
	if n != 1 || open.Err() != nil {
		t.Errorf("%d events after the end of the context, %v", n, open.Err())
	}
}

// A program that asks those that are missing, of whom there are none, must not ask everybody.
func TestQueryOfNobodyIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		if _, err := a.Query(background, QueryParams{Name: "x", Nodes: []string{}}); !errors.Is(err, ErrNoNodes) {
			t.Error(err)
		}
	})
}

func TestQuerySaysWhoIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agents := beginJoined(t, newMemNetwork(), 4)
		answering(t, agents[0], "load")
		agents[1].Subscribe(8, nil) // never answers
		agents[2].Subscribe(8, nil)
		q, err := agents[0].Query(background, QueryParams{Name: "load"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := q.Silent(background)
		if want := []string{"b", "c"}; !slices.Equal(got, want) || err != nil {
			t.Errorf("%v, %v; want %v: d declined", got, err, want)
		}
	})
}

func TestSilentMembersOfAQueryThatIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		a.Subscribe(8, nil)
		ask := func() *Query {
			q, err := a.Query(background, QueryParams{Name: "load", WantAck: true})
			if err != nil {
				t.Fatal(err)
			}
			return q
		}
		q := ask()
		ctx, cancel := context.WithCancel(background)
		cancel()
		if got, err := q.Silent(ctx); got != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("while it runs: %v, %v", got, err)
		}
		for answer := range q.All(background) {
			if answer.Kind == AnswerAck {
				break // which closes it
			}
		}
		if got, err := q.Silent(background); got != nil || err != nil {
			t.Errorf("closed: %v, %v", got, err)
		}
		q = ask()
		for range q.All(ctx) {
			t.Error("an answer after the end of the context")
		}
		q = ask()
		a.Close()
		if got, err := q.Silent(background); got != nil || err != nil {
			t.Errorf("stopped: %v, %v", got, err)
		}
	})
}
