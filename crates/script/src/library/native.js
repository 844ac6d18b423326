// What Rust gives to this library, and how the library waits for it.

// The functions of Rust: src/native.rs says what each does. Scripts never see this object.
export let native;

// Promises that wait for the host, by their number.
const waiting = new Map();
let last = 0;

export function give(functions) {
  native = functions;
}

// Calls `send` with a number; the promise gets what Rust settles under it.
export function ask(send) {
  return new Promise((resolve, reject) => {
    const id = ++last;
    send(id);
    waiting.set(id, { resolve, reject });
  });
}

// Called by Rust. `refusal` is a message, or undefined.
export function settle(id, refusal, answer) {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (refusal === undefined) resolve(answer);
  else reject(new Error(refusal));
}
