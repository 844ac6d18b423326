// GET /search
import { asked, search } from "../routes/lib/search.js";
import { issue } from "./lib/issue.js";

export default async function ({ query }) {
  const what = asked(query);
  return what.issue ? issue(400, what.issue) : search(what);
}
