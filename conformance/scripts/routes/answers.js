export default async function ({ params }) {
  switch (params.kind) {
    case "json": return { b: 1, a: [true, null, "é"] };
    case "nothing": return;
    case "text": return response.text("plain", { status: 202 });
    case "html": return response.html("<p>page</p>");
    case "bytes": return response.bytes(new Uint8Array([104, 105]), { headers: { "Content-Type": "application/x-own" } });
    case "empty": return response.empty({ status: 205 });
    case "headers": return response.json([], { headers: { "X-Own": "yes", "Cache-Control": "no-store" } });
    case "library": return {
      sha256: crypto.sha256("abc"),
      hmac: crypto.hmac("key", "The quick brown fox jumps over the lazy dog", "base64"),
      random: crypto.randomBytes(16).length,
      uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()),
      rows: csv.parse("a,b\n1,é\n"),
      csv: csv.format([{ a: 1, b: "x, y" }]),
    };
    case "fail": fail(404, "there is no such thing", "looked everywhere", "look again");
    case "list": fail(422, "several faults", [{ path: "a", message: "is odd" }]);
  }
}
