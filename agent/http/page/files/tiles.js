import { byID, count, fill, h, plural, svg, visible } from "./dom.js";
import { askAll } from "./live.js";
import { on, state, tally } from "./state.js";
import { filterBy } from "./table.js";

export function startTiles() {
	on(["agent", "members", "views"], () => fill(byID("tiles"), tiles()));
}

const sum = (o) => Object.values(o ?? {}).reduce((n, v) => n + v, 0);
const list = (o) =>
	Object.entries(o ?? {})
		.filter(([, n]) => n > 0)
		.map(([k, v]) => `${visible(k)} ${count(v)}`)
		.join(" · ");

function tiles() {
	const a = state.agent;
	if (!a) return [];
	const s = state.samples;
	const aside = ["leaving", "left"]
		.filter(tally)
		.map((k) => `${count(tally(k))} ${k}`)
		.join(", ");
	const dropped = s
		.slice(1)
		.map((v, i) => Math.max(0, v.dropped - s[i].dropped) / ((v.time - s[i].time) / 1000));
	const rate = dropped.length
		? dropped.slice(-5).reduce((n, v) => n + v, 0) / Math.min(5, dropped.length)
		: 0;
	return [
		tile("Alive", count(tally("alive")), aside || "nobody has left", {
			series: s.map((v) => v.alive),
			click: () => filterBy("alive"),
		}),
		tile("Failed", count(tally("failed")), tally("failed") ? "show them" : "nobody", {
			bad: tally("failed") > 0,
			series: s.map((v) => v.failed),
			click: () => filterBy("failed"),
		}),
		tile(
			"Health",
			a.health ?? "–",
			a.health ? "of this agent; 0 is best" : "this agent is well",
			{ bad: a.health > 0, series: s.map((v) => v.health) },
		),
		tile("Queues", count(sum(a.queues)), list(a.queues) || "nothing waits to be sent", {
			series: s.map((v) => v.queues),
		}),
		tile(
			"Dropped",
			rate === 0
				? "0/s"
				: rate < 10
					? rate.toFixed(1) + "/s"
					: count(Math.round(rate)) + "/s",
			"messages received, not used",
			{ series: dropped },
		),
		tile(
			"Encryption",
			a.encrypted ? "on" : "off",
			a.encrypted ? "of gossip" : "anybody can read and forge",
		),
		tile("View", a.view?.digest ? visible(a.view.digest).slice(0, 8) : "–", viewNote(), {
			mono: true,
			bad: state.views?.agree === false,
			click: () => askAll().catch(() => {}),
		}),
	];
}

function viewNote() {
	if (state.asking) return "asking all agents …";
	if (!state.views) return "ask all agents";
	const others = state.views.agents.filter((g) => g.answer === "yes").length - 1;
	if (!others) return state.members.size > 1 ? "no other agent answered" : "this agent is alone";
	return state.views.agree
		? `${plural(others, "other")} ${others === 1 ? "agrees" : "agree"}`
		: "not all agree";
}

function tile(label, value, note, { bad, mono, series, click } = {}) {
	const content = [
		h("span", { class: "label" }, label),
		h("span", { class: mono ? "value mono" : "value" }, value),
		h("span", { class: "note" }, note),
		series && sparkline(series),
	];
	const kind = "tile" + (bad ? " isbad" : "");
	return click
		? h("button", { class: kind, type: "button", onclick: click }, content)
		: h("div", { class: kind }, content);
}

// sparkline draws the last minutes of a figure, without axes.
function sparkline(values) {
	const low = Math.min(...values),
		high = Math.max(...values);
	const y = (v) => (high === low ? (high ? 50 : 95) : 95 - (90 * (v - low)) / (high - low));
	const step = 100 / Math.max(values.length - 1, 1);
	const d = values
		.map((v, i) => `${i ? "H" + (i * step).toFixed(1) + "V" : "M0 "}${y(v).toFixed(1)}`)
		.join("");
	return svg(
		"svg",
		{
			class: "spark",
			viewBox: "0 0 100 100",
			preserveAspectRatio: "none",
			"aria-hidden": "true",
		},
		svg("path", { d }),
	);
}
