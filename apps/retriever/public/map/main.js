// The page at /map: a token gets in, then the world is asked for again and again, and drawn when something has changed.
import { Painter } from "./draw.js";
import { listen } from "./gestures.js";
import { showLegend, showTile } from "./panels.js";
import { View } from "./view.js";
import { Refused, World, keepFresh } from "./world.js";

const TOKEN = "retriever.token";
const by = (id) => document.getElementById(id);
const [canvas, card, form] = [by("map"), by("tile"), by("enter")];

let leave = () => {};

function enter(token) {
  const [world, view] = [new World(), new View()];
  const painter = new Painter(canvas, world, view);
  const small = matchMedia("(max-width: 620px)");
  let [placed, answeredAt, asked] = [false, 0, false];

  const redraw = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      painter.draw();
    });
  };
  const measure = () => {
    [view.width, view.height] = [canvas.clientWidth, canvas.clientHeight];
    const points = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [Math.round(view.width * points), Math.round(view.height * points)];
    redraw();
  };
  const show = () => {
    const hex = painter.pinned ?? painter.hovered;
    showTile(card, hex, world);
    document.body.classList.toggle("sheet", small.matches && !card.hidden);
  };
  const me = () => [...world.standing.values()].flat().find(({ kind }) => kind === "me");
  const all = () => view.fit(world.tiles.values(), me());
  const moved = () => {
    clearTimeout(moved.timer);
    moved.timer = setTimeout(() => history.replaceState(null, "", view.toHash()), 300);
    redraw();
  };
  const pick = (hex) => {
    const again = hex && painter.pinned && hex.x === painter.pinned.x && hex.y === painter.pinned.y;
    painter.pinned = again || !hex || !world.tile(hex.x, hex.y) ? null : hex;
    show();
    redraw();
  };
  const legend = () => showLegend(by("kinds"), by("terrains"), world, painter.hidden, (kind, shown) => {
    if (shown) painter.hidden.delete(kind);
    else painter.hidden.add(kind);
    redraw();
  });
  const say = (text, late) => {
    by("fresh").textContent = text;
    by("fresh").classList.toggle("late", late);
  };

  const changed = ({ added, moved: somethingMoved }) => {
    answeredAt = Date.now();
    say("up to date", false);
    painter.add(added);
    if (!placed) {
      placed = true;
      sessionStorage.setItem(TOKEN, token);
      reveal(true);
      measure();
      if (!view.fromHash(location.hash)) all();
      by("legend").open = !small.matches;
      canvas.focus({ preventScroll: true });
    }
    if (added.length === 0 && !somethingMoved) return;
    by("user").textContent = world.user ?? "retriever";
    names(world);
    legend();
    show();
    redraw();
  };
  const fault = (error) => {
    if (error instanceof Refused) {
      out("This token is not known here.");
      return false;
    }
    if (!placed) {
      out("The server does not answer. Try again.");
      return false;
    }
    say(`no answer since ${new Date(answeredAt).toLocaleTimeString("en-GB")}`, true);
    return true;
  };

  const stop = new AbortController();
  const on = (target, type, heard) => target.addEventListener(type, heard, { signal: stop.signal });
  listen(canvas, view, stop.signal, {
    moved,
    pointed: (hex) => {
      painter.hovered = hex;
      if (!painter.pinned) show();
      redraw();
    },
    picked: pick,
    all,
  });
  on(window, "resize", measure);
  on(by("zoom"), "click", ({ target }) => {
    if (target.dataset.zoom === "all") all();
    else if (target.dataset.zoom) view.zoom(target.dataset.zoom === "in" ? 1.5 : 1 / 1.5);
    moved();
  });
  on(by("find"), "change", ({ target }) => {
    const found = find(world, target.value);
    if (!found) return;
    view.lookAt(found.x, found.y, 22);
    painter.pinned = null;
    pick(found);
    moved();
    target.value = "";
    // The keys move the map again.
    canvas.focus({ preventScroll: true });
  });
  const end = keepFresh(world, token, changed, fault);
  leave = () => {
    end();
    stop.abort();
    // Nothing of the world stays on the screen.
    canvas.width = 0;
  };
}

/** Whoever has this name, the most important first; the beginning of a name will do. */
function find(world, wanted) {
  const name = wanted.trim().toLocaleLowerCase();
  if (!name) return null;
  const all = [...world.standing.values()].flat();
  const has = (test) => all.find((row) => test((row.name ?? "").toLocaleLowerCase()) || test((row.townName ?? "").toLocaleLowerCase()));
  const found = has((known) => known === name) ?? has((known) => known.startsWith(name));
  return found ? { x: found.x, y: found.y } : null;
}

/** Names that the search suggests. */
function names(world) {
  const known = new Set();
  for (const { kind, name, townName } of [...world.standing.values()].flat()) {
    if (kind !== "object" && kind !== "resource" && kind !== "npc" && name && kind !== "place") known.add(name);
    if (townName) known.add(townName);
  }
  by("names").replaceChildren(...[...known].sort().map((name) => Object.assign(document.createElement("option"), { value: name })));
}

function reveal(inside) {
  for (const id of ["bar", "zoom", "legend"]) by(id).hidden = !inside;
  form.hidden = inside;
}

/** Forgets the token and asks for one, with a reason or without. */
function out(reason = "") {
  leave();
  sessionStorage.removeItem(TOKEN);
  card.hidden = true;
  reveal(false);
  by("refused").textContent = reason;
  by("refused").hidden = !reason;
  by("token").value = "";
  by("token").focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  leave();
  enter(by("token").value.trim());
});
by("leave").addEventListener("click", () => out());

const kept = sessionStorage.getItem(TOKEN);
if (kept) enter(kept);
else out();
