package metrics

import (
	"serf/agent/handler"
	"serf/driver"
	"serf/swim"
	"serf/swim/serf"
)

// family is one metric: what there is to say of it, and how its samples are written.
type family struct {
	name   string
	kind   kind
	help   string
	labels string // the names of its labels, separated by spaces
	write  func(w *writer, r *reading)
}

// families are all metrics, in the order of a scrape.
var families = [...][]family{viewFamilies, trafficFamilies, workFamilies, processFamilies}

// countIf writes a sample, unless it is 0, which stands for unknown.
func (w *writer) countIf(n uint64) {
	if n > 0 {
		w.count(n)
	}
}

// viewFamilies say what this agent believes.
var viewFamilies = []family{
	{"serf_build_info", gaugeKind,
		"Which program this is; always 1.", "version commit",
		func(w *writer, r *reading) { w.count(1, "version", r.o.Version, "commit", r.o.Commit) }},
	{"serf_agent_info", gaugeKind,
		"Which member this agent is, and the label of its cluster; always 1.", "node label",
		func(w *writer, r *reading) { w.count(1, "node", r.o.Node, "label", r.o.Label) }},
	{"serf_members", gaugeKind,
		"Members that this agent lists, by the status that it gives them.", "status",
		func(w *writer, r *reading) {
			for s := serf.StatusAlive; s <= serf.StatusFailed; s++ {
				w.count(uint64(r.Members[s]), "status", s.String())
			}
		}},
	{"serf_view_digest", gaugeKind,
		"Digest of the members that are here as this agent sees it: the first 13 hex digits, " +
			"as a number. Agents that agree have equal ones.", "",
		func(w *writer, r *reading) { w.count(shortDigest(r.Node.Digest)) }},
	{"serf_health_score", gaugeKind,
		"How far this agent doubts its own probes: 0 is healthy.", "",
		func(w *writer, r *reading) { w.count(uint64(r.Node.Health)) }},
	{"serf_encryption_enabled", gaugeKind,
		"Whether this agent has a key, 1 or 0.", "",
		func(w *writer, r *reading) { w.flag(r.Node.Encrypted) }},
	{"serf_lamport_time", gaugeKind,
		"Lamport clocks: of intents about members, user events and queries.", "clock",
		func(w *writer, r *reading) {
			w.count(r.Node.MemberTime, "clock", "member")
			w.count(r.Node.EventTime, "clock", "event")
			w.count(r.Node.QueryTime, "clock", "query")
		}},
	{"serf_member_events_total", counterKind,
		"Events about members. A flap is a join within a minute of the same member's failure.",
		"event",
		func(w *writer, r *reading) {
			w.count(r.Above.Joins, "event", "join")
			w.count(r.Above.Leaves, "event", "leave")
			w.count(r.Above.Failures, "event", "failed")
			w.count(r.Above.Updates, "event", "update")
			w.count(r.Above.Reaps, "event", "reap")
			w.count(r.Above.Flaps, "event", "flap")
		}},
	{"serf_suspicions_total", counterKind,
		"Members that became suspect here, by own probes or by what others said.", "",
		func(w *writer, r *reading) { w.count(r.Membership.SuspectUpdates) }},
	{"serf_refutations_total", counterKind,
		"Accusations against this member that it refuted.", "",
		func(w *writer, r *reading) { w.count(r.Membership.Refutations) }},
	{"serf_pauses_total", counterKind,
		"Times that this process stood still, for want of a processor or because its host slept.",
		"",
		func(w *writer, r *reading) { w.count(r.Membership.Pauses) }},
	{"serf_probes_total", counterKind,
		"Probes that ended: direct and relayed had an ack, stream means that only TCP got " +
			"through, failed that nothing did; abandoned ones say nothing of their target.",
		"result",
		func(w *writer, r *reading) {
			m := &r.Membership
			answered := m.ProbesDirect + m.ProbesRelayed + m.StreamAcks
			w.count(m.ProbesDirect, "result", "direct")
			w.count(m.ProbesRelayed, "result", "relayed")
			w.count(m.StreamAcks, "result", "stream")
			w.count(m.ProbesFailed, "result", "failed")
			w.count(m.ProbesEnded-answered-m.ProbesFailed, "result", "abandoned")
		}},
	{"serf_probe_rtt_seconds", histogramKind,
		"Round trips of probes that the target answered itself.", "",
		func(w *writer, r *reading) { w.histogram(&r.Membership.RTTs, &swim.RTTBounds) }},
}

// shortDigest is the part of a digest that a float64, which is what Prometheus keeps, holds
// exactly.
func shortDigest(d serf.Digest) uint64 { return uint64(d) >> 12 }

// trafficFamilies say what came and went by network.
var trafficFamilies = []family{
	{"serf_claims_received_total", counterKind,
		"Messages about members that packets brought, news or not, by what they claim.", "type",
		func(w *writer, r *reading) {
			for s, n := range r.Membership.Claims {
				w.count(n, "type", swim.State(s).String())
			}
		}},
	{"serf_packets_total", counterKind,
		"UDP packets of gossip and probes.", "direction",
		func(w *writer, r *reading) { w.inOut(r.Membership.PacketsIn, r.Membership.PacketsOut) }},
	{"serf_packet_bytes_total", counterKind,
		"Bytes of these packets, without headers of UDP and IP.", "direction",
		func(w *writer, r *reading) { w.inOut(r.Membership.BytesIn, r.Membership.BytesOut) }},
	{"serf_send_errors_total", counterKind,
		"UDP packets that the system refused to send.", "",
		func(w *writer, r *reading) { w.count(r.Traffic.SendErrors) }},
	{"serf_streams_total", counterKind,
		"TCP connections between members: in were accepted, out were dialled.", "direction",
		func(w *writer, r *reading) {
			w.inOut(r.Traffic.StreamsAccepted, r.Traffic.StreamsDialled)
		}},
	{"serf_stream_errors_total", counterKind,
		"TCP connections between members that failed or were refused, in either direction.",
		"reason",
		func(w *writer, r *reading) {
			for f, n := range r.Traffic.StreamFailures {
				w.count(n, "reason", driver.StreamFailure(f).String())
			}
		}},
	{"serf_pushpull_duration_seconds", histogramKind,
		"Exchanges of states that this agent began and that were answered; one that finds " +
			"differences counts twice.", "",
		func(w *writer, r *reading) {
			w.histogram(&r.Traffic.PushPulls, &driver.PushPullBounds)
		}},
	{"serf_queue_messages", gaugeKind,
		"What waits: broadcasts of each kind, own user events without a time yet (backlog), " +
			"events for handlers.", "queue",
		func(w *writer, r *reading) {
			w.count(uint64(r.Queued), "queue", "membership")
			w.count(uint64(r.Node.IntentQueue), "queue", "intent")
			w.count(uint64(r.Node.EventQueue), "queue", "event")
			w.count(uint64(r.Node.QueryQueue), "queue", "query")
			w.count(uint64(r.Node.Backlog), "queue", "backlog")
			w.count(uint64(r.Handlers.Waiting), "queue", "handlers")
		}},
	{"serf_dropped_total", counterKind,
		"What was received or due and not used, by reason.", "reason",
		func(w *writer, r *reading) {
			for _, d := range drops {
				if d.reason != kernelDrops || r.Traffic.KernelDropsKnown {
					w.count(d.of(r), "reason", d.reason)
				}
			}
		}},
}

func (w *writer) inOut(in, out uint64) {
	w.count(in, "direction", "in")
	w.count(out, "direction", "out")
}

// workFamilies say what users and clients had this agent do.
var workFamilies = []family{
	{"serf_user_events_total", counterKind,
		"User events that were new here.", "",
		func(w *writer, r *reading) { w.count(r.Above.Events) }},
	{"serf_loop_turn_seconds", histogramKind,
		"Turns of the loop that does all of the agent's work on the cluster, a few inputs each.",
		"",
		func(w *writer, r *reading) { w.histogram(&r.Traffic.Turns, &driver.TurnBounds) }},
	{"serf_queries_total", counterKind,
		"Queries that were new here.", "",
		func(w *writer, r *reading) { w.count(r.Above.Queries) }},
	{"serf_rpc_connections_total", counterKind,
		"Clients that connected by RPC.", "",
		func(w *writer, r *reading) { w.count(r.rpc.Connections) }},
	{"serf_rpc_requests_total", counterKind,
		"Requests by RPC; commands that don't exist count as unknown.", "command",
		func(w *writer, r *reading) {
			if r.rpc.Requests == nil {
				return
			}
			for command, n := range r.rpc.Requests {
				w.count(n, "command", command)
			}
		}},
	{"serf_http_requests_total", counterKind,
		"Requests by HTTP.", "",
		func(w *writer, r *reading) { w.count(r.http.Requests) }},
	{"serf_http_streams", gaugeKind,
		"Streams of events by HTTP that are open.", "",
		func(w *writer, r *reading) { w.count(uint64(r.http.Streams)) }},
	{"serf_http_dropped_total", counterKind,
		"What was refused, cut off or lost by HTTP, by reason.", "reason",
		func(w *writer, r *reading) {
			if r.http.Dropped == nil {
				return
			}
			for reason, n := range r.http.Dropped {
				w.count(n, "reason", reason)
			}
		}},
	{"serf_recording", gaugeKind,
		"Whether this agent is recording what happens to it, 1 or 0.", "",
		func(w *writer, r *reading) { w.flag(r.Recording.On) }},
	{"serf_recording_bytes", gaugeKind,
		"Size of the recording, all segments together.", "",
		func(w *writer, r *reading) { w.count(uint64(r.Recording.Bytes)) }},
	{"serf_recording_inputs_total", counterKind,
		"Inputs of the node: lost are those that a slow or full disk left out.", "result",
		func(w *writer, r *reading) {
			w.count(r.Recording.Inputs, "result", "recorded")
			w.count(r.Recording.Lost, "result", "lost")
		}},
	{"serf_recording_removed_total", counterKind,
		"Segments of the recording that its limit had no room for.", "",
		func(w *writer, r *reading) { w.count(r.Recording.Removed) }},
	{"serf_handler_runs_total", counterKind,
		"Scripts that ended: failed means an exit code other than 0 or no start, timeout and " +
			"killed that the agent ended them.", "handler result",
		func(w *writer, r *reading) {
			for i := range r.shown {
				h := &r.shown[i]
				w.count(h.Runs-h.Failed, "handler", h.Handler, "result", "ok")
				w.count(h.Failed-h.TimedOut-h.Killed, "handler", h.Handler, "result", "failed")
				w.count(h.TimedOut, "handler", h.Handler, "result", "timeout")
				w.count(h.Killed, "handler", h.Handler, "result", "killed")
			}
		}},
	{"serf_handler_duration_seconds", histogramKind,
		"How long scripts took that ended.", "handler",
		func(w *writer, r *reading) {
			for i := range r.shown {
				h := &r.shown[i]
				w.histogram(&h.Took, &handler.TookBounds, "handler", h.Handler)
			}
		}},
}
