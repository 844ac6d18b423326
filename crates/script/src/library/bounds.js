// Functions of the engine that work through something long without looking at the clock, which is only looked at between steps of the
// script. On what is long they look first, so that a loop of them ends soon after its time. And what visits every place of an array,
// also the empty ones, refuses what cannot be an array full of values, since memory would not hold it.

import { native } from "./native.js";

const LONG = 10_000;
const LONGEST = 2 ** 24;
const { apply, construct } = Reflect;
const { isArray } = Array;

// Ends the call when its time is over.
function look() {
  if (native.late()) for (;;);
}

function clocked(value) {
  if (value?.length > LONG) look();
}

function refused(value) {
  if (value?.length > LONG) {
    if (typeof value === "object" && value.length > LONGEST) {
      throw new RangeError(`an array of ${value.length} places is too long for this: ${LONGEST} are the most`);
    }
    look();
  }
}

function put(owner, name, value) {
  Object.defineProperty(value, "length", { value: owner[name].length, configurable: true });
  Object.defineProperty(owner, name, { value, writable: true, configurable: true, enumerable: false });
}

function bound(owner, names, check) {
  for (const name of names.split(" ")) {
    const original = owner[name];
    const value = {
      [name](...values) {
        check(this);
        for (let at = 0; at < values.length; at++) check(values[at]);
        return apply(original, this, values);
      },
    }[name];
    put(owner, name, value);
  }
}

const { flat, flatMap } = Array.prototype;

// What flat looks into, as far as it does.
function nested(value, depth) {
  refused(value);
  for (let at = 0; at < value.length; at++) {
    if (isArray(value[at])) {
      if (depth > 1) nested(value[at], depth - 1);
      else refused(value[at]);
    }
  }
}

put(Array.prototype, "flat", {
  flat(depth = 1) {
    if (isArray(this) && depth > 0) nested(this, depth);
    else refused(this);
    return apply(flat, this, [depth]);
  },
}.flat);

put(Array.prototype, "flatMap", {
  flatMap(make, self) {
    refused(this);
    if (typeof make !== "function") return apply(flatMap, this, [make]);
    const made = (...values) => {
      const value = apply(make, self, values);
      refused(value);
      return value;
    };
    return apply(flatMap, this, [made]);
  },
}.flatMap);

bound(
  Array.prototype,
  "concat copyWithin join reverse shift slice sort splice toLocaleString toReversed toSorted toSpliced unshift with",
  refused,
);

const searches =
  "every fill filter find findIndex findLast findLastIndex forEach includes indexOf lastIndexOf map reduce reduceRight some";
bound(Array.prototype, searches, clocked);
bound(
  Object.getPrototypeOf(Uint8Array.prototype),
  `copyWithin join reverse set slice sort toLocaleString toReversed toSorted with ${searches}`,
  clocked,
);
bound(
  String.prototype,
  "concat endsWith includes indexOf isWellFormed lastIndexOf localeCompare match matchAll normalize replace replaceAll search split startsWith toWellFormed trim trimEnd trimStart",
  clocked,
);
bound(RegExp.prototype, "exec test", clocked);
bound(JSON, "parse", clocked);

for (const name of ["Map", "Set"]) {
  const original = globalThis[name];
  const value = new Proxy(original, {
    construct(target, values, made) {
      refused(values[0]);
      return construct(target, values, made);
    },
  });
  globalThis[name] = value;
  Object.defineProperty(original.prototype, "constructor", { value, writable: true, configurable: true, enumerable: false });
}

// A long text is looked at whole each time that it is a key.
function keyed(owner, names) {
  for (const name of names.split(" ")) {
    const original = owner[name];
    const value = {
      [name](key, value) {
        if (typeof key === "string" && key.length > LONG) look();
        return apply(original, this, [key, value]);
      },
    }[name];
    put(owner, name, value);
  }
}

keyed(Map.prototype, "delete get has set");
keyed(Set.prototype, "add delete has");

const { raw } = String;
String.raw = function (strings, ...values) {
  refused(strings?.raw);
  return raw(strings, ...values);
};
