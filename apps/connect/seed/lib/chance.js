// Chance that is the same at every run.

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

/** One of a list. */
export const pick = (chance, list) => list[Math.floor(chance() * list.length)];

/** A number around 0, mostly within one, never beyond two. */
export const wobble = (chance) => chance() + chance() + chance() + chance() - 2;

/** A UUID of a time (in milliseconds) and a number: as version 7 has it, without the chance. */
export function uuidOf(time, number) {
  const hex = (value, digits) => value.toString(16).padStart(digits, "0");
  const ms = hex(time, 12);
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7000-8000-${hex(number, 12)}`;
}
