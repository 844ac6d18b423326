// What stands beside the map: the legend and the card of a tile. Texts are set as texts: names come from everywhere.
import { distance } from "./hex.js";
import { KINDS, drawSign, plain } from "./palette.js";

/** An element with its children: texts, or other elements. */
function make(name, attributes, ...children) {
  const made = document.createElement(name);
  Object.assign(made, attributes);
  made.append(...children);
  return made;
}

/** A little picture of a kind's sign, or of a terrain. */
function picture(draw) {
  const canvas = make("canvas", { width: 40, height: 40 });
  canvas.setAttribute("aria-hidden", "true");
  draw(canvas.getContext("2d"));
  return canvas;
}

const sign = (kind) => picture((to) => drawSign(to, kind, 20, 20, 15));

const swatch = (type) => picture((to) => {
  to.fillStyle = plain(type);
  to.beginPath();
  to.roundRect(5, 5, 30, 30, 7);
  to.fill();
});

/** Fills the legend; `toggled` hears of a kind that is to be shown or not. */
export function showLegend(kinds, terrains, world, hidden, toggled) {
  const counts = { kind: new Map(), type: new Map() };
  const count = (of, name) => counts[of].set(name, (counts[of].get(name) ?? 0) + 1);
  for (const list of world.standing.values()) list.forEach(({ kind }) => count("kind", kind));
  for (const { type } of world.tiles.values()) count("type", type);
  const line = (name) => make("span", { className: "count" }, (name ?? 0).toLocaleString("en"));

  kinds.replaceChildren(...Object.keys(KINDS).reverse().filter((kind) => counts.kind.has(kind)).map((kind) => {
    const box = make("input", { type: "checkbox", checked: !hidden.has(kind) });
    box.addEventListener("change", () => toggled(kind, box.checked));
    return make("li", {}, make("label", {}, box, sign(kind), KINDS[kind].label, line(counts.kind.get(kind))));
  }));
  const types = [...counts.type].sort((a, b) => b[1] - a[1]);
  terrains.replaceChildren(...types.map(([type, number]) => make("li", {}, swatch(type), type, line(number))));
}

/** Fills the card of a hex, or hides it. */
export function showTile(card, hex, world) {
  const tile = hex && world.tile(hex.x, hex.y);
  card.hidden = !tile;
  if (!tile) return;
  const steps = world.me && world.me.x !== null ? distance(hex, world.me) : null;
  const away = steps === null ? "" : steps === 0 ? " · you are here" : ` · ${steps} step${steps === 1 ? "" : "s"} away`;
  const rows = [...world.on(hex.x, hex.y)].reverse();
  card.replaceChildren(
    make("h2", {}, tile.type),
    make("p", { className: "where" }, `x ${hex.x}, y ${hex.y}${away}`),
    ...(rows.length > 0 ? [make("ul", {}, ...rows.map(entry))] : []),
  );
}

function entry(row) {
  const about = [
    row.level === null || row.level === undefined ? null : `level ${row.level}`,
    row.townName ?? row.guildName,
    row.wounds,
    row.date && `seen ${ago(row.date)}`,
  ];
  return make("li", {}, sign(row.kind), make("span", {}, row.name ?? "?"), make("small", {}, about.filter(Boolean).join(" · ")));
}

/** How long ago a moment was, in words. */
export function ago(date) {
  const seconds = Math.max(0, (Date.now() - Date.parse(date)) / 1000);
  const [count, unit] = seconds < 60 ? [Math.floor(seconds), "second"]
    : seconds < 3600 ? [Math.floor(seconds / 60), "minute"]
    : seconds < 86400 ? [Math.floor(seconds / 3600), "hour"] : [Math.floor(seconds / 86400), "day"];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(-count, unit);
}
