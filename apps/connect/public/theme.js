// Colours: those of the stylesheet, and one for each company.

const NAMES = ["ground", "floor", "wall", "stand", "stage", "table", "booth-line", "ink", "faint", "halo", "chosen", "met", "dim"];

export class Theme {
  #hues = new Map();

  constructor(changed) {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const read = () => {
      this.dark = dark.matches;
      const style = getComputedStyle(document.documentElement);
      for (const name of NAMES) this[name] = style.getPropertyValue(`--${name}`).trim();
    };
    read();
    dark.addEventListener("change", () => {
      read();
      changed();
    });
  }

  /** Gives each company a colour of its own, as far apart as they are many. */
  companies(persons) {
    const names = [...new Set([...persons].map(({ company_name }) => company_name))].sort();
    this.#hues = new Map(names.map((name, index) => [name, Math.round((index * 360) / names.length + 20) % 360]));
  }

  hue(company) {
    return this.#hues.get(company) ?? 0;
  }

  /** The colour of a company's people. */
  of(company) {
    return this.dark ? `oklch(78% 0.13 ${this.hue(company)})` : `oklch(57% 0.16 ${this.hue(company)})`;
  }
}
