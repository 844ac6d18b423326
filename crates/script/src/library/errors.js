// Errors that are answers.

// What `fail()` throws: nobody makes one otherwise.
class Failure extends Error {
  #marked = true;

  constructor(status, message, details, hint) {
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new TypeError(`fail(status, message, details, hint): the status is a number from 400 to 599, not ${status}`);
    }
    super(message);
    // It stays what was checked. The host takes it as an integer, which one that was read from JSON is not by itself.
    Object.defineProperty(this, "status", { value: status | 0, enumerable: true });
    this.details = details ?? null;
    this.hint = hint ?? null;
  }

  static is(value) {
    return typeof value === "object" && value !== null && #marked in value;
  }
}
Failure.prototype.name = "Failure";

// An error of the data API, as `error` of an answer and as what `throwOnError()` throws.
export class DatabaseError extends Error {
  #marked = true;

  constructor(status, { code, message, details, hint }) {
    super(message);
    this.code = code ?? null;
    this.details = details ?? null;
    this.hint = hint ?? null;
    Object.defineProperty(this, "status", { value: status });
  }

  toJSON() {
    const { code, message, details, hint } = this;
    return { code, message, details, hint };
  }

  static is(value) {
    return typeof value === "object" && value !== null && #marked in value;
  }
}
DatabaseError.prototype.name = "DatabaseError";

export function fail(status, message, details, hint) {
  try {
    if (JSON.stringify(details ?? null) === undefined) {
      throw new TypeError(`JSON.stringify makes nothing of this ${typeof details}`);
    }
  } catch (error) {
    // Its own limits, such as the stack's, are told as such.
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError(`fail(status, message, details, hint): JSON has no such details: ${error?.message}`);
  }
  throw new Failure(status, String(message ?? ""), details, hint === undefined || hint === null ? null : String(hint));
}

const optional = (value) => (value === null || value === undefined ? undefined : String(value));

// What Rust is told of whatever was thrown: an answer as [status, code, message, details, hint], or [message, stack].
export function describe(thrown) {
  // From 500 on, an error of the database is the script's own mistake.
  if (DatabaseError.is(thrown) && thrown.status >= 500) {
    const more = [thrown.details, thrown.hint].filter((part) => typeof part === "string");
    return [[`${thrown.name}: ${thrown.message}`, ...more].join("; "), String(thrown.stack ?? "")];
  }
  if (Failure.is(thrown) || DatabaseError.is(thrown)) {
    const details = thrown.details === null ? undefined : JSON.stringify(thrown.details);
    return [thrown.status, optional(thrown.code), String(thrown.message), details, optional(thrown.hint)];
  }
  if (thrown instanceof Error) {
    return [`${thrown.name}: ${thrown.message}`, String(thrown.stack ?? "")];
  }
  const text = typeof thrown === "object" || typeof thrown === "function" ? JSON.stringify(thrown) : String(thrown);
  return [`the script threw ${typeof thrown === "string" ? JSON.stringify(thrown) : text}, which is no Error`, ""];
}
