// What is known of the world, kept fresh: asks again every few seconds, and is told 304 when nothing has changed.

const EVERY_MS = 3_000;
const AFTER_FAULT_MS = 10_000;
/** New tiles are asked for from a while before the last answer on: what was being stored meanwhile is not missed. */
const OVERLAP_MS = 120_000;
/** When nothing comes, the same question is asked, so that 304 answers it; but not for ever. */
const RENEW_MS = 600_000;

const key = (x, y) => (x + 1_048_576) * 2_097_152 + (y + 1_048_576);

export class World {
  tiles = new Map();
  /** What stands on a tile: rows with their `kind`, the most important last. */
  standing = new Map();
  user = null;
  guildId = null;
  me = null;

  #since = null;
  #asked = 0;
  #answers = new Map();

  tile(x, y) {
    return this.tiles.get(key(x, y));
  }

  on(x, y) {
    return this.standing.get(key(x, y)) ?? [];
  }

  /** Asks for what is new. Answers the tiles that came, and whether what stands on them changed. */
  async refresh(token) {
    const [tiles, standing] = await Promise.all([
      this.#ask(this.#since === null ? "/tiles" : `/tiles?since=${encodeURIComponent(this.#since)}`, token),
      this.#ask("/standing", token),
    ]);
    const added = this.#addTiles(tiles);
    if (standing.rows) this.#place(standing.rows);
    return { added, moved: Boolean(standing.rows) };
  }

  #addTiles({ rows, date }) {
    const added = [];
    for (const tile of rows ?? []) {
      if (!this.tile(tile.x, tile.y)) added.push(tile);
      this.tiles.set(key(tile.x, tile.y), tile);
    }
    if (this.#since === null || added.length > 0 || date - this.#asked > RENEW_MS) {
      if (this.#since !== null) this.#answers.delete(`/tiles?since=${encodeURIComponent(this.#since)}`);
      this.#since = new Date(date - OVERLAP_MS).toISOString();
      this.#asked = date;
    }
    return added;
  }

  #place({ user, guildId, places, pcs, npcs, resources, objects }) {
    this.user = user;
    this.guildId = guildId;
    this.standing = new Map();
    this.me = pcs.find(({ name }) => user !== null && name === user) ?? null;
    const mate = (pc) => guildId !== null && pc.guildId === guildId;
    const put = (kind, rows) => {
      for (const row of rows) {
        const there = this.standing.get(key(row.x, row.y));
        if (there) there.push({ kind, ...row });
        else this.standing.set(key(row.x, row.y), [{ kind, ...row }]);
      }
    };
    put("object", objects);
    put("resource", resources);
    put("place", places);
    put("npc", npcs);
    put("pc", pcs.filter((pc) => !mate(pc) && pc !== this.me));
    put("mate", pcs.filter((pc) => mate(pc) && pc !== this.me));
    if (this.me) put("me", [this.me]);
  }

  async #ask(path, token) {
    const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
    const tag = this.#answers.get(path);
    if (tag) headers["if-none-match"] = tag;
    const answer = await fetch(path, { headers, cache: "no-store" });
    const date = Date.parse(answer.headers.get("date")) || Date.now();
    if (answer.status === 304) return { rows: null, date };
    if (answer.status === 401 || answer.status === 403) throw new Refused();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    const rows = await answer.json();
    if (answer.headers.get("etag")) this.#answers.set(path, answer.headers.get("etag"));
    return { rows, date };
  }
}

/** The token is none, or not any more. */
export class Refused extends Error {}

/**
 * Refreshes a world again and again, while somebody looks. `changed` hears of what is new, `fault` of what went wrong: an answer
 * of `false` ends it. Returns how to end it.
 */
export function keepFresh(world, token, changed, fault) {
  let timer = null;
  let ended = false;
  let busy = false;
  const turn = async () => {
    clearTimeout(timer);
    if (ended || busy || document.hidden) return;
    busy = true;
    let pause = EVERY_MS;
    try {
      const news = await world.refresh(token);
      if (!ended) changed(news);
    } catch (error) {
      pause = AFTER_FAULT_MS;
      if (!ended && fault(error) === false) ended = true;
    }
    busy = false;
    if (!ended) timer = setTimeout(turn, pause);
  };
  document.addEventListener("visibilitychange", turn);
  turn();
  return () => {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", turn);
  };
}
