// `csv`.

import { native } from "./native.js";

export const csv = {
  parse(text, { header = true, delimiter = "," } = {}) {
    return native.csvParse(String(text).toWellFormed(), Boolean(header), String(delimiter));
  },

  format(rows, { header = true, delimiter = ",", columns } = {}) {
    if (!Array.isArray(rows)) throw new TypeError("csv.format(rows): rows is an array, of objects or of arrays");
    const objects = rows.length > 0 && !Array.isArray(rows[0]);
    const names = columns ?? (objects ? [...new Set(rows.flatMap((row) => Object.keys(row)))] : undefined);
    const lines = objects ? rows.map((row) => names.map((name) => row[name])) : [...rows];
    if (header && names !== undefined) lines.unshift(names);
    return native.csvFormat(JSON.stringify(lines), String(delimiter));
  },
};
