// The slider that replays a day, with how much was told when behind it.
import { clock, make } from "./words.js";

const MINUTE = 60_000;
const STEP = 10 * MINUTE;

/** Talks to `state` (`day`, `time`, `playing`, `live`, `met`); `moved(time)` hears of a new time, and `stopped()` of its end. */
export class Timeline {
  #from = 0;
  #to = 1;
  #frame = 0;

  constructor(root, theme, moved) {
    const by = (id) => root.querySelector(`#${id}`);
    [this.slider, this.bars, this.clock, this.button, this.speed] = ["slider", "bars", "clock", "play", "speed"].map(by);
    this.theme = theme;
    this.moved = moved;
    this.playing = false;
    this.time = 0;
    this.slider.addEventListener("input", () => this.#go(this.#from + this.slider.valueAsNumber * MINUTE));
    this.button.addEventListener("click", () => this.play(!this.playing));
  }

  /** Spans a day's hours; a live one ends now. */
  show(day, met, time) {
    [this.#from, this.#to] = day.hours;
    this.slider.min = "0";
    this.slider.max = String(Math.round((this.#to - this.#from) / MINUTE));
    this.at(time);
    this.#draw(day, met);
  }

  get range() {
    return [this.#from, this.#to];
  }

  /** Shows this time. */
  at(time) {
    this.time = Math.min(this.#to, Math.max(this.#from, time));
    this.slider.value = String((this.time - this.#from) / MINUTE);
    this.slider.setAttribute("aria-valuetext", clock(this.time));
    const part = (this.time - this.#from) / (this.#to - this.#from);
    this.slider.style.setProperty("--part", `${(100 * part).toFixed(2)}%`);
    this.clock.value = clock(this.time);
  }

  play(on) {
    this.playing = on;
    cancelAnimationFrame(this.#frame);
    this.button.setAttribute("aria-pressed", String(on));
    this.button.replaceChildren(
      make("span", { "aria-hidden": "true" }, on ? "❚❚" : "▶"),
      make("span", { className: "hidden" }, on ? "Pause" : "Play the day"),
    );
    if (on) {
      if (this.time >= this.#to - MINUTE) this.#go(this.#from);
      let before = null;
      const turn = (now) => {
        const passed = before === null ? 0 : Math.min(100, now - before);
        before = now;
        const time = this.time + passed * Number(this.speed.value);
        this.#go(time);
        if (time >= this.#to) this.play(false);
        else if (this.playing) this.#frame = requestAnimationFrame(turn);
      };
      this.#frame = requestAnimationFrame(turn);
    } else this.moved(this.time);
  }

  #go(time) {
    this.at(time);
    this.moved(this.time);
  }

  #draw(day, met) {
    const points = window.devicePixelRatio || 1;
    const [width, height] = [this.bars.clientWidth, this.bars.clientHeight];
    [this.bars.width, this.bars.height] = [Math.round(width * points), Math.round(height * points)];
    const to = this.bars.getContext("2d");
    to.setTransform(points, 0, 0, points, 0, 0);
    const inner = width - 20;
    const across = (time) => 10 + (inner * (time - this.#from)) / (this.#to - this.#from);
    const base = height - 16;
    const steps = Math.round((this.#to - this.#from) / STEP);
    const counts = day.bars(this.#from, this.#to, steps);
    const most = Math.max(1, ...counts);
    to.fillStyle = this.theme.wall;
    to.globalAlpha = 0.55;
    counts.forEach((count, step) => {
      const high = (count / most) * (base - 6);
      to.beginPath();
      to.roundRect(across(this.#from + step * STEP) + 0.5, base - high, Math.max(1, inner / steps - 1), high, 2);
      to.fill();
    });
    to.globalAlpha = 1;
    this.#met(to, met ?? [], across, base);
    to.fillStyle = this.theme.faint;
    to.font = "11px system-ui, sans-serif";
    to.textAlign = "center";
    const hours = (this.#to - this.#from) / (60 * MINUTE);
    const every = Math.max(1, Math.ceil(hours / (inner / 44)));
    for (let hour = 0; hour <= hours; hour += every) {
      const time = this.#from + hour * 60 * MINUTE;
      to.fillText(hour === hours && hours % 24 === 0 ? "24:00" : clock(time), Math.min(width - 15, Math.max(15, across(time))), height - 3);
    }
  }

  /** When the chosen one met others. */
  #met(to, met, across, base) {
    to.fillStyle = this.theme.met;
    for (const { stays } of met) {
      for (const { from, to: until, together } of stays) {
        if (!together) continue;
        to.beginPath();
        to.roundRect(across(from) - 1.5, 1, Math.max(3, across(until) - across(from)), base - 1, 1.5);
        to.fill();
      }
    }
  }
}
