// Colours and signs: terrains, and what stands on them.

/** Terrains by name; one that is not here is `OTHER`. */
const TERRAINS = new Map([
  ["Plaine", [137, 176, 103]],
  ["Plaine fleurie", [103, 152, 92]],
  ["Terre battue", [178, 141, 98]],
  ["Espace pavé", [148, 150, 156]],
  ["Océan", [52, 104, 148]],
]);
const OTHER = [120, 112, 130];

/** Shades of each terrain: neighbours differ a little, as ground does. */
export const SHADES = 4;

export const isWater = (type) => type === "Océan";

/** The colour of a tile, as red, green, blue. */
export function ground({ x, y, type }) {
  const colour = TERRAINS.get(type) ?? OTHER;
  const step = isWater(type) ? 1.6 : 4;
  const lighter = (shade(x, y) - (SHADES - 1) / 2) * step;
  return colour.map((part) => Math.max(0, Math.min(255, Math.round(part + lighter))));
}

export const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;

export const plain = (type) => css(TERRAINS.get(type) ?? OTHER);

function shade(x, y) {
  let mixed = Math.imul(x, 374761393) ^ Math.imul(y, 668265263);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 1274126177);
  return (mixed >>> 16) % SHADES;
}

/** What stands on tiles, the most important last: it is drawn over the others. */
export const KINDS = {
  object: { label: "Objects", colour: "#d9d3c3", sign: "dot" },
  resource: { label: "Resources", colour: "#f2b84b", sign: "gem" },
  place: { label: "Places", colour: "#f4efe2", sign: "house" },
  npc: { label: "Foes", colour: "#e0594a", sign: "fang" },
  pc: { label: "Other characters", colour: "#b58cf0", sign: "disc" },
  mate: { label: "Your guild", colour: "#4fd1c5", sign: "disc" },
  me: { label: "You", colour: "#ffe08a", sign: "star" },
};

const LINE = "rgb(12 18 24 / 85%)";

/** Draws a kind's sign around a point; `size` is from its middle to its rim. */
export function drawSign(to, kind, right, down, size) {
  const { sign, colour } = KINDS[kind];
  to.beginPath();
  SIGNS[sign](to, right, down, size);
  to.closePath();
  to.fillStyle = colour;
  to.lineWidth = Math.max(1, size * 0.24);
  to.lineJoin = "round";
  to.strokeStyle = LINE;
  to.stroke();
  to.fill();
}

const polygon = (points) => (to, right, down, size) =>
  points.forEach(([x, y], index) => to[index === 0 ? "moveTo" : "lineTo"](right + x * size, down + y * size));

const star = Array.from({ length: 10 }, (_, point) => {
  const [angle, reach] = [(point * Math.PI) / 5 - Math.PI / 2, point % 2 === 0 ? 1.15 : 0.52];
  return [Math.cos(angle) * reach, Math.sin(angle) * reach];
});

const SIGNS = {
  dot: (to, right, down, size) => to.arc(right, down, size * 0.5, 0, 2 * Math.PI),
  disc: (to, right, down, size) => to.arc(right, down, size * 0.8, 0, 2 * Math.PI),
  gem: polygon([[0, -0.9], [0.75, 0], [0, 0.9], [-0.75, 0]]),
  house: polygon([[0, -0.95], [0.9, -0.1], [0.65, -0.1], [0.65, 0.8], [-0.65, 0.8], [-0.65, -0.1], [-0.9, -0.1]]),
  fang: polygon([[-0.9, -0.7], [0.9, -0.7], [0, 0.95]]),
  star: polygon(star),
};
