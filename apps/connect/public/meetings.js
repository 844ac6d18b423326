// Whom somebody met: what the API answers, by person and by stay.

/** Places of one person at one booth belong to one stay, if no more than this lies between two of them. */
const STAY = 45 * 60_000;

/**
 * `near` is what `/api/persons/{id}/connection` says of a day, and `pairs` what `/api/persons/{id}/encounters` does: who was there within
 * 15 minutes; the others were there at another time. Each person in it, with `stays` in the order of time, those that were there
 * at the same time first: `{ person, stays: [{ from, to, x, y, where, booth, together }], together, first }`.
 */
export function meetings(near, pairs, venue) {
  // Pairs come in the order of the subject's time: the first is kept.
  const met = new Map(pairs.toReversed().map(({ subject, other }) => [other.id, Date.parse(subject.creation_time)]));
  const found = new Map();
  for (const { location, person } of near) {
    const time = Date.parse(location.creation_time);
    const place = { time, ...venue.plane.at(Number(location.longitude), Number(location.latitude)) };
    if (!found.has(person.id)) found.set(person.id, { person, places: [] });
    const mine = met.get(location.id);
    // From the later one's time on both were there.
    found.get(person.id).places.push({ ...place, time: Math.max(time, mine ?? 0), together: mine !== undefined });
  }
  const all = [...found.values()].map(({ person, places }) => {
    const stays = group(places.sort((a, b) => a.time - b.time), venue);
    const first = stays.find(({ together }) => together);
    return { person, stays, together: Boolean(first), first: (first ?? stays[0]).from };
  });
  return all.sort((a, b) => b.together - a.together || a.first - b.first);
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
