// Whom somebody met: what the API answers, by person and by stay.

/** Who was at the same place within so many milliseconds has met; others were there at another time. */
export const TOGETHER = 15 * 60_000;
/** Places of one person at one booth belong to one stay, if no more than this lies between two of them. */
const STAY = 45 * 60_000;
/** The plane and the ellipsoid differ by less than this part. */
const SLACK = 1.005;

/**
 * `answer` is what `/api/persons/{id}/connection` says of a day. Each person in it, with `stays` in the order of time, those that were there
 * at the same time first: `{ person, stays: [{ from, to, x, y, where, booth, together }], together, first }`.
 */
export function meetings(answer, subject, distance, day, venue) {
  const track = day.track(subject);
  const found = new Map();
  for (const { location, person } of answer) {
    const time = Date.parse(location.creation_time);
    const place = { time, ...venue.plane.at(Number(location.longitude), Number(location.latitude)) };
    if (!found.has(person.id)) found.set(person.id, { person, places: [] });
    const mine = met(track, place, distance);
    // From the later one's time on both were there.
    found.get(person.id).places.push({ ...place, time: Math.max(time, mine?.time ?? 0), together: Boolean(mine) });
  }
  const all = [...found.values()].map(({ person, places }) => {
    const stays = group(places.sort((a, b) => a.time - b.time), venue);
    const first = stays.find(({ together }) => together);
    return { person, stays, together: Boolean(first), first: (first ?? stays[0]).from };
  });
  return all.sort((a, b) => b.together - a.together || a.first - b.first);
}

/** The place of a track that is near another one, in space and time. */
function met(track, place, distance) {
  return track.find(({ time, x, y }) => Math.abs(time - place.time) <= TOGETHER && Math.hypot(x - place.x, y - place.y) <= distance * SLACK);
}

function group(places, venue) {
  const stays = [];
  for (const { time, x, y, together } of places) {
    const booth = venue.boothAt(x, y)?.id ?? null;
    const last = stays.at(-1);
    if (last && last.booth === booth && last.together === together && time - last.to <= STAY) last.to = time;
    else stays.push({ from: time, to: time, x, y, booth, together, where: venue.words(x, y) });
  }
  return stays;
}

/** How somebody spent the day: the hall of each part of it, and how far they walked at the least. */
export function course(track, venue) {
  const parts = [];
  let length = 0;
  track.forEach((place, index) => {
    const hall = venue.hallAt(place.x, place.y);
    const before = track[index - 1];
    if (before) length += Math.hypot(place.x - before.x, place.y - before.y);
    const last = parts.at(-1);
    if (last) last.to = place.time;
    if (!last || last.hall !== hall) parts.push({ hall, from: place.time, to: place.time });
  });
  return { parts, length };
}
