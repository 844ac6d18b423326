// GET /search: elements of configurations by a key inside.
import { asked, search } from "./lib/search.js";

export default function ({ query }) {
  const what = asked(query);
  if (what.issue) fail(400, what.issue);
  return search(what);
}
