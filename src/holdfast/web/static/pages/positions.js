/** What is held, and how much of it is protected. */

import { close, flatten, lacksStop, mayTrade, protect, withAccount } from "../actions.js";
import { download } from "../api.js";
import { html } from "../lib.js";
import { count, direction, millis, money, price, quantity, signed, span, words } from "../format.js";
import { positionColumns, positionKey, Protected } from "../columns.js";
import { go, Link, path, SymbolLink } from "../router.js";
import { useResource } from "../resource.js";
import { engineNow, isChosen, loaded, looked, positions } from "../store.js";
import { Answer, Empty, Figure, Gain, Loading, PageHead, Panel, Time } from "../ui/parts.js";
import { CopyButton, Table } from "../ui/table.js";
import { byCurrency, Total } from "../ui/totals.js";

/** @typedef {import("../types.js").Position} Position */

/** @type {import("../ui/table.js").Column[]} */
const MORE = [
  { id: "realised", label: "Realised", num: true, wide: true, width: "12ch", cell: (/** @type {Position} */ row) => html`<span class=${direction(row.realised)}>${signed(row.realised)}</span>` },
  { id: "strategies", label: "Held by", width: "15ch", fixed: true, value: (/** @type {Position} */ row) => row.strategies.map((each) => each.strategy), cell: (/** @type {Position} */ row) => html`<span class="soft">${row.strategies.map((each) => `${each.strategy} ${quantity(each.quantity)}`).join(", ")}</span>` },
  { id: "acts", label: "", width: "21ch", fixed: true, cell: (/** @type {Position} */ row) => mayTrade() && html`<span class="acts-cell">${lacksStop(row) && html`<button type="button" class="button small" onClick=${() => protect(row)}>Protect…</button>`}<button type="button" class="button small danger" onClick=${() => close(row)}>Close…</button></span>` },
];

/** @param {string} account */
function currencyOf(account) {
  return looked.value.find((each) => each.account === account)?.currency ?? "";
}

export function Positions() {
  const held = positions.value.filter((each) => isChosen(each.account));
  const columns = [...positionColumns(), ...MORE];
  const open = !held.length ? [{ currency: "", value: "0" }] : byCurrency(held, (each) => each.unrealised, (each) => each.currency || currencyOf(each.account));
  const total = (/** @type {(each: import("../types.js").Account) => import("../types.js").Text | undefined} */ value) => byCurrency(looked.value, value, (each) => each.currency);
  return html`<${PageHead} title="Positions" more=${html`<${CopyButton} columns=${columns} rows=${held} name="positions" /><a class="button small" href=${download("/positions")} download>CSV</a>
      ${mayTrade() && html`<button type="button" class="button danger small" onClick=${() => withAccount("Which account?", flatten)}>Flatten…</button>`}`}><span class="soft">${count(held.length, "position")}</span><//>
    <div class="panel figures-panel"><div class="figures">
      <${Figure} label="Open gain" value=${html`<${Total} of=${open} show=${signed} isGain />`} />
      <${Figure} label="Realised" value=${html`<${Total} of=${total((each) => each.realised)} show=${signed} isGain />`} />
      <${Figure} label="Exposure" value=${html`<${Total} of=${total((each) => each.gross_exposure)} show=${(/** @type {string | null} */ value) => money(value, 0)} />`} />
      <${Figure} label="Without protection" value=${held.filter((each) => each.unprotected_since).length} more="positions that are to have it" />
    </div></div>
    <${Panel} label="Positions">${loaded.value === "loading" ? html`<${Loading} />` : html`<${Table} name="Positions" columns=${columns} rows=${held} keyOf=${positionKey} lookOf=${(/** @type {Position} */ row) => (row.unprotected_since ? "loud" : "")}
      onOpen=${(/** @type {Position} */ row) => go(path("symbol", row.symbol))} empty=${html`<${Empty} title="Nothing is held">A position appears as soon as something fills.<//>`} />`}<//>
    <${Exits} />`;
}

/** @type {import("../ui/table.js").Column[]} */
const EXITS = [
  { id: "symbol", label: "Symbol", width: "10ch", at: "a", cell: (row) => html`<${SymbolLink} symbol=${row.symbol} />` },
  { id: "strategy", label: "Strategy", width: "13ch", at: "c", cell: (row) => row.strategy },
  { id: "quantity", label: "Held", num: true, width: "11ch", cell: (row) => quantity(row.quantity) },
  { id: "protected", label: "Protection", width: "16ch", at: "b", cell: (row) => html`<${Protected} position=${row} />` },
  { id: "stop_loss", label: "Stop", num: true, width: "13ch", at: "d", cell: (row) => html`${price(row.stop_loss, row.symbol)}${row.trails ? html`<span class="faint"> trails</span>` : ""}` },
  { id: "take_profit", label: "Target", num: true, width: "12ch", cell: (row) => price(row.take_profit, row.symbol) },
  { id: "closes", label: "Closed by time", width: "17ch", cell: (row) => html`<${Time} at=${row.closes} />` },
  { id: "legs", label: "Orders at work", width: "16ch", fixed: true, value: (row) => row.legs?.length, cell: (row) => html`${(row.legs ?? []).map((/** @type {any} */ leg) => html`<${Link} key=${leg.client_order_id} to=${path("orders", leg.client_order_id)}>${words(leg.role)}<//> `)}` },
  { id: "alarm", label: "What is wrong", cell: (row) => html`<span class=${row.alarm ? "down strong" : "soft"}>${row.closing || (row.alarm ? "less is protected than was asked for, for longer than is allowed" : "")}</span>` },
];

function Exits() {
  const found = useResource("/protection", {}, "change");
  return html`<${Panel} title="Exits"><${Answer} of=${found}>${(/** @type {any} */ data) => html`<${Table} name="Exits" columns=${EXITS} rows=${data.items.filter((/** @type {any} */ each) => isChosen(each.account))}
    keyOf=${(/** @type {any} */ row) => `${row.account} ${row.strategy} ${row.symbol}`} empty=${html`<${Empty} title="No position has exits of its own">A strategy, or a person on the ticket, asks for them with the entry.<//>`} />`}<//><//>`;
}
