// What was known and what is seen now, put together.

/** Who reports, and when: what every row carries. */
export function reporter(request) {
  return { user: request.caller.user, date: new Date().toISOString() };
}

/** The row of what is seen, over what was known: a field that is null or missing now keeps its value. No field is one of `by`. */
export function over(known, seen, fields, by) {
  const row = { id: seen.id, ...by };
  for (const field of fields) row[field] = seen[field] ?? known?.[field] ?? null;
  return row;
}

/** Rows by their id. */
export function byId(rows) {
  return new Map(rows.map((row) => [row.id, row]));
}

/** Adds or changes rows by their id, in one write. `seen` has each id once. */
export async function remember(collection, fields, seen, by) {
  if (seen.length === 0) return;
  const ids = seen.map((one) => one.id);
  const { data } = await db.from(collection).select("*").in("id", ids).throwOnError();
  const known = byId(data);
  const rows = seen.map((one) => over(known.get(one.id), one, fields, by));
  await db.from(collection).upsert(rows).throwOnError();
}
