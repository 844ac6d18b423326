// `fetch`: the part of the web's that a backend needs.

import { native, ask } from "./native.js";

class Headers {
  #pairs;

  constructor(flat) {
    this.#pairs = [];
    for (let at = 0; at < flat.length; at += 2) this.#pairs.push([flat[at], flat[at + 1]]);
  }

  get(name) {
    const wanted = String(name).toLowerCase();
    const values = this.#pairs.filter(([key]) => key === wanted).map(([, value]) => value);
    return values.length === 0 ? null : values.join(", ");
  }

  has(name) {
    return this.get(name) !== null;
  }

  [Symbol.iterator]() {
    return this.#pairs[Symbol.iterator]();
  }
}

class Response {
  #body;

  constructor(status, headers, body) {
    this.status = status;
    this.ok = status >= 200 && status < 300;
    this.headers = new Headers(headers);
    this.#body = body;
  }

  async text() {
    return native.decode(this.#body, false);
  }

  async json() {
    return JSON.parse(await this.text());
  }

  async bytes() {
    return this.#body;
  }

  async arrayBuffer() {
    return this.#body.buffer;
  }
}

export async function fetch(url, { method = "GET", headers = {}, body, timeout } = {}) {
  const flat = [];
  const pairs = typeof headers[Symbol.iterator] === "function" ? headers : Object.entries(headers);
  for (const [name, value] of pairs) flat.push(String(name).toLowerCase().toWellFormed(), String(value).toWellFormed());
  let sent = body;
  if (body !== undefined && body !== null && typeof body !== "string" && !(body instanceof Uint8Array)) {
    throw new TypeError("the body of a fetch is a string or a Uint8Array: JSON.stringify(…) makes a string of an object");
  }
  if (typeof body === "string") sent = body.toWellFormed();
  const wait = timeout === undefined ? undefined : Number(timeout);
  const send = (id) =>
    native.fetch(id, String(method).toUpperCase(), String(url).toWellFormed(), flat, sent ?? undefined, wait);
  const answer = await ask(send, new Error());
  return answer === null ? null : new Response(...answer);
}
