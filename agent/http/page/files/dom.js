// h makes an element. Texts become text nodes, so that no name or tag of a stranger is markup.
export function h(name, props, ...children) {
	const e = document.createElement(name);
	set(e, props);
	e.append(...filled(children));
	return e;
}

// svg makes an element of a drawing.
export function svg(name, props, ...children) {
	const e = document.createElementNS("http://www.w3.org/2000/svg", name);
	set(e, props);
	e.append(...filled(children));
	return e;
}

function set(e, props) {
	for (const [key, value] of Object.entries(props ?? {})) {
		if (value === undefined || value === null || value === false) continue;
		if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
		else e.setAttribute(key, value === true ? "" : value);
	}
}

const filled = (children) =>
	children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false);

// fill replaces what is in an element. Elements that are there already stay: putting them in again
// would take the focus from whoever types in them.
export const fill = (e, ...children) => {
	const next = filled(children);
	const same = next.length === e.childNodes.length && next.every((c, i) => c === e.childNodes[i]);
	if (!same) e.replaceChildren(...next);
};

export const byID = (id) => document.getElementById(id);

// visible writes characters that can't be seen, or turn the text around, as their numbers.
export const visible = (text) =>
	String(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

// nameOf shows a member's name, which may run from right to left, apart from what is around it.
export const nameOf = (name) => h("bdi", {}, name === "" ? "(no name)" : visible(name));

// linkTo leads to a member's history.
export const linkTo = (name) => h("a", { href: hashOf(name) }, nameOf(name));

export const hashOf = (name) => "#member=" + encodeURIComponent(name);

// linksTo joins links to members for a sentence, at most some of them.
export function linksTo(names, most = 4) {
	const shown = names.length > most + 1 ? names.slice(0, most) : names;
	const more = names.length - shown.length;
	return shown
		.flatMap((name, i) => [
			i === 0 ? "" : i === shown.length - 1 && !more ? " and " : ", ",
			linkTo(name),
		])
		.concat(more ? [` and ${count(more)} more`] : []);
}

export const count = (n) => n.toLocaleString("en-US");

export const plural = (n, one, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;

// digits keeps two significant digits, and all before the point.
const digits = (v) => (v >= 10 ? String(Math.round(v)) : String(Number(v.toPrecision(2))));

// ms writes milliseconds, in the unit that suits them.
export function ms(v) {
	if (v === undefined) return "–";
	if (v >= 1000) return digits(v / 1000) + " s";
	return v < 0.1 ? digits(Math.max(v, 0) * 1000) + " µs" : digits(v) + " ms";
}

const clockFormat = new Intl.DateTimeFormat("en-GB", {
	hour: "2-digit",
	minute: "2-digit",
	second: "2-digit",
});
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

// clock writes a time of day, with the date if that isn't today.
export function clock(time) {
	const t = new Date(time);
	const today = t.toDateString() === new Date().toDateString();
	return today ? clockFormat.format(t) : `${dayFormat.format(t)} ${clockFormat.format(t)}`;
}

// when is a time as an element, exact on hover.
export const when = (time) => h("time", { datetime: time, title: time }, clock(time));

// span writes a duration in seconds.
export function span(s) {
	if (s < 90) return `${Math.round(s)} s`;
	if (s < 5400) return `${Math.round(s / 60)} min`;
	return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} days`;
}

// payload shows bytes as text if they are, else as hexadecimal digits.
export function payload(base64, most = 200) {
	const bytes = Uint8Array.from(atob(base64 ?? ""), (c) => c.charCodeAt(0));
	try {
		const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
		return visible(text.length > most ? text.slice(0, most) + "…" : text);
	} catch {
		const hex = [...bytes.slice(0, 32)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
		return `${plural(bytes.length, "byte")}: ${hex}${bytes.length > 32 ? " …" : ""}`;
	}
}
