// Finds elements of configurations by a key inside: `data.KEY=VALUE`, with `name=N` or without.

/**
 * What a query string asks for. `data.KEY.=VALUE` is an old way to write `data.KEY=VALUE`. Returns `{ issue }` for anything else.
 */
export function asked(query) {
  const names = Object.keys(query);
  const keys = names.filter((name) => name.startsWith("data."));
  const odd = names.find((name) => name !== "name" && !name.startsWith("data."));
  if (odd !== undefined) return { issue: `\`${odd}\` is nothing that can be searched for: give data.KEY=VALUE, and name=N if you like` };
  if (keys.length !== 1) return { issue: `give data.KEY=VALUE once, and name=N if you like: there are ${keys.length} keys` };
  if (names.some((name) => Array.isArray(query[name]))) return { issue: "each parameter is given once" };
  const path = keys[0].slice("data.".length).replace(/\.$/, "").split(".");
  if (path.includes("")) return { issue: `\`${keys[0]}\` names no key: give data.KEY=VALUE` };
  return { path, value: query[keys[0]], name: query.name };
}

/** Every element that has the value, in the order of the configurations' names. */
export async function search({ path, value, name }) {
  // Whatever stands in `data` may be asked for, so no index helps: what is looked through is as much as the names leave.
  const configs = db.from("configs").select("name,data").order("name");
  const { data } = await (name === undefined ? configs : configs.eq("name", name)).throwOnError();
  const wanted = meant(value);
  const results = data.flatMap((config) =>
    config.data.filter((element) => has(element, path, wanted)).map((element) => ({ name: config.name, data: element })),
  );
  return { total: results.length, results };
}

/** What a text of the query string may stand for: itself, and the JSON number, true, false or null that it reads as. */
function meant(text) {
  const scalar = /^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)$/.test(text);
  return scalar ? [text, JSON.parse(text)] : [text];
}

/** Whether one of these values stands at the end of a path; any element of an array on the way will do. */
function has(value, path, wanted) {
  if (Array.isArray(value)) return value.some((element) => has(element, path, wanted));
  if (path.length === 0) return wanted.includes(value);
  if (value === null || typeof value !== "object" || !Object.hasOwn(value, path[0])) return false;
  return has(value[path[0]], path.slice(1), wanted);
}
