// Requests to the data API, as @supabase/postgrest-js builds them.

import { native, ask, placed } from "./native.js";
import { DatabaseError } from "./errors.js";
import { Raw } from "./request.js";

const { captureStackTrace } = Error;

const text = (value) => {
  if (typeof value === "string") return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return value.toJSON();
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return JSON.stringify(value);
  return String(value);
};

// A value in a list: what the grammar has a meaning for stands in quotes.
const listed = (value) => {
  const written = text(value);
  return /[,()"\\{}]|^\s|\s$|^$/.test(written) ? `"${written.replace(/["\\]/g, "\\$&")}"` : written;
};

const list = (values) => `(${[...new Set(values)].map(listed).join(",")})`;

// Whitespace outside of quotes has no meaning in a `select`.
function squeezed(columns) {
  if (columns === "*" || !/\s/.test(columns)) return columns;
  let quoted = false;
  return [...columns]
    .filter((letter) => {
      if (letter === '"') quoted = !quoted;
      return quoted || !/\s/.test(letter);
    })
    .join("");
}

const named = (columns) => columns.map((name) => `"${name.replace(/["\\]/g, "\\$&")}"`).join(",");

// What is written, as pieces of JSON: between each two of them stands the request's body as it came. Of many rows `columns`, if they are said.
function written(rows, columns) {
  if (columns !== undefined && Array.isArray(rows)) return [native.rows(rows, columns)];
  if (Array.isArray(rows) || typeof rows?.toJSON === "function" || !Object.values(rows ?? {}).some(Raw.is)) {
    return [JSON.stringify(rows)];
  }
  const pieces = [];
  let piece = "{";
  for (const [name, value] of Object.entries(rows)) {
    const text = Raw.is(value) ? "" : JSON.stringify(value);
    if (text === undefined) continue;
    piece += `${piece === "{" && pieces.length === 0 ? "" : ","}${JSON.stringify(name)}:${text}`;
    if (text !== "") continue;
    pieces.push(piece);
    piece = "";
  }
  return [...pieces, `${piece}}`];
}

const tooMany = (count) => ({
  code: "PGRST116",
  details: `Results contain ${count} rows, application/vnd.pgrst.object+json requires 1 row`,
  hint: null,
  message: "JSON object requested, multiple (or no) rows returned",
});

const done = (status, data, count) => ({ error: null, data, count: count ?? null, status });

// What a request and a statement have in common: they are sent when somebody waits for them, and once.
export class Query {
  #throws = false;
  #sent;
  // Where the script made it: its `stack`.
  #origin = {};

  constructor() {
    // The library's own frames are left out: each takes as long as some steps of a script.
    captureStackTrace(this.#origin, new.target);
  }

  throwOnError() {
    this.#throws = true;
    return this;
  }

  then(resolved, rejected) {
    this.#sent ??= this.#send();
    return this.#sent.then(resolved, rejected);
  }

  catch(rejected) {
    return this.then(undefined, rejected);
  }

  finally(run) {
    this.#sent ??= this.#send();
    return this.#sent.finally(run);
  }

  #send() {
    return ask((id) => this.send(id), this.#origin, (found) => this.#answer(found[0], found[1], found[2]));
  }

  #answer(status, body, count) {
    const answer = status >= 400 ? this.failed(status, body ?? {}) : this.shape(status, body, count);
    if (this.#throws && answer.error) throw answer.error;
    return answer;
  }

  shape(status, body, count) {
    return done(status, body, count);
  }

  failed(status, error) {
    return { error: this.error(status, error), data: null, count: null, status };
  }

  error(status, error) {
    return placed(new DatabaseError(status, error), this.#origin);
  }
}

// A request to a collection.
export class Builder extends Query {
  #collection;
  #method;
  #query = [];
  #prefer;
  #body;
  #one; // undefined, "single" or "maybe"

  constructor(collection, method, { count, head, prefer = [] } = {}, query = [], rows = undefined, columns = undefined) {
    super();
    this.#collection = collection;
    this.#method = head ? "HEAD" : method;
    this.#prefer = count ? [...prefer, `count=${count}`] : prefer;
    this.#query = query;
    this.#body = rows === undefined ? [] : written(rows, columns);
  }

  #add(name, value) {
    this.#query.push([name, value]);
    return this;
  }

  #set(name, value, join) {
    const had = this.#query.find(([key]) => key === name);
    if (had === undefined) return this.#add(name, value);
    had[1] = join ? `${had[1]},${value}` : value;
    return this;
  }

  static {
    for (const operator of ["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "is", "isDistinct"]) {
      const word = operator.toLowerCase();
      Builder.prototype[operator] = function (column, value) {
        return this.#add(column, `${word}.${text(value)}`);
      };
    }
  }

  in(column, values) {
    return this.#add(column, `in.${list(values)}`);
  }

  #containment(column, operator, value) {
    if (Array.isArray(value)) return this.#add(column, `${operator}.{${value.map(listed).join(",")}}`);
    return this.#add(column, `${operator}.${text(value)}`);
  }

  contains(column, value) {
    return this.#containment(column, "cs", value);
  }

  containedBy(column, value) {
    return this.#containment(column, "cd", value);
  }

  match(values) {
    for (const [column, value] of Object.entries(values)) this.eq(column, value);
    return this;
  }

  not(column, operator, value) {
    return this.filter(column, `not.${operator}`, value);
  }

  or(filters, { referencedTable } = {}) {
    return this.#add(referencedTable ? `${referencedTable}.or` : "or", `(${filters})`);
  }

  filter(column, operator, value) {
    const several = Array.isArray(value) && /^(not\.)?in$/.test(operator);
    return this.#add(column, `${operator}.${several ? list(value) : text(value)}`);
  }

  order(column, { ascending = true, nullsFirst, referencedTable } = {}) {
    const nulls = nullsFirst === undefined ? "" : nullsFirst ? ".nullsfirst" : ".nullslast";
    const name = referencedTable ? `${referencedTable}.order` : "order";
    return this.#set(name, `${column}.${ascending ? "asc" : "desc"}${nulls}`, true);
  }

  limit(count, { referencedTable } = {}) {
    return this.#set(referencedTable ? `${referencedTable}.limit` : "limit", String(count));
  }

  range(from, to, { referencedTable } = {}) {
    const prefix = referencedTable ? `${referencedTable}.` : "";
    return this.#set(`${prefix}offset`, String(from)).#set(`${prefix}limit`, String(to - from + 1));
  }

  // After a write: the rows that it left, with these columns.
  select(columns = "*") {
    this.#prefer.push("return=representation");
    return this.#set("select", squeezed(columns));
  }

  single() {
    this.#one = "single";
    return this;
  }

  maybeSingle() {
    this.#one = "maybe";
    return this;
  }

  shape(status, body, count) {
    if (this.#one !== "maybe" || !Array.isArray(body)) return done(status, body, count);
    return body.length > 1 ? this.failed(406, tooMany(body.length)) : done(status, body[0] ?? null, count);
  }

  failed(status, error) {
    const none = this.#one === "maybe" && error.code === "PGRST116" && /\b0 rows/.test(error.details);
    return none ? done(200, null) : super.failed(status, error);
  }

  // Hands it to Rust; what is drawn comes back as a picture.
  send(id, picture) {
    let query = "";
    for (let at = 0; at < this.#query.length; at++) {
      const pair = this.#query[at];
      query += `${at > 0 ? "&" : ""}${encodeURIComponent(pair[0])}=${encodeURIComponent(pair[1])}`;
    }
    const one = this.#one === "single" || (this.#one === "maybe" && this.#method !== "GET");
    const prefer = this.#prefer.length > 0 ? this.#prefer.join(",") : "";
    const parts = [this.#method, this.#collection, query, prefer];
    for (let at = 0; at < this.#body.length; at++) parts.push(this.#body[at]);
    native.database(id, parts, one, picture);
    this.#body = [];
  }
}

// What `db.from(…)` gives: one of these is called, then the rest.
export class Collection {
  #name;

  constructor(name) {
    if (typeof name !== "string") throw new TypeError("db.from(name): the name of a collection is a string");
    this.#name = name;
  }

  select(columns = "*", options) {
    return new Builder(this.#name, "GET", options, [["select", squeezed(columns)]]);
  }

  insert(rows, options) {
    return this.#write(rows, [], [], options);
  }

  upsert(rows, options = {}) {
    const query = options.onConflict === undefined ? [] : [["on_conflict", options.onConflict]];
    return this.#write(rows, query, [`resolution=${options.ignoreDuplicates ? "ignore" : "merge"}-duplicates`], options);
  }

  #write(rows, query, prefer, { count, defaultToNull = true, columns } = {}) {
    if (!defaultToNull) prefer.push("missing=default");
    if (columns !== undefined && !(Array.isArray(columns) && columns.every((name) => typeof name === "string")))
      throw new TypeError('`columns` is an array of names, such as ["x", "y"]: leave it out to write all that the rows have');
    if (columns?.length === 0) throw new TypeError("columns: [] writes nothing: name at least one column, or leave `columns` out");
    // Rows may differ in their keys: what one lacks is null, or its default.
    const names = columns ?? (Array.isArray(rows) ? native.columns(rows) : []);
    if (names.length > 0) query.push(["columns", named(names)]);
    return new Builder(this.#name, "POST", { count, prefer }, query, rows, columns);
  }

  update(values, options) {
    return new Builder(this.#name, "PATCH", { count: options?.count }, [], values);
  }

  delete(options) {
    return new Builder(this.#name, "DELETE", { count: options?.count });
  }
}
