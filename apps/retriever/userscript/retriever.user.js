// ==UserScript==
// @name         retriever: post what this page shows
// @description  Sends the tiles of the game's view, a character's page and a guild's page to your guild's retriever.
// @version      1.0.0
// @match        https://game.example/*
// @match        https://www.game.example/*
// @grant        GM_getValue
// @grant        GM_setValue
// @grant        GM_registerMenuCommand
// @run-at       document-idle
// ==/UserScript==

// A sample: the three functions that read the page (`readView`, `readCharacter`, `readGuild`) say which elements they look for.
// Fit them to the game's pages; the rest may stay. It is an ordinary script of the page, so the manifest's `cors` must name the
// game's origin.

(() => {
  "use strict";

  /** Where the retriever answers, and your token there; both are asked for once and kept by the script manager. */
  const settings = {
    get address() { return GM_getValue("address", "http://127.0.0.1:8080"); },
    get token() { return GM_getValue("token", ""); },
  };

  GM_registerMenuCommand("retriever: address and token", configure);

  function configure() {
    const address = prompt("Where does your guild's retriever answer?", settings.address);
    if (address) GM_setValue("address", address.replace(/\/+$/, ""));
    const token = prompt("Your token", settings.token);
    if (token) GM_setValue("token", token.trim());
  }

  // ── What the page shows ────────────────────────────────────────────────────────────────────────────────────────────

  /** A number as a page writes it, or null. */
  const number = (text) => {
    const digits = (text ?? "").replace(/[\s\u00a0\u202f]/g, "");
    return /^-?\d+$/.test(digits) ? Number(digits) : null;
  };

  /** What an element's data attributes say: `data-id="12"`, `data-level="3"`. */
  const numberOf = (element, name) => number(element.dataset[name]);
  const textOf = (element, name) => element.dataset[name]?.trim() || null;

  /** The view: elements `.tile[data-x][data-y][data-type]`, and in each what stands there. */
  function readView() {
    return [...document.querySelectorAll(".tile[data-x][data-y]")].map((tile) => {
      const each = (kind, read) => [...tile.querySelectorAll(`.${kind}`)].map(read);
      const known = (element) => ({ id: numberOf(element, "id"), level: numberOf(element, "level"), name: textOf(element, "name") });
      return {
        x: numberOf(tile, "x"),
        y: numberOf(tile, "y"),
        type: textOf(tile, "type"),
        items: {
          places: each("place", (e) => ({ ...known(e), townId: numberOf(e, "townId"), townName: textOf(e, "townName") })),
          pcs: each("pc", (e) => ({
            ...known(e), wounds: textOf(e, "wounds"), guildId: numberOf(e, "guildId"), guildName: textOf(e, "guildName"),
          })),
          npcs: each("npc", (e) => ({ ...known(e), wounds: textOf(e, "wounds") })),
          resources: each("resource", (e) => ({ level: numberOf(e, "level"), name: textOf(e, "name") })),
          objects: each("object", (e) => ({ id: numberOf(e, "id"), name: textOf(e, "name") })),
        },
      };
    });
  }

  /** A character's page: `#character[data-id]` with an element `.dla`, `.xp`, … for each field. */
  function readCharacter() {
    const page = document.querySelector("#character[data-id]");
    if (!page) return null;
    const text = (name) => page.querySelector(`.${name}`)?.textContent.trim() || null;
    const caracs = Object.fromEntries(["pv", "pvMax", "attM", "defM", "degM", "arm", "mmM", "pc"].map((name) => [name, number(text(name))]));
    return {
      id: numberOf(page, "id"),
      name: text("name"),
      race: text("race"),
      img: page.querySelector("img.face")?.src ?? null,
      dla: text("dla"),
      pas: number(text("pas")),
      pos: text("pos"),
      xp: number(text("xp")),
      xpMax: number(text("xpMax")),
      caracs,
    };
  }

  /** A guild's page: a row `#guild tr[data-id]` for each character. */
  function readGuild() {
    return [...document.querySelectorAll("#guild tr[data-id]")].map((row) => ({
      id: numberOf(row, "id"), name: textOf(row, "name"), race: textOf(row, "race"), pc: numberOf(row, "pc"),
    }));
  }

  // ── Sending it ─────────────────────────────────────────────────────────────────────────────────────────────────────

  async function post(path, body) {
    if (!settings.token) return show("no token yet: see the script's menu", false);
    try {
      const answer = await fetch(settings.address + path, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Basic ${settings.token}` },
        body: JSON.stringify(body),
      });
      const said = await answer.json();
      show(said.Info ?? said.message ?? `answer ${answer.status}`, answer.ok);
    } catch {
      show(`${settings.address} does not answer`, false);
    }
  }

  const lines = document.createElement("div");
  Object.assign(lines.style, { position: "fixed", right: "12px", bottom: "12px", zIndex: 99999, display: "grid", gap: "6px" });

  /** A line at the page's corner, for a few seconds. */
  function show(text, fine) {
    const line = document.createElement("div");
    line.textContent = `retriever: ${text}`;
    Object.assign(line.style, {
      padding: "8px 12px", borderRadius: "8px", font: "13px system-ui, sans-serif", color: "#fff",
      background: fine ? "#2c6e49" : "#9b2c2c",
    });
    document.body.append(lines);
    lines.append(line);
    setTimeout(() => line.remove(), 4000);
  }

  const view = readView();
  if (view.length > 0) post("/view", view);
  const character = readCharacter();
  if (character) post(`/pc/${character.id}`, character);
  const guild = readGuild();
  if (guild.length > 0) post("/gdc", guild);
})();
