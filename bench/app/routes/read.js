// The same as the route beside it answers with a statement.
export default async function ({ params }) {
  const { data } = await db.from("items").select().eq("key", params.key).maybeSingle().throwOnError();
  return data ?? fail(404, "there is no such item");
}
