// Where the eye is: what stands in the middle of the map, and how many points a metre has.

const SCALE_MAX = 60;

export class View {
  x = 0;
  y = 0;
  scale = 1;
  width = 1;
  height = 1;
  #least = 0.05;

  /** A place on the screen. */
  onScreen({ x, y }) {
    return { right: (x - this.x) * this.scale + this.width / 2, down: (y - this.y) * this.scale + this.height / 2 };
  }

  /** The place below a point of the screen. */
  at(right, down) {
    return { x: (right - this.width / 2) / this.scale + this.x, y: (down - this.height / 2) / this.scale + this.y };
  }

  /** Moves what is seen by so many points. */
  pan(right, down) {
    this.x -= right / this.scale;
    this.y -= down / this.scale;
  }

  /** Zooms; what is below the point stays there. */
  zoom(by, right = this.width / 2, down = this.height / 2) {
    const scale = Math.min(SCALE_MAX, Math.max(this.#least, this.scale * by));
    const [dx, dy] = [right - this.width / 2, down - this.height / 2];
    this.x += dx / this.scale - dx / scale;
    this.y += dy / this.scale - dy / scale;
    this.scale = scale;
  }

  /** Looks at a place, at least so close. */
  lookAt({ x, y }, scale) {
    [this.x, this.y, this.scale] = [x, y, Math.max(this.scale, scale)];
  }

  /** Shows all of a box, with room for what stands above and below it. */
  fit({ left, top, right, bottom }, above = 0, below = 0) {
    if (!(left <= right)) return;
    const margin = 16;
    const [width, height] = [Math.max(1, this.width - 2 * margin), Math.max(1, this.height - 2 * margin - above - below)];
    this.scale = Math.min(width / Math.max(10, right - left), height / Math.max(10, bottom - top));
    this.#least = this.scale / 4;
    this.x = (left + right) / 2;
    this.y = (top + bottom) / 2 - (above - below) / 2 / this.scale;
  }
}
