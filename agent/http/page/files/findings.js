// What an operator should look at first, in sentences with links, worst first.

import { count, h, linksTo, linkTo, plural, when } from "./dom.js";
import { state, tally } from "./state.js";

const most = 4; // sentences
const accusationsMin = 3; // of which something follows: a few happen to healthy clusters

export function findings() {
	const first = culprit();
	const list = [first?.finding, loss(), flapping(first?.name), failed(), recovered(first?.name), disagreement(), ownHealth()].filter(Boolean);
	return list.length ? list.slice(0, most) : [calm()];
}

const finding = (level, ...text) => ({ level, text });

const flappers = () => state.flaps?.members ?? [];

// episodes is how often a member was called failed, or suspected and refuted that, at least.
const episodes = (m) => Math.max(m.failed ?? 0, m.refuted ?? 0);

// culprit is the member that has a part in most accusations, as accuser or accused. One that accuses
// many is itself suspect: its network or its load keeps answers from it.
function culprit() {
	const { accusations = 0, accusers = [] } = state.flaps ?? {};
	if (accusations < accusationsMin) return;
	const parts = new Map();
	for (const a of accusers) parts.set(a.name, { ...a, by: a.accusations, of: 0 });
	for (const m of flappers()) parts.set(m.name, { by: 0, ...parts.get(m.name), name: m.name, changed: m, of: episodes(m) });
	const [first, second] = [...parts.values()].sort((a, b) => b.by + b.of - a.by - a.of);
	const part = first.by + first.of;
	if (part <= accusations / 2 || second && part < 1.5 * (second.by + second.of)) return;
	const text = first.by < first.of
		? [changes(first.changed), first.by ? `, and accused others ${plural(first.by, "time")}` : "", ": look there first."]
		: [h("b", {}, `${count(first.by)} of ${plural(accusations, "accusation")} in the last hour came from `, linkTo(first.name)),
			first.health ? `, whose health score is ${first.health} (0 is best)` : "",
			first.of ? `, which was itself accused ${plural(first.of, "time")}` : "",
			first.self ? ". That is this agent: its own network or load is the likely cause." : ": look there first."];
	return { name: first.name, finding: finding("alert", text) };
}

const changes = (m) => [h("b", {}, linkTo(m.name), ` changed state ${plural(m.changes, "time")} in the last hour`),
	` (${[m.failed && `failed ${m.failed}×`, m.refuted && `refuted ${m.refuted}×`].filter(Boolean).join(", ")})`];

// loss: a member that answers over TCP but not over UDP.
function loss() {
	const names = flappers().filter((m) => m.tcp_only > 0).map((m) => m.name);
	if (!names.length) return;
	return finding("alert", h("b", {}, linksTo(names), names.length === 1 ? " answers" : " answer", " over TCP but not over UDP"),
		": packets are lost on the way. Look at firewalls, its load and its network.");
}

function flapping(but) {
	const [worst, ...rest] = flappers().filter((m) => episodes(m) > 1 && m.name !== but);
	if (!worst) return;
	return finding("alert", changes(worst), rest.length ? [". So did ", linksTo(rest.map((m) => m.name), 3)] : "", ".");
}

function failed() {
	const n = tally("failed"), others = state.members.size - n;
	if (!n) return;
	const names = [];
	for (const m of state.members.values()) if (m.status === "failed") names.push(m.name);
	const last = lastFailures();
	const time = (name) => last.get(name) ?? "";
	names.sort((a, b) => time(a) < time(b) ? 1 : -1);
	return finding("alert", h("b", {}, linksTo(names), n === 1 ? " has failed" : " have failed"),
		time(names[0]) && [n === 1 ? " at " : ", the last at ", when(time(names[0]))],
		`. ${plural(others, "member")} of ${count(state.members.size)} ${others === 1 ? "hasn't" : "haven't"}.`);
}

// lastFailures is when each member last failed, as far as the timeline goes.
function lastFailures() {
	const last = new Map();
	for (const { kind, time, data } of state.events) {
		if (kind === "member-failed") data.members.forEach((m) => last.set(m.name, time));
	}
	return last;
}

function recovered(but) {
	const names = flappers().filter((m) => episodes(m) === 1 && m.name !== but && state.members.get(m.name)?.status === "alive").map((m) => m.name);
	if (!names.length) return;
	return finding("hint", h("b", {}, linksTo(names), names.length === 1 ? " was" : " were", " suspected or called failed in the last hour"), ", and came back.");
}

function disagreement() {
	const names = (state.views?.disagree ?? []).map((v) => v.name);
	if (!names.length) return;
	return finding("alert", h("b", {}, linksTo(names), " and this agent disagree about who is alive"), ".");
}

function ownHealth() {
	const score = state.agent?.health;
	if (!score) return;
	return finding("hint", h("b", {}, `This agent's own health score is ${score}`), " (0 is best): it misses answers or gets them late, so its view may be wrong. Compare it with another agent's page.");
}

function calm() {
	const n = tally("alive"), known = state.members.size - tally("left");
	if (known === 1) return finding("good", "This agent is alone: it knows no other member.");
	return finding("good", h("b", {}, `${n === known ? "All " : ""}${plural(n, "member")} are alive`),
		state.flaps ? ", and nobody was suspected or called failed in the last hour." : ".");
}
