// GET /worldmap: the ground as a picture, a point a tile. What nobody has seen is transparent.

/** A terrain's colour; one that is not here is not drawn. */
const PALETTE = {
  "Plaine": [51, 204, 51],
  "Océan": [0, 102, 255],
  "Espace pavé": [128, 128, 128],
  "Terre battue": [153, 102, 51],
  "Plaine fleurie": [51, 153, 51],
};

export default async function () {
  const picture = await image.png({
    width: 1000,
    height: 500,
    // The tile 0, 0 is the first point, at the upper left.
    origin: { x: 500, y: 250 },
    rows: db.from("tiles").select("x,y,type"),
    x: "x",
    y: "y",
    color: "type",
    palette: PALETTE,
  });
  return response.bytes(picture, { type: "image/png" });
}
