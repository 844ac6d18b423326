// PUT and PATCH /configs/{name}: how many were found, and how many are other than before.
import { issue, missing, refused, unfit } from "./lib/issue.js";

export default async function ({ params, body }) {
  const fault = unfit(body, ["data"]);
  if (fault) return issue(400, fault);
  if ((body.name ?? params.name) !== params.name) return issue(400, "a configuration's name never changes");
  const one = () => db.from("configs").select("data").eq("name", params.name).maybeSingle().throwOnError();
  const { data: before } = await one();
  if (!before) return missing(params.name);
  const { error } = await db.from("configs").update({ data: body.data }).eq("name", params.name);
  if (error) return refused(error);
  // Both come in the store's own form, so equal data reads the same.
  const { data: after } = await one();
  return { match_count: 1, modified_count: JSON.stringify(before) === JSON.stringify(after) ? 0 : 1 };
}
