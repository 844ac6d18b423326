// GET /standing: everything that stands somewhere, for the page at /map, which asks again and again.

const FIELDS = {
  places: "id,level,name,townName,x,y",
  pcs: "id,level,name,wounds,guildId,guildName,x,y,date",
  npcs: "id,level,name,wounds,x,y,date",
  resources: "level,name,x,y",
  objects: "id,name,x,y",
};

export default async function ({ caller }) {
  const { data: me } = await db.from("pcs").select("guildId").eq("name", caller.user ?? "").order("id").limit(1)
    .maybeSingle().throwOnError();
  const answer = { user: caller.user, guildId: me?.guildId ?? null };
  for (const [kind, fields] of Object.entries(FIELDS)) {
    const { data } = await db.from(kind).select(fields).not("x", "is", null).order("id").throwOnError();
    answer[kind] = data;
  }
  return answer;
}
