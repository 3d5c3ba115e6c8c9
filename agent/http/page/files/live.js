// Keeps the state that of the agent: loads all of it, follows the events, asks for figures, and
// begins again when the agent is away or has restarted.

import { get, parseEvent, pieces, request } from "./api.js";
import { changed, dropMember, eventsMax, putMember, setMembers, state, tally } from "./state.js";

const replayed = 500; // events before the page was opened that the timeline asks for
const silence = 40_000; // ms without a heartbeat, of which one is sent every 15 s
const backoff = { first: 250, factor: 1.6, most: 10_000 }; // ms

let lastID; // of the last event in the timeline, EPOCH-SEQ
let stream = new AbortController();
let wake = () => {};

// follow never returns.
export async function follow() {
	for (let wait = backoff.first; ; wait = Math.min(wait * backoff.factor, backoff.most)) {
		try {
			stream = new AbortController();
			await load();
			await readEvents(() => {
				wait = backoff.first / backoff.factor;
			});
			throw new Error("the agent has ended the connection");
		} catch (e) {
			if (e instanceof Outdated) continue;
			setDown(e, Date.now() + wait);
		}
		await new Promise((resolve) => {
			wake = resolve;
			setTimeout(resolve, wait * (0.9 + Math.random() / 5));
		});
	}
}

// retry ends the wait for the next attempt.
export const retry = () => wake();

// Outdated: events are missing, so all has to be loaded again.
class Outdated extends Error {}

function setDown(error, retryAt) {
	const { up, since } = state.link;
	state.link = {
		up: false,
		since: up || !since ? new Date() : since,
		error: error.message,
		retry: retryAt,
	};
	changed("link");
}

function setUp() {
	if (state.link.up) return;
	state.link = { up: true };
	changed("link");
}

async function load() {
	const [agent, members] = await Promise.all([get("v1/agent"), get("v1/members")]);
	const [epoch, seq] = split(members.index);
	const before = state.agent?.epoch;
	if (before && before !== epoch) {
		state.restarted = agent.started;
		state.samples = [];
		addEvent({ time: agent.started, kind: "restart" });
	}
	if (before !== epoch) lastID = `${epoch}-${Math.max(0, seq - replayed)}`;
	state.agent = { ...agent, epoch };
	state.seq = seq;
	setMembers(members.members);
	setUp();
	changed("agent", "members", "events");
}

// readEvents follows the stream until it breaks.
async function readEvents(received) {
	const response = await request("v1/events?after=" + lastID, {
		headers: { Accept: "text/event-stream" },
		signal: stream.signal,
	});
	const stop = () => stream.abort();
	let watchdog = setTimeout(stop, silence);
	try {
		for await (const parts of pieces(response, "\n\n")) {
			clearTimeout(watchdog);
			watchdog = setTimeout(stop, silence);
			received();
			parts.map(parseEvent).forEach((e) => e && handle(e));
		}
	} finally {
		clearTimeout(watchdog);
		stream.abort();
	}
}

const split = (index) => {
	const dash = index.indexOf("-");
	return [index.slice(0, dash), Number(index.slice(dash + 1))];
};

function handle({ id, event, data }) {
	if (event === "gap") {
		lastID = data.index;
		throw new Outdated(data.reason);
	}
	const [epoch, seq] = split(id);
	if (epoch !== state.agent.epoch) throw new Outdated("epoch");
	lastID = id;
	addEvent({ time: data.time, kind: event, data });
	if (seq <= state.seq) return; // the members loaded are newer
	state.seq = seq;
	for (const m of data.members ?? []) {
		event === "member-reap" ? dropMember(m.name) : putMember(m);
	}
	if (data.members) changed("members");
	if (data.members?.some((m) => m.name === state.selected)) changed("selected");
	if (data.members) soon(pollFlaps, 500);
}

function addEvent(e) {
	state.events.push(e);
	if (state.events.length > eventsMax) state.events.splice(0, state.events.length - eventsMax);
	changed("events");
}

// soon calls f once, however often it is asked for in the meantime.
const waiting = new Map();
function soon(f, delay) {
	if (waiting.has(f)) return;
	waiting.set(
		f,
		setTimeout(() => {
			waiting.delete(f);
			f().catch(() => {});
		}, delay),
	);
}

// Figures that no event reports. Nobody looks at a hidden page, so it asks for nothing.

async function pollAgent() {
	try {
		const [agent, stats] = await Promise.all([get("v1/agent"), get("v1/stats")]);
		if (agent.epoch !== state.agent.epoch) return stream.abort();
		state.agent = agent;
		addSample(agent, stats);
		setUp();
		changed("agent");
	} catch {
		stream.abort(); // follow says why it can't connect again
	}
}

const samplesMax = 150;

function addSample(agent, stats) {
	const sum = (section) => Object.values(section ?? {}).reduce((n, v) => n + (Number(v) || 0), 0);
	state.samples.push({
		time: Date.now(),
		alive: tally("alive"),
		failed: tally("failed"),
		health: agent.health,
		queues: sum(agent.queues),
		dropped: sum(stats.dropped),
	});
	if (state.samples.length > samplesMax) state.samples.shift();
}

async function pollFlaps() {
	state.flaps = await get("v1/flaps?since=1h");
	for (const m of state.members.values()) m.changes_1h = undefined;
	for (const { name, changes } of state.flaps.members ?? []) {
		const m = state.members.get(name);
		if (m) m.changes_1h = changes;
	}
	changed("flaps", "members");
}

async function pollCoordinates() {
	state.coordinates = await get("v1/coordinates");
	state.located = new Map(state.coordinates.coordinates.map((c) => [c.name, c]));
	for (const { name, rtt_ms } of state.coordinates.coordinates) {
		const m = state.members.get(name);
		if (m) m.rtt_ms = rtt_ms;
	}
	changed("coordinates", "members");
}

// askAll asks all agents for their views, which is a query in the cluster.
export async function askAll() {
	state.asking = true;
	changed("views");
	try {
		state.views = await get("v1/views", { wait: 15_000 });
	} finally {
		state.asking = false;
		changed("views");
	}
}

const askAllMax = 200; // members of clusters whose agents are asked without a click

// every calls poll now and from time to time, one call at a time.
function every(period, poll) {
	const again = async () => {
		if (state.link.up && !document.hidden) await poll().catch(() => {}); // tried again anyway
		setTimeout(again, state.link.up ? period() : 500);
	};
	again();
}

export function poll() {
	every(() => 2000, pollAgent);
	every(() => 15_000, pollFlaps);
	every(
		() => 30_000,
		async () => state.members.size <= askAllMax && (await askAll()),
	);
	every(() => (state.members.size > 1000 ? 60_000 : 10_000), pollCoordinates);
}
