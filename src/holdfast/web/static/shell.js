/** The frame around every page: who and where, how fresh it all is, and what is wrong. */

import { cancelAll, flatten, halt, mayTrade, preserve, reconcile, resume, withAccount } from "./actions.js";
import { send, session } from "./api.js";
import { Fragment, html, useErrorBoundary } from "./lib.js";
import { span, title, words } from "./format.js";
import { useResource } from "./resource.js";
import { Link, route } from "./router.js";
import { accounts, ageOf, chosen, down, engineNow, isChosen, isDemo, loaded, looked, now, orders, silent, unread } from "./store.js";
import { heardAt, link } from "./stream.js";
import { nextTheme, theme } from "./theme.js";
import { help } from "./keys.js";
import { closeDialog, Dialogs, show } from "./ui/dialog.js";
import { Icon, Mark } from "./ui/icons.js";
import { Clocks, Trouble, until } from "./ui/parts.js";
import { openSearch } from "./ui/search.js";
import { toast, Toasts } from "./ui/toast.js";

/** @type {[string, string, string][]} */
const RAIL = [
  ["", "overview", "Overview"], ["symbol", "symbol", "Symbol"], ["orders", "orders", "Orders"], ["positions", "positions", "Positions"],
  ["strategies", "strategies", "Strategies"], ["risk", "risk", "Risk"], ["unresolved", "unresolved", "Unresolved"], ["-", "", ""],
  ["pipeline", "pipeline", "Pipeline"], ["journal", "journal", "Journal"], ["alerts", "alerts", "Alerts"], ["backtests", "backtests", "Backtests"],
];

/** @param {{page: any}} props */
export function Shell({ page }) {
  mood();
  return html`<${Fragment}>
    <a class="skip" href="#main" onClick=${(/** @type {Event} */ event) => (event.preventDefault(), document.getElementById("main")?.focus())}>To the page</a>
    <div class="frame">
      <${Top} />
      <div class="notes"><${Notes} /></div>
      <${Rail} />
      <main class=${`main ${page.full ? "full" : ""}`} id="main" tabIndex=${0}><${Guarded} key=${route.value.name}>${page.draw()}<//></main>
      <${Tabs} />
    </div>
    <${Toasts} /><${Dialogs} />
  <//>`;
}

/** A page that fails says so, and leaves the frame alone. @param {{children?: any}} props */
function Guarded({ children }) {
  const [error, again] = useErrorBoundary((failed) => console.error(failed));
  return error ? html`<${Trouble} error=${`This page failed: ${error.message ?? error}`} again=${again} />` : children;
}

/** The whole page turns amber when what it shows may not be true any more. */
function mood() {
  const lost = (link.value === "lost" && loaded.value === "ready") || unread.value !== "";
  document.documentElement.dataset.mood = lost || (down.value.length > 0 && down.value.some((each) => isChosen(each.account))) ? "stale" : "";
}

/** @param {string} name */
function here(name) {
  return route.value.name === name ? "page" : undefined;
}

function Rail() {
  const doubtful = orders.value.filter((each) => each.state === "UNKNOWN" && isChosen(each.account)).length;
  return html`<nav class="rail" aria-label="Pages">
    ${RAIL.map(([name, icon, label]) => name === "-" ? html`<hr key="-" />` : html`<${Link} key=${name} to=${`/${name}`} aria-current=${here(name)} title=${label}>
      <${Icon} name=${icon} /><span>${label}</span>${name === "unresolved" && doubtful > 0 && html`<span class="number bad">${doubtful}</span>`}<//>`)}
    <div class="apart"><${Link} to="/settings" aria-current=${here("settings")} title="Settings"><${Icon} name="settings" /><span>Settings</span><//></div>
  </nav>`;
}

function Tabs() {
  const halts = () => withAccount("Which account is to be halted?", halt);
  return html`<nav class="tabs" aria-label="Pages, short">
    <${Link} to="/" aria-current=${here("")}><${Icon} name="overview" />Overview<//>
    <${Link} to="/orders" aria-current=${here("orders")}><${Icon} name="orders" />Orders<//>
    ${mayTrade() ? html`<button type="button" class="halt-round" onClick=${halts}><${Icon} name="halt" /><span>Halt</span></button>` : html`<span />`}
    <${Link} to="/positions" aria-current=${here("positions")}><${Icon} name="positions" />Positions<//>
    <button type="button" class="plain" onClick=${more}><${Icon} name="more" />More</button>
  </nav>`;
}

function more() {
  const rest = RAIL.filter(([name]) => !["", "orders", "positions", "-"].includes(name));
  show((close) => html`<div class="more-sheet"><h2 id="dialog-title">Pages</h2>
    <div class="more-grid">${[...rest, ["settings", "settings", "Settings"]].map(([name, icon, label]) => html`<${Link} key=${name} to=${`/${name}`}><${Icon} name=${icon} />${label}<//>`)}</div>
    <div class="line-up"><${Themes} /><button type="button" class="button small quiet" onClick=${() => (close(), help())}>Keys</button><button type="button" class="button small quiet" onClick=${close}>Close</button></div></div>`);
}

// Following a link closes the sheet that it stands in.
addEventListener("click", (event) => {
  if (/** @type {HTMLElement} */ (event.target).closest?.(".more-sheet a")) closeDialog();
});

function Themes() {
  const names = /** @type {Record<string, string>} */ ({ auto: "as the system", light: "light", dark: "dark" });
  const icons = /** @type {Record<string, string>} */ ({ auto: "auto", light: "sun", dark: "moon" });
  return html`<button type="button" class="button quiet icon" title=${`Colours: ${names[theme.value]}`} aria-label=${`Colours: ${names[theme.value]}; change`} onClick=${nextTheme}><${Icon} name=${icons[theme.value]} /></button>`;
}

function Top() {
  const many = accounts.value.length > 1;
  return html`<header class="top">
    <${Link} to="/" class="brand" aria-label="Holdfast, overview"><${Mark} /><span>Holdfast</span><//>
    ${many && html`<select class="accounts" aria-label="Account" value=${chosen.value} onChange=${(/** @type {any} */ event) => (chosen.value = event.target.value)}>
      <option value="">all accounts</option>${accounts.value.map((each) => html`<option key=${each.account} value=${each.account}>${each.account}</option>`)}</select>`}
    <${Phase} />
    <div class="top-end">
      <${Live} />
      <button type="button" class="button quiet find" onClick=${openSearch} aria-label="Find a symbol, an order or a page"><${Icon} name="search" /><span class="wide">Find</span><kbd class="wide">/</kbd></button>
      <span class="wide"><${Themes} /></span>
      <button type="button" class="button quiet icon wide" onClick=${help} aria-label="Keys" title="Keys (?)"><${Icon} name="help" /></button>
      <${Who} />
      ${mayTrade() && html`<${Acts} />`}
    </div>
  </header>`;
}

/** The exchange's session: its phase, when it changes, and the time there and here. */
function Phase() {
  const account = looked.value.find((each) => each.session);
  const at = engineNow((account ?? looked.value[0])?.account);
  if (!account?.session) return html`<div class="phase wide"><${Clocks} at=${at} /></div>`;
  const { phase: told, next_change: next, next_phase: then, zone } = account.session;
  const left = until(next, at);
  const phase = left <= 0 && then ? then : told; // the account tells of its phase when it changes, and a quiet one hours later
  const look = phase === "open" ? "good" : phase === "closed" ? "hollow" : "warn";
  return html`<div class="phase"><span class=${`badge ${look}`}>${words(phase)}</span>
    ${left > 0 && html`<span class="soft nowrap countdown">${then} in ${span(left)}</span>`}<span class="wide clocks"><${Clocks} at=${at} zone=${zone} /></span></div>`;
}

/** How fresh it is. */
function Live() {
  const since = (now.value - heardAt.value) / 1000;
  if (loaded.value !== "ready") return html`<span class="live-dot soft">${loaded.value === "loading" ? "loading" : "waiting"}</span>`;
  if (link.value === "lost") return html`<span class="live-dot lost">lost ${span(since)}</span>`;
  if (link.value === "connecting" || link.value === "away") return html`<span class="live-dot soft">connecting</span>`;
  if (unread.value) return html`<span class="live-dot lost">not readable</span>`;
  const gone = down.value.filter((each) => isChosen(each.account)).length;
  if (gone) return html`<span class="live-dot lost">engine down</span>`;
  if (Object.keys(silent.value).some(isChosen)) return html`<span class="live-dot lost">engine silent</span>`;
  const ages = looked.value.map((each) => ageOf(each.account)).filter(Number.isFinite);
  const oldest = ages.length ? Math.max(...ages) : NaN;
  return html`<span class="live-dot live" title=${Number.isFinite(oldest) ? `the engine last wrote ${span(oldest)} ago` : ""}>live</span>`;
}

function Who() {
  const me = session.value;
  if (!me || (me.name === "local" && !me.totp && !me.csrf)) return null;
  const out = async () => {
    await send("POST", "/logout").catch(() => {});
    location.assign("/");
  };
  return html`<button type="button" class="button quiet icon wide" title=${`${me.name}, ${me.role}`} aria-label=${`${me.name}, ${me.role}`} onClick=${() =>
    show((close) => html`<div><h2 id="dialog-title">${me.name}</h2><p class="soft">${me.role}: may ${me.permissions.join(", ")}</p><div class="ends">
      <button type="button" class="button quiet" onClick=${close}>Close</button><button type="button" class="button" onClick=${out}>Log out</button></div></div>`)}><${Icon} name="user" /></button>`;
}

/** What can be asked of an account as a whole. */
function Acts() {
  const open = () => withAccount("Which account?", (account) => show((close) => html`<${ActSheet} account=${account} close=${close} />`));
  return html`<button type="button" class="button danger wide" onClick=${open}><${Icon} name="halt" />Halt…</button>`;
}

/** @param {{account: string, close: () => void}} props */
function ActSheet({ account, close }) {
  const state = accounts.value.find((each) => each.account === account)?.state;
  const then = (/** @type {(account: string) => void} */ act) => () => (close(), act(account));
  return html`<div><h2 id="dialog-title">What ${account} is to do</h2><div class="stack acts">
    <button type="button" data-first="" onClick=${then(halt)}><b>Halt</b><span>nothing that raises risk leaves any more; exits stay</span></button>
    <button type="button" onClick=${then(preserve)}><b>Preserve</b><span>no new risk; positions are closed as configured</span></button>
    <button type="button" onClick=${then(cancelAll)}><b>Cancel every order</b><span>positions stay</span></button>
    <button type="button" onClick=${then(flatten)}><b>Flatten</b><span>cancel everything, close everything, halt</span></button>
    ${(state === "HALTED" || state === "PRESERVATION") && html`<button type="button" onClick=${then(resume)}><b>Resume</b><span>strategies trade again</span></button>`}
    <button type="button" onClick=${then(reconcile)}><b>Compare with the broker</b><span>nothing is traded</span></button>
  </div><div class="ends"><button type="button" class="button quiet" onClick=${close}>Close</button></div></div>`;
}

/** What is wrong for all pages, above them. */
function Notes() {
  const gone = down.value.filter((each) => isChosen(each.account));
  const since = Math.max(0, (now.value - heardAt.value) / 1000);
  return html`<${Fragment}>
    <div aria-live="assertive">
      ${link.value === "lost" && loaded.value === "ready" && html`<div class="note warn" data-note="lost"><b>No word from the web process for ${span(since)}.</b> Everything below is as it was then. It is asked again by itself.</div>`}
      ${link.value !== "lost" && unread.value && html`<div class="note bad" data-note="unread"><b>The web process can't read the journal.</b> <span>${unread.value}. What is shown is from before.</span></div>`}
      ${Object.entries(silent.value).filter(([account]) => isChosen(account)).map(([account, seconds]) => html`<div key=${account} class="note bad" data-note="silent">
        <b>The engine of ${account} stands still.</b> <span>It runs and has not been heard for ${span(seconds)}; what is asked of it waits, and what is shown is from before.</span></div>`)}
      ${gone.length > 0 && html`<div class="note bad" data-note="down"><b>Engine down: ${gone.map((each) => each.account).join(", ")}</b>
        <span>${gone[0].ended || "nobody runs it now"}. Orders at the broker live on; what is shown is the last that was written${Number.isFinite(ageOf(gone[0].account)) ? `, ${span(ageOf(gone[0].account))} ago` : ""}.</span></div>`}
    </div>
    ${looked.value.filter((each) => each.running && (each.state === "HALTED" || each.state === "PRESERVATION")).map((each) => html`<div key=${each.account} class="note warn" data-note="state">
      <b>${each.account} ${each.state === "HALTED" ? "is halted: nothing that raises risk leaves" : "takes no new risk"}.</b> <span>${Object.values(each.missing ?? {}).join("; ")}</span>
      ${mayTrade() && html`<span class="push"><button type="button" class="button small" onClick=${() => resume(each.account)}>Resume</button></span>`}</div>`)}
    ${isDemo.value && html`<${DemoBar} />`}
  <//>`;
}

function DemoBar() {
  const demo = useResource("/demo", {}, "once").data.value;
  return html`<div class="note demo"><span><b>Demo.</b> <span class="wide">A made-up market and made-up money; the engine, its journal and its recovery are real.</span></span>
    <span class="push"><button type="button" class="button small danger" onClick=${crash}>Crash the engine</button>
    ${demo?.faults.length > 0 && html`<button type="button" class="button small" onClick=${() => breakBroker(demo.faults)}>Break the broker…</button>`}</span></div>`;
}

async function crash() {
  try {
    await send("POST", "/demo/crash");
    toast({ title: "The engine was killed (SIGKILL)", text: "Nothing was saved on the way out. Watch it come back." });
  } catch (error) {
    toast({ look: "bad", title: "It could not be killed", text: /** @type {Error} */ (error).message });
  }
}

/** @typedef {{name: string, seen: string, true: string}} Fault what the broker does, as the engine sees it, and what is true */

/** @param {Fault[]} faults */
function breakBroker(faults) {
  const choose = async (/** @type {Fault} */ fault) => {
    closeDialog();
    try {
      const answer = await send("POST", "/demo/fault", { fault: fault.name });
      toast({ title: `The broker, once: ${words(fault.name)}`, text: answer?.text });
    } catch (error) {
      toast({ look: "bad", title: "The broker could not be broken", text: /** @type {Error} */ (error).message });
    }
  };
  show((close) => html`<div><h2 id="dialog-title">What the broker is to do wrong, once</h2><p class="soft">The engine sees what stands here, and has to find out what is true.</p>
    <div class="stack acts">${faults.map((fault, at) => html`<button type="button" key=${fault.name} data-first=${at ? undefined : ""} onClick=${() => choose(fault)}><b>${title(fault.name)}</b><span>Seen: ${fault.seen}.</span><span>True: ${fault.true}.</span></button>`)}</div>
    <div class="ends"><button type="button" class="button quiet" onClick=${close}>Close</button></div></div>`);
}
