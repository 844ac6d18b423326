// POST /configs
import { issue, refused, unfit } from "./lib/issue.js";

export default async function ({ body }) {
  const fault = unfit(body, ["name", "data"]);
  if (fault) return issue(400, fault);
  const { data, error } = await db.from("configs").insert(body).select("name,data").single();
  return error ? refused(error) : response.json(data, { status: 201 });
}
