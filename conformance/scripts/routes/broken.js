export default async function ({ params }) {
  await db.from("notes").insert({ title: "first", stars: 1 }).throwOnError();
  switch (params.way) {
    case "throw": throw new Error("secret 7");
    case "fail": fail(409, "taken back");
    case "unhandled": await db.from("notes").insert({ title: "first" }).throwOnError();
    case "stack": { const down = (n) => down(n + 1) + 1; return down(0); }
  }
}
