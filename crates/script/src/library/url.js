// `URL` and `URLSearchParams`.

import { parseQuery } from "./request.js";

const component = (text) =>
  encodeURIComponent(String(text).toWellFormed()).replace(/[!'()~]|%20/g, (found) =>
    found === "%20" ? "+" : `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );

export class URLSearchParams {
  #pairs;

  constructor(init = "") {
    if (typeof init === "string") this.#pairs = parseQuery(init.replace(/^\?/, ""));
    else if (typeof init[Symbol.iterator] === "function") this.#pairs = [...init].map(([name, value]) => [String(name), String(value)]);
    else this.#pairs = Object.entries(init).map(([name, value]) => [name, String(value)]);
  }

  get size() {
    return this.#pairs.length;
  }

  append(name, value) {
    this.#pairs.push([String(name), String(value)]);
  }

  delete(name) {
    this.#pairs = this.#pairs.filter(([key]) => key !== String(name));
  }

  get(name) {
    return this.#pairs.find(([key]) => key === String(name))?.[1] ?? null;
  }

  getAll(name) {
    return this.#pairs.filter(([key]) => key === String(name)).map(([, value]) => value);
  }

  has(name) {
    return this.get(name) !== null;
  }

  set(name, value) {
    const at = this.#pairs.findIndex(([key]) => key === String(name));
    if (at < 0) return this.append(name, value);
    const rest = this.#pairs.filter(([key], place) => place <= at || key !== String(name));
    rest[at] = [String(name), String(value)];
    this.#pairs = rest;
  }

  entries() {
    return this.#pairs.map((pair) => [...pair])[Symbol.iterator]();
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  toString() {
    return this.#pairs.map(([name, value]) => `${component(name)}=${component(value)}`).join("&");
  }
}

const PORTS = { "http:": "80", "https:": "443" };

// URLs with a host: http, https and the like. What is written after a base replaces as much of it as it names.
export class URL {
  #search;

  constructor(url, base) {
    const text = String(url).trim();
    const whole = /^([a-z][a-z0-9+.-]*:)\/\/(?:([^/?#@]*)@)?(\[[^\]/?#]*\]|[^/?#:]*)(?::(\d*))?([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(text);
    if (whole === null) {
      if (base === undefined) throw new TypeError(`${JSON.stringify(text)} is no URL`);
      return this.#joined(new URL(base), text);
    }
    const [, protocol, credentials = "", host, port = "", path, search = "", hash = ""] = whole;
    const [username, ...password] = credentials.split(":");
    this.protocol = protocol.toLowerCase();
    this.username = username;
    this.password = password.join(":");
    this.hostname = host.toLowerCase();
    this.port = port === PORTS[this.protocol] ? "" : port;
    this.pathname = encodeURI(straight(path || "/")).replace(/%25/g, "%");
    this.search = search;
    this.hash = hash === "#" ? "" : hash;
    if (this.hostname === "") throw new TypeError(`${JSON.stringify(text)} is no URL: it names no host`);
  }

  #joined(base, text) {
    if (text.startsWith("//")) return new URL(base.protocol + text);
    const { origin, pathname, search } = base;
    if (text.startsWith("/")) return new URL(origin + text);
    if (text.startsWith("?")) return new URL(origin + pathname + text);
    if (text.startsWith("#")) return new URL(origin + pathname + search + text);
    return new URL(text === "" ? origin + pathname + search : origin + pathname.replace(/[^/]*$/, "") + text);
  }

  get host() {
    return this.port === "" ? this.hostname : `${this.hostname}:${this.port}`;
  }

  get origin() {
    return `${this.protocol}//${this.host}`;
  }

  // Written anew from `searchParams` once that was looked at.
  get search() {
    const text = typeof this.#search === "string" ? this.#search : this.#search.toString();
    return text === "" ? "" : `?${text}`;
  }

  set search(text) {
    this.#search = String(text).replace(/^\?/, "");
  }

  get searchParams() {
    if (typeof this.#search === "string") this.#search = new URLSearchParams(this.#search);
    return this.#search;
  }

  get href() {
    const password = this.password === "" ? "" : `:${this.password}`;
    const credentials = this.username + password === "" ? "" : `${this.username}${password}@`;
    return `${this.protocol}//${credentials}${this.host}${this.pathname}${this.search}${this.hash}`;
  }

  toString() {
    return this.href;
  }

  toJSON() {
    return this.href;
  }

  static canParse(url, base) {
    try {
      return new URL(url, base) !== undefined;
    } catch {
      return false;
    }
  }
}

// A path without `.` and `..`.
function straight(path) {
  const parts = [];
  const written = path.split("/").slice(1);
  for (const [at, part] of written.entries()) {
    const last = at === written.length - 1;
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
    if (last && (part === ".." || part === ".")) parts.push("");
  }
  return `/${parts.join("/")}`;
}
