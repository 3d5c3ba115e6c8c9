// Requests to the agent that serves this page. There are no others.

import { changed, state } from "./state.js";

const tokenKey = "serf-token"; // of sessionStorage: forgotten with the tab

// patience is how long, in ms, an answer may take to begin. A paused agent still accepts
// connections.
const patience = 5000;

export const hasToken = () => sessionStorage.getItem(tokenKey) !== null;

export function setToken(token) {
	sessionStorage.setItem(tokenKey, token);
	state.denied = false;
	changed("denied");
}

// request returns the response, whose body may still be on its way, or throws a sentence.
export async function request(path, { wait = patience, ...options } = {}) {
	const headers = { ...options.headers };
	if (hasToken()) headers.Authorization = "Bearer " + sessionStorage.getItem(tokenKey);
	const slow = new AbortController();
	const timer = setTimeout(() => slow.abort(), wait);
	const signal = options.signal ? AbortSignal.any([options.signal, slow.signal]) : slow.signal;
	let response;
	try {
		response = await fetch(path, { ...options, headers, signal, cache: "no-store" });
	} catch (e) {
		throw slow.signal.aborted
			? new Error(`no answer within ${wait / 1000} s`)
			: new Error("no connection", { cause: e });
	} finally {
		clearTimeout(timer);
	}
	if (response.ok) return response;
	if (response.status === 401) {
		state.denied = true;
		changed("denied");
	}
	const { error } = await response.json().catch(() => ({}));
	throw new Error(error ?? `${response.status} ${response.statusText}`);
}

export const get = async (path, options) => (await request(path, options)).json();

// pieces yields the text of a response as it arrives, in parts that end with the separator.
export async function* pieces(response, separator) {
	const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "";
	try {
		for (;;) {
			const { value, done } = await reader.read();
			if (done) return;
			const parts = (rest + value).split(separator);
			rest = parts.pop();
			yield parts;
		}
	} finally {
		reader.cancel().catch(() => {});
	}
}

// parseEvent reads one server-sent event; undefined for a heartbeat.
export function parseEvent(text) {
	const event = {};
	for (const line of text.split("\n")) {
		const colon = line.indexOf(":");
		if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
	}
	return event.data === undefined ? undefined : { ...event, data: JSON.parse(event.data) };
}
