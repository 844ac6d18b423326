// A point through a script: what it writes, and what it reads again.
export default async function ({ body }) {
  const { data } = await db.from("halls").insert({ name: "script", at: body.at }).select("at").single();
  const { data: rows } = await db.sql("select at from halls where name = :name", { name: "script" });
  return { written: data.at, longitude: data.at.coordinates[0], read: rows };
}
