// DELETE /configs/{name}
import { missing } from "./lib/issue.js";

export default async function ({ params }) {
  const { data } = await db.from("configs").delete().eq("name", params.name).select("name").throwOnError();
  return data.length === 0 ? missing(params.name) : { deleted_count: data.length };
}
