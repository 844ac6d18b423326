export default async function () {
  const { data, error } = await db.from("places").insert({ id: 8, level: 8 }).select();
  return { data, code: error?.code };
}
