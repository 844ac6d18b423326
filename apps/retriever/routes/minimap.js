// GET /minimap/{x}/{y}/{n}: tiles near a place, each with the one thing on it that matters most.
import { at, inside } from "./lib/box.js";

/** An npc that players gather like a resource. */
const MINED = "Kradjeck ferreux";

/** The statement of `routes/tiles_near.sql`. */
const NEAR = `
select tiles.x, tiles.y, tiles.type
from generate_series(-:n, :n) as columns(dx)
join tiles
  on tiles.x = :x + columns.dx
  and tiles.y between :y + greatest(-:n, -:n - columns.dx) and :y + least(:n, :n - columns.dx)`;

export default async function ({ params, caller }) {
  const { x, y, n } = params;
  const { data: tiles } = await db.sql(NEAR, { x, y, n }).throwOnError();
  const { data: me } = await db.from("pcs").select("guildId").eq("name", caller.user ?? "").order("id").limit(1)
    .maybeSingle().throwOnError();
  const guild = me?.guildId ?? null;

  const area = inside({ x0: x - n, x1: x + n, y0: y - n, y1: y + n });
  const near = async (kind, fields) => {
    const { data } = await db.from(kind).select(`x,y,${fields}`).or(area).order("id").throwOnError();
    return data;
  };
  const places = await near("places", "name");
  const pcs = await near("pcs", "name,guildId");
  const npcs = await near("npcs", "name,level");
  const resources = await near("resources", "name,level");

  // The least important first: each puts itself over those before.
  const mate = (pc) => guild !== null && pc.guildId === guild;
  const top = new Map();
  const put = (rows, shown) => rows.reverse().forEach((row) => top.set(at(row), shown(row)));
  put(pcs.filter(mate), ({ name }) => ({ gdc: name }));
  put(places, ({ name }) => ({ place: name }));
  put(pcs.filter((pc) => !mate(pc)), ({ name }) => ({ pc: name }));
  put(npcs.filter(({ name }) => name === MINED), ({ name, level }) => ({ resource: name, level }));
  put(resources, ({ name, level }) => ({ resource: name, level }));
  return tiles.map((tile) => ({ ...tile, on_tile: top.get(at(tile)) ?? {} }));
}
