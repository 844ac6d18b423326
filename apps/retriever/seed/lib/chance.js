// Chance that is the same at every run, and the geometry of hexes.

/** Numbers from 0 to below 1, in an order that the seed tells (mulberry32). */
export function random(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A number from 0 to below 1 for a point. */
export function hash(x, y, seed) {
  return random(Math.imul(x, 374_761_393) ^ Math.imul(y, 668_265_263) ^ Math.imul(seed, 1_274_126_177))();
}

/** Noise from 0 to 1 whose hills are some `size` wide. */
function noise(x, y, size, seed) {
  const [left, top] = [Math.floor(x / size), Math.floor(y / size)];
  const ease = (part) => part * part * (3 - 2 * part);
  const [right, down] = [ease(x / size - left), ease(y / size - top)];
  const mix = (a, b, part) => a + (b - a) * part;
  return mix(
    mix(hash(left, top, seed), hash(left + 1, top, seed), right),
    mix(hash(left, top + 1, seed), hash(left + 1, top + 1, seed), right),
    down,
  );
}

/** Noise with smaller hills on its hills. */
export function fbm(x, y, size, seed) {
  const [hills, smaller, smallest] = [1, 2, 4].map((part) => noise(x, y, size / part, seed + 50 * part));
  return 0.52 * hills + 0.3 * smaller + 0.18 * smallest;
}

/** Steps from one hex to another. */
export function distance(a, b) {
  const [dx, dy] = [a.x - b.x, a.y - b.y];
  return (Math.abs(dx) + Math.abs(dy) + Math.abs(dx + dy)) / 2;
}

/** The hexes within so many steps. */
export function* within({ x, y }, steps) {
  for (let dx = -steps; dx <= steps; dx += 1) {
    for (let dy = Math.max(-steps, -dx - steps); dy <= Math.min(steps, -dx + steps); dy += 1) yield { x: x + dx, y: y + dy };
  }
}

/** The hexes on the way from one to another. */
export function* line(from, to) {
  const steps = distance(from, to);
  for (let step = 0; step <= steps; step += 1) {
    const part = steps === 0 ? 0 : step / steps;
    yield nearest(from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part);
  }
}

/** The hex that a point lies in. */
function nearest(x, y) {
  let [column, row] = [Math.round(x), Math.round(y)];
  const third = Math.round(-x - y);
  const off = [Math.abs(column - x), Math.abs(row - y), Math.abs(third + x + y)];
  if (off[0] > off[1] && off[0] > off[2]) column = -row - third;
  else if (off[1] > off[2]) row = -column - third;
  return { x: column, y: row };
}
