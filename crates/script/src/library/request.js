// The request that the script's function gets.

import { native } from "./native.js";

const decoded = (text) => {
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
};

// Pairs as an object: a name that comes again has an array.
function object(pairs) {
  const made = { __proto__: null };
  for (const [name, value] of pairs) {
    const had = made[name];
    made[name] = had === undefined ? value : Array.isArray(had) ? [...had, value] : [had, value];
  }
  return made;
}

export function parseQuery(text) {
  const pairs = [];
  for (const part of text.split("&")) {
    if (part === "") continue;
    const at = part.indexOf("=");
    pairs.push(at < 0 ? [decoded(part), ""] : [decoded(part.slice(0, at)), decoded(part.slice(at + 1))]);
  }
  return pairs;
}

function headers() {
  const flat = native.headers();
  const made = { __proto__: null };
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at];
    // Cookies may come in parts.
    const between = name === "cookie" ? "; " : ", ";
    made[name] = name in made ? made[name] + between + flat[at + 1] : flat[at + 1];
  }
  return made;
}

// The JSON body that no script has made values of: a write passes it on as it came.
export class Raw {
  #marked = true;

  // Whoever makes text of it elsewhere gets the same, only later.
  toJSON() {
    return native.body();
  }

  static is(value) {
    return typeof value === "object" && value !== null && #marked in value;
  }
}

// The body's values stay alive up to the call's end, which needs them one by one no more: its memory is taken back as a whole.
let held;

// Each part is made when it is first looked at: most scripts look at one or two.
const parts = {
  method: () => native.text("method"),
  path: () => native.text("path"),
  params: () => native.params(),
  search: () => native.text("query"),
  query: () => object(parseQuery(native.text("query"))),
  headers,
  body: () => (held = native.body()),
  raw: () => (native.isJson() ? new Raw() : native.body()),
  caller: () => native.caller(),
  remote: () => native.text("remote"),
  id: () => native.text("id"),
};

const lazy = {};
for (const [name, make] of Object.entries(parts)) {
  // It is the body once more: whoever takes the request as a whole has that.
  const enumerable = name !== "raw";
  const define = (request, value) =>
    Object.defineProperty(request, name, { value, writable: true, enumerable, configurable: true });
  lazy[name] = {
    enumerable,
    configurable: true,
    get() {
      const value = make();
      define(this, value);
      return value;
    },
    set(value) {
      define(this, value);
    },
  };
}

export const makeRequest = () => Object.defineProperties({}, lazy);
