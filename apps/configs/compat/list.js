// GET /configs
export default async function () {
  const { data } = await db.from("configs").select("name,data").order("name").throwOnError();
  return { configs: data };
}
