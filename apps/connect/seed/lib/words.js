// Who comes, for whom they work, and what is talked about.

const FIRST = [
  "Ada", "Björn", "Chiara", "Dmitri", "Elif", "Farid", "Grace", "Hiro", "Ines", "Jonas", "Kemi", "Lars", "Mei", "Noor", "Olga",
  "Pablo", "Quinn", "Rosa", "Samir", "Tove", "Uma", "Viktor", "Wanda", "Xavi", "Yara", "Zoltan",
];
const LAST = [
  "Abel", "Brandt", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ito", "Jansen", "Kowalski", "Lindqvist", "Moreau",
  "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Silva", "Tanaka", "Ueda", "Varga", "Weber", "Xu", "Yılmaz",
];
const COMPANIES = [
  "Alder Maps", "Birch & Sons", "Cedar Robotics", "Dune Energy", "Ember Health", "Fjord Shipping", "Glacier Data", "Harbor Bank",
  "Iris Optics", "Juniper Foods", "Kestrel Air", "Lumen Works",
];
const SUBJECTS = [
  "Maps", "Batteries", "Clinics", "Ports", "Forecasts", "Lenses", "Kitchens", "Gliders", "Lamps", "Payments", "Robots", "Timber",
];
const ANGLES = ["for beginners", "after ten years", "in the field", "that repair themselves", "at scale", "without waste"];

/** The nth person: 650 pairs of names, then with a number. */
export function person(n) {
  const round = Math.floor(n / (FIRST.length * LAST.length));
  const last_name = LAST[(n + Math.floor(n / FIRST.length)) % LAST.length] + (round ? ` ${round + 1}` : "");
  return { id: n + 1, first_name: FIRST[n % FIRST.length], last_name, company_name: COMPANIES[(n * 7) % COMPANIES.length] };
}

/** The nth stand's name. */
export const stand = (n) => {
  const round = Math.floor(n / COMPANIES.length);
  return COMPANIES[n % COMPANIES.length] + (round ? ` ${round + 1}` : "");
};

/** The nth talk's title. */
export const title = (n) => `${SUBJECTS[n % SUBJECTS.length]} ${ANGLES[(n + Math.floor(n / SUBJECTS.length)) % ANGLES.length]}`;
