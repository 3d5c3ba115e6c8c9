import { hasToken, request, setToken } from "./api.js";
import { byID, clock, count, fill, h, linkTo, plural, span, visible, when } from "./dom.js";
import { findings } from "./findings.js";
import { follow, poll, retry } from "./live.js";
import { startMap } from "./map.js";
import { startMatrix } from "./matrix.js";
import { startMember } from "./member.js";
import { on, state, tally } from "./state.js";
import { startTable } from "./table.js";
import { startTiles } from "./tiles.js";
import { startFlaps, startTimeline } from "./timeline.js";
import { startWrite } from "./write.js";

on(["agent", "members"], () => {
	const a = state.agent;
	const failed = tally("failed");
	document.title = (failed ? `${count(failed)} failed · ` : "") + `${visible(a.name)} · serf`;
	fill(
		byID("kicker"),
		"serf ",
		visible(a.version ?? ""),
		a.label ? ` · label ${visible(a.label)}` : "",
		a.profile ? ` · profile ${visible(a.profile)}` : "",
	);
	fill(byID("title"), "Cluster as seen by ", linkTo(a.name));
	fill(
		byID("subtitle"),
		`${visible(a.addr)}:${a.port} · up ${span(a.uptime_s)} · ${plural(state.members.size, "member")} known · `,
		h("span", { id: "link" }),
	);
	renderLink();
});

function renderLink() {
	const e = byID("link");
	if (!e || !state.agent) return;
	e.className = state.link.up ? "live" : "away";
	e.textContent = state.link.up ? "live" : "not live";
}

on(["link", "agent", "denied"], renderNotices);

function renderNotices() {
	renderLink();
	const list = [];
	if (state.denied) list.push(tokenForm());
	else if (!state.link.up && state.link.since) {
		const next = Math.max(0, Math.round((state.link.retry - Date.now()) / 1000));
		list.push(
			h(
				"p",
				{ class: "alert" },
				h("b", {}, `Not reachable since ${clock(state.link.since)}. `),
				state.agent ? "What is below is from before. " : "",
				`Last attempt: ${visible(state.link.error)}; next in ${next} s. `,
				h("button", { type: "button", onclick: retry }, "Try now"),
			),
		);
	}
	if (state.restarted) {
		list.push(
			h(
				"p",
				{ class: "hint" },
				"The agent restarted at ",
				when(state.restarted),
				"; its figures began anew. ",
				h(
					"button",
					{
						type: "button",
						onclick: () => {
							state.restarted = undefined;
							renderNotices();
						},
					},
					"Dismiss",
				),
			),
		);
	}
	if (list.length || byID("notices").hasChildNodes()) fill(byID("notices"), list);
	document.body.classList.toggle("stale", !state.link.up);
}

// tokenForm asks for the token, once: while it is there it isn't made anew.
function tokenForm() {
	const there = byID("token-form");
	if (there) return there;
	const input = h("input", {
		type: "password",
		name: "token",
		autocomplete: "off",
		required: true,
		pattern: "[ -~]+", // no header can carry others
		title: "ASCII characters only",
	});
	const submit = (e) => {
		e.preventDefault();
		setToken(input.value);
		byID("token-form").remove();
		retry();
	};
	return h(
		"form",
		{ id: "token-form", class: "alert", onsubmit: submit },
		h(
			"label",
			{},
			hasToken()
				? "The agent doesn't accept this token. Another one: "
				: "The agent asks for a token (its option -http-auth): ",
			input,
		),
		" ",
		h("button", {}, "Use it"),
		h("p", { class: "note" }, "It is kept in this tab only."),
	);
}

on(["agent", "members", "flaps", "views"], () => {
	fill(
		byID("findings"),
		findings().map((f) => h("p", { class: f.level }, f.text)),
	);
});

// Links to JSON can't carry a token, so with one the page fetches what they lead to.
addEventListener("click", async (e) => {
	const a = e.target.closest?.("a.raw");
	if (!a || !hasToken() || e.defaultPrevented) return;
	e.preventDefault();
	const response = await request(a.getAttribute("href")).catch(
		(error) => new Response(error.message),
	);
	open(
		URL.createObjectURL(
			new Blob([await response.text()], {
				type: response.headers.get("Content-Type") ?? "text/plain",
			}),
		),
	);
});

fill(
	byID("footer"),
	h(
		"p",
		{},
		"Raw: ",
		["agent", "members", "flaps", "coordinates", "stats", "openapi.json"].map((p) => [
			h("a", { class: "raw", href: "v1/" + p }, p),
			" ",
		]),
		h("a", { class: "raw", href: "metrics" }, "metrics"),
	),
);

startTiles();
startTable();
startFlaps();
startTimeline();
startMember();
startMap();
startMatrix();
startWrite();
setInterval(() => state.link.up || renderNotices(), 1000);
poll();
follow();
