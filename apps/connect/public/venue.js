// Halls, booths and talks, as they lie on the plane.
import { Plane } from "./plane.js";

/** Metres from which on nobody is at a booth any more. */
const NEAR = 18;

export class Venue {
  constructor(halls, booths, talks, somewhere) {
    const [longitude, latitude] = middle(halls.flatMap(({ outline }) => corners(outline)), booths, somewhere);
    this.plane = new Plane(longitude, latitude);
    const at = ([longitude, latitude]) => this.plane.at(longitude, latitude);
    this.halls = halls.map((hall) => ({ ...hall, rings: rings(hall.outline).map((ring) => ring.map(at)) }));
    const use = new Map(halls.map(({ id, use }) => [id, use]));
    this.booths = booths.map((booth) => ({ ...booth, use: use.get(booth.hall), ...at(booth.at.coordinates) }));
    for (const hall of this.halls) {
      hall.booths = this.booths.filter((booth) => booth.hall === hall.id);
      hall.side = 0.44 * spacing(hall.booths);
      hall.box = box(hall.rings.flat());
    }
    this.talks = talks.map((talk) => ({ ...talk, starts: Date.parse(talk.starts_at), ends: Date.parse(talk.ends_at) }));
  }

  /** What the view should show: all halls, or else these places. */
  bounds(places) {
    return box([...this.halls.flatMap(({ rings }) => rings.flat()), ...this.booths, ...(this.halls.length > 0 ? [] : places)]);
  }

  hallAt(x, y) {
    return this.halls.find(({ rings }) => inside(rings, x, y)) ?? null;
  }

  /** The booth that somebody there is at, if any is near. */
  boothAt(x, y, within = NEAR) {
    const hall = this.hallAt(x, y);
    let [found, nearest] = [null, within];
    for (const booth of hall ? hall.booths : this.booths) {
      const apart = Math.hypot(booth.x - x, booth.y - y);
      if (apart < nearest) [found, nearest] = [booth, apart];
    }
    return found;
  }

  /** Where that is, in words. */
  words(x, y) {
    const parts = [this.hallAt(x, y)?.name, this.boothAt(x, y)?.name];
    return parts.filter(Boolean).join(" · ") || "on the grounds";
  }

  /** The talks at a time, by their booth. */
  talksAt(time) {
    return new Map(this.talks.filter(({ starts, ends }) => starts <= time && time < ends).map((talk) => [talk.booth, talk]));
  }
}

const rings = (outline) =>
  outline?.type === "Polygon" ? outline.coordinates : outline?.type === "MultiPolygon" ? outline.coordinates.flat() : [];
const corners = (outline) => rings(outline).flat();

function middle(corners, booths, somewhere) {
  const all = [...corners, ...booths.map(({ at }) => at.coordinates)];
  if (all.length === 0) return somewhere ?? [0, 0];
  const half = (part) => {
    const sorted = all.map((place) => place[part]).sort((a, b) => a - b);
    return (sorted[0] + sorted.at(-1)) / 2;
  };
  return [half(0), half(1)];
}

/** The box around places. */
export function box(places) {
  const all = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const { x, y } of places) {
    all.left = Math.min(all.left, x);
    all.right = Math.max(all.right, x);
    all.top = Math.min(all.top, y);
    all.bottom = Math.max(all.bottom, y);
  }
  return all;
}

/** How far booths are apart: from the first one to its nearest. */
function spacing([first, ...others]) {
  if (!first || others.length === 0) return 12;
  return Math.min(40, ...others.map(({ x, y }) => Math.hypot(x - first.x, y - first.y)));
}

/** Whether a point is inside an odd number of rings. */
function inside(rings, x, y) {
  let odd = false;
  for (const ring of rings) {
    for (let here = 0, before = ring.length - 1; here < ring.length; before = here, here += 1) {
      const [a, b] = [ring[here], ring[before]];
      if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) odd = !odd;
    }
  }
  return odd;
}
