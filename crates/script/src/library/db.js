// `db`: the app's data.

import { native } from "./native.js";
import { Collection, Query } from "./builder.js";

class Statement extends Query {
  #text;
  #params;

  constructor(text, params) {
    super();
    this.#text = text;
    this.#params = JSON.stringify(params);
  }

  send(id, picture) {
    native.sql(id, this.#text, this.#params, picture);
  }
}

// db.sql("… :name …", { name: value }), or db.sql`… ${value} …`: values are bound, never written into the text.
function sql(text, ...rest) {
  if (typeof text === "string") {
    const params = rest[0] ?? {};
    if (typeof params !== "object" || Array.isArray(params)) {
      throw new TypeError("db.sql(text, params): params is an object, { name: value } for each :name of the text");
    }
    return new Statement(text, params);
  }
  if (!Array.isArray(text?.raw)) throw new TypeError("db.sql takes a string, or stands before a template: db.sql`select …`");
  const params = Object.fromEntries(rest.map((value, at) => [`p${at + 1}`, value === undefined ? null : value]));
  return new Statement(text.reduce((before, piece, at) => `${before}:p${at}${piece}`), params);
}

export const db = { from: (name) => new Collection(name), sql };
