// Round trips between two members by their coordinates, in ms.

const adjusted = (d, a, b) => {
	const sum = d + a.adjustment + b.adjustment;
	return sum > 0 ? sum : d;
};

// estimate is by all dimensions, as serf rtt has it.
export function estimate(a, b) {
	const squares = a.vec.reduce((sum, v, i) => sum + (v - b.vec[i]) ** 2, 0);
	return adjusted(1000 * Math.sqrt(squares) + a.height + b.height, a, b);
}

// picture is by the two dimensions of the map.
export const picture = (a, b) =>
	adjusted(Math.hypot(a.x - b.x, a.y - b.y) + a.height + b.height, a, b);
