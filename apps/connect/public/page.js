// What is shown: the venue, a day of it, a time of that day, and perhaps a person. All follows from `state`; what is new is asked for again and
// again, so that the plan follows the phones.
import { Day, DAY, isDay } from "./day.js";
import { Plan } from "./map.js";
import { meetings } from "./meetings.js";
import { filterPeople, showNow, showPeople, showPerson, showTalks } from "./panels.js";
import { Theme } from "./theme.js";
import { Tiles } from "./tiles.js";
import { Timeline } from "./timeline.js";
import { Venue } from "./venue.js";
import { clock, dateOf, longDay, many, nameOf } from "./words.js";

/** `/api/replay` answers so many rows at once. */
const PAGE = 20_000;
/** A day of more places is asked for as a whole only now and then, and in between from a while before its end on: phones may tell late. */
const WHOLE_MAX = 5_000;
const WHOLE_EVERY = 30;
const LATE_MS = 15 * 60_000;
/** Who was heard of so lately is live. */
const LIVE_MS = 10 * 60_000;
/** What is told of so much later than now is of a clock that is wrong: nobody is led there. */
const SOON_MS = 10 * 60_000;

const by = (id) => document.getElementById(id);

/** The same for some minutes, so that the browser's copy serves. */
const spanPath = () => `/api/span?until=${new Date((Math.floor(Date.now() / SOON_MS) + 2) * SOON_MS).toISOString()}`;

/** A day of a venue as it is shown. */
export class Page {
  persons = new Map();
  state = { venue: null, day: null, time: 0, chosen: null, met: null, fault: null, distance: 5, playing: false, tiles: null };
  live = false;
  #span = null;
  #seen = [];
  #asked = false;
  #now = "";
  #turns = 0;
  #question = 0;
  #turning = null;

  constructor(api, settings) {
    this.api = api;
    this.settings = settings;
    this.theme = new Theme(() => this.#rearrange());
    this.plan = new Plan(this.state, this.theme, {
      moved: () => this.redraw(),
      measured: () => this.#rearrange(),
      picked: (person) => person === this.state.chosen || this.choose(person, false),
      played: () => this.timeline.play(!this.timeline.playing),
    });
    this.timeline = new Timeline(document, this.theme, (time) => this.#moved(time));
    this.#listen();
  }

  /** Asks for all that the page begins with. */
  async begin() {
    const [persons, halls, booths, talks, span] = await Promise.all(
      ["/api/persons", "/api/halls", "/api/booths", "/api/talks", spanPath()].map((path) => this.api.get(path)),
    );
    const wanted = new URLSearchParams(location.hash.slice(1));
    this.#span = span;
    const asked = isDay(wanted.get("day") ?? "");
    const date = asked ? wanted.get("day") : dateOf(Date.parse(span.last ?? new Date()));
    this.state.venue = new Venue(halls, booths, talks, await this.#somewhere(span));
    this.state.tiles = new Tiles(this.settings.tiles, this.state.venue.plane, () => this.redraw());
    this.#know(persons);
    this.state.distance = Number(wanted.get("within")) > 0 ? Number(wanted.get("within")) : 5;
    await this.turnTo(date);
    const at = /^(\d\d):(\d\d)$/.exec(wanted.get("time") ?? "");
    const told = Date.parse(span.last ?? 0);
    if (at) this.#seek(this.state.day.from + (Number(at[1]) * 60 + Number(at[2])) * 60_000);
    else if (!asked && Date.now() - told < LIVE_MS) this.#follow(true);
    this.plan.measure();
    this.plan.fit();
    const person = this.persons.get(Number(wanted.get("person")));
    if (person) this.choose(person, false);
    this.#say();
  }

  /** Where a venue is that has neither halls nor booths: where somebody was. */
  async #somewhere({ first }) {
    if (!first) return null;
    const to = new Date(Date.parse(first) + 1000).toISOString();
    const [row] = await this.api.get(`/api/replay?from=${encodeURIComponent(first)}&to=${to}`);
    return row ? [row.longitude, row.latitude] : null;
  }

  #know(persons) {
    this.persons = new Map(persons.map((person) => [person.id, person]));
    this.theme.companies(persons);
    const sorted = [...persons].sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
    showPeople(by("people"), sorted, this.theme, (person) => this.choose(person));
    this.#filter();
  }

  /** Asks for everybody again where somebody of a day is new. */
  async #welcome(day) {
    if ([...day.tracks.keys()].some((id) => !this.persons.has(id))) this.#know(await this.api.get("/api/persons"));
  }

  /** Shows a day. */
  async turnTo(date) {
    const day = new Day(date, this.state.venue.plane);
    this.#turning = day;
    await this.#fill(day, day.from);
    await this.#welcome(day);
    // Another day was asked for meanwhile.
    if (this.#turning !== day) return;
    this.timeline.play(false);
    Object.assign(this.state, { day, met: null, fault: null });
    by("date").value = date;
    const [first, last] = [this.#span.first ?? date, this.#span.last ?? date].map((time) => time.slice(0, 10));
    Object.assign(by("date"), { min: first, max: last });
    by("earlier").disabled = date <= first;
    by("later").disabled = date >= last;
    this.#seek(day.count > 0 ? day.busiest : day.from + DAY / 2);
    if (this.state.chosen) this.#ask();
  }

  /** Asks for a day's places from a time on; says how many were new. */
  async #fill(day, since, only = false) {
    let [from, added] = [since, 0];
    for (;;) {
      const path = `/api/replay?from=${new Date(from).toISOString()}&to=${new Date(day.to).toISOString()}`;
      const rows = only ? await this.api.changed(path) : await this.api.get(path);
      if (!rows) return added;
      added += day.add(rows);
      const reached = Date.parse(rows.at(-1)?.creation_time);
      if (rows.length < PAGE || reached === from) return added;
      from = reached;
    }
  }

  /** Asks what is new. */
  async refresh() {
    const { day } = this.state;
    const span = await this.api.changed(spanPath());
    if (span) this.#span = span;
    this.#turns += 1;
    const whole = day.count < WHOLE_MAX || this.#turns % WHOLE_EVERY === 0;
    const added = await this.#fill(day, whole ? day.from : day.last - LATE_MS, true);
    if (day !== this.state.day) return;
    if (added > 0) await this.#welcome(day);
    if (this.live && this.#span.last && dateOf(Date.parse(this.#span.last)) > day.date) return this.#follow(true);
    if (added > 0) {
      this.timeline.show(day, this.state.met, this.live ? this.#latest : this.state.time);
      if (this.live) this.#moved(this.timeline.time, true);
      if (this.state.chosen) this.#ask();
    }
    by("later").disabled = day.date >= (this.#span.last ?? day.date).slice(0, 10);
    this.#say();
    this.redraw();
  }

  get #latest() {
    const { day } = this.state;
    return Math.min(day.count > 0 ? day.last : day.from, day.to - 1, Math.max(day.from, Date.now()));
  }

  /** Follows what is told, or stops it. */
  async #follow(on) {
    this.live = on;
    by("live").setAttribute("aria-pressed", String(on));
    if (!on) return;
    this.timeline.play(false);
    const today = (this.#span.last ?? this.state.day.date).slice(0, 10);
    if (this.state.day.date !== today) await this.turnTo(today);
    this.live = true;
    by("live").setAttribute("aria-pressed", "true");
    this.timeline.at(this.#latest);
    this.#moved(this.timeline.time, true);
  }

  #seek(time) {
    this.timeline.show(this.state.day, this.state.met, time);
    this.#moved(this.timeline.time);
  }

  #moved(time, live = false) {
    if (this.live && !live) this.#follow(false);
    this.state.time = time;
    this.state.playing = this.timeline.playing;
    this.#remember();
    this.redraw();
  }

  /** Chooses a person, or nobody. */
  choose(person, focus = true) {
    Object.assign(this.state, { chosen: person, met: null, fault: null });
    by("everybody").hidden = Boolean(person);
    by("person").hidden = !person;
    if (person) this.#ask();
    else this.timeline.show(this.state.day, null, this.state.time);
    this.#card();
    by("panel").scrollTop = 0;
    if (focus) (person ? by("person").querySelector("h2") : by("find")).focus({ preventScroll: true });
    this.#remember();
    this.redraw();
  }

  /** Asks whom the chosen one met on this day. */
  async #ask() {
    const { chosen, day, distance, venue } = this.state;
    this.#question += 1;
    const question = this.#question;
    let found = { met: null, fault: null };
    try {
      const ask = (what) => this.api.get(`/api/persons/${chosen.id}/${what}?start_date=${day.date}&end_date=${day.date}&distance=${distance}`);
      const [near, pairs] = await Promise.all([ask("connection"), ask("encounters")]);
      found.met = meetings(near, pairs, venue);
    } catch (error) {
      found.fault = `Whom they met is not known: ${error.message}.`;
    }
    if (question !== this.#question) return;
    Object.assign(this.state, found);
    this.timeline.show(day, found.met, this.state.time);
    this.#card();
    this.redraw();
  }

  #card() {
    const { chosen, venue } = this.state;
    if (!chosen) return;
    // Whoever stands on a part of the card stands there again when it is made anew.
    const parts = () => [...by("person").querySelectorAll("button, select, summary, h2")];
    const stood = parts().indexOf(document.activeElement);
    const open = by("person").querySelector("details")?.open;
    showPerson(by("person"), this.state, venue, this.theme, {
      back: () => this.choose(null),
      chose: (person) => this.choose(this.persons.get(person.id) ?? person),
      went: (stay) => {
        this.#seek(stay.from);
        this.plan.lookAt(stay, 5);
      },
      within: (distance) => {
        this.state.distance = distance;
        this.#remember();
        this.#ask();
      },
    });
    if (open && by("person").querySelector("details")) by("person").querySelector("details").open = true;
    if (stood >= 0) parts()[stood]?.focus({ preventScroll: true });
  }

  #filter() {
    const left = filterPeople(by("people"), by("find").value);
    by("count").textContent = many(left, "person", "people");
    by("nobody").textContent = this.persons.size > 0 ? "Nobody has this name." : "Nobody is here yet.";
    by("nobody").hidden = left > 0;
  }

  /** Draws once, when the browser does. */
  redraw() {
    if (this.#asked || !this.state.day) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      const { day, time } = this.state;
      this.#seen = [];
      for (const person of this.persons.values()) {
        const at = day.where(person.id, time);
        if (at) this.#seen.push({ person, ...at });
      }
      this.plan.draw(this.#seen);
      this.#tell();
    });
  }

  /** Says in words what is drawn: a few times a second, and aloud when it stands still. */
  #tell() {
    const { venue, time, playing } = this.state;
    const minute = Math.floor(time / 60_000);
    if (playing && minute % 2 === 1) return;
    this.#now = showNow(by("now"), venue, this.#seen, this.#now);
    const talks = [...venue.talksAt(time).keys()].join();
    if (talks !== this.talks) showTalks(by("talks"), venue, time, (booth) => this.plan.lookAt(booth, 8));
    this.talks = talks;
    clearTimeout(this.telling);
    const said = `${clock(time)}: ${many(this.#seen.length, "person", "people")}. ${this.#now}.`;
    if (!playing && !this.live) this.telling = setTimeout(() => (by("said").textContent = said), 600);
  }

  /** How fresh it is. */
  #say(late = null) {
    const { day } = this.state;
    const text = late ?? (day.count > 0 ? `${many(day.count, "place")}, last at ${clock(day.last)}` : "nobody was seen on this day");
    // It is read aloud when it is set.
    if (by("fresh").textContent !== text) by("fresh").textContent = text;
    by("fresh").classList.toggle("late", Boolean(late));
    document.title = `${longDay(day.date)} · connect`;
  }

  lost(error) {
    console.info(error);
    this.#say("no answer; trying again");
  }

  #remember() {
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => {
      const { day, time, chosen, distance } = this.state;
      const parts = { ...(this.live ? {} : { day: day.date, time: clock(time) }), ...(chosen && { person: chosen.id }), ...(distance !== 5 && { within: distance }) };
      history.replaceState(null, "", `#${new URLSearchParams(parts).toString().replaceAll("%3A", ":")}`);
    }, 300);
  }

  #rearrange() {
    this.plan.renew();
    if (!this.state.day) return;
    this.timeline.show(this.state.day, this.state.met, this.state.time);
    this.redraw();
  }

  #listen() {
    by("find").addEventListener("input", () => this.#filter());
    by("live").addEventListener("click", () => this.#follow(!this.live).catch((error) => this.lost(error)));
    const turn = (date) => this.turnTo(date).then(() => this.#say(), (error) => this.lost(error));
    const step = (days) => turn(dateOf(this.state.day.from + days * DAY));
    by("earlier").addEventListener("click", () => step(-1));
    by("later").addEventListener("click", () => step(1));
    by("date").addEventListener("change", ({ target }) => isDay(target.value) && target.validity.valid && turn(target.value));
  }
}
