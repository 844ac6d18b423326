// The plan on the page: it is moved by mouse, touch and keys, and tells who or what is pointed at.
import { Painter } from "./draw.js";
import { listen } from "./gestures.js";
import { View } from "./view.js";
import { make, nameOf } from "./words.js";

/** Points from somebody's middle within which a click means them. */
const REACH = { mouse: 14, finger: 26 };
/** Room for what lies above and below the plan; on a narrow one, the buttons too. */
const ABOVE = 54;
const BELOW = 18;
const BELOW_NARROW = 44;
const NARROW = 620;

const by = (id) => document.getElementById(id);

export class Plan {
  #canvas = by("map");
  #tip = by("tip");
  #seen = [];

  /** `moved()` hears that it is to be drawn, `measured()` of another size, `picked(person or null)` of a choice, `played()` of the key for it. */
  constructor(state, theme, { moved, measured, picked, played }) {
    this.state = state;
    this.moved = moved;
    this.view = new View();
    this.painter = new Painter(this.#canvas, this.view, theme);
    listen(this.#canvas, this.view, {
      moved,
      pointed: (point) => this.#point(point),
      picked: (point, kind) => {
        const { one } = this.#under(point, kind === "mouse" ? REACH.mouse : REACH.finger);
        if (one) picked(one.person);
      },
      pressed: { 0: () => this.fit(), " ": played, Escape: () => picked(null) },
    });
    by("zoom").addEventListener("click", ({ target }) => {
      if (target.dataset.zoom === "all") this.fit();
      else if (target.dataset.zoom) this.view.zoom(target.dataset.zoom === "in" ? 1.5 : 1 / 1.5);
      moved();
    });
    new ResizeObserver(() => {
      this.measure();
      measured();
    }).observe(this.#canvas);
  }

  draw(seen) {
    this.#seen = seen;
    this.painter.draw(this.state, seen);
  }

  renew() {
    this.painter.renew();
  }

  /** Takes the size that the canvas has; what was seen stays as large a part of it. */
  measure() {
    const { width, height } = this.view;
    const points = window.devicePixelRatio || 1;
    [this.view.width, this.view.height] = [this.#canvas.clientWidth, this.#canvas.clientHeight];
    [this.#canvas.width, this.#canvas.height] = [Math.round(this.view.width * points), Math.round(this.view.height * points)];
    if (width > 1) this.view.scale *= Math.min(this.view.width / width, this.view.height / height) || 1;
    this.renew();
  }

  /** Shows the whole venue. */
  fit() {
    const { venue, day } = this.state;
    this.view.fit(venue.bounds([...day.tracks.values()].flat()), ABOVE, this.view.width < NARROW ? BELOW_NARROW : BELOW);
    this.moved();
  }

  lookAt(place, scale) {
    this.view.lookAt(place, scale);
    this.moved();
  }

  /** Who or what is at a point. */
  #under({ right, down }, reach) {
    let [found, nearest] = [null, reach];
    for (const one of this.#seen) {
      const at = this.view.onScreen(one);
      const apart = Math.hypot(at.right - right, at.down - down);
      if (apart < nearest) [found, nearest] = [one, apart];
    }
    const place = this.view.at(right, down);
    return { one: found, booth: this.state.venue.boothAt(place.x, place.y, Math.max(6, 9 / this.view.scale)) };
  }

  #point(point) {
    this.#tip.hidden = true;
    if (!point || !this.state.day) return;
    const { one, booth } = this.#under(point, REACH.mouse);
    const talk = booth && this.state.venue.talksAt(this.state.time).get(booth.id);
    const lines = one ? [nameOf(one.person), one.person.company_name] : booth ? [booth.name, talk?.title] : [];
    this.#canvas.classList.toggle("over", Boolean(one));
    if (lines.length === 0) return;
    this.#tip.replaceChildren(...lines.filter(Boolean).map((line) => make("span", {}, line)));
    this.#tip.hidden = false;
    const left = Math.min(point.right + 14, this.view.width - this.#tip.offsetWidth - 8);
    this.#tip.style.translate = `${left}px ${Math.max(4, point.down - this.#tip.offsetHeight - 8)}px`;
  }
}
