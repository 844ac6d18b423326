// POST /pc/{id}: a character as its own page shows it.
import { CARACS, INFOS } from "./lib/characters.js";
import { remember, reporter } from "./lib/known.js";

export default async function (request) {
  const { params, body } = request;
  if ((body.id ?? params.id) !== params.id) {
    fail(400, "the body is about another character", `its id is ${body.id}, the path's is ${params.id}`);
  }
  const by = reporter(request);
  await remember("pcsInfos", INFOS, [{ ...body, id: params.id }], by);
  if (body.caracs) await remember("pcsCaracs", CARACS, [{ ...body.caracs, id: params.id, name: body.name }], by);
  return { Info: `Job done (${params.id})` };
}
