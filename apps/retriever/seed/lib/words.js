// What things are called.

export const TOWNS = ["Valombre", "Port-Cendre", "Hautepierre", "Clairval", "Brumefort", "Roncevent", "Dunegrise"];

export const PLACES = ["Temple", "Auberge", "Échoppe", "Banque", "Forge", "Palais", "Prison", "École de magie", "Marché"];

export const GUILDS = [
  { guildId: 1, guildName: "Les Veilleurs" },
  { guildId: 2, guildName: "La Main d'argent" },
  { guildId: 3, guildName: "L'Ordre du chêne" },
];

export const RACES = ["Humain", "Elfe", "Nain", "Orc"];

/** Foes with their least level, common ones first. */
export const FOES = [
  ["Rat géant", 1], ["Loup", 3], ["Gobelin", 4], ["Araignée", 5], ["Kradjeck ferreux", 2], ["Bandit", 7], ["Ours", 9],
  ["Spectre", 12], ["Troll", 15], ["Basilic", 20], ["Dragon", 28],
];

export const RESOURCES = ["Fer", "Bois", "Lin", "Herbes", "Émeraude"];

export const OBJECTS = ["Épée courte", "Bouclier rond", "Potion de vie", "Bourse", "Parchemin", "Arc", "Cape", "Amulette"];

const FIRST = ["Ald", "Bran", "Cor", "Dor", "Elw", "Fen", "Gal", "Hal", "Isi"];
const LAST = ["ric", "wen", "dan", "mir"];

/** A character's name; the first is Aldric, the player of the examples. */
export function nameOf(n) {
  return FIRST[n % FIRST.length] + LAST[Math.floor(n / FIRST.length) % LAST.length];
}
