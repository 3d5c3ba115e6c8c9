// What the page knows. Whoever changes it says so by changed; what shows it is rendered soon after.

export const state = {
	agent: undefined, // v1/agent
	members: new Map(), // by name
	counts: {}, // of members by status
	seq: 0, // of the last event that the members include
	events: [], // of the timeline, oldest first
	samples: [], // figures every few seconds
	flaps: undefined, // v1/flaps
	coordinates: undefined, // v1/coordinates
	located: new Map(), // its members by name
	views: undefined, // v1/views
	asking: false, // for them
	link: { up: false, since: undefined, error: undefined, retry: undefined },
	restarted: undefined, // when the agent has
	denied: false, // a token is missing or wrong
	selected: undefined, // name of the member whose history is shown
	history: undefined, // v1/members/NAME/history
	joint: false, // whether that is, or will be, of all agents
	tag: undefined, // by which map and matrix group
};

// eventsMax bounds the timeline; an agent keeps 4,096.
export const eventsMax = 1000;

// renderGap is the least time between two renderings, in ms: a burst of events costs one.
const renderGap = 200;

const renderers = [];
const topics = new Set();
let due = false;
let last = -renderGap;

// on calls render soon after one of the topics has changed.
export const on = (names, render) => renderers.push({ names, render });

export function changed(...names) {
	for (const name of names) topics.add(name);
	if (due) return;
	due = true;
	setTimeout(
		() => (document.hidden ? renderAll() : requestAnimationFrame(renderAll)),
		Math.max(0, last + renderGap - performance.now()),
	);
}

function renderAll() {
	due = false;
	last = performance.now();
	const now = new Set(topics);
	topics.clear();
	for (const r of renderers) {
		if (r.names.some((name) => now.has(name))) r.render();
	}
}

// sortKey orders names as people count: m2 before m10.
const sortKey = (name) => name.toLowerCase().replace(/\d+/g, (d) => d.padStart(12, "0"));

export function putMember(m) {
	const old = state.members.get(m.name);
	if (old) state.counts[old.status]--;
	state.counts[m.status] = (state.counts[m.status] ?? 0) + 1;
	m.tags ??= {};
	m.key = sortKey(m.name);
	m.text = [m.name, m.addr, ...Object.entries(m.tags).map((t) => t.join("="))]
		.join("\n")
		.toLowerCase();
	state.members.set(m.name, m);
}

export function dropMember(name) {
	const old = state.members.get(name);
	if (!old) return;
	state.counts[old.status]--;
	state.members.delete(name);
}

export function setMembers(list) {
	state.members = new Map();
	state.counts = {};
	list.forEach(putMember);
}

export const tally = (status) => state.counts[status] ?? 0;
