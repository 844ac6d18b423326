// The rectangle around some tiles: one range of an index, from which a script picks what it needs.

/** The box around places that have x and y; there is at least one. */
export function boxOf(places) {
  const box = { x0: Infinity, x1: -Infinity, y0: Infinity, y1: -Infinity };
  for (const { x, y } of places) {
    if (x < box.x0) box.x0 = x;
    if (x > box.x1) box.x1 = x;
    if (y < box.y0) box.y0 = y;
    if (y > box.y1) box.y1 = y;
  }
  return box;
}

/** The box as a filter in the words of `or()`. */
export function inside({ x0, x1, y0, y1 }) {
  return `and(x.gte.${x0},x.lte.${x1},y.gte.${y0},y.lte.${y1})`;
}

/** A place as one number, for sets and maps: x and y are at most a million, and not null, which would count as 0. */
export function at({ x, y }) {
  return x * 4_000_000 + y;
}
