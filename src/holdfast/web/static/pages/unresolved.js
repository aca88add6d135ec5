/** What is in doubt: orders without a definite answer, orders made elsewhere, and how the books compare with the broker. */

import { accept, mayTrade, reconcile, withAccount } from "../actions.js";
import { html } from "../lib.js";
import { count, millis, money, quantity, span, title } from "../format.js";
import { orderColumns, orderLook } from "../columns.js";
import { go, path, SymbolLink } from "../router.js";
import { useResource } from "../resource.js";
import { engineNow, isChosen, orders } from "../store.js";
import { Answer, Empty, PageHead, Panel, Time } from "../ui/parts.js";
import { Table } from "../ui/table.js";
import { resolve } from "./order.js";

export function Unresolved() {
  const found = useResource("/unresolved", {}, "change");
  const answer = { id: "answer", label: "", width: "12ch", fixed: true, cell: (/** @type {any} */ row) => mayTrade() && html`<button type="button" class="button small" onClick=${() => resolve(row)}>Resolve…</button>` };
  const unknown = orders.value.filter((each) => each.state === "UNKNOWN" && isChosen(each.account));
  const about = new Map(mine(found.data.value ?? {}).flatMap((each) => (each.orders ?? []).map((/** @type {any} */ one) => [one.order.client_order_id, one])));
  const asked = { id: "asked", label: "For", width: "26ch", fixed: true, cell: (/** @type {any} */ row) => html`<b class="down">${since(about.get(row.client_order_id), row)}</b> <span class="soft">${about.get(row.client_order_id)?.overdue ?? ""}</span>` };
  return html`<${PageHead} title="Unresolved and external" more=${mayTrade() && html`<button type="button" class="button small" onClick=${() => withAccount("Which account?", reconcile)}>Compare with the broker…</button>`} />
    <${Panel} title=${unknown.length ? html`<span class="badge loud">UNKNOWN</span> ${count(unknown.length, "order")} without a definite answer` : "Unresolved orders"} label="Unresolved orders">
      <${Table} name="Unresolved orders" columns=${[...orderColumns().filter((column) => !["average_fill_price", "reason"].includes(column.id)).map((column) => (["role", "strategy"].includes(column.id) ? { ...column, wide: true } : column)), asked, answer]} rows=${unknown} keyOf=${(/** @type {any} */ row) => row.client_order_id} lookOf=${orderLook} onOpen=${(/** @type {any} */ row) => go(path("orders", row.client_order_id))}
        empty=${html`<${Empty} title="Every order has a definite answer">An order that was sent and not answered would stand here, as UNKNOWN, until the broker says what became of it.<//>`} /><//>
    <${Panel} title="External orders"><${Answer} of=${found}>${(/** @type {any} */ data) => html`<${Table} name="External orders" columns=${orderColumns()} rows=${mine(data).flatMap((each) => each.external ?? [])} keyOf=${(/** @type {any} */ row) => row.client_order_id} lookOf=${orderLook}
      onOpen=${(/** @type {any} */ row) => go(path("orders", row.client_order_id))} empty=${html`<${Empty} title="Nobody else trades here">Orders that were not made by Holdfast would stand here.<//>`} />`}<//><//>
    <div class="grid"><div class="w7"><${Compared} of=${found} /></div><div class="w5"><${Supervised} /></div></div>`;
}

/** How long an order is without an answer. @param {any} about @param {import("../types.js").Order} order */
function since(about, order) {
  return span((engineNow(order.account) - millis(about?.since ?? order.updated)) / 1000);
}

/** A view's plain fields, whatever they are. @param {{of: any}} props */
function Facts({ of }) {
  const fields = Object.entries(of).filter(([name, value]) => name !== "account" && value !== null && value !== "" && typeof value !== "object");
  return html`<dl class="facts">${fields.map(([name, value]) => [html`<dt key=${name}>${title(name)}</dt>`, html`<dd key=${`${name} value`}>${shown(value)}</dd>`])}</dl>`;
}

/** @param {any} value */
function shown(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value) ? html`<${Time} at=${value} />` : String(value);
}

/** @param {any} data @returns {any[]} */
function mine(data) {
  return (data.items ?? (Array.isArray(data) ? data : data.account ? [data] : [])).filter((/** @type {any} */ each) => isChosen(each.account));
}

/** @type {import("../ui/table.js").Column[]} */
const LINES = [
  { id: "symbol", label: "Symbol", at: "a", cell: (row) => html`<${SymbolLink} symbol=${row.symbol} />` },
  { id: "ours", label: "Our books", num: true, at: "c", cell: (row) => html`<span class="narrow">ours </span>${quantity(row.ours)}` },
  { id: "theirs", label: "The broker", num: true, at: "d", cell: (row) => html`<span class="narrow">theirs </span>${quantity(row.theirs)}` },
  { id: "agrees", label: "Agree", width: "14ch", at: "b", cell: (row) => (row.agrees ? html`<span class="badge good">equal</span>` : html`<span class="badge bad" title=${row.cause}>differ</span>`) },
];

/** @param {{of: import("../resource.js").Resource}} props */
function Compared({ of }) {
  return html`<${Panel} title="Last comparison with the broker"><${Answer} of=${of}>${(/** @type {any} */ data) => html`${mine(data).map((each) => html`<${Comparison} key=${each.account} account=${each.account} of=${each.compared} />`)}`}<//><//>`;
}

/** @param {{account: string, of: any}} props */
function Comparison({ account, of }) {
  if (!of || of.agree === null) return html`<div class="body"><p class="soft"><b>${account}</b> ${of?.never || "was not compared so far."}</p></div>`;
  return html`<div class="body"><div class="line-up"><b>${account}</b><span class=${`badge ${of.agree ? "good" : "bad"}`}>${of.agree ? "the books agree" : "the books differ"}</span><span class="faint"><${Time} at=${of.time} /></span></div>
    ${of.agree === false && !of.accepted && mayTrade() && html`<p><button type="button" class="button danger small" onClick=${() => accept(account, of)}>Take over what the broker has…</button></p>`}
    ${of.cause && html`<p class="soft">${of.cause}</p>`}<p class="soft">Cash: ours ${money(of.cash)}, the broker's ${money(of.broker_cash)}</p></div>
    ${of.lines.length > 0 && html`<${Table} name=${`Comparison of ${account}`} columns=${LINES} rows=${of.lines} keyOf=${(/** @type {any} */ row) => row.symbol} empty="" />`}`;
}

function Supervised() {
  const found = useResource("/supervisor", {}, "change");
  return html`<${Panel} title="Supervisor of pending orders"><${Answer} of=${found}>${(/** @type {any} */ data) => html`<div class="body stack">${mine(data).map((each) => html`<div key=${each.account}><h3>${each.account}</h3>${each.supervisor ? html`<${Facts} of=${each.supervisor} />` : html`<p class="soft">No order was ever pending.</p>`}</div>`)}
    ${!mine(data).length && html`<p class="soft">No engine has begun so far.</p>`}</div>`}<//><//>`;
}
