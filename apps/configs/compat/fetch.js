// GET /configs/{name}
import { missing } from "./lib/issue.js";

export default async function ({ params }) {
  const { data } = await db.from("configs").select("name,data").eq("name", params.name).maybeSingle().throwOnError();
  return data ?? missing(params.name);
}
