// Hexes with their corner up. (x, y) are axial: a step is (1, 0), (0, 1), (1, -1) or one of these backwards.

const ROOT = Math.sqrt(3);

/** The middle of a hex, for hexes of size 1 (from the middle to a corner). */
export const middle = (x, y) => ({ right: ROOT * (x + y / 2), down: 1.5 * y });

/** The hex that a point lies in. */
export function hexAt(right, down) {
  const y = down / 1.5;
  const x = right / ROOT - y / 2;
  let [column, row] = [Math.round(x), Math.round(y)];
  const third = Math.round(-x - y);
  const [a, b, c] = [Math.abs(column - x), Math.abs(row - y), Math.abs(third + x + y)];
  if (a > b && a > c) column = -row - third;
  else if (b > c) row = -column - third;
  return { x: column, y: row };
}

/** Steps from one hex to another. */
export function distance(a, b) {
  const [dx, dy] = [a.x - b.x, a.y - b.y];
  return (Math.abs(dx) + Math.abs(dy) + Math.abs(dx + dy)) / 2;
}

/** The corners of a hex of size 1, from the upper right one on, clockwise. */
export const CORNERS = [-30, 30, 90, 150, 210, 270].map((degrees) => {
  const angle = (degrees * Math.PI) / 180;
  return { right: Math.cos(angle), down: Math.sin(angle) };
});

/** The neighbour behind each edge; edge i goes from corner i to corner i + 1. */
export const NEIGHBOURS = [[1, 0], [0, 1], [-1, 1], [-1, 0], [0, -1], [1, -1]];

/** What one unit of x and of y is in points, for hexes of size 1: the map of a bitmap with a pixel a tile. */
export const PER_X = { right: ROOT, down: 0 };
export const PER_Y = { right: ROOT / 2, down: 1.5 };
