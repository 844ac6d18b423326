// What is near, through the query builder: filters, the order and a distance.
export default async function () {
  const distance = "position.distance(8.5,50)";
  const { data } = await db.from("locations").select(`id,metres:${distance}`)
    .filter("position", "dwithin", "(8.5,50,5)").gte("creation_time", "2026-11-21").order(distance, { ascending: false });
  const { data: others } = await db.from("locations").select("id").not("position", "bbox", "(8.4,49,8.6,51)");
  return { near: data, others };
}
