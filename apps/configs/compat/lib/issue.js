// Errors as the old service had them: `{"Issue": …}`.

/** An answer with an error's status. */
export function issue(status, text) {
  return response.json({ Issue: text }, { status });
}

/** The answer for what the database refused. */
export function refused(error) {
  if (error.code === "23505") return issue(409, "there is a configuration of this name");
  return issue(400, [error.message, error.details].filter((text) => typeof text === "string").join(": "));
}

export const missing = (name) => issue(404, `there is no configuration ${name}`);

/** Why a body is no object with these members, if it is none; others are refused too. */
export function unfit(body, wanted) {
  if (body === null || typeof body !== "object" || Array.isArray(body)) return "the body is a JSON object";
  const odd = Object.keys(body).find((name) => !["name", "data"].includes(name));
  if (odd !== undefined) return `${odd} is no field: there are name and data`;
  const lacking = wanted.find((name) => body[name] === undefined);
  return lacking === undefined ? null : `${lacking} is missing`;
}
