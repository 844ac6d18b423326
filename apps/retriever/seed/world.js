// A plausible world, the same at every run: land in an ocean, towns with roads between them, characters of a few guilds, foes,
// what can be gathered and what lies about. `pintle seed apps/retriever` stores it, and with `--set radius=90` one of another size.
import { distance, fbm, hash, line, random, within } from "./lib/chance.js";
import { FOES, GUILDS, OBJECTS, PLACES, RACES, RESOURCES, TOWNS, nameOf } from "./lib/words.js";

/** The middle of the world. */
const MIDDLE = { x: 500, y: 250 };
/** How many rows are stored at once. */
const BATCH = 1000;

/** `radius` is how many steps the world reaches to each side: 45 make 6,211 tiles. */
export default async function* ({ radius = 45 }) {
  if (!Number.isInteger(radius) || radius < 30 || radius > 200) throw new RangeError("radius is a whole number from 30 to 200");
  const chance = random(20_240_229);
  const tiles = new Map();
  for (const tile of within(MIDDLE, radius)) tiles.set(key(tile), { ...tile, type: terrain(tile, radius) });

  const towns = found(tiles, chance);
  pave(tiles, towns);
  const dry = [...tiles.values()].filter(({ type }) => type !== "Océan");
  const wild = dry.filter(({ type }) => type !== "Espace pavé");
  const somewhere = (from) => {
    const { x, y } = from[Math.floor(chance() * from.length)];
    return { x, y };
  };

  yield* batches("tiles", [...tiles.values()]);
  yield { places: build(towns, wild, chance, somewhere) };
  const pcs = people(towns, dry, chance, somewhere);
  yield { pcs };
  yield* batches("npcs", times(150, (n) => {
    const [name, level] = FOES[Math.floor(chance() ** 1.5 * FOES.length)];
    const wounds = chance() < 0.2 ? "Légèrement blessé" : null;
    return { id: 50_000 + n, name, level: level + Math.floor(chance() * 4), wounds, ...somewhere(wild) };
  }));
  yield { resources: lode(wild, chance) };
  yield { objects: times(40, (n) => ({ id: 9_000 + n, name: OBJECTS[Math.floor(chance() * OBJECTS.length)], ...somewhere(dry) })) };
  const mates = pcs.filter(({ guildId }) => guildId === GUILDS[0].guildId);
  yield { pcsInfos: mates.map((pc) => infos(pc, chance)) };
  yield { pcsCaracs: mates.map((pc) => caracs(pc, chance)) };
}

const key = ({ x, y }) => `${x},${y}`;

const times = (count, make) => Array.from({ length: count }, (_, n) => make(n));

function* batches(collection, rows) {
  for (let at = 0; at < rows.length; at += BATCH) yield { [collection]: rows.slice(at, at + BATCH) };
}

/** Regions by smooth noise: ocean where it is low and towards the rim, flowers where it is moist, bare earth where it is dry. */
function terrain({ x, y }, radius) {
  // Noise is drawn where the hex lies, or regions would be slanted as the axes are.
  const [right, down] = [x + y / 2, y * 0.866];
  const rim = distance({ x, y }, MIDDLE) / radius;
  if (fbm(right, down, 19, 4) - 0.3 * rim ** 4 < 0.37) return "Océan";
  const moisture = fbm(right, down, 12, 2);
  if (moisture > 0.55) return "Plaine fleurie";
  return moisture < 0.37 ? "Terre battue" : "Plaine";
}

/** Places for the towns: on land, with land around, far from each other. */
function found(tiles, chance) {
  const land = (place, steps) => [...within(place, steps)].every((near) => (tiles.get(key(near))?.type ?? "Océan") !== "Océan");
  const towns = [];
  const all = [...tiles.values()];
  for (let tries = 0; tries < 4000 && towns.length < TOWNS.length; tries += 1) {
    const { x, y } = all[Math.floor(chance() * all.length)];
    if (towns.some((town) => distance(town, { x, y }) < 17) || !land({ x, y }, 3)) continue;
    towns.push({ townId: towns.length + 1, townName: TOWNS[towns.length], x, y, steps: towns.length % 3 === 0 ? 3 : 2 });
  }
  return towns;
}

/** Paves the towns, and treads a road from each to its nearest neighbour. */
function pave(tiles, towns) {
  for (const [index, town] of towns.entries()) {
    const before = towns.slice(0, index).sort((a, b) => distance(a, town) - distance(b, town));
    if (before.length === 0) continue;
    for (const step of line(town, before[0])) {
      const tile = tiles.get(key(step));
      if (tile && tile.type !== "Océan") tile.type = "Terre battue";
    }
  }
  for (const town of towns) for (const near of within(town, town.steps)) tiles.get(key(near)).type = "Espace pavé";
}

/** The towns' buildings, each on a tile of its own, and portals in the wild. */
function build(towns, wild, chance, somewhere) {
  const places = [];
  for (const { townId, townName, x, y, steps } of towns) {
    const free = [...within({ x, y }, steps)].sort((a, b) => hash(a.x, a.y, 7) - hash(b.x, b.y, 7));
    const count = steps === 3 ? PLACES.length : 5;
    for (const [name, at] of PLACES.slice(0, count).map((name, n) => [name, free[n]])) {
      places.push({ id: 100 + places.length, level: 1 + Math.floor(chance() * 9), name, townId, townName, ...at });
    }
  }
  for (let n = 0; n < 6; n += 1) {
    places.push({ id: 900 + n, level: 1 + n, name: "Portail ancien", townId: null, townName: null, ...somewhere(wild) });
  }
  return places;
}

/** Guilds keep together around a town each; some characters belong to none. */
function people(towns, dry, chance, somewhere) {
  const pcs = [];
  for (const [index, guild] of [...GUILDS, { guildId: null, guildName: null }].entries()) {
    const home = towns[index % towns.length];
    const near = dry.filter((tile) => distance(tile, home) < 11);
    for (let n = 0; n < 9; n += 1) {
      const id = 1_000 + pcs.length;
      const hurt = chance();
      const wounds = hurt < 0.7 ? null : hurt < 0.9 ? "Légèrement blessé" : "Gravement blessé";
      pcs.push({ id, name: nameOf(pcs.length), level: 1 + Math.floor(chance() * 30), wounds, ...guild, ...somewhere(near) });
    }
  }
  return pcs;
}

/** Resources lie in lodes: a few of one kind close together. */
function lode(wild, chance) {
  const rows = new Map();
  for (let n = 0; n < 26; n += 1) {
    const name = RESOURCES[n % RESOURCES.length];
    const middle = wild[Math.floor(chance() * wild.length)];
    for (const { x, y } of wild.filter((tile) => distance(tile, middle) <= 2)) {
      if (chance() < 0.3) rows.set(`${x},${y},${name}`, { name, level: 1 + Math.floor(chance() * 5), x, y });
    }
  }
  return [...rows.values()];
}

function infos({ id, name, level, x, y }, chance) {
  const xpMax = level * 20;
  return {
    id, name, xpMax,
    race: RACES[Math.floor(chance() * RACES.length)],
    dla: `2024-03-01 ${String(Math.floor(chance() * 24)).padStart(2, "0")}:30:00`,
    pas: Math.floor(chance() * 13),
    pos: `${x},${y}`,
    xp: Math.floor(chance() * xpMax),
  };
}

function caracs({ id, name, level }, chance) {
  const pvMax = 40 + level * 5;
  const some = () => Math.floor(chance() * level);
  return { id, name, pvMax, pv: Math.ceil(pvMax * (0.4 + 0.6 * chance())), attM: some(), defM: some(), degM: some(), arm: some(), mmM: some(), pc: some() };
}
