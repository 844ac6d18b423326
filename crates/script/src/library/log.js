// `log` and `console`.

import { native } from "./native.js";

const shown = (value) => {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}\n${value.stack ?? ""}`.trimEnd();
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
};

const at =
  (level) =>
  (...values) =>
    native.log(level, values.map(shown).join(" ").toWellFormed());

export const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
export const console = { ...log, log: log.info, trace: log.debug };
