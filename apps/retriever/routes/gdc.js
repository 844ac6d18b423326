// POST /gdc: the page of a guild lists its characters, each with its race and its `pc`.
import { CARACS, INFOS } from "./lib/characters.js";
import { remember, reporter } from "./lib/known.js";

export default async function (request) {
  const by = reporter(request);
  // The last word on a character counts.
  const members = [...new Map(request.body.map((member) => [member.id, member])).values()];
  await remember("pcsInfos", INFOS, members, by);
  const counted = members.filter(({ pc }) => pc !== null && pc !== undefined);
  await remember("pcsCaracs", CARACS, counted, by);
  return { Info: `Job done (${members.length})` };
}
