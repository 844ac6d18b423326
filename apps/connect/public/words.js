// Times and counts as people read them. The venue's days are days of UTC, as the API's are.

const HOURS = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const DAYS = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });

export const clock = (time) => HOURS.format(time);
export const longDay = (date) => DAYS.format(Date.parse(`${date}T00:00:00Z`));
export const dateOf = (time) => new Date(time).toISOString().slice(0, 10);
export const span = (from, to) => (clock(from) === clock(to) ? clock(from) : `${clock(from)}–${clock(to)}`);
export const many = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
export const nameOf = ({ first_name, last_name }) => `${first_name} ${last_name}`;

/** A distance as people say it. */
export const metres = (length) => (length < 1000 ? `${Math.round(length)} m` : `${(length / 1000).toFixed(1)} km`);

/** An element with its children: texts, or other elements. Texts stay texts, whatever stands in them: names come from everywhere. */
export function make(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
