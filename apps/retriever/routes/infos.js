// GET /infos: which host this is. Nobody else's business, so only who asks from the same machine is told.

export default function (request) {
  // What a proxy on this machine passes on also comes from here; but a proxy says for whom.
  const passedOn = request.headers["x-forwarded-for"] !== undefined || request.headers.forwarded !== undefined;
  if (passedOn || !/^(127\.|::1$|::ffff:127\.)/.test(request.remote)) {
    fail(403, "only from the server's own machine", null, "ask from there, not through a proxy");
  }
  return { host: env.HOSTNAME ?? request.headers.host, date: new Date().toISOString(), user: request.caller.user };
}
