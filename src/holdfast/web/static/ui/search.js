/** Find a symbol, an order or a page by a few letters. */

import { html, useState } from "../lib.js";
import { go, path } from "../router.js";
import { accounts, orders, prices } from "../store.js";
import { closeDialog, show } from "./dialog.js";

const MOST = 9;
const PAGES = ["orders", "positions", "strategies", "risk", "unresolved", "pipeline", "journal", "alerts", "backtests", "settings"];

/** Every symbol that is known here. */
export function knownSymbols() {
  const found = new Set(Object.keys(prices.value));
  for (const account of accounts.value) {
    for (const strategy of account.strategies) for (const symbol of strategy.symbols) found.add(symbol);
    for (const position of account.positions ?? []) found.add(position.symbol);
  }
  for (const order of orders.value.slice(0, 500)) found.add(order.symbol);
  return [...found].sort();
}

/** @param {string} text @returns {{kind: string, name: string, to: string}[]} */
function matches(text) {
  const wanted = text.trim().toLowerCase();
  const symbols = knownSymbols().filter((each) => each.toLowerCase().includes(wanted));
  symbols.sort((a, b) => Number(b.toLowerCase().startsWith(wanted)) - Number(a.toLowerCase().startsWith(wanted)));
  const found = symbols.map((each) => ({ kind: "symbol", name: each, to: path("symbol", each) }));
  if (!wanted) return found.slice(0, MOST);
  for (const each of PAGES) if (each.startsWith(wanted)) found.push({ kind: "page", name: each, to: `/${each}` });
  for (const each of orders.value) {
    if (found.length >= MOST) break;
    if (each.client_order_id.toLowerCase().includes(wanted)) found.push({ kind: "order", name: `${each.symbol} ${each.side} · ${each.client_order_id}`, to: path("orders", each.client_order_id) });
  }
  return found.slice(0, MOST);
}

export function openSearch() {
  show(() => html`<${Search} />`);
}

function Search() {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const found = matches(text);
  const pick = (/** @type {{to: string}} */ of) => {
    closeDialog();
    go(of.to);
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowDown") setAt(Math.min(at + 1, found.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else return;
    event.preventDefault();
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (found[at]) pick(found[at]);
  };
  return html`<form class="search" onSubmit=${submit} role="search">
    <h2 id="dialog-title" class="hush">Find</h2>
    <input role="combobox" aria-expanded="true" aria-controls="found" aria-activedescendant=${found[at] ? `found-${at}` : undefined} aria-label="A symbol, an order or a page"
      placeholder="A symbol, an order or a page" value=${text} data-first="" autocomplete="off" spellcheck=${false} onKeyDown=${key}
      onInput=${(/** @type {any} */ event) => (setText(event.target.value), setAt(0))} />
    <ul id="found" role="listbox" aria-label="Found">
      ${found.map((each, index) => html`<li key=${each.to} id=${`found-${index}`} role="option" aria-selected=${index === at} onClick=${() => pick(each)} onMouseMove=${() => setAt(index)}>
        <span class="strong clip">${each.name}</span><span class="faint">${each.kind}</span></li>`)}
    </ul>
    ${!found.length && html`<p class="soft">Nothing here is called that.</p>`}
  </form>`;
}
