// What is kept of a character beside where it was seen.

export const INFOS = ["name", "race", "img", "dla", "pas", "pos", "xp", "xpMax"];
export const CARACS = ["name", "pv", "pvMax", "attM", "defM", "degM", "arm", "mmM", "pc"];
