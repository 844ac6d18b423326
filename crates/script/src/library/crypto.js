// `crypto`.

import { native } from "./native.js";

const bytesOf = (value) => {
  if (typeof value === "string") return native.encode(value.toWellFormed());
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw new TypeError("this takes a string, an ArrayBuffer or a typed array");
};

function written(bytes, encoding = "hex") {
  switch (encoding) {
    case "hex":
      return bytes.toHex();
    case "base64":
      return bytes.toBase64();
    case "base64url":
      return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
    case "bytes":
      return bytes;
    default:
      throw new TypeError(`an encoding is "hex", "base64", "base64url" or "bytes", not ${String(encoding)}`);
  }
}

export const crypto = {
  randomUUID: () => native.uuid(),
  randomBytes: (length) => native.random(length),
  getRandomValues(array) {
    if (!ArrayBuffer.isView(array)) throw new TypeError("crypto.getRandomValues takes a typed array of integers");
    bytesOf(array).set(native.random(array.byteLength));
    return array;
  },
  sha256: (data, encoding) => written(native.sha256(bytesOf(data)), encoding),
  hmac: (key, data, encoding) => written(native.hmac(bytesOf(key), bytesOf(data)), encoding),
  timingSafeEqual: (one, other) => native.equal(bytesOf(one), bytesOf(other)),
};

// The engine's own begins anew with the same numbers in each call.
Math.random = function random() {
  return native.number();
};
