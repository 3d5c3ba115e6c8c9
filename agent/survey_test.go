package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent/survey"
	"serf/swim/history"
	"serf/swim/serf"
	"serf/wire"
)

// clusterViews asks all agents from a.
func clusterViews(t *testing.T, a *Agent) survey.Views {
	t.Helper()
	v, err := a.Views(background, 0)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func replies(v *survey.Views) string {
	var list []string
	for _, g := range v.Agents {
		list = append(list, g.Name+" "+g.Status+" "+g.Answer)
	}
	return strings.Join(list, ", ")
}

func TestAgentsThatAgreeSaySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agents := beginJoined(t, newMemNetwork(), 3)
		began := time.Now()
		v := clusterViews(t, agents[0])
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if got := replies(&v); got != "a alive yes, b alive yes, c alive yes" {
			t.Error(got)
		}
		if !v.Agree || len(v.Disagreements) != 0 || v.AsSeenBy != "a" ||
			v.Summary != "all 3 agents that answered agree on who is alive" {
			t.Errorf("%+v", v)
		}
		for _, g := range v.Agents {
			if g.Digest != v.Digest || g.Alive != 3 || g.Uptime <= 0 || g.Incomplete {
				t.Errorf("%s says %+v", g.Name, g.Figures)
			}
		}
	})
}

func TestViewsOfAPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newMemNetwork()
		agents := beginJoined(t, net, 4)
		net.Isolate(agents[3].Addr().Addr(), true)
		time.Sleep(time.Minute)
		v := clusterViews(t, agents[0])
		if got := replies(&v); got != "a alive yes, b alive yes, c alive yes, d failed no" {
			t.Error(got)
		}
		if !v.Agree || !strings.HasSuffix(v.Summary, "; no answer from d") {
			t.Errorf("while d is cut off: %+v", v)
		}
		for range 5 { // now and then all know of each other again before the question has reached d
			net.Isolate(agents[3].Addr().Addr(), false)
			if v = clusterViews(t, agents[0]); !v.Agree {
				break
			}
			net.Isolate(agents[3].Addr().Addr(), true)
			time.Sleep(time.Minute)
		}
		var said []string
		for i := range v.Disagreements {
			said = append(said, v.Disagreements[i].String())
		}
		want := []string{
			"a is alive here; d sees it as failed", "b is alive here; d sees it as failed",
			"c is alive here; d sees it as failed", "d is failed here; d sees it as alive",
		}
		if v.Agree || v.Summary != "1 of 4 agents disagrees with a about 4 members" ||
			!slices.Equal(said, want) {
			t.Errorf("as soon as d is there again: %s: %q", v.Summary, said)
		}
		time.Sleep(time.Minute)
		if v = clusterViews(t, agents[0]); !v.Agree || v.Agents[3].Digest != v.Digest {
			t.Errorf("healed: %+v", v)
		}
	})
}

// Acks of a ping tell the agents of this implementation from others, and both from those that
// aren't there.
func TestRepliesOfAgentsThatDontAnswer(t *testing.T) {
	p := poll{agents: map[string]*polled{
		"kin": {name: "kin"}, "other": {name: "other"}, "no": {name: "no"},
	}}
	p.take(&Answer{Kind: AnswerAck, From: "kin"})
	p.take(&Answer{Kind: AnswerAck, From: "other", Other: true})
	p.take(&Answer{Kind: AnswerResponse, From: "other", Payload: []byte("nonsense")})
	p.take(&Answer{Kind: AnswerAck, From: "stranger", Other: true})
	got := make(map[string]string)
	for _, g := range p.sorted() {
		got[g.name] = g.view().Answer
	}
	want := map[string]string{"kin": survey.ReplySilent, "other": survey.ReplyOther,
		"no": survey.ReplyNo, "stranger": survey.ReplyOther}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Beyond comparedMax views that differ from this agent's, agents are known to disagree, but not
// about whom.
func TestComparisonsAreBounded(t *testing.T) {
	for _, views := range []int{comparedMax, comparedMax + 1} {
		synctest.Test(t, func(t *testing.T) {
			p := poll{a: beginJoined(t, newMemNetwork(), 2)[0], agents: make(map[string]*polled)}
			for i := range views {
				r := serf.Report{Digest: serf.Digest(i)}
				p.agents[fmt.Sprint(i)] = &polled{name: "b", status: serf.StatusAlive, report: &r}
			}
			p.compare(background)
			complete := 0
			for _, g := range p.agents {
				if !g.incomplete {
					complete++
				}
			}
			if complete != comparedMax {
				t.Errorf("of %d views %d were compared, want %d", views, complete, comparedMax)
			}
		})
	}
}

// Each agent tells what it saw, and how long ago: what happened to d is in one order, with those
// that saw the same together.
func TestHistoryOfAllAgents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newMemNetwork()
		agents := beginJoined(t, net, 4)
		time.Sleep(time.Minute)
		net.Isolate(agents[3].Addr().Addr(), true)
		time.Sleep(time.Minute)
		m, ok, err := agents[0].HistoryOfAll(background, "d", 0)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if len(m.Witnesses) != 3 || !slices.Equal(m.Missing, []string{"d"}) || m.AsSeenBy != "a" {
			t.Errorf("witnesses %+v, missing %v", m.Witnesses, m.Missing)
		}
		var states []string
		for i, c := range m.Changes {
			states = append(states, c.To.String())
			if i > 0 && c.Time.Before(m.Changes[i-1].Time.Time) && !c.Reordered || c.Text == "" {
				t.Errorf("change %d: %+v", i, c)
			}
		}
		if got := strings.Join(slices.Compact(states), " "); got != "alive suspect failed" {
			t.Errorf("%s:\n%s", got, m.Story(func(c *history.Change) string { return c.Time.String() }))
		}
		last := m.Changes[len(m.Changes)-1]
		if len(last.Others) != 2 || last.Spread > 5000 {
			t.Errorf("the end: %+v", last)
		}
		if _, ok, err := agents[0].HistoryOfAll(background, "nosuch", 0); ok || err != nil {
			t.Errorf("a name that nobody knows: %v, %v", ok, err)
		}
	})
}

func TestFlapsKnowTheHealthOfAccusers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newMemNetwork()
		agents := beginJoined(t, net, 4)
		for range 4 { // whoever is cut off accuses all others, and is accused
			net.Isolate(agents[3].Addr().Addr(), true)
			time.Sleep(3 * time.Second)
			net.Isolate(agents[3].Addr().Addr(), false)
			time.Sleep(20 * time.Second)
		}
		f := agents[0].FlapsAndHealth(background, time.Hour)
		if len(f.Accusers) < 2 {
			t.Fatalf("accusers: %+v", f.Accusers)
		}
		for _, a := range f.Accusers {
			if a.Health == nil {
				t.Errorf("the health of %s isn't known", a.Name)
			}
		}
		if strings.Contains(f.Summary, "isn't known") {
			t.Error(f.Summary)
		}
	})
}

// Only some of many failed members are asked, and waited for only shortly.
func TestFewFailedMembersAreAsked(t *testing.T) {
	for _, failed := range []int{failedAskedMax, failedAskedMax + 1} {
		synctest.Test(t, func(t *testing.T) {
			net := newMemNetwork()
			a := begin(t, memConfig(net, "a", 1))
			for i := range failed {
				m := wire.Alive{
					Inc: 1, Node: fmt.Append(nil, "m", i), Addr: hostAddr(10 + i).Addr().AsSlice(),
					Port: hostAddr(10 + i).Port(), Vsn: []byte{1, 5, 2, 2, 5, 5},
				}
				host, _, err := net.Host(hostAddr(10 + i).Addr()).Listen(hostAddr(10 + i))
				if err != nil {
					t.Fatal(err)
				}
				host.WriteTo(m.Append(nil), a.Addr())
				host.Close()
			}
			time.Sleep(10 * time.Minute)
			_, before, _ := a.Counters()
			began := time.Now()
			v := clusterViews(t, a)
			if took := time.Since(began); took > time.Second {
				t.Errorf("it took %v", took)
			}
			if len(v.Agents) != 1+failed || v.Agents[1].Status != "failed" {
				t.Fatalf("agents: %+v", v.Agents)
			}
			_, after, _ := a.Counters()
			n := int(after.QueriesRepeated - before.QueriesRepeated)
			if n == 0 || n%failedAskedMax != 0 {
				t.Errorf("%d failed: %d questions, want some to each of %d", failed, n,
					failedAskedMax)
			}
		})
	}
}

// Each agent has probed the others. One that is cut off doesn't answer, and the others' round trips
// to it count.
func TestRoundTripsOfAllAgents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newMemNetwork()
		agents := beginJoined(t, net, 4)
		time.Sleep(20 * time.Second)
		net.Isolate(agents[3].Addr().Addr(), true)
		got, err := agents[0].RoundTrips(background, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range agents {
			if n := a.Stats()["counters"]["queries"]; n != "0" {
				t.Errorf("%s queries of users, want 0: there was a question of an agent's", n)
			}
		}
		if got.AsSeenBy != "a" || got.Answered != 3 || !slices.Equal(got.Missing, []string{"d"}) {
			t.Errorf("as seen by %s, %d answered, missing %v", got.AsSeenBy, got.Answered, got.Missing)
		}
		count := make(map[string]int)
		for _, r := range got.Trips {
			count[r.From+r.To]++
		}
		want := map[string]int{"ab": 3, "ac": 3, "ad": 3, "ba": 1, "bc": 1, "bd": 1, "ca": 1, "cb": 1, "cd": 1}
		if !maps.Equal(count, want) {
			t.Errorf("round trips %v, want %v", count, want)
		}
	})
}
