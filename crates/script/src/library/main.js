// The library's beginning: what scripts see is put into the global object here.

import "./bounds.js";
import { ask, give, native, settle } from "./native.js";
import { answer, response } from "./response.js";
import { crypto } from "./crypto.js";
import { console, log } from "./log.js";
import { csv } from "./csv.js";
import { db } from "./db.js";
import { describe, fail } from "./errors.js";
import { fetch } from "./fetch.js";
import { image } from "./image.js";
import { makeRequest } from "./request.js";
import { TextDecoder, TextEncoder, atob, btoa } from "./web.js";
import { URL, URLSearchParams } from "./url.js";
import { warm } from "./warm.js";

const seen = { atob, btoa, console, crypto, csv, db, fail, fetch, image, log, response, TextDecoder, TextEncoder, URL, URLSearchParams };

// Whatever it was, Rust hears of it: also when telling it fails.
function failed(thrown) {
  try {
    native.failed(describe(thrown));
  } catch {
    native.failed(["the script threw something that cannot be shown", ""]);
  }
}

// The script's default export, and the request that it is called with, which is the same one in each call: all that a call makes of it is
// undone.
let main, request;

async function run() {
  try {
    answer(await main(request));
  } catch (thrown) {
    failed(thrown);
  }
}

// Called by Rust before `install`.
export function rehearse() {
  request = makeRequest();
  return warm((played) => {
    main = played;
    run();
  });
}

// The functions that Rust calls. `functions` are Rust's own, `environment` is what the script sees as `env`.
export function install(functions, environment, rehearsed) {
  give(Object.freeze(functions));
  request = makeRequest();
  for (const [name, value] of Object.entries({ ...seen, env: Object.freeze(environment) })) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
  const root = {
    // What keeps the functions of Rust alive, whatever a script does.
    functions,
    rehearsed,
    settle,
    describe,
    use(chosen) {
      main = chosen;
    },
    call() {
      run();
    },
    produce() {
      (async () => {
        const { params } = request;
        const unread = new Set(Object.keys(params));
        const asked = new Set();
        const told = { get: (values, name) => (unread.delete(name), asked.add(name), values[name]) };
        const made = await main(new Proxy(params, told));
        if (typeof made?.[Symbol.asyncIterator] !== "function" && typeof made?.[Symbol.iterator] !== "function") {
          throw new TypeError("the default export is no generator: write `export default async function* () { yield … }`");
        }
        for await (const batch of made) await ask((id) => native.batch(id, JSON.stringify(batch)));
        const list = (names) => [...names].map((name) => `\`${String(name)}\``).join(", ");
        if (unread.size > 0) throw new TypeError(`it asks for no ${list(unread)}, but for ${list(asked) || "nothing"}`);
        native.answer(204, undefined, [], undefined);
      })().catch(failed);
    },
  };
  return Object.freeze(root);
}
