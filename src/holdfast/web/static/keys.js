/** The keyboard: go to a page with g and a letter, move in a table with j and k, search with /, halt with h. */

import { halt, mayTrade, withAccount } from "./actions.js";
import { html } from "./lib.js";
import { go, route } from "./router.js";
import { show } from "./ui/dialog.js";
import { current } from "./ui/table.js";
import { openSearch } from "./ui/search.js";

const AFTER_MS = 1200;

/** @type {Record<string, [string, string]>} */
export const PLACES = {
  h: ["/", "Overview"], s: ["/symbol", "Symbol"], o: ["/orders", "Orders"], p: ["/positions", "Positions"], t: ["/strategies", "Strategies"],
  r: ["/risk", "Risk"], u: ["/unresolved", "Unresolved"], l: ["/pipeline", "Pipeline"], j: ["/journal", "Journal"], a: ["/alerts", "Alerts"],
  b: ["/backtests", "Backtests"], c: ["/settings", "Settings"],
};

let pending = 0; // until when a letter after g counts

/** @param {KeyboardEvent} event */
function pressed(event) {
  const at = /** @type {HTMLElement} */ (event.target);
  if (event.metaKey || event.ctrlKey || event.altKey || at.closest("input, select, textarea, dialog, [contenteditable]")) return;
  const { key } = event;
  if (Date.now() < pending && PLACES[key]) {
    pending = 0;
    go(PLACES[key][0]);
    event.preventDefault();
    return;
  }
  pending = 0;
  const act = ACTS[key];
  if (act && act(at) !== false) event.preventDefault();
}

/** What each key does; false when it leaves the key to the browser. @type {Record<string, (at: HTMLElement) => any>} */
const ACTS = {
  g: () => (pending = Date.now() + AFTER_MS),
  "/": () => openSearch(),
  "?": () => help(),
  h: () => mayTrade() && withAccount("Which account is to be halted?", halt),
  j: () => current.value?.move(1),
  k: () => current.value?.move(-1),
  Enter: (at) => (at.closest("a, button, summary") ? false : current.value?.open()),
  Escape: () => up(),
};

/** From an order back to the orders, and so on. */
function up() {
  const { parts } = route.value;
  if (parts.length > 1) go(`/${parts[0] === "symbol" ? "" : parts[0]}`);
}

export function listenToKeys() {
  addEventListener("keydown", pressed);
}

export function help() {
  show((close) => html`<div><h2 id="dialog-title">Keys</h2>
    <dl class="facts left keys">
      <dt><kbd>/</kbd></dt><dd>find a symbol, an order or a page</dd>
      <dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>down and up in a table</dd>
      <dt><kbd>Enter</kbd></dt><dd>open the row</dd>
      <dt><kbd>Esc</kbd></dt><dd>close, or back to the list</dd>
      <dt><kbd>h</kbd></dt><dd>halt an account</dd>
      ${Object.entries(PLACES).map(([key, [, name]]) => html`<dt key=${key}><kbd>g</kbd> <kbd>${key}</kbd></dt><dd>${name}</dd>`)}
    </dl>
    <div class="ends"><button type="button" class="button" data-first="" onClick=${close}>Close</button></div></div>`);
}
