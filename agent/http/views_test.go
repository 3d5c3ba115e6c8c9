package http

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"serf/agent/survey"
	"serf/swim/history"
)

func TestViewsOfOneAgent(t *testing.T) {
	t.Parallel()
	h := newHandler(t, startAgent(t), Options{})
	var got survey.Views
	get(t, h, "/v1/views", 200, &got)
	if got.AsSeenBy != "a" || !got.Agree || len(got.Agents) != 1 || got.Digest != h.agent.Digest().String() {
		t.Errorf("%+v", got)
	}
	h.agent.Close()
	var problem problem
	h.views.at = time.Time{} // what was said before counts for some seconds
	get(t, h, "/v1/views", 503, &problem)
}

// However many ask, the agents are asked once in a while. A question that failed doesn't count.
func TestAgentsAreAskedOnceInAWhile(t *testing.T) {
	t.Parallel()
	var taken recent[survey.Views]
	asked, now := 0, time.Unix(1, 0)
	var problem error
	clock := func() time.Time { return now }
	ask := func() (survey.Views, error) { asked++; return survey.Views{}, problem }
	for _, step := range []struct {
		after time.Duration
		err   error
		want  int
	}{
		{0, errors.New("busy"), 1}, {0, nil, 2}, {0, nil, 2}, {viewsAge - 1, nil, 2}, {1, nil, 3},
		{viewsAge, errors.New("busy"), 4}, {0, nil, 5},
	} {
		now, problem = now.Add(step.after), step.err
		taken.take(clock, viewsAge, ask)
		if asked != step.want {
			t.Errorf("asked %d times, want %d (%+v)", asked, step.want, step)
		}
	}
}

// Accusers are asked for their health once in a while; nobody waits while somebody else asks.
func TestAccusersAreAskedOnceInAWhile(t *testing.T) {
	t.Parallel()
	var c accusersHealth
	now := time.Unix(1, 0)
	asked := 0
	plain := func() history.Flaps {
		return history.Flaps{Accusations: 1, Accusers: []history.Accuser{{Name: "b"}}}
	}
	var ask func() history.Flaps
	take := func() string {
		f := c.take(func() time.Time { return now }, plain, ask)
		if f.Accusers[0].Health == nil {
			return "unknown"
		}
		return fmt.Sprint(*f.Accusers[0].Health)
	}
	ask = func() history.Flaps {
		if got := take(); got != "unknown" {
			t.Errorf("while it is asked: %s", got)
		}
		asked++
		f := plain()
		if asked < 3 {
			f.SetHealth(map[string]int{"b": asked, "c": 7})
		}
		return f
	}
	for i, want := range []string{"1", "1", "2", "2", "unknown"} {
		if got := take(); got != want {
			t.Errorf("%d: health %s, want %s", i, got, want)
		}
		now = now.Add(viewsAge - time.Second*time.Duration(1-i%2))
	}
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
}
