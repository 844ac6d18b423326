// Where the eye is: the middle of the screen in hexes of size 1, and how many points such a hex has.
import { hexAt, middle } from "./hex.js";

const SIZE_MIN = 0.35;
const SIZE_MAX = 64;

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

  /** Shows all of these hexes. */
  fit(hexes) {
    const all = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    for (const { x, y } of hexes) {
      const { right, down } = middle(x, y);
      if (right < all.left) all.left = right;
      if (right > all.right) all.right = right;
      if (down < all.top) all.top = down;
      if (down > all.bottom) all.bottom = down;
    }
    if (all.left === Infinity) return;
    this.right = (all.left + all.right) / 2;
    this.down = (all.top + all.bottom) / 2;
    const size = Math.min(this.width / (all.right - all.left + 4), this.height / (all.bottom - all.top + 4));
    this.size = Math.min(28, Math.max(SIZE_MIN, size));
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
