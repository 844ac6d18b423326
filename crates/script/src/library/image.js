// `image`.

import { native, ask } from "./native.js";
import { Query } from "./builder.js";
import { DatabaseError } from "./errors.js";

export const image = {
  async png({ rows, ...options }) {
    const wanted = JSON.stringify(options);
    // Rows that are still to be read go from the database to the picture without becoming values here.
    const send = rows instanceof Query ? (id) => rows.send(id, wanted) : (id) => native.picture(id, wanted, JSON.stringify(rows));
    const answer = await ask(send);
    if (Array.isArray(answer)) throw new DatabaseError(answer[0], answer[1] ?? {});
    return answer;
  },
};
