// A day's places: a track for each person, and where everybody is at a time of it.

const MINUTE = 60_000;
export const DAY = 1440 * MINUTE;
/** No time that the API knows is later. */
const END = Date.parse("9999-12-31T23:59:59.999Z");
/** Between places that are told farther apart than this, nobody knows where somebody was. */
const SILENT = 75 * MINUTE;
/** So long somebody is shown where they were told last. */
const LASTS = 25 * MINUTE;
const FADES = 8 * MINUTE;
/** So long before they are told elsewhere they set out. */
const WALKS = 4 * MINUTE;

export class Day {
  /** Each person's places in the order of time: `{ time, x, y }`. */
  tracks = new Map();
  first = Infinity;
  last = -Infinity;
  count = 0;

  constructor(date, plane) {
    this.date = date;
    this.from = Date.parse(`${date}T00:00:00Z`);
    this.to = Math.min(this.from + DAY, END);
    this.plane = plane;
  }

  /** Takes rows of `/api/replay`; says how many were new. */
  add(rows) {
    const before = this.count;
    for (const { person_id, longitude, latitude, creation_time } of rows) {
      const time = Date.parse(creation_time);
      if (time < this.from || time >= this.to) continue;
      if (!this.tracks.has(person_id)) this.tracks.set(person_id, []);
      const track = this.tracks.get(person_id);
      const at = after(track, time);
      const place = { time, ...this.plane.at(longitude, latitude) };
      if (at > 0 && same(track[at - 1], place)) continue;
      track.splice(at, 0, place);
      this.count += 1;
      this.first = Math.min(this.first, time);
      this.last = Math.max(this.last, time);
    }
    return this.count - before;
  }

  track(person) {
    return this.tracks.get(person) ?? [];
  }

  /** Where somebody is at a time, and how visibly (0 to 1); null where nobody knows. They stand where they were told until they
   *  have to set out for the next place. */
  where(person, time) {
    const track = this.tracks.get(person);
    if (!track) return null;
    const next = after(track, time);
    if (next === 0) return null;
    const [here, there] = [track[next - 1], track[next]];
    if (there && there.time - here.time <= SILENT) {
      const part = Math.max(0, 1 - (there.time - time) / Math.min(WALKS, there.time - here.time));
      const eased = part * part * (3 - 2 * part);
      return { x: here.x + (there.x - here.x) * eased, y: here.y + (there.y - here.y) * eased, seen: 1 };
    }
    const left = here.time + LASTS - time;
    return left > 0 ? { x: here.x, y: here.y, seen: Math.min(1, left / FADES) } : null;
  }

  /** How many places were told in each step from `from` to `to`. */
  bars(from, to, steps) {
    const counts = new Array(steps).fill(0);
    for (const track of this.tracks.values()) {
      for (const { time } of track) {
        const step = Math.floor(((time - from) / (to - from)) * steps);
        if (step >= 0 && step < steps) counts[step] += 1;
      }
    }
    return counts;
  }

  /** The whole hours around what was told: what the slider spans. */
  get hours() {
    if (this.count === 0) return [this.from + 8 * 60 * MINUTE, this.from + 18 * 60 * MINUTE];
    const hour = 60 * MINUTE;
    return [Math.floor(this.first / hour) * hour, Math.min(this.to, (Math.floor(this.last / hour) + 1) * hour)];
  }

  /** The middle of the quarter of an hour in which most was told. */
  get busiest() {
    const [from, to] = this.hours;
    const steps = Math.round((to - from) / (15 * MINUTE));
    const counts = this.bars(from, to, steps);
    return from + (counts.indexOf(Math.max(...counts)) + 0.5) * 15 * MINUTE;
  }
}

/** Whether a text names a day that there is. */
export function isDay(text) {
  const from = Date.parse(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && text >= "0001" && from <= END && new Date(from).toISOString().startsWith(text);
}

/** How many places of a track are at a time or before it. */
function after(track, time) {
  let [low, high] = [0, track.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (track[middle].time <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

const same = (a, b) => a.time === b.time && a.x === b.x && a.y === b.y;
