// What an operator should look at first, in sentences with links, worst first.

import { count, h, linksTo, linkTo, plural, visible, when } from "./dom.js";
import { state, tally } from "./state.js";

const most = 4; // sentences

// Fewer accusations or changes than these happen to healthy clusters.
const accusationsMin = 3;
const changesMin = 3;

export function findings() {
	const list = [accuser(), loss(), flapping(), failed(), disagreement(), ownHealth()].filter(Boolean);
	return list.length ? list.slice(0, most) : [calm()];
}

const finding = (level, ...text) => ({ level, text });

// accuser: most accusations come from one member, so that one is suspect rather than those it
// accuses.
function accuser() {
	const { accusations = 0, accusers = [] } = state.flaps ?? {};
	const [first] = accusers;
	if (!first || accusations < accusationsMin || first.accusations <= accusations / 2) return;
	const accused = (state.flaps.members ?? []).filter((m) => m.failed || m.refuted);
	if (accused.length < 2) return; // many accusations of one member: it flaps
	return finding("alert", h("b", {}, count(first.accusations), " of ", plural(accusations, "accusation"), " in the last hour came from ", linkTo(first.name)),
		first.health ? `, whose health score is ${first.health} (0 is best)` : "",
		first.self ? ", which is this agent: its own network or load is the likely cause." : ": look there first.");
}

// loss: a member that answers over TCP but not over UDP.
function loss() {
	const lossy = (state.flaps?.members ?? []).filter((m) => m.tcp_only > 0);
	if (!lossy.length) return;
	return finding("alert", h("b", {}, linksTo(lossy.map((m) => m.name)), lossy.length === 1 ? " answers" : " answer", " over TCP but not over UDP"),
		": packets are lost on the way. Look at firewalls, its load and its network.");
}

function flapping() {
	const flappers = (state.flaps?.members ?? []).filter((m) => m.changes >= changesMin && (m.refuted || m.failed));
	if (!flappers.length) return;
	const [worst] = flappers;
	const rest = flappers.slice(1);
	return finding("alert", h("b", {}, linkTo(worst.name), ` changed state ${plural(worst.changes, "time")} in the last hour`),
		` (${counts(worst)})`, rest.length ? [". So did ", linksTo(rest.map((m) => m.name), 3)] : "", ".");
}

const counts = ({ failed, refuted }) => [failed && `failed ${failed}×`, refuted && `refuted ${refuted}×`].filter(Boolean).join(", ");

function failed() {
	const n = tally("failed");
	if (!n) return;
	const names = [];
	for (const m of state.members.values()) if (m.status === "failed") names.push(m.name);
	names.sort((a, b) => lastChange(b) - lastChange(a));
	const last = lastChange(names[0]);
	return finding("alert", h("b", {}, linksTo(names), n === 1 ? " has failed" : " have failed"),
		last ? [n === 1 ? " at " : ", the last at ", when(new Date(last).toISOString())] : "",
		`. ${plural(state.members.size - n, "member")} of ${count(state.members.size)} ${state.members.size - n === 1 ? "hasn't" : "haven't"}.`);
}

// lastChange is when a member last failed, as far as the timeline goes, or 0.
function lastChange(name) {
	for (let i = state.events.length - 1; i >= 0; i--) {
		const e = state.events[i];
		if (e.kind === "member-failed" && e.data.members.some((m) => m.name === name)) return Date.parse(e.time);
	}
	return 0;
}

function disagreement() {
	const others = state.views?.disagree ?? [];
	if (!others.length) return;
	return finding("alert", h("b", {}, linksTo(others.map((v) => v.name)), " and this agent disagree about who is alive"), ".");
}

function ownHealth() {
	const score = state.agent?.health;
	if (!score) return;
	return finding("hint", h("b", {}, `This agent's own health score is ${score}`), " (0 is best): it misses answers or gets them late, so its view may be wrong. Compare it with another agent's page.");
}

function calm() {
	const n = tally("alive");
	const known = state.members.size - tally("left");
	const quiet = state.flaps && !(state.flaps.members ?? []).some((m) => m.failed || m.refuted);
	return finding("good", n === 1 && known === 1 ? "This agent is alone: it hasn't joined anybody." : [h("b", {}, `${n === known ? "All " : ""}${plural(n, "member")} ${n === 1 ? "is" : "are"} alive`),
		quiet ? ", and nobody was called failed in the last hour." : "."]);
}
