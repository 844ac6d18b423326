// What a small writing script does: reads a page, works something out, writes some rows at once.
export default async function ({ params }) {
  const { data } = await db.from("items").select("amount").eq("category", params.category).order("key").limit(30).throwOnError();
  const amount = data.reduce((sum, item) => sum + item.amount, 0) % 1000;
  const rows = Array.from({ length: 20 }, (_, n) => ({
    key: `visit-${params.category}-${n}`,
    title: `Visit ${n}`,
    category: "visits",
    owner: "visitor",
    amount,
  }));
  await db.from("items").upsert(rows).throwOnError();
  return { amount };
}
