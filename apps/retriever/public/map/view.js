// Where the eye is: the middle of the screen in hexes of size 1, and how many points such a hex has.
import { hexAt, middle } from "./hex.js";

const SIZE_MIN = 0.35;
const SIZE_MAX = 64;
/** The biggest when all is shown, and what is looked at where all is too much. */
const SIZE_FIT = 28;
const SIZE_LOST = 6;
/** What share of the hexes may lie far off at each end. */
const FAR = 0.025;

export class View {
  right = 0;
  down = 0;
  size = 12;
  width = 1;
  height = 1;

  /** A hex's middle on the screen. */
  onScreen(x, y) {
    const { right, down } = middle(x, y);
    return { right: (right - this.right) * this.size + this.width / 2, down: (down - this.down) * this.size + this.height / 2 };
  }

  /** The hex below a point of the screen. */
  hexAt(right, down) {
    return hexAt((right - this.width / 2) / this.size + this.right, (down - this.height / 2) / this.size + this.down);
  }

  /** Moves what is seen by so many points. */
  pan(right, down) {
    this.right -= right / this.size;
    this.down -= down / this.size;
  }

  /** Zooms; what is below the point stays there. */
  zoom(by, right = this.width / 2, down = this.height / 2) {
    const size = Math.min(SIZE_MAX, Math.max(SIZE_MIN, this.size * by));
    const [dx, dy] = [right - this.width / 2, down - this.height / 2];
    this.right += dx / this.size - dx / size;
    this.down += dy / this.size - dy / size;
    this.size = size;
  }

  /** Looks at a hex, at least so close. */
  lookAt(x, y, size = this.size) {
    ({ right: this.right, down: this.down } = middle(x, y));
    this.size = Math.min(SIZE_MAX, Math.max(this.size, size));
  }

  /** Shows all of these hexes, but for a few that lie far from the rest. Where they cannot be seen at once, it looks `home`. */
  fit(hexes, home) {
    const all = Array.from(hexes, ({ x, y }) => middle(x, y));
    if (all.length === 0) return;
    const places = ["right", "down"].map((part) => Float64Array.from(all, (hex) => hex[part]).sort());
    const boxes = [0, FAR].map((share) => this.#box(places, share));
    const box = boxes[1].size > 2 * boxes[0].size ? boxes[1] : boxes[0];
    if (box.size >= SIZE_MIN) return Object.assign(this, { ...box, size: Math.min(SIZE_FIT, box.size) });
    Object.assign(this, home ? middle(home.x, home.y) : all[Math.floor(all.length / 2)], { size: SIZE_LOST });
  }

  /** The middle of what lies between the ends of these places, without this share of each, and how big a hex is when all of it is seen. */
  #box([right, down], share) {
    const ends = (places) => [share, 1 - share].map((part) => places[Math.round(part * (places.length - 1))]);
    const [[left, end], [top, bottom]] = [ends(right), ends(down)];
    const size = Math.min(this.width / (end - left + 4), this.height / (bottom - top + 4));
    return { right: (left + end) / 2, down: (top + bottom) / 2, size };
  }

  /** As a link's end: `#x,y,size`. */
  toHash() {
    const { x, y } = hexAt(this.right, this.down);
    return `#${x},${y},${Number(this.size.toPrecision(3))}`;
  }

  /** Takes what `toHash` made. */
  fromHash(hash) {
    const found = /^#(-?\d+),(-?\d+),(\d+(?:\.\d+)?)$/.exec(hash);
    if (!found) return false;
    const [x, y, size] = found.slice(1).map(Number);
    this.size = SIZE_MIN;
    this.lookAt(x, y, size);
    return true;
  }
}
