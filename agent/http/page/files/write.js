// Fires events and asks queries, if the agent allows it (its option -http-write).

import { pieces, request } from "./api.js";
import { byID, count, fill, h, linkTo, payload, plural, visible } from "./dom.js";
import { on, state } from "./state.js";

const responsesMax = 1000; // lines

export function startWrite() {
	const card = byID("write");
	let made = false;
	on(["agent"], () => {
		card.hidden = !state.agent?.writable;
		if (card.hidden || made) return;
		made = true;
		fill(
			card,
			h("div", { class: "bar" }, h("h2", { id: "write-title" }, "Tell or ask the members")),
			h("div", { class: "forms" }, eventForm(), queryForm()),
		);
	});
}

const field = (label, props) =>
	h("label", {}, label, " ", h("input", { autocomplete: "off", ...props }));

function eventForm() {
	const result = h("p", { class: "note", role: "status" });
	const coalesce = h("input", { type: "checkbox", name: "coalesce", checked: true });
	const submit = busy(result, async (form) => {
		const name = form.get("name");
		await request(`v1/event/${encodeURIComponent(name)}?coalesce=${form.has("coalesce")}`, {
			method: "POST",
			body: form.get("payload"),
		});
		result.textContent = `Event ${visible(name)} is on its way to all members.`;
	});
	return h(
		"form",
		{ onsubmit: submit },
		field("Event", { name: "name", required: true }),
		field("Payload", { name: "payload" }),
		h("label", { class: "check" }, coalesce, " newer ones of this name may replace it"),
		h("button", {}, "Fire event"),
		result,
	);
}

function queryForm() {
	const result = h("p", { class: "note", role: "status" });
	const answers = h("ol", {
		class: "events",
		tabindex: "0",
		"aria-label": "Responses",
		hidden: true,
	});
	const submit = busy(result, async (form) => {
		fill(answers);
		answers.hidden = false;
		const ask = `v1/query/${encodeURIComponent(form.get("name"))}?ack=true&timeout=${encodeURIComponent(form.get("timeout"))}s`;
		const response = await request(ask, { method: "POST", body: form.get("payload") });
		let acks = 0,
			responses = 0;
		for await (const lines of pieces(response, "\n")) {
			for (const line of lines.filter(Boolean).map(JSON.parse)) {
				if (line.type === "ack") acks++;
				if (line.type === "response" && ++responses <= responsesMax)
					answers.append(
						h("li", {}, linkTo(line.from), ": ", payload(line.payload_b64, 1000)),
					);
			}
			result.textContent = `${plural(acks, "member")} received it, ${count(responses)} responded so far.`;
		}
		result.textContent = `${plural(acks, "member")} received it, ${count(responses)} responded.`;
	});
	return h(
		"form",
		{ onsubmit: submit },
		field("Query", { name: "name", required: true }),
		field("Payload", { name: "payload" }),
		field("Wait, in seconds", {
			name: "timeout",
			type: "number",
			min: "1",
			max: "60",
			value: "5",
		}),
		h("button", {}, "Ask"),
		result,
		answers,
	);
}

// busy makes what a form does: one request at a time, and what goes wrong is shown.
const busy = (result, send) => async (e) => {
	e.preventDefault();
	const button = e.target.querySelector("button");
	button.disabled = true;
	result.textContent = "Sending …";
	try {
		await send(new FormData(e.target));
	} catch (error) {
		result.textContent = `It didn't work: ${visible(error.message)}.`;
	}
	button.disabled = false;
};
