/** The page begins here: who asks, what there is, and which page is shown. */

import { get, loginNeeded, session } from "./api.js";
import { html, render, signal, useEffect } from "./lib.js";
import { listenToKeys } from "./keys.js";
import { route } from "./router.js";
import { Shell } from "./shell.js";
import { apply, load } from "./store.js";
import { follow } from "./stream.js";
import "./theme.js";
import { Empty, Loading, Panel } from "./ui/parts.js";

/** By the first part of an address: how to get its page, and how to draw it from the other parts. @type {Record<string, {get: () => Promise<any>, draw: (of: any, parts: string[]) => any, title: string, full?: boolean}>} */
const PAGES = {
  "": { title: "Overview", get: () => import("./pages/overview.js"), draw: (of) => html`<${of.Overview} />` },
  symbol: { title: "Symbol", get: () => import("./pages/symbol.js"), draw: (of, parts) => html`<${of.SymbolPage} name=${parts[1] ?? ""} />` },
  orders: { title: "Orders", full: true, get: () => Promise.all([import("./pages/orders.js"), import("./pages/order.js")]).then((both) => ({ ...both[0], ...both[1] })), draw: (of, parts) => (parts[1] ? html`<${of.OrderPage} key=${parts[1]} id=${parts[1]} />` : html`<${of.Orders} />`) },
  positions: { title: "Positions", get: () => import("./pages/positions.js"), draw: (of) => html`<${of.Positions} />` },
  strategies: { title: "Strategies", get: () => import("./pages/strategies.js"), draw: (of, parts) => (parts[2] ? html`<${of.StrategyPage} key=${parts.join("/")} account=${parts[1]} strategy=${parts[2]} />` : html`<${of.Strategies} />`) },
  risk: { title: "Risk", get: () => import("./pages/risk.js"), draw: (of) => html`<${of.Risk} />` },
  unresolved: { title: "Unresolved", get: () => import("./pages/unresolved.js"), draw: (of) => html`<${of.Unresolved} />` },
  pipeline: { title: "Pipeline", get: () => import("./pages/pipeline.js"), draw: (of) => html`<${of.PipelinePage} />` },
  journal: { title: "Journal", full: true, get: () => import("./pages/journal.js"), draw: (of) => html`<${of.Journal} />` },
  alerts: { title: "Alerts", full: true, get: () => import("./pages/alerts.js"), draw: (of) => html`<${of.Alerts} />` },
  backtests: { title: "Backtests", get: () => import("./pages/backtests.js"), draw: (of, parts) => (parts[1] ? html`<${of.BacktestPage} key=${parts[1]} name=${parts[1]} />` : html`<${of.Backtests} />`) },
};
for (const name of ["settings", "users", "keys", "me"]) PAGES[name] = { title: "Settings", get: () => import("./pages/settings.js"), draw: (of) => html`<${of.Settings} />` };

/** The modules of pages that have come, by name; an error where one did not. */
const modules = signal(/** @type {Record<string, any>} */ ({}));
const stage = signal("starting"); // "login" or "running"

/** @param {string} name */
async function fetchPage(name) {
  try {
    const of = await PAGES[name].get();
    modules.value = { ...modules.value, [name]: of };
  } catch (error) {
    modules.value = { ...modules.value, [name]: { error } };
  }
}

function pageNow() {
  const { name, parts } = route.value;
  const known = PAGES[name];
  if (!known) return { draw: () => html`<${Panel} title="No such page"><${Empty} title=${`There is no page ${location.pathname}`}>Look at the list of pages, or press / and type.<//><//>` };
  const of = modules.value[name];
  const full = known.full && parts.length === 1;
  if (!of) return { full, draw: () => html`<div class="panel"><${Loading} rows=${6} /></div>` };
  if (of.error) return { draw: () => html`<${Panel} title=${known.title}><${Empty} title="The page could not be loaded">${String(of.error.message ?? of.error)}<//><//>` };
  return { full, draw: () => known.draw(of, parts) };
}

function App() {
  const { name, parts } = route.value;
  useEffect(() => {
    if (PAGES[name] && !modules.value[name]) void fetchPage(name);
    document.title = `${parts[1] ? `${parts.slice(1).join(" ")} · ` : ""}${PAGES[name]?.title ?? "Holdfast"} · Holdfast`;
  }, [name, parts.join("/")]);
  if (stage.value === "login" || loginNeeded.value) return html`<${LoginGate} />`;
  return html`<${Shell} page=${pageNow()} />`;
}

function LoginGate() {
  const of = modules.value.login;
  useEffect(() => {
    if (!of) void import("./pages/login.js").then((found) => (modules.value = { ...modules.value, login: found }));
  }, []);
  return of ? html`<${of.Login} done=${() => location.reload()} />` : html`<div class="login"><${Loading} rows=${3} /></div>`;
}

async function begin() {
  const root = /** @type {HTMLElement} */ (document.getElementById("app"));
  void (PAGES[route.value.name] && fetchPage(route.value.name));
  root.replaceChildren();
  render(html`<${App} />`, root);
  listenToKeys();
  for (;;) {
    try {
      session.value = await get("/me");
      break;
    } catch (error) {
      if (/** @type {import("./api.js").ApiError} */ (error).status === 401) return;
      await new Promise((done) => setTimeout(done, 1500));
    }
  }
  stage.value = "running";
  follow(load, apply);
}

void begin();
