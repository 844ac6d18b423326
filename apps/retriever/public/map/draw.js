// Draws the world: close by as hexes, from afar as bitmaps with a pixel a tile, which an affine transform lays where the hexes are.
import { CORNERS, NEIGHBOURS, PER_X, PER_Y } from "./hex.js";
import { KINDS, css, drawSign, ground, isWater } from "./palette.js";

/** So many hexes are drawn as such, at the most. */
const HEXES_MAX = 24_000;
/** From these sizes on signs have their forms, things their names, towns theirs. */
const SIGNS_FROM = 7;
const NAMES_FROM = 21;
const TOWNS_FROM = 2.2;
/** Tiles on a side of a bitmap. */
const CHUNK = 1024;

export class Painter {
  /** Kinds that are not drawn. */
  hidden = new Set();
  hovered = null;
  pinned = null;

  #chunks = new Map();

  constructor(canvas, world, view) {
    this.canvas = canvas;
    this.to = canvas.getContext("2d");
    this.world = world;
    this.view = view;
  }

  /** Takes new tiles into the bitmaps. */
  add(tiles) {
    for (const tile of tiles) {
      const [left, top] = [Math.floor(tile.x / CHUNK), Math.floor(tile.y / CHUNK)];
      const name = `${left},${top}`;
      if (!this.#chunks.has(name)) this.#chunks.set(name, new Chunk(left * CHUNK, top * CHUNK));
      this.#chunks.get(name).set(tile);
    }
  }

  draw() {
    const { to, view } = this;
    const points = window.devicePixelRatio || 1;
    to.setTransform(points, 0, 0, points, 0, 0);
    to.fillStyle = "#0e141b";
    to.fillRect(0, 0, view.width, view.height);
    if (view.width * view.height < HEXES_MAX * 2.6 * view.size ** 2) this.#hexes();
    else this.#bitmaps(points);
    this.#outline(this.hovered, "rgb(255 255 255 / 75%)", 1.5);
    this.#outline(this.pinned, "#ffe08a", 2.5);
    this.#signs();
    this.#names();
  }

  /** The hexes that can be seen, row by row. */
  *#seen(margin = 1) {
    const { view } = this;
    const [first, last] = [view.hexAt(0, 0).y - margin, view.hexAt(0, view.height).y + margin];
    for (let y = first; y <= last; y += 1) {
      const down = view.onScreen(0, y).down;
      const end = view.hexAt(view.width, down).x + margin;
      for (let x = view.hexAt(0, down).x - margin; x <= end; x += 1) yield [x, y];
    }
  }

  #hexes() {
    const { to, view, world } = this;
    const batches = new Map();
    const shore = new Path2D();
    for (const [x, y] of this.#seen()) {
      const tile = world.tile(x, y);
      if (!tile) continue;
      const colour = css(ground(tile));
      if (!batches.has(colour)) batches.set(colour, new Path2D());
      const at = view.onScreen(x, y);
      hexagon(batches.get(colour), at, view.size + 0.3);
      if (view.size >= 8 && !isWater(tile.type)) this.#shoreOf(tile, at, shore);
    }
    for (const [colour, path] of batches) {
      to.fillStyle = colour;
      to.fill(path);
      if (view.size >= 13) {
        to.strokeStyle = "rgb(8 14 20 / 13%)";
        to.lineWidth = 1;
        to.stroke(path);
      }
    }
    to.strokeStyle = "rgb(236 224 188 / 75%)";
    to.lineWidth = Math.max(1, view.size / 9);
    to.lineCap = "round";
    to.stroke(shore);
  }

  /** The edges of a tile of land that water lies behind. */
  #shoreOf({ x, y }, at, path) {
    NEIGHBOURS.forEach(([dx, dy], edge) => {
      const behind = this.world.tile(x + dx, y + dy);
      if (!behind || !isWater(behind.type)) return;
      const [from, to] = [CORNERS[edge], CORNERS[(edge + 1) % 6]];
      path.moveTo(at.right + from.right * this.view.size, at.down + from.down * this.view.size);
      path.lineTo(at.right + to.right * this.view.size, at.down + to.down * this.view.size);
    });
  }

  #bitmaps(points) {
    const { to, view } = this;
    const scale = view.size * points;
    to.imageSmoothingEnabled = scale * PER_X.right < 1;
    for (const chunk of this.#chunks.values()) {
      const at = view.onScreen(chunk.left, chunk.top);
      to.setTransform(scale * PER_X.right, 0, scale * PER_Y.right, scale * PER_Y.down, at.right * points, at.down * points);
      to.drawImage(chunk.picture(), -0.5, -0.5);
    }
    to.setTransform(points, 0, 0, points, 0, 0);
  }

  #signs() {
    const { to, view, world } = this;
    const far = view.size < SIGNS_FROM;
    const few = (list) => list.filter(({ kind }) => !this.hidden.has(kind));
    const draw = ([first]) => {
      const at = view.onScreen(first[0].x, first[0].y);
      if (at.right < -20 || at.down < -20 || at.right > view.width + 20 || at.down > view.height + 20) return;
      const top = first.at(-1);
      if (!far) return this.#stack(first, at);
      if (top.kind === "object" || (top.kind === "resource" && view.size < 3)) return;
      to.fillStyle = KINDS[top.kind].colour;
      const side = top.kind === "me" || top.kind === "mate" ? Math.max(5, view.size * 1.4) : Math.max(2.5, view.size * 1.1);
      to.beginPath();
      to.arc(at.right, at.down, side / 2, 0, 2 * Math.PI);
      to.fill();
    };
    for (const list of world.standing.values()) {
      const shown = few(list);
      if (shown.length > 0) draw([shown]);
    }
  }

  /** The most important in the middle, a number where there are more. */
  #stack(list, at) {
    const { to, view } = this;
    drawSign(to, list.at(-1).kind, at.right, at.down, view.size * 0.5);
    if (list.length === 1 || view.size < 11) return;
    const [right, down, size] = [at.right + view.size * 0.5, at.down - view.size * 0.48, view.size * 0.27];
    to.beginPath();
    to.arc(right, down, size, 0, 2 * Math.PI);
    to.fillStyle = "rgb(12 18 24 / 88%)";
    to.fill();
    if (view.size < 17) return;
    to.fillStyle = "#fff";
    to.font = `600 ${size * 1.35}px system-ui, sans-serif`;
    to.textAlign = "center";
    to.textBaseline = "middle";
    to.fillText(String(list.length), right, down + size * 0.08);
  }

  #names() {
    const { view, world } = this;
    if (view.size >= NAMES_FROM) {
      for (const [x, y] of this.#seen()) {
        const top = world.on(x, y).filter(({ kind }) => !this.hidden.has(kind)).at(-1);
        if (!top || !["place", "pc", "mate", "me"].includes(top.kind)) continue;
        const at = view.onScreen(x, y);
        this.#text(top.name ?? "", at.right, at.down + view.size * 0.74, Math.min(13, view.size * 0.42), 500);
      }
    }
    if (view.size >= TOWNS_FROM && view.size < NAMES_FROM && !this.hidden.has("place")) {
      for (const town of this.towns()) {
        const at = view.onScreen(town.x, town.y);
        this.#text(town.name, at.right, at.down - Math.max(13, view.size * 3.7), Math.min(17, 11 + view.size / 3), 650);
      }
    }
  }

  /** The towns: each in the middle of its places. */
  towns() {
    const towns = new Map();
    for (const list of this.world.standing.values()) {
      for (const { kind, townName, x, y } of list) {
        if (kind !== "place" || !townName) continue;
        const town = towns.get(townName) ?? { name: townName, x: 0, y: 0, count: 0 };
        towns.set(townName, { ...town, x: town.x + x, y: town.y + y, count: town.count + 1 });
      }
    }
    return [...towns.values()].map(({ name, x, y, count }) => ({ name, x: x / count, y: y / count }));
  }

  #text(text, right, down, size, weight) {
    const { to } = this;
    to.font = `${weight} ${size}px system-ui, sans-serif`;
    to.textAlign = "center";
    to.textBaseline = "middle";
    to.lineJoin = "round";
    to.lineWidth = 3.5;
    to.strokeStyle = "rgb(12 18 24 / 80%)";
    to.strokeText(text, right, down);
    to.fillStyle = "#fbf7ea";
    to.fillText(text, right, down);
  }

  #outline(hex, colour, width) {
    if (!hex || this.view.size < 3) return;
    const path = new Path2D();
    hexagon(path, this.view.onScreen(hex.x, hex.y), this.view.size);
    this.to.strokeStyle = colour;
    this.to.lineWidth = width;
    this.to.stroke(path);
  }
}

function hexagon(path, at, size) {
  CORNERS.forEach(({ right, down }, index) => {
    path[index === 0 ? "moveTo" : "lineTo"](at.right + right * size, at.down + down * size);
  });
  path.closePath();
}

/** A square of tiles as a bitmap. */
class Chunk {
  #canvas = document.createElement("canvas");
  #pixels = new ImageData(CHUNK, CHUNK);
  #changed = true;

  constructor(left, top) {
    this.left = left;
    this.top = top;
    this.#canvas.width = CHUNK;
    this.#canvas.height = CHUNK;
  }

  set(tile) {
    const at = 4 * ((tile.y - this.top) * CHUNK + tile.x - this.left);
    this.#pixels.data.set([...ground(tile), 255], at);
    this.#changed = true;
  }

  picture() {
    if (this.#changed) this.#canvas.getContext("2d").putImageData(this.#pixels, 0, 0);
    this.#changed = false;
    return this.#canvas;
  }
}
