// A map below the plan, of a tile server that `settings.json` names; none, unless it does. What may be loaded is said by the content security policy.

const SIDE = 256;
const KEPT_MAX = 256;
const ZOOM_MAX = 19;

export class Tiles {
  #pictures = new Map();

  constructor(address, plane, loaded) {
    this.address = address;
    this.plane = plane;
    this.loaded = loaded;
  }

  draw(to, view) {
    if (!this.address) return;
    const zoom = this.#zoom(view.scale);
    const [from, until] = [view.at(0, 0), view.at(view.width, view.height)];
    const first = this.plane.tileAt(zoom, from.x, from.y);
    const last = this.plane.tileAt(zoom, until.x, until.y);
    for (let row = first.row; row <= last.row; row += 1) {
      for (let column = first.column; column <= last.column; column += 1) {
        const picture = this.#picture(zoom, column, row);
        if (!picture.complete || picture.naturalWidth === 0) continue;
        const tile = this.plane.tile(zoom, column, row);
        const { right, down } = view.onScreen(tile);
        const side = tile.side * view.scale;
        to.drawImage(picture, right, down, side + 0.5, side + 0.5);
      }
    }
  }

  /** The zoom whose tiles are about as large as they were made. */
  #zoom(scale) {
    const whole = this.plane.tile(0, 0, 0).side * scale;
    return Math.max(0, Math.min(ZOOM_MAX, Math.round(Math.log2(whole / SIDE))));
  }

  #picture(zoom, column, row) {
    const address = this.address.replace("{z}", zoom).replace("{x}", column).replace("{y}", row);
    if (!this.#pictures.has(address)) {
      const picture = new Image();
      picture.addEventListener("load", this.loaded);
      picture.src = address;
      this.#pictures.set(address, picture);
      if (this.#pictures.size > KEPT_MAX) this.#pictures.delete(this.#pictures.keys().next().value);
    }
    return this.#pictures.get(address);
  }
}
