// POST /tidy: deletes what is done, and answers what that was. One call is one transaction, under the caller's policies.

/** @param {Routes["POST /tidy"]} request */
export default async function (request) {
  const { data } = await db.from("notes").delete().eq("done", true).select("title").throwOnError();
  log.info(`${request.caller.user ?? "somebody"} deleted ${data.length} notes`);
  return { deleted: data.map((note) => note.title) };
}
