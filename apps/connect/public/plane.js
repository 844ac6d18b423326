// The ground around the venue as a plane: metres to the right and down of its middle. It is the projection of web maps (Mercator), so that
// their tiles fit, scaled so that a metre at the venue is one.

const RADIUS = 6_378_137;
const radians = (degrees) => (degrees * Math.PI) / 180;
const south = (latitude) => -Math.log(Math.tan(Math.PI / 4 + radians(latitude) / 2));

export class Plane {
  #scale;
  #left;
  #top;

  constructor(longitude, latitude) {
    this.#scale = RADIUS * Math.cos(radians(latitude));
    this.#left = radians(longitude);
    this.#top = south(latitude);
  }

  /** Where a place is: `x` metres to the right, `y` down. */
  at(longitude, latitude) {
    return { x: (radians(longitude) - this.#left) * this.#scale, y: (south(latitude) - this.#top) * this.#scale };
  }

  /** A tile of a web map: its corner, and how long its side is. */
  tile(zoom, column, row) {
    const side = this.#side(zoom);
    const [left, top] = this.#corner;
    return { x: left + column * side, y: top + row * side, side };
  }

  /** The tile that a place is on. */
  tileAt(zoom, x, y) {
    const [left, top] = this.#corner;
    return { column: Math.floor((x - left) / this.#side(zoom)), row: Math.floor((y - top) / this.#side(zoom)) };
  }

  #side(zoom) {
    return (2 * Math.PI * this.#scale) / 2 ** zoom;
  }

  get #corner() {
    return [(-Math.PI - this.#left) * this.#scale, (-Math.PI - this.#top) * this.#scale];
  }
}
