package http

import (
	"errors"
	"testing"
	"time"

	"serf/agent/survey"
)

func TestViewsOfOneAgent(t *testing.T) {
	t.Parallel()
	h := newHandler(t, startAgent(t), Options{})
	var got survey.Views
	get(t, h, "/v1/views", 200, &got)
	if got.AsSeenBy != "a" || !got.Agree || len(got.Agents) != 1 || got.Digest != h.agent.Digest().String() {
		t.Errorf("%+v", got)
	}
	h.agent.Shutdown()
	var problem problem
	h.views.at = time.Time{} // what was said before counts for some seconds
	get(t, h, "/v1/views", 503, &problem)
}

// However many ask, the agents are asked once in a while. A question that failed doesn't count.
func TestAgentsAreAskedOnceInAWhile(t *testing.T) {
	t.Parallel()
	var taken viewsTaken
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
		taken.take(clock, ask)
		if asked != step.want {
			t.Errorf("asked %d times, want %d (%+v)", asked, step.want, step)
		}
	}
}
