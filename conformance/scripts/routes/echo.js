export default async function ({ method, path, params, query, headers, body, caller }) {
  return { method, path, params, query, agent: headers["x-agent"] ?? null, body: body ?? null, caller };
}
