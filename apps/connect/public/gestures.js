// Mouse, touch and keys on the map: they move the view, and say what is pointed at.

/** Points that a finger or a mouse may slip in a click. */
const SLIP = 6;
const KEYS = {
  ArrowLeft: (view) => view.pan(60, 0),
  ArrowRight: (view) => view.pan(-60, 0),
  ArrowUp: (view) => view.pan(0, 60),
  ArrowDown: (view) => view.pan(0, -60),
  "+": (view) => view.zoom(1.3),
  "=": (view) => view.zoom(1.3),
  "-": (view) => view.zoom(1 / 1.3),
};

/** Listens on a canvas: `moved()` after the view did, `pointed(point or null)`, `picked(point)`; `pressed` has what other keys do. */
export function listen(canvas, view, { moved, pointed, picked, pressed }) {
  const on = (type, heard) => canvas.addEventListener(type, heard, { passive: false });
  const fingers = new Map();
  let slipped = 0;

  on("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, point(event));
    slipped = fingers.size === 1 ? 0 : Infinity;
    pointed(null);
  });

  on("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return pointed(event.pointerType === "mouse" ? point(event) : null);
    const now = point(event);
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      view.pan((now.right - before.right) / 2, (now.down - before.down) / 2);
      const apart = (a) => Math.max(1, Math.hypot(a.right - other.right, a.down - other.down));
      view.zoom(apart(now) / apart(before), (now.right + other.right) / 2, (now.down + other.down) / 2);
    } else {
      slipped += Math.hypot(now.right - before.right, now.down - before.down);
      if (slipped > SLIP) view.pan(now.right - before.right, now.down - before.down);
    }
    fingers.set(event.pointerId, now);
    moved();
  });

  const lifted = (event) => {
    const was = fingers.delete(event.pointerId);
    if (was && event.type === "pointerup" && slipped <= SLIP) picked(point(event), event.pointerType);
  };
  on("pointerup", lifted);
  on("pointercancel", lifted);
  on("pointerleave", () => pointed(null));

  on("wheel", (event) => {
    event.preventDefault();
    const points = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 30;
    view.zoom(Math.exp(-Math.max(-200, Math.min(200, points)) / (event.ctrlKey ? 110 : 420)), event.offsetX, event.offsetY);
    moved();
  });

  on("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (pressed[event.key]) pressed[event.key]();
    else if (KEYS[event.key]) KEYS[event.key](view);
    else return;
    event.preventDefault();
    moved();
  });
}

const point = (event) => ({ right: event.offsetX, down: event.offsetY });
