// Functions of the engine that visit every place of an array, also the empty ones, without looking at the clock: what cannot be an array full of
// values, since memory would not hold it, is refused before they begin.

const LONGEST = 2 ** 24;
const { apply } = Reflect;

function check(value) {
  if (typeof value === "object" && value !== null && value.length > LONGEST) {
    throw new RangeError(`an array of ${value.length} places is too long for this: ${LONGEST} are the most`);
  }
}

function bound(owner, name) {
  const original = owner[name];
  const value = {
    [name](...values) {
      check(this);
      values.forEach(check);
      return apply(original, this, values);
    },
  }[name];
  Object.defineProperty(value, "length", { value: original.length, configurable: true });
  Object.defineProperty(owner, name, { value, writable: true, configurable: true, enumerable: false });
}

const names =
  "concat copyWithin flat flatMap join reverse shift slice sort splice toLocaleString toReversed toSorted toSpliced unshift with";
for (const name of names.split(" ")) bound(Array.prototype, name);

const { raw } = String;
String.raw = function (strings, ...values) {
  check(strings?.raw);
  return raw(strings, ...values);
};
