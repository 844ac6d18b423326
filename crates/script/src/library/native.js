// What Rust gives to this library, and how the library waits for it.

// The functions of Rust: src/native.rs says what each does. Scripts never see this object.
export let native;

// Promises that wait for the host, by their number.
const waiting = new Map();
let last = 0;

export function give(functions) {
  native = functions;
}

// Calls `send` with a number; the promise gets what Rust settles under it, or what `shape` makes of that. `origin` has the stack of where
// the script asked.
export function ask(send, origin, shape) {
  return new Promise((resolve, reject) => {
    const id = ++last;
    send(id);
    waiting.set(id, { resolve, reject, origin, shape });
  });
}

// Called by Rust. `refusal` is a message, or undefined.
export function settle(id, refusal, answer) {
  const { resolve, reject, origin, shape } = waiting.get(id);
  waiting.delete(id);
  if (refusal !== undefined) {
    reject(placed(new Error(refusal), origin));
    return;
  }
  try {
    resolve(shape === undefined ? answer : shape(answer));
  } catch (thrown) {
    reject(thrown);
  }
}

// The error with the stack of where the script asked: by now that is over.
export function placed(error, origin) {
  if (origin !== undefined) Object.defineProperty(error, "stack", { value: origin.stack, writable: true, configurable: true });
  return error;
}
