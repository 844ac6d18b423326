// `image`.

import { native, ask } from "./native.js";
import { Query } from "./builder.js";

export const image = {
  async png({ rows, ...options }) {
    const wanted = JSON.stringify(options);
    // Rows that are still to be read go from the database to the picture without becoming values here.
    const send = rows instanceof Query ? (id) => rows.send(id, wanted) : (id) => native.picture(id, wanted, JSON.stringify(rows));
    const answer = await ask(send, new Error());
    if (Array.isArray(answer)) throw rows.error(answer[0], answer[1] ?? {});
    return answer;
  },
};
