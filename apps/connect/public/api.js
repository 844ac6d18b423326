// The app's API: at this page's own address (behind a gateway), or at another port of the same host.

const TOKEN = "connect.token";
const TAGS_MAX = 200;

/** The token is none, or may not read this. */
export class Refused extends Error {}

export class Api {
  #base;
  #tags = new Map();

  constructor(base) {
    this.#base = base;
  }

  /** The first of these addresses that has the API: `""` is this page's own, `":30001"` a port of its host. Its document tells what an address has. */
  static async find(candidates) {
    const bases = candidates.map((base) => (base.startsWith(":") ? `${location.protocol}//${location.hostname}${base}` : base));
    for (const base of bases.slice(0, -1)) {
      try {
        const document = await (await fetch(`${base}/openapi.json`)).json();
        if (document.paths?.["/api/persons"]) return new Api(base);
      } catch {
        // Nothing is there: the next one may be it.
      }
    }
    return new Api(bases.at(-1));
  }

  static get token() {
    return sessionStorage.getItem(TOKEN);
  }

  static set token(token) {
    if (token) sessionStorage.setItem(TOKEN, token);
    else sessionStorage.removeItem(TOKEN);
  }

  /** What is at a path. */
  async get(path) {
    return (await this.#ask(path)).json();
  }

  /** What is at a path, or null if it is what the last call was answered. The browser itself asks whether its copy still holds. */
  async changed(path) {
    const answer = await this.#ask(path);
    const tag = answer.headers.get("etag");
    if (tag && this.#tags.get(path) === tag) {
      await answer.body?.cancel();
      return null;
    }
    const value = await answer.json();
    if (this.#tags.size > TAGS_MAX) this.#tags.clear();
    if (tag) this.#tags.set(path, tag);
    return value;
  }

  async #ask(path) {
    const headers = Api.token ? { authorization: `Bearer ${Api.token}` } : {};
    const answer = await fetch(this.#base + path, { headers });
    if (answer.status === 401 || answer.status === 403) throw new Refused((await answer.json()).message);
    if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.message ?? `${path} answered ${answer.status}`);
    return answer;
  }
}
