// What every script of Pintle sees: these are globals, nothing is imported. An editor that finds this file (and `jsconfig.json` or
// `tsconfig.json`) completes and checks scripts, also those in plain JavaScript.

/**
 * The app's collections, by name. Empty here: `pintle types` writes a file beside the app's scripts that fills it in, and then
 * `db.from(…)` knows names, columns and their types. Without it, rows may hold anything.
 *
 * ```ts
 * interface Collections {
 *   places: {
 *     Row: { id: number; name: string | null };
 *     Insert: { id?: number; name?: string | null };
 *     Update: { id?: number; name?: string | null };
 *   };
 * }
 * ```
 */
interface Collections {}

/** What JSON holds. */
type Json = string | number | boolean | null | Json[] | { [name: string]: Json | undefined };

/** What the generator of a seed gets, `export default async function* ({ radius = 45 }) { … }`: the settings of `pintle seed APP --set radius=60`. */
interface SeedSettings {
  readonly [name: string]: string | number | boolean | null | undefined;
}

/** What a script's default export gets: `export default async function (request) { … }`. */
interface Request<Params = any, Body = any> {
  /** `GET`, `POST`, `PUT`, `PATCH` or `DELETE`. A `HEAD` is answered as a `GET` whose body is left out. */
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The path as it was asked for: `/tiles/1/2/3`. */
  readonly path: string;
  /** The route's parameters as the manifest declares them: checked, typed, with their defaults. */
  readonly params: Params;
  /** The query string as it was asked for, without `?`. */
  readonly search: string;
  /** The query string, decoded; a name that comes more than once has an array. */
  readonly query: { readonly [name: string]: string | string[] | undefined };
  /**
   * The headers; names in lower case. Those that are credentials are left out; on a route with a `cache`, all that `params` does not
   * declare.
   */
  readonly headers: { readonly [name: string]: string | undefined };
  /** JSON as its value, text as a string, anything else as a `Uint8Array`; `undefined` without one. */
  readonly body: Body;
  /**
   * A JSON body as it came, for a json field: `db.from("posts").insert({ data: request.raw })` stores it without making values of it, and
   * keeps every digit of its numbers. Of another body the same as `body`.
   */
  readonly raw: Body;
  /** Who asks. */
  readonly caller: Caller;
  /** The address of who asks; empty on a route with a `cache`. */
  readonly remote: string;
  /** The request's id, as it stands in the log. */
  readonly id: string;
}

/** Who asks. */
interface Caller {
  readonly role: "anon" | "authenticated" | "service_role";
  /** The user's id, as policies see it in `auth.uid()`; null where nobody is known. */
  readonly user: string | null;
  readonly claims: { readonly [name: string]: Json };
}

/** What `response.…(…)` makes, to be returned. */
interface Answer {
  readonly status: number;
}

type HeaderValue = string | number | null | undefined;

/** Options of an answer. */
interface AnswerOptions {
  /** 200 to 599. */
  status?: number;
  /** Headers; several of one name as an array. Those that are null or undefined are left out. */
  headers?: { [name: string]: HeaderValue | HeaderValue[] };
  /** What the body is, as in `text/csv; charset=utf-8`. */
  type?: string;
}

/**
 * Answers. A returned value that is none of these is answered as JSON with status 200; a `Uint8Array` as bytes; nothing
 * (`undefined`) as 204.
 */
declare const response: {
  /** A value as JSON. */
  json(value: unknown, options?: AnswerOptions): Answer;
  /** Text, as `text/plain`. */
  text(text: string, options?: AnswerOptions): Answer;
  /** A page. What a user wrote must be escaped before it becomes part of one. */
  html(text: string, options?: AnswerOptions): Answer;
  /** Bytes, as `application/octet-stream` unless `type` says what they are. */
  bytes(bytes: Uint8Array | ArrayBuffer, options?: AnswerOptions): Answer;
  /** Without a body, status 204. */
  empty(options?: AnswerOptions): Answer;
  /** To elsewhere, status 303. */
  redirect(location: string, options?: AnswerOptions): Answer;
};

/**
 * Ends the call with an error as the answer: `{ code, message, details, hint }`, and nothing that the call wrote is kept.
 * It throws, so a `catch` of the script's own catches it, too.
 */
declare function fail(status: number, message: string, details?: unknown, hint?: string): never;

/** The variables of the environment that the manifest lists under `scripts.environment`; those that are not set are missing. */
declare const env: { readonly [name: string]: string | undefined };

// The database.

/** An error of the data API: also what `throwOnError()` throws. Where nobody catches it, it is the call's answer. */
interface DatabaseError extends Error {
  /** PostgreSQL's, such as `23505`, or PostgREST's, such as `PGRST116`. */
  readonly code: string | null;
  readonly details: any;
  readonly hint: string | null;
}

/** What awaiting a query gives. `Data` is null where there is an error. */
type Result<Data> =
  | { data: Data; error: null; count: number | null; status: number }
  | { data: null; error: DatabaseError; count: null; status: number };

/** The same after `throwOnError()`: an error is thrown. */
type Certain<Data> = { data: Data; error: null; count: number | null; status: number };

/** A query: it is sent when it is awaited. */
interface Query<Data, Given = Result<Data>> extends PromiseLike<Given> {
  catch<Other>(rejected: (error: any) => Other): Promise<Given | Other>;
  finally(run: () => void): Promise<Given>;
}

type CollectionName = keyof Collections extends never ? string : keyof Collections & string;
type Part<Name, Which extends string> = Name extends keyof Collections
  ? Collections[Name] extends { [P in Which]: infer Type } ? Type : any
  : any;
type Column<Row> = 0 extends 1 & Row ? string : (keyof Row & string) | `${string}.${string}` | `${string}->${string}`;
type Value<Row, Name> = Name extends keyof Row ? Row[Name] | (string extends Row[Name] ? Uint8Array : never) | null : any;
type Operator =
  | "eq" | "neq" | "gt" | "gte" | "lt" | "lte" | "like" | "ilike" | "match" | "imatch" | "is" | "isdistinct" | "in" | "cs" | "cd"
  | "dwithin" | "bbox" | "within"
  | (string & {});
interface OfTable {
  /** An embedded collection that this is about, instead of the rows themselves. */
  referencedTable?: string;
}

/** Filters, orders, limits. They may come in any order. */
interface Builder<Row, Data, Certainty extends boolean = false>
  extends Query<Data, Certainty extends true ? Certain<Data> : Result<Data>> {
  /** Equal. For null, `is` is meant. */
  eq<Name extends Column<Row>>(column: Name, value: Value<Row, Name>): this;
  neq<Name extends Column<Row>>(column: Name, value: Value<Row, Name>): this;
  gt<Name extends Column<Row>>(column: Name, value: Value<Row, Name>): this;
  gte<Name extends Column<Row>>(column: Name, value: Value<Row, Name>): this;
  lt<Name extends Column<Row>>(column: Name, value: Value<Row, Name>): this;
  lte<Name extends Column<Row>>(column: Name, value: Value<Row, Name>): this;
  /** `%` stands for any text, `_` for one letter. */
  like(column: Column<Row>, pattern: string): this;
  /** As `like`, whatever the case of the letters. */
  ilike(column: Column<Row>, pattern: string): this;
  is(column: Column<Row>, value: boolean | null): this;
  isDistinct<Name extends Column<Row>>(column: Name, value: Value<Row, Name>): this;
  /** One of these values. */
  in<Name extends Column<Row>>(column: Name, values: Iterable<Value<Row, Name>>): this;
  /** A json field that contains this. */
  contains(column: Column<Row>, value: Json): this;
  /** A json field that is contained in this. */
  containedBy(column: Column<Row>, value: Json): this;
  /** Each of these columns has its value. */
  match(values: 0 extends 1 & Row ? { [column: string]: unknown } : Partial<Row>): this;
  /** The opposite of `filter`. */
  not(point: string, operator: "dwithin" | "bbox" | "within", value: string): this;
  not(column: Column<Row>, operator: Operator, value: unknown): this;
  /** One of these holds, in PostgREST's words: `.or("level.gte.5,name.ilike.*portail*")`. Values are not quoted for you. */
  or(filters: string, options?: OfTable): this;
  /** A point that is near, in a box or in a polygon: `.filter("at", "dwithin", "(11.5,48.1,500)")`. */
  filter(point: string, operator: "dwithin" | "bbox" | "within", value: string): this;
  /** Any operator, by its name in PostgREST. */
  filter(column: Column<Row>, operator: Operator, value: unknown): this;
  order(column: Column<Row>, options?: OfTable & { ascending?: boolean; nullsFirst?: boolean }): this;
  limit(count: number, options?: OfTable): this;
  /** From the one to the other row, both included, from 0. */
  range(from: number, to: number, options?: OfTable): this;
  /** After a write: its rows, with these columns. */
  select(columns?: string): Builder<Row, Row[], Certainty>;
  /** The one row as an object; none, or more, is the error PGRST116. */
  single(): Query<Row, Certainty extends true ? Certain<Row> : Result<Row>> & { throwOnError(): Query<Row, Certain<Row>> };
  /** The one row as an object, or null; more is the error PGRST116. */
  maybeSingle(): Query<Row | null, Certainty extends true ? Certain<Row | null> : Result<Row | null>> & {
    throwOnError(): Query<Row | null, Certain<Row | null>>;
  };
  /** Throws an error instead of giving it in `error`. */
  throwOnError(): Builder<Row, Data, true>;
}

type Count = "exact" | "planned" | "estimated";

/** Options of `insert` and `upsert`. */
interface WriteOptions<Insert> {
  count?: Count;
  /** Whether what a row lacks of the columns is null, which is so unless this is `false`, or takes its default. */
  defaultToNull?: boolean;
  /** The columns that are written, whatever else the rows have; without it, all that they have. */
  columns?: (keyof Insert & string)[];
}

/** What `db.from(…)` gives. */
interface Collection<Row, Insert, Update> {
  /** Rows with these columns: `"id,name,first:data->a"`. `head` counts without rows. */
  select(columns?: string, options?: { count?: Count; head?: boolean }): Builder<Row, Row[]>;
  /** Adds one row or many, in one statement. Rows may differ in their keys. */
  insert(rows: Insert | Insert[], options?: WriteOptions<Insert>): Builder<Row, null>;
  /** Adds rows, or changes those that are there: by the key, or by the unique columns that `onConflict` names. */
  upsert(
    rows: Insert | Insert[],
    options?: WriteOptions<Insert> & { onConflict?: string; ignoreDuplicates?: boolean },
  ): Builder<Row, null>;
  /** Changes the rows that the filters choose. */
  update(values: Update, options?: { count?: Count }): Builder<Row, null>;
  /** Removes the rows that the filters choose. */
  delete(options?: { count?: Count }): Builder<Row, null>;
}

/** A statement of SQL. */
interface Statement<Row> extends Query<Row[]> {
  /** Throws an error instead of giving it in `error`. */
  throwOnError(): Query<Row[], Certain<Row[]>>;
}

/**
 * The app's data, under the caller's policies unless the route says `as: service_role`. One call is one transaction: all of it is
 * kept when the function returns, and nothing of it when it throws.
 */
declare const db: {
  /** A collection, in the words of supabase-js. */
  from<Name extends CollectionName>(
    name: Name,
  ): Collection<Part<Name, "Row">, Part<Name, "Insert">, Part<Name, "Update">>;
  sql: {
    /** A statement with named parameters: ``db.sql("select * from places where level > :level", { level: 3 })``. */
    <Row = any>(text: string, params?: { [name: string]: unknown }): Statement<Row>;
    /** A statement as a template, whose values are bound: ``db.sql`select * from places where level > ${level}` ``. */
    <Row = any>(text: TemplateStringsArray, ...values: unknown[]): Statement<Row>;
  };
};

// The rest of the world.

/** An answer to `fetch`. */
interface Fetched {
  readonly status: number;
  /** Whether the status is from 200 to 299. */
  readonly ok: boolean;
  readonly headers: Iterable<[string, string]> & { get(name: string): string | null; has(name: string): boolean };
  text(): Promise<string>;
  json(): Promise<any>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * Sends a request to one of the origins that the manifest lists under `scripts.fetch`. In a `GET` it gives the answer. In a call
 * that may write it is sent after the commit, and gives null: nobody outside hears of what did not happen.
 */
declare function fetch(
  url: string | URL,
  options?: {
    method?: string;
    headers?: { [name: string]: string } | Iterable<[string, string]>;
    body?: string | Uint8Array;
    /** Milliseconds; the server has a bound of its own, too. */
    timeout?: number;
  },
): Promise<Fetched | null>;

interface Log {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
}

/** Lines of the server's log. */
declare const log: Log;
/** The same. */
declare const console: Log & { log(...values: unknown[]): void; trace(...values: unknown[]): void };

type Bytes = string | ArrayBuffer | ArrayBufferView;

declare const crypto: {
  randomUUID(): string;
  randomBytes(length: number): Uint8Array;
  getRandomValues<Array extends ArrayBufferView>(array: Array): Array;
  /** SHA-256, in hexadecimal unless told otherwise. */
  sha256(data: Bytes, encoding?: "hex" | "base64" | "base64url"): string;
  sha256(data: Bytes, encoding: "bytes"): Uint8Array;
  /** HMAC with SHA-256. */
  hmac(key: Bytes, data: Bytes, encoding?: "hex" | "base64" | "base64url"): string;
  hmac(key: Bytes, data: Bytes, encoding: "bytes"): Uint8Array;
  /** Whether two secrets are the same, without telling by its time where they differ. */
  timingSafeEqual(one: Bytes, other: Bytes): boolean;
};

declare const csv: {
  /** Rows of text, as objects by the first line's names. */
  parse(text: string, options?: { header?: true; delimiter?: string }): { [name: string]: string }[];
  parse(text: string, options: { header: false; delimiter?: string }): string[][];
  /** Text of rows; the first line has the names of `columns`, or of all that objects have. */
  format(rows: object[] | unknown[][], options?: { header?: boolean; delimiter?: string; columns?: string[] }): string;
};

/** `"#33cc33"`, or red, green and blue from 0 to 255; a fourth is how opaque it is. */
type Color = string | number[];

declare const image: {
  /**
   * Draws rows as points, and gives a PNG: `return response.bytes(await image.png({ … }), { type: "image/png" })`. A query
   * that nobody has awaited goes from the database to the picture directly: that is the way for many rows.
   */
  png(options: {
    /** Pixels. */
    width: number;
    height: number;
    /** Transparent unless told otherwise. */
    background?: Color;
    rows: object[] | Query<any, any>;
    /** The columns of the coordinates. */
    x: string;
    y: string;
    /** The column whose values have colours in `palette`. */
    color?: string;
    palette?: { [value: string]: Color };
    /** The colour of what is not in the palette; without one it is not drawn. */
    fallback?: Color;
    /** The coordinates in the middle of the picture. */
    origin?: { x: number; y: number };
    /** Pixels a unit; y grows downwards, unless its scale is negative. */
    scale?: number | { x: number; y: number };
    /** Pixels of a point's edge: as many as a unit has, unless told otherwise. */
    size?: number;
  }): Promise<Uint8Array>;
};

declare class TextEncoder {
  readonly encoding: "utf-8";
  encode(text?: string): Uint8Array;
}

declare class TextDecoder {
  constructor(encoding?: string, options?: { fatal?: boolean });
  readonly encoding: "utf-8";
  decode(bytes?: ArrayBuffer | ArrayBufferView): string;
}

declare function atob(text: string): string;
declare function btoa(text: string): string;

declare class URLSearchParams implements Iterable<[string, string]> {
  constructor(init?: string | Iterable<readonly [string, string]> | { [name: string]: unknown });
  readonly size: number;
  append(name: string, value: unknown): void;
  delete(name: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string): boolean;
  set(name: string, value: unknown): void;
  entries(): IterableIterator<[string, string]>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
  toString(): string;
}

declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string | URL, base?: string | URL): boolean;
  protocol: string;
  username: string;
  password: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
  readonly host: string;
  readonly origin: string;
  readonly href: string;
  readonly searchParams: URLSearchParams;
  toString(): string;
  toJSON(): string;
}
