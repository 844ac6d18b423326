// A conference, the same at every run: halls with booths, talks, and people who walk from one to the other while their phones tell where
// they are. `pintle seed apps/connect` makes a small one; `--people 1000 --locations 1000000` one of 30 days, and with
// `--days 300 --locations 10000000` ten times as long a one.
import { pick, random, uuidOf, wobble } from "./lib/chance.js";
import { booths, degrees, halls, row } from "./lib/venue.js";
import { person, title } from "./lib/words.js";

const FIRST_DAY = Date.UTC(2020, 0, 1);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** When the doors open, and for how long. */
const OPENS = 9 * HOUR;
const OPEN = 9 * HOUR;
/** How long it takes from one booth to the next. */
const WALK = 3 * MINUTE;
/** How many rows are stored at once. */
const BATCH = 5000;

const whole = (name, value, least, most) => {
  if (!Number.isInteger(value) || value < least || value > most) throw new RangeError(`${name} is a whole number from ${least} to ${most}`);
};

/** `people` come for `days`, and their phones tell `locations` together. */
export default async function* ({ people = 40, locations = 2000, days = locations < 100_000 ? 2 : 30 }) {
  whole("people", people, 2, 100_000);
  whole("locations", locations, 0, 100_000_000);
  whole("days", days, 1, 3650);
  const stops = booths();
  yield { halls: halls() };
  yield { booths: stops.map(row) };
  const stages = stops.filter(({ use }) => use === "talks");
  yield* batches("talks", talks(stages, Math.min(days, 3)));
  yield* batches("persons", function* () {
    for (let n = 0; n < people; n += 1) yield person(n);
  }());
  yield* batches("locations", told(stops, people, locations, days));
}

/** Rows in batches, without all of them in memory. */
function* batches(collection, rows) {
  let batch = [];
  for (const row of rows) {
    batch.push(row);
    if (batch.length === BATCH) {
      yield { [collection]: batch };
      batch = [];
    }
  }
  if (batch.length > 0) yield { [collection]: batch };
}

/** Every hour one on each twelfth stage. */
function* talks(stages, days) {
  let id = 0;
  for (let day = 0; day < days; day += 1) {
    for (let hour = 0; hour < 8; hour += 1) {
      for (let stage = hour; stage < stages.length; stage += 12) {
        const starts = FIRST_DAY + day * DAY + OPENS + hour * HOUR;
        const [starts_at, ends_at] = [starts, starts + 45 * MINUTE].map((time) => new Date(time).toISOString());
        yield { id: (id += 1), booth: stages[stage].id, title: title(id), starts_at, ends_at };
      }
    }
  }
}

/** What phones tell, in the order of time: each in turn, over the hours that the doors are open. */
function* told(stops, people, locations, days) {
  const chance = random(20_200_101);
  const halls = { all: stops, of: Object.groupBy(stops, ({ hall }) => hall) };
  let id = 0;
  for (let day = 0; day < days; day += 1) {
    const count = Math.floor(((day + 1) * locations) / days) - Math.floor((day * locations) / days);
    const walks = Array.from({ length: people }, () => walk(halls, chance));
    for (let n = 0; n < count; n += 1) {
      const since = Math.floor((OPEN * (n + chance())) / count);
      const who = n % people;
      const place = walks[who](since);
      place.x += 0.4 * wobble(chance);
      place.y += 0.4 * wobble(chance);
      const time = FIRST_DAY + day * DAY + OPENS + since;
      id += 1;
      yield { id: uuidOf(time, id), person_id: who + 1, ...degrees(place), creation_time: new Date(time).toISOString() };
    }
  }
}

/** Where somebody is at each time of a day, asked in the order of time: some minutes at a booth, then on to another, mostly of the same hall. */
function walk(stops, chance) {
  const begin = pick(chance, stops.all);
  const stand = ({ place }) => ({ x: place.x + 11 * wobble(chance), y: place.y + 11 * wobble(chance) });
  let stop = begin;
  let [from, to] = [stand(begin), stand(begin)];
  let [left, until] = [0, (5 + 30 * chance()) * MINUTE];
  return (time) => {
    while (time >= until) {
      stop = pick(chance, chance() < 0.7 ? stops.of[stop.hall] : stops.all);
      from = to;
      to = stand(stop);
      left = until;
      until += WALK + (5 + 30 * chance()) * MINUTE;
    }
    const part = Math.min(1, (time - left) / WALK);
    return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
  };
}
