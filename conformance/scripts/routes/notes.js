// Each step in a list: what the data API answers to it.
export default async function ({ body }) {
  const answers = [];
  for (const step of body) {
    let query = db.from(step.from ?? "notes");
    for (const [name, ...args] of step.calls) query = query[name](...args);
    const { data, error, count, status } = await query;
    answers.push(error ? { status, code: error.code, message: error.message } : { status, count, data });
  }
  return answers;
}
