// The fairground: three halls and a court, drawn in metres from its middle and told in degrees.
import { stand } from "./words.js";

const MIDDLE = { longitude: 11.0817, latitude: 49.4171 };
/** Metres of a degree there. */
const DEGREE = { north: 111_220, east: 72_520 };

/** `x` and `y` are the south-west corner, in metres east and north of the middle. */
const HALLS = [
  { id: 1, name: "Hall A", use: "stands", x: -310, y: 20, width: 290, depth: 210 },
  { id: 2, name: "Hall B", use: "stands", x: 20, y: 20, width: 290, depth: 210 },
  { id: 3, name: "Forum", use: "talks", x: -310, y: -230, width: 290, depth: 210 },
  { id: 4, name: "Court", use: "food", x: 20, y: -230, width: 290, depth: 210 },
];
const COLUMNS = 12;
const ROWS = 8;

/** A place in degrees, of about a centimetre. */
export function degrees({ x, y }) {
  const round = (value) => Math.round(value * 1e7) / 1e7;
  return { longitude: round(MIDDLE.longitude + x / DEGREE.east), latitude: round(MIDDLE.latitude + y / DEGREE.north) };
}

const point = (place) => {
  const { longitude, latitude } = degrees(place);
  return { type: "Point", coordinates: [longitude, latitude] };
};

/** The halls as rows, each with its outline and its middle. */
export const halls = () =>
  HALLS.map(({ id, name, use, x, y, width, depth }) => {
    const ring = [[x, y], [x + width, y], [x + width, y + depth], [x, y + depth], [x, y]];
    const outline = { type: "Polygon", coordinates: [ring.map(([x, y]) => point({ x, y }).coordinates)] };
    return { id, name, use, outline, at: point({ x: x + width / 2, y: y + depth / 2 }) };
  });

/** What people go to, each with where it is in metres: a grid in each hall. */
export function booths() {
  const found = [];
  for (const hall of HALLS) {
    for (let n = 0; n < COLUMNS * ROWS; n += 1) {
      const id = found.length + 1;
      const place = {
        x: hall.x + (hall.width * (0.5 + (n % COLUMNS))) / COLUMNS,
        y: hall.y + (hall.depth * (0.5 + Math.floor(n / COLUMNS))) / ROWS,
      };
      const name = { stands: stand(id - 1), talks: `Stage ${n + 1}`, food: `Table ${n + 1}` }[hall.use];
      found.push({ id, hall: hall.id, use: hall.use, name, place });
    }
  }
  return found;
}

/** A booth as a row. */
export const row = ({ id, hall, name, place }) => ({ id, hall, name, at: point(place) });
