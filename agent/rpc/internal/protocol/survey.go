package protocol

import "serf/swim/history"

// The commands that ask all agents are this implementation's own. Their fields are those of the
// JSON that commands and the HTTP endpoint show.

type ViewsRequest struct{ Timeout int64 } // nanoseconds; 0: the default

type ViewsResponse struct {
	AsSeenBy      string
	Digest        string
	Agree         bool
	Agents        AgentViews
	Disagreements Disagreements
	Summary       string
}

// AgentView is a survey.Agent. The figures count if it answered.
type AgentView struct {
	Name       string
	Status     string
	Answer     string
	Answered   bool
	Digest     string
	Health     int
	Alive      int
	Suspect    int
	Leaving    int
	Failed     int
	Left       int
	Uptime     float64 // seconds
	Took       float64 // milliseconds
	Incomplete bool
}

// Disagreement is a survey.Disagreement.
type Disagreement struct {
	Member string
	Here   string
	There  string
	Agents []string
}

type HistoryAllRequest struct {
	Name    string
	Timeout int64 // nanoseconds; 0: the default
}

type HistoryAllResponse struct {
	Name     string
	AsSeenBy string
	Agents   Witnesses
	Missing  []string
	Dropped  int
	Changes  Joints
	Known    bool // the rest is empty without it
}

// Witness is a history.Witness.
type Witness struct {
	Name       string
	Status     string
	Dropped    int
	ClockError float64 // milliseconds
}

// Joint is a history.Joint.
type Joint struct {
	Change    Change
	By        string
	Others    []string
	Spread    float64 // milliseconds
	Reordered bool
}

type RoundTripsRequest struct{ Timeout int64 } // nanoseconds; 0: the default

// RoundTripsResponse is a survey.RoundTrips. From, To and Micros are lists of equal length, with an
// item for each round trip: two members, by their place in Names, and how long it took.
type RoundTripsResponse struct {
	AsSeenBy string
	Answered int
	Missing  []string
	Names    []string
	From     []int
	To       []int
	Micros   []int
}

// Lists of structs, and how many each may have.
type (
	AgentViews    []AgentView
	Disagreements []Disagreement
	Witnesses     []Witness
	Joints        []Joint
)

// agentsMax is how many agents an answer can be about: as many members as a cluster can have.
const agentsMax = 1 << 20

func (AgentViews) most() int    { return agentsMax }
func (Disagreements) most() int { return agentsMax }
func (Witnesses) most() int     { return agentsMax }
func (Joints) most() int        { return history.MergedMax }
