// Where the page begins: it finds the API, asks for a token where one is needed, and then keeps what is shown fresh.
import { Api, Refused } from "./api.js";
import { Page } from "./page.js";

const EVERY_MS = 2_000;
const AFTER_FAULT_MS = 8_000;

const by = (id) => document.getElementById(id);

/** Asks again and again, while somebody looks. */
function keepFresh(page) {
  let [timer, busy] = [0, false];
  const turn = async () => {
    clearTimeout(timer);
    if (busy || document.hidden) return;
    busy = true;
    let pause = EVERY_MS;
    try {
      await page.refresh();
    } catch (error) {
      if (error instanceof Refused) return signIn(error.message);
      pause = AFTER_FAULT_MS;
      page.lost(error);
    }
    busy = false;
    timer = setTimeout(turn, pause);
  };
  document.addEventListener("visibilitychange", turn);
  timer = setTimeout(turn, EVERY_MS);
}

/** Asks for a token, with the reason why the last one was none. */
function signIn(reason) {
  by("refused").textContent = Api.token ? reason : "";
  by("refused").hidden = !Api.token;
  Api.token = null;
  by("enter").hidden = false;
  by("token").value = "";
  by("token").focus();
}

async function start() {
  by("trouble").hidden = true;
  by("enter").hidden = true;
  try {
    const settings = await (await fetch("settings.json")).json();
    by("attribution").textContent = settings.attribution ?? "";
    by("attribution").hidden = !settings.attribution;
    const page = new Page(await Api.find(settings.api), settings);
    await page.begin();
    document.body.classList.add("ready");
    keepFresh(page);
  } catch (error) {
    if (error instanceof Refused) return signIn(error.message);
    console.info(error);
    by("trouble").hidden = false;
    by("trouble").querySelector("p").textContent = "The venue does not answer.";
  }
}

by("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  Api.token = by("token").value.trim();
  // Listeners of a page that was refused go with it.
  location.reload();
});
by("trouble").querySelector("button").addEventListener("click", () => location.reload());
// A link into the page that somebody enters in its address; its own moves tell nothing.
addEventListener("hashchange", () => location.reload());
start();
