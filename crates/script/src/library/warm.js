// What most calls use is made here, before the moment that each call goes back to: the engine makes functions of the language, and the
// shapes of objects, when they are first needed.

import { db } from "./db.js";
import { give, settle } from "./native.js";

// Functions, by the objects that have them.
const functions = [
  [globalThis, "encodeURIComponent decodeURIComponent Number String Boolean Object Array Set Map Date Error TypeError JSON Math Promise"],
  [JSON, "parse stringify"],
  [Math, "abs ceil floor max min round trunc random"],
  [Number, "isInteger isFinite isNaN parseFloat"],
  [Object, "assign defineProperty entries freeze fromEntries keys values"],
  [Array, "from isArray"],
  [Promise, "all resolve reject"],
  [Number.prototype, "toFixed toString"],
  [Promise.prototype, "then catch finally constructor"],
  [Set.prototype, "add has values size"],
  [Map.prototype, "get set has delete values entries"],
  [
    Array.prototype,
    "concat every filter find findIndex flat flatMap forEach includes indexOf join length map pop push reduce reverse shift slice some sort splice unshift values entries",
  ],
  [
    String.prototype,
    "endsWith includes indexOf match padStart replace replaceAll slice split startsWith toLowerCase toString toUpperCase toWellFormed trim",
  ],
  [RegExp.prototype, "exec test"],
  [Date.prototype, "getTime toISOString"],
];

// A call that is played before there are any, with nobody behind it. What it made stays alive, and the shapes of objects with it.
const stage = (kept) => ({
  text: () => "",
  params: () => ({ id: 1 }),
  body: () => JSON.parse("{}"),
  isJson: () => true,
  columns: (rows) => Object.keys(rows[0]),
  database: (id) => Promise.resolve().then(() => settle(id, undefined, [200, [{ id: 1 }], null])),
  sql: (id) => Promise.resolve().then(() => settle(id, undefined, [200, [{ id: 1 }], null])),
  answer: (...parts) => kept.push(parts),
  failed: (parts) => kept.push(parts),
});

async function play(kept, { params, body, method }) {
  const query = db.from("x").select("id,name").eq("id", params.id).in("id", [1]).order("id").limit(1).maybeSingle();
  const write = db.from("x").insert([{ id: 1 }, { id: 2 }]).select().throwOnError();
  const statement = db.sql`select ${method}`;
  const answers = [await query, await write, await statement];
  kept.push(query, write, statement, answers, body);
  return { rows: answers.map(({ data }) => data).concat([...new Set([1])]) };
}

// `run` plays a call with the function that it gets.
export function warm(run) {
  const kept = [];
  for (const [object, names] of functions) {
    for (const name of names.split(" ")) kept.push(Object.getOwnPropertyDescriptor(object, name));
  }
  give(stage(kept));
  run((request) => play(kept, request));
  return kept;
}
