// Draws the plan with everybody on it.

/** From these scales (points a metre) on things have their names. */
const BOOTHS_FROM = 3.4;
const NAMES_FROM = 6;
/** How much of the way that somebody has just come is drawn: less of it where there are many. */
const TAIL = 5 * 60_000;
const TAIL_IN_CROWD = 2 * 60_000;
const TAIL_PARTS = 4;
const CROWD = 200;
/** Names are whatever people enter: longer ones are cut. */
const NAME_WIDTH = 180;
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

export class Painter {
  #plan = document.createElement("canvas");
  #drawn = "";

  constructor(canvas, view, theme) {
    this.canvas = canvas;
    this.to = canvas.getContext("2d");
    this.view = view;
    this.theme = theme;
  }

  /** Something of the plan itself has changed. */
  renew() {
    this.#drawn = "";
  }

  /** `seen` are who can be seen: `{ person, x, y, seen }`; `state` is the page's. */
  draw(state, seen) {
    const { to, view, theme } = this;
    const points = window.devicePixelRatio || 1;
    to.setTransform(points, 0, 0, points, 0, 0);
    to.fillStyle = theme.ground;
    to.fillRect(0, 0, view.width, view.height);
    state.tiles.draw(to, view);
    const talks = state.venue.talksAt(state.time);
    this.#planOf(state.venue, talks, points, Boolean(state.tiles.address));
    to.drawImage(this.#plan, 0, 0, view.width, view.height);
    this.#course(state);
    this.#people(state, seen);
    this.#names(state, seen);
    this.#bar();
  }

  /** Halls and booths, which are drawn anew only where they look otherwise. */
  #planOf(venue, talks, points, above) {
    const { view, theme } = this;
    const looks = [view.x, view.y, view.scale, view.width, view.height, points, theme.dark, [...talks.keys()]].join();
    if (looks === this.#drawn) return;
    this.#drawn = looks;
    this.#plan.width = Math.round(view.width * points);
    this.#plan.height = Math.round(view.height * points);
    const to = this.#plan.getContext("2d");
    to.setTransform(points, 0, 0, points, 0, 0);
    for (const hall of venue.halls) this.#hall(to, hall, above);
    for (const booth of venue.booths) this.#booth(to, booth, venue, talks.get(booth.id));
  }

  #hall(to, { name, rings, box }, above) {
    const { view, theme } = this;
    to.beginPath();
    for (const ring of rings) {
      ring.forEach((corner, index) => {
        const { right, down } = view.onScreen(corner);
        to[index === 0 ? "moveTo" : "lineTo"](right, down);
      });
      to.closePath();
    }
    to.globalAlpha = above ? 0.85 : 1;
    to.fillStyle = theme.floor;
    to.shadowColor = theme.dark ? "rgb(0 0 0 / 45%)" : "rgb(60 50 30 / 16%)";
    to.shadowBlur = 18;
    to.shadowOffsetY = 5;
    to.fill("evenodd");
    to.shadowColor = "transparent";
    to.globalAlpha = 1;
    to.lineJoin = "round";
    to.lineWidth = Math.max(1.5, Math.min(5, view.scale * 1.4));
    to.strokeStyle = theme.wall;
    to.stroke();
    const size = Math.max(12, Math.min(24, view.scale * 12));
    const { right, down } = view.onScreen({ x: box.left, y: box.top });
    to.font = `700 ${size}px ${FONT}`;
    to.textAlign = "left";
    to.textBaseline = "bottom";
    to.fillStyle = theme.faint;
    to.fillText(name, right, down - 4);
  }

  #booth(to, booth, venue, talk) {
    const { view, theme } = this;
    const { right, down } = view.onScreen(booth);
    const side = (venue.halls.find(({ id }) => id === booth.hall)?.side ?? 5) * view.scale;
    if (right < -side || down < -side || right > view.width + side || down > view.height + side) return;
    const half = side / 2;
    to.beginPath();
    if (booth.use === "talks") {
      to.arc(right, down - half * 0.35, half, 0, Math.PI);
      to.closePath();
    } else if (booth.use === "food") to.arc(right, down, half * 0.72, 0, 2 * Math.PI);
    else to.roundRect(right - half, down - half * 0.72, side, side * 0.72, Math.min(5, side * 0.14));
    to.fillStyle = { talks: theme.stage, food: theme.table }[booth.use] ?? theme.stand;
    to.fill();
    to.lineWidth = talk ? 2 : 1;
    to.strokeStyle = talk ? theme.met : theme["booth-line"];
    if (side > 5 || talk) to.stroke();
    if (view.scale < BOOTHS_FROM) return;
    const size = Math.min(13, Math.max(9.5, view.scale * 2.4));
    this.#text(to, booth.name, right, down + half + size * 0.3, size, 600, theme.faint, side * 2);
    if (talk) this.#text(to, talk.title, right, down + half + size * 1.55, size, 500, theme.met, side * 2.2);
  }

  /** Where the chosen one was on this day, and where they met others. */
  #course({ chosen, day, time, met }) {
    if (!chosen) return;
    const { to, view, theme } = this;
    const [past, future] = [new Path2D(), new Path2D()];
    const here = day.where(chosen.id, time);
    const track = day.track(chosen.id);
    track.forEach((place, index) => {
      const next = track[index + 1];
      if (!next) return;
      const [a, b] = [view.onScreen(place), view.onScreen(next)];
      const line = (path, from, to) => {
        path.moveTo(from.right, from.down);
        path.lineTo(to.right, to.down);
      };
      if (next.time <= time || !here) line(next.time <= time ? past : future, a, b);
      else if (place.time > time) line(future, a, b);
      else {
        const now = view.onScreen(here);
        line(past, a, now);
        line(future, now, b);
      }
    });
    to.lineCap = "round";
    to.strokeStyle = theme.chosen;
    to.globalAlpha = 0.35;
    to.lineWidth = 1.5;
    to.setLineDash([2, 5]);
    to.stroke(future);
    to.setLineDash([]);
    to.globalAlpha = 0.75;
    to.lineWidth = 2.5;
    to.stroke(past);
    to.fillStyle = theme.chosen;
    for (const place of track) {
      const { right, down } = view.onScreen(place);
      to.globalAlpha = place.time <= time ? 0.9 : 0.35;
      disc(to, right, down, 2.4);
    }
    to.globalAlpha = 1;
    for (const { stays } of met ?? []) {
      for (const stay of stays.filter(({ together }) => together)) {
        const { right, down } = view.onScreen(stay);
        const now = Math.abs(stay.from - time) < 12 * 60_000 || (stay.from <= time && time <= stay.to);
        to.strokeStyle = theme.met;
        to.lineWidth = now ? 3 : 1.75;
        to.globalAlpha = now ? 1 : 0.8;
        to.beginPath();
        to.arc(right, down, Math.max(now ? 12 : 8, 2.2 * view.scale), 0, 2 * Math.PI);
        to.stroke();
      }
    }
    to.globalAlpha = 1;
  }

  #people({ chosen, met, time, day, playing }, seen) {
    const { to, view, theme } = this;
    const others = new Set((met ?? []).filter(({ together }) => together).map(({ person }) => person.id));
    const size = Math.max(2.6, Math.min(8, 2.2 + view.scale * 1.4)) * (seen.length > 400 ? 0.8 : 1);
    const colour = (person) =>
      !chosen ? theme.of(person.company_name) : person.id === chosen.id ? theme.chosen : others.has(person.id) ? theme.met : theme.dim;
    if (playing) this.#tails(seen, day, time, size, colour);
    this.#crowd(seen.filter(({ person }) => person.id !== chosen?.id && !others.has(person.id)), size, chosen ? 0.6 : 1, colour);
    for (const one of seen.filter(({ person }) => others.has(person.id))) this.#dot(one, size * 1.25, theme.met);
    for (const one of seen.filter(({ person }) => person.id === chosen?.id)) {
      this.#dot(one, size * 1.5, theme.chosen);
      const { right, down } = view.onScreen(one);
      to.strokeStyle = theme.chosen;
      to.lineWidth = 2;
      to.beginPath();
      to.arc(right, down, size * 1.5 + 5, 0, 2 * Math.PI);
      to.stroke();
    }
  }

  #dot(one, size, colour) {
    const { right, down } = this.view.onScreen(one);
    this.to.globalAlpha = one.seen;
    this.to.fillStyle = this.theme.halo;
    disc(this.to, right, down, size + 1.5);
    this.to.fillStyle = colour;
    disc(this.to, right, down, size);
    this.to.globalAlpha = 1;
  }

  /** Many at once: the same colour is one path, which takes a fraction of the time. */
  #crowd(seen, size, alpha, colour) {
    const { to, view, theme } = this;
    const paths = new Map();
    const halo = new Path2D();
    for (const one of seen) {
      const { right, down } = view.onScreen(one);
      if (right < -20 || down < -20 || right > view.width + 20 || down > view.height + 20) continue;
      if (one.seen < 1) {
        this.#dot({ ...one, seen: one.seen * alpha }, size, colour(one.person));
        continue;
      }
      const path = paths.get(colour(one.person)) ?? new Path2D();
      paths.set(colour(one.person), path);
      for (const [into, reach] of [[halo, size + 1.5], [path, size]]) {
        into.moveTo(right + reach, down);
        into.arc(right, down, reach, 0, 2 * Math.PI);
      }
    }
    to.globalAlpha = alpha;
    to.fillStyle = theme.halo;
    to.fill(halo);
    for (const [fill, path] of paths) {
      to.fillStyle = fill;
      to.fill(path);
    }
    to.globalAlpha = 1;
  }

  /** The way that each has just come, while the day plays. */
  #tails(seen, day, time, size, colour) {
    const { to, view } = this;
    const paths = new Map();
    const length = seen.length > CROWD ? TAIL_IN_CROWD : TAIL;
    for (const { person, x, y } of seen) {
      const path = paths.get(colour(person)) ?? new Path2D();
      paths.set(colour(person), path);
      const now = view.onScreen({ x, y });
      path.moveTo(now.right, now.down);
      for (let part = 1; part <= TAIL_PARTS; part += 1) {
        const was = day.where(person.id, time - (length * part) / TAIL_PARTS);
        if (!was) break;
        const { right, down } = view.onScreen(was);
        path.lineTo(right, down);
      }
    }
    to.globalAlpha = seen.length > CROWD ? 0.22 : 0.35;
    to.lineWidth = Math.max(1.2, size * 0.7);
    to.lineCap = "round";
    to.lineJoin = "round";
    for (const [stroke, path] of paths) {
      to.strokeStyle = stroke;
      to.stroke(path);
    }
    to.globalAlpha = 1;
  }

  #names({ chosen, met, time }, seen) {
    const { to, view, theme } = this;
    const close = view.scale >= NAMES_FROM;
    const now = new Set();
    for (const { person, stays } of met ?? []) {
      if (stays.some((stay) => stay.together && stay.from - 12 * 60_000 < time && time < stay.to + 12 * 60_000)) now.add(person.id);
    }
    for (const { person, x, y } of seen) {
      const named = person.id === chosen?.id || now.has(person.id);
      if (!named && (!close || chosen)) continue;
      const { right, down } = view.onScreen({ x, y });
      const colour = person.id === chosen?.id ? theme.chosen : now.has(person.id) ? theme.met : theme.ink;
      this.#text(to, `${person.first_name} ${person.last_name}`, right, chosen && person.id !== chosen.id ? down + 15 : down - 27, 12.5, named ? 700 : 500, colour, NAME_WIDTH);
    }
  }

  #text(to, text, right, down, size, weight, colour, width) {
    to.font = `${weight} ${size}px ${FONT}`;
    to.textAlign = "center";
    to.textBaseline = "top";
    const fits = width ? fit(to, text, width) : text;
    to.lineJoin = "round";
    to.lineWidth = 3.5;
    to.strokeStyle = this.theme.halo;
    to.strokeText(fits, right, down);
    to.fillStyle = colour;
    to.fillText(fits, right, down);
  }

  /** How long so many metres are. */
  #bar() {
    const { to, view, theme } = this;
    const length = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].findLast((metres) => metres * view.scale <= 110) ?? 1;
    const [left, bottom, width] = [14, view.height - 14, length * view.scale];
    to.strokeStyle = theme.faint;
    to.lineWidth = 1.5;
    to.beginPath();
    to.moveTo(left, bottom - 5);
    to.lineTo(left, bottom);
    to.lineTo(left + width, bottom);
    to.lineTo(left + width, bottom - 5);
    to.stroke();
    this.#text(to, `${length} m`, left + width / 2, bottom - 17, 11, 600, theme.faint);
  }
}

function disc(to, right, down, size) {
  to.beginPath();
  to.arc(right, down, size, 0, 2 * Math.PI);
  to.fill();
}

/** A text as far as it fits. */
function fit(to, text, width) {
  if (to.measureText(text).width <= width) return text;
  let length = text.length - 1;
  while (length > 3 && to.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
  return `${text.slice(0, length).trimEnd()}…`;
}
