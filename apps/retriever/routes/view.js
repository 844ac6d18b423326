// POST /view: what a player sees becomes what the guild knows. However many tiles a post has, each collection is read once and
// written once or twice.
import { announce } from "./lib/discord.js";
import { at, boxOf, inside } from "./lib/box.js";
import { byId, over, reporter } from "./lib/known.js";

/** What stands on tiles. */
const KINDS = ["places", "pcs", "npcs", "resources", "objects"];

/** What of it has an id, and what a post says of it. */
const FIELDS = {
  places: ["level", "name", "townId", "townName", "x", "y"],
  pcs: ["level", "name", "wounds", "guildId", "guildName", "x", "y"],
  npcs: ["level", "name", "wounds", "x", "y"],
  objects: ["name", "x", "y"],
};

/** So many of a kind may stand in one post; the database takes some more in one write. */
const KIND_MAX = 9_000;

export default async function (request) {
  const by = reporter(request);
  const { data: post } = await db.from("jsons").insert({ data: request.raw }).select("id").single().throwOnError();

  // The last word on a tile counts.
  const tiles = new Map();
  for (const tile of request.body) tiles.set(at(tile), tile);
  const ground = { columns: ["x", "y", "type"], ignoreDuplicates: true };
  await db.from("tiles").upsert([...tiles.values()], ground).throwOnError();

  const view = { tiles, stands: standing(tiles), area: inside(boxOf(request.body)) };
  const places = await see("places", view, by);
  await see("pcs", view, by);
  const npcs = await see("npcs", view, by);
  await see("objects", view, by);
  await seeResources(view, by);

  announce({ "the place": places, "the foe": npcs }, by.user);
  return { Info: `Job done (${post.id})` };
}

/** What stands on the tiles, by its kind, each told its place. */
function standing(tiles) {
  const found = Object.fromEntries(KINDS.map((kind) => [kind, []]));
  for (const { x, y, items } of tiles.values()) {
    // Most tiles are empty, so this looks at thousands of lists: by steps that cost little.
    for (let at = 0; at < KINDS.length; at++) {
      const here = items[KINDS[at]];
      if (!here?.length) continue;
      for (const one of here) {
        one.x = x;
        one.y = y;
        found[KINDS[at]].push(one);
      }
    }
  }
  return found;
}

/** Stores what a view shows of one kind, and answers those that nobody saw before. */
async function see(kind, { tiles, stands, area }, by) {
  const seen = new Map();
  for (const one of stands[kind]) {
    // Creatures that somebody summoned have no id: they are gone soon.
    if (one.id === null) continue;
    if (typeof one.wounds === "number") one.wounds = String(one.wounds);
    seen.set(one.id, one);
  }
  refuseTooMany(kind, seen.size);
  const ids = seen.size > 0 ? `id.in.(${[...seen.keys()].join(",")}),` : "";
  const { data } = await db.from(kind).select(["id", ...FIELDS[kind]].join(",")).or(ids + area).throwOnError();
  const known = byId(data);

  const rows = [...seen.values()].map((one) => over(known.get(one.id), one, FIELDS[kind], by));
  if (kind === "places") rows.filter((row) => row.name?.includes("Portail")).forEach(leaveTown);
  if (rows.length > 0) await db.from(kind).upsert(rows).throwOnError();

  const gone = data.filter((row) => !seen.has(row.id) && showsNo(kind, tiles, row)).map((row) => row.id);
  await inParts(gone, (part) => {
    const there = db.from(kind);
    return (kind === "pcs" ? there.update({ x: null, y: null }) : there.delete()).in("id", part);
  });
  return rows.filter((row) => !known.has(row.id));
}

/** Stores the resources that a view shows: they have no id of the game's, a tile and a name tell them apart. */
async function seeResources({ tiles, stands, area }, by) {
  const name = (row) => `${at(row)},${row.name}`;
  const { data: known } = await db.from("resources").select("id,level,name,x,y").or(area).throwOnError();
  const there = new Map(known.map((row) => [name(row), row]));
  const rows = new Map();
  for (const row of stands.resources) {
    const before = there.get(name(row));
    const level = row.level ?? before?.level ?? null;
    if (!before || before.level !== level) rows.set(name(row), { x: row.x, y: row.y, name: row.name, level, ...by });
  }
  refuseTooMany("resources", rows.size);
  if (rows.size > 0) await db.from("resources").upsert([...rows.values()], { onConflict: "x,y,name" }).throwOnError();
  const gone = known.filter((row) => showsNo("resources", tiles, row)).map((row) => row.id);
  await inParts(gone, (part) => db.from("resources").delete().in("id", part));
}

/** Writes what concerns these ids: of several posts there may be more than one request takes. */
async function inParts(ids, write) {
  for (let at = 0; at < ids.length; at += KIND_MAX) await write(ids.slice(at, at + KIND_MAX)).throwOnError();
}

function refuseTooMany(kind, count) {
  if (count > KIND_MAX) fail(413, `the post has ${count} ${kind}, at most ${KIND_MAX}`, null, "post fewer tiles at once");
}

/** Whether the view has this row's tile, with nothing of the kind on it. */
function showsNo(kind, tiles, row) {
  const tile = tiles.get(at(row));
  return tile !== undefined && !tile.items[kind]?.length;
}

/** A portal belongs to no town. */
function leaveTown(row) {
  row.townId = null;
  row.townName = null;
}
