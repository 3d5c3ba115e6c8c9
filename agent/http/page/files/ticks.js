// niceStep is the least of 1, 2 and 5 times a power of ten that isn't below x.
export function niceStep(x) {
	const p = 10 ** Math.floor(Math.log10(x));
	return [1, 2, 5, 10].map((f) => f * p).find((v) => v >= x * (1 - 1e-9));
}
