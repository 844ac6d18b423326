// What stands beside the plan: everybody, one person with whom they met, the talks, and who is where.
import { course } from "./meetings.js";
import { clock, longDay, make, many, metres, nameOf, span } from "./words.js";

const DISTANCES = [2, 5, 10, 20, 50];
/** So many stays of one person are listed; the rest is counted. */
const STAYS = 6;

const dot = (theme, company) => {
  const made = make("span", { className: "dot", "aria-hidden": "true" });
  made.style.setProperty("--hue", theme.hue(company));
  return made;
};

/** Fills the list of people; `chose` hears of one who is clicked. */
export function showPeople(list, persons, theme, chose) {
  list.replaceChildren(...persons.map((person) => {
    const button = make("button", { type: "button" }, dot(theme, person.company_name), make("span", {}, nameOf(person)), make("small", {}, person.company_name));
    button.addEventListener("click", () => chose(person));
    const line = make("li", {}, button);
    line.dataset.words = `${nameOf(person)} ${person.company_name}`.toLocaleLowerCase();
    return line;
  }));
}

/** Hides whom a text does not find; says how many are left. */
export function filterPeople(list, text) {
  const words = text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const line of list.children) {
    line.hidden = !words.every((word) => line.dataset.words.includes(word));
    if (!line.hidden) left += 1;
  }
  return left;
}

/** Fills the list of the talks that are on; `went` hears of one that is clicked. */
export function showTalks(root, venue, time, went) {
  const on = [...venue.talksAt(time).values()];
  root.hidden = venue.talks.length === 0;
  root.querySelector("#on-stage").textContent = on.length > 0 ? `(${on.length})` : "(nothing just now)";
  const booths = new Map(venue.booths.map((booth) => [booth.id, booth]));
  root.querySelector("ul").replaceChildren(...on.map((talk) => {
    const booth = booths.get(talk.booth);
    const button = make("button", { type: "button" }, make("span", {}, talk.title), make("small", {}, `${booth.name} · until ${clock(talk.ends)}`));
    button.addEventListener("click", () => went(booth));
    return make("li", {}, button);
  }));
}

/** Fills the line that says how many are in each hall. */
export function showNow(list, venue, seen, previous) {
  const counts = new Map(venue.halls.map((hall) => [hall.name, 0]));
  let outside = 0;
  for (const { x, y } of seen) {
    const hall = venue.hallAt(x, y);
    if (hall) counts.set(hall.name, counts.get(hall.name) + 1);
    else outside += 1;
  }
  if (outside > 0 || counts.size === 0) counts.set("Outside", outside);
  const text = [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
  if (text !== previous) list.replaceChildren(...[...counts].map(([name, count]) => make("li", {}, `${name} `, make("strong", {}, String(count)))));
  return text;
}

/**
 * Fills the card of a person: `met` is `null` while it is asked for, or the reason why it is not known. `heard` has what may be done with it:
 * `back()`, `chose(person)`, `went(stay, person)`, `within(distance)`.
 */
export function showPerson(root, { chosen, day, met, distance, fault }, venue, theme, heard) {
  const back = make("button", { type: "button", className: "back" }, "‹ Everybody");
  back.addEventListener("click", heard.back);
  const head = make("div", { className: "head" }, dot(theme, chosen.company_name), make("h2", { tabIndex: -1 }, nameOf(chosen)));
  root.replaceChildren(back, head, make("p", { className: "company" }, chosen.company_name), ...spent(day, day.track(chosen.id), venue), within(distance, heard.within));
  if (fault) return root.append(make("p", { className: "fault" }, fault));
  if (!met) return root.append(make("p", { className: "faint" }, "Asking whom they met…"));
  const [together, apart] = [met.filter((one) => one.together), met.filter((one) => !one.together)];
  root.append(
    make("h3", { id: "met" }, together.length > 0 ? `Met ${many(together.length, "person", "people")}` : "Met nobody"),
    make("p", { className: "faint" }, together.length > 0 ? `Within ${distance} m of each other, and within 15 minutes.` : `Nobody was within ${distance} m and 15 minutes: try a wider circle.`),
    people(together, true, theme, heard),
  );
  if (apart.length === 0) return;
  const more = make("details", {}, make("summary", {}, `Just missed ${many(apart.length, "more", "more")}`));
  more.append(make("p", { className: "faint" }, `Were within ${distance} m of where ${chosen.first_name} was that day, at another time.`), people(apart, false, theme, heard));
  root.append(more);
}

/** What somebody did that day: a stripe of halls, and figures. */
function spent(day, track, venue) {
  if (track.length === 0) return [make("p", { className: "faint" }, `Not seen on ${longDay(day.date)}.`)];
  const { parts, length } = course(track, venue);
  const [from, to] = [track[0].time, track.at(-1).time];
  const stripe = make("div", { className: "stripe", role: "img", "aria-label": parts.map((part) => `${span(part.from, part.to)} ${part.hall?.name ?? "outside"}`).join(", ") });
  for (const part of parts) {
    const piece = make("span", { title: `${span(part.from, part.to)} ${part.hall?.name ?? "outside"}` });
    piece.style.flexGrow = Math.max(1, part.to - part.from);
    piece.dataset.hall = part.hall ? venue.halls.indexOf(part.hall) % 6 : "outside";
    stripe.append(piece);
  }
  const halls = [...new Set(parts.map(({ hall }) => hall).filter(Boolean))];
  const key = make("ul", { className: "key" }, ...halls.map((hall) => {
    const line = make("li", {}, hall.name);
    line.dataset.hall = venue.halls.indexOf(hall) % 6;
    return line;
  }));
  return [
    make("p", { className: "spent" }, `${span(from, to)} · ${many(track.length, "place")} · ${metres(length)} or more`),
    stripe,
    key,
  ];
}

function within(distance, chosen) {
  const select = make("select", { id: "within" });
  const all = [...new Set([...DISTANCES, distance])].sort((a, b) => a - b);
  select.append(...all.map((metres) => make("option", { value: String(metres), selected: metres === distance }, `${metres} m`)));
  select.addEventListener("change", () => chosen(Number(select.value)));
  return make("p", { className: "within" }, make("label", { htmlFor: "within" }, "Met means within "), select);
}

function people(list, together, theme, heard) {
  return make("ul", { className: together ? "met" : "met apart" }, ...list.map(({ person, stays }) => {
    const name = make("button", { type: "button", className: "name" }, dot(theme, person.company_name), make("span", {}, nameOf(person)), make("small", {}, person.company_name));
    name.addEventListener("click", () => heard.chose(person));
    const shown = together ? stays.filter((stay) => stay.together) : stays;
    const chips = shown.slice(0, STAYS).map((stay) => {
      const chip = make("button", { type: "button", className: "stay", title: "Show it on the plan" }, make("time", {}, span(stay.from, stay.to)), ` ${stay.where}`);
      chip.addEventListener("click", () => heard.went(stay, person));
      return make("li", {}, chip);
    });
    if (shown.length > STAYS) chips.push(make("li", { className: "faint" }, `and ${many(shown.length - STAYS, "time")} more`));
    return make("li", {}, name, make("ul", { className: "stays" }, ...chips));
  }));
}
