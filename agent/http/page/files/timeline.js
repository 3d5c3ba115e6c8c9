import {
	byID,
	count,
	fill,
	h,
	linkTo,
	linksTo,
	payload,
	plural,
	svg,
	visible,
	when,
} from "./dom.js";
import { on, state } from "./state.js";

const verbs = {
	"member-join": "joined",
	"member-failed": "failed",
	"member-leave": "left",
	"member-update": "changed",
	"member-reap": "removed",
};

const listed = 100; // events in the list

export function startTimeline() {
	const kinds = h(
		"select",
		{ "aria-label": "Kind of events", onchange: render },
		[
			["", "all events"],
			["member", "members"],
			["user", "user events"],
			["query", "queries"],
		].map(([v, t]) => h("option", { value: v }, t)),
	);
	const strip = h("div", { class: "strip" });
	const events = h("ol", {
		class: "events",
		tabindex: "0",
		"aria-label": "Events, newest first",
	});
	fill(
		byID("timeline"),
		h("div", { class: "bar" }, h("h2", { id: "timeline-title" }, "Timeline"), kinds),
		strip,
		events,
	);
	on(["events"], render);
	setInterval(() => document.hidden || fill(strip, drawStrip()), 30_000);

	function render() {
		fill(strip, drawStrip());
		const some = state.events
			.filter((e) => e.kind.startsWith(kinds.value))
			.slice(-listed)
			.reverse();
		fill(
			events,
			some.length
				? some.map(item)
				: h("li", { class: "note" }, "No events since this agent started."),
		);
	}
}

const item = (e) =>
	h("li", { class: "is-" + e.kind }, when(e.time), " ", h("span", {}, describe(e)));

function describe({ kind, data }) {
	if (kind === "restart") return h("b", {}, "agent restarted");
	if (kind === "user")
		return [
			"event ",
			h("b", {}, h("bdi", {}, visible(data.name))),
			data.payload_b64 ? ": " + payload(data.payload_b64) : "",
		];
	if (kind === "query")
		return [
			"query ",
			h("b", {}, h("bdi", {}, visible(data.name))),
			data.payload_b64 ? ": " + payload(data.payload_b64) : "",
		];
	return [
		linksTo(
			data.members.map((m) => m.name),
			3,
		),
		" ",
		verbs[kind] ?? visible(kind),
	];
}

const minutes = 60;

// drawStrip shows how many members failed and came in each minute of the last hour.
function drawStrip() {
	const now = Date.now();
	const bars = Array.from({ length: minutes }, () => ({ bad: 0, other: 0 }));
	for (const { time, kind, data } of state.events) {
		const ago = Math.floor((now - Date.parse(time)) / 60_000);
		const bar = bars[minutes - 1 - Math.max(ago, 0)];
		if (bar) bar[kind === "member-failed" ? "bad" : "other"] += data?.members?.length ?? 1;
	}
	const top = Math.max(...bars.map((b) => b.bad + b.other), 4);
	const height = (n) => n && Math.max(60 * Math.sqrt(n / top), 4);
	const drawing = bars.flatMap((b, i) => {
		const bad = height(b.bad),
			other = Math.min(height(b.other), 60 - bad);
		const bar = (kind, y, tall) =>
			tall > 0 && svg("rect", { class: kind, x: i * 10 + 1, width: 8, y, height: tall });
		return [bar("bad", 60 - bad, bad), bar("other", 60 - bad - other, other)];
	});
	return [
		svg(
			"svg",
			{
				viewBox: "0 0 600 60",
				preserveAspectRatio: "none",
				role: "img",
				"aria-label": "Events per minute in the last hour",
			},
			drawing,
		),
		h(
			"div",
			{ class: "ends" },
			h("span", {}, "1 h ago"),
			h(
				"span",
				{ class: "legend" },
				h("i", { class: "bad" }),
				"failed",
				h("i", { class: "other" }),
				"other events",
			),
			h("span", {}, "now"),
		),
	];
}

export function startFlaps() {
	on(["flaps", "agent"], () => {
		const { members = [], accusers = [], summary } = state.flaps ?? {};
		fill(
			byID("flaps"),
			h(
				"div",
				{ class: "bar" },
				h("h2", { id: "flaps-title" }, "Who flaps"),
				h("a", { class: "raw", href: "v1/flaps" }, "JSON"),
			),
			summary && h("p", {}, visible(summary)),
			members.length
				? flapTable(members)
				: h(
						"p",
						{ class: "note" },
						state.flaps ? "Nobody changed state in the last hour." : "No figures yet.",
					),
			accusers.length > 0 &&
				h(
					"p",
					{ class: "note" },
					"Accusations by: ",
					accusers
						.slice(0, 5)
						.map((a, i) => [
							i ? ", " : "",
							linkTo(a.name),
							` ${count(a.accusations)}`,
							a.health === undefined ? "" : ` (health ${a.health})`,
						]),
				),
		);
	});
}

const flapTable = (members) =>
	h(
		"div",
		{
			class: "scroll",
			tabindex: "0",
			role: "group",
			"aria-label": "Members that changed most",
		},
		h(
			"table",
			{},
			h(
				"thead",
				{},
				h(
					"tr",
					{},
					["Member", "Changes", "Failed", "Refuted", "Last"].map((t) =>
						h("th", { scope: "col" }, t),
					),
				),
			),
			h(
				"tbody",
				{},
				members.slice(0, 8).map((m) =>
					h(
						"tr",
						{},
						h("td", {}, linkTo(m.name)),
						[m.changes, m.failed, m.refuted].map((n) => h("td", {}, count(n ?? 0))),
						h("td", {}, m.last ? when(m.last) : ""),
					),
				),
			),
		),
	);
