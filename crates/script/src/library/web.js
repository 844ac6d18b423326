// Some of the web's own: text and base64. And bytes as JSON: as the data API takes and gives them.

import { native } from "./native.js";

Object.defineProperty(Uint8Array.prototype, "toJSON", {
  value() {
    return `\\x${this.toHex()}`;
  },
  writable: true,
  configurable: true,
  enumerable: false,
});

export class TextEncoder {
  encoding = "utf-8";

  encode(text = "") {
    return native.encode(String(text).toWellFormed());
  }
}

export class TextDecoder {
  #fatal;
  encoding = "utf-8";

  constructor(encoding = "utf-8", { fatal = false } = {}) {
    if (!/^utf-?8$/i.test(encoding)) throw new RangeError(`TextDecoder reads utf-8, not ${encoding}`);
    this.#fatal = Boolean(fatal);
  }

  decode(bytes = new Uint8Array()) {
    const view = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
    return native.decode(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), this.#fatal);
  }
}

export const atob = (text) => Uint8Array.fromBase64(String(text)).reduce((made, byte) => made + String.fromCharCode(byte), "");

export function btoa(text) {
  return Uint8Array.from(String(text), (letter) => {
    const code = letter.codePointAt(0);
    if (code > 255) throw new RangeError("btoa takes letters up to \\u00ff: encode text with TextEncoder first");
    return code;
  }).toBase64();
}
