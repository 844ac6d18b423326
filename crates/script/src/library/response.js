// Answers.

import { native } from "./native.js";

// What `response.…()` makes.
class Answer {
  constructor(body, type, { status = 200, headers = {}, type: wanted } = {}) {
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new TypeError(`the status of an answer is a number from 200 to 599, not ${status}`);
    }
    this.body = body;
    this.status = status;
    this.headers = headers;
    this.type = wanted ?? type;
  }
}

function json(value, options) {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`JSON has no ${typeof value}: return a value that it has, or nothing`);
  return new Answer(text, "application/json", options);
}

function bytes(value, options) {
  if (value instanceof ArrayBuffer) value = new Uint8Array(value);
  if (!(value instanceof Uint8Array)) throw new TypeError("response.bytes(…) takes a Uint8Array or an ArrayBuffer");
  return new Answer(value, "application/octet-stream", options);
}

export const response = {
  json,
  text: (text, options) => new Answer(String(text).toWellFormed(), "text/plain; charset=utf-8", options),
  html: (text, options) => new Answer(String(text).toWellFormed(), "text/html; charset=utf-8", options),
  bytes,
  empty: (options) => new Answer(undefined, undefined, { status: 204, ...options }),
  redirect: (location, options) =>
    new Answer(undefined, undefined, {
      status: 303,
      ...options,
      headers: { ...options?.headers, location: String(location) },
    }),
};

// Hands what the function returned to Rust.
export function answer(value) {
  let made = value;
  if (value === undefined) made = response.empty();
  else if (value instanceof Uint8Array) made = bytes(value);
  else if (!(value instanceof Answer)) made = json(value);
  const flat = [];
  for (const [name, values] of Object.entries(made.headers)) {
    for (const one of Array.isArray(values) ? values : [values]) {
      if (one !== undefined && one !== null) flat.push(name.toWellFormed(), String(one).toWellFormed());
    }
  }
  const type = made.type === undefined ? undefined : String(made.type).toWellFormed();
  native.answer(made.status, type, flat, made.body);
}
