/** Columns that several pages show. */

import { html } from "./lib.js";
import { millis, money, price, quantity, signed, span, words } from "./format.js";
import { absolute, compare, sign } from "./decimal.js";
import { Link, path, SymbolLink } from "./router.js";
import { accounts, engineNow, priceOf } from "./store.js";
import { Gain, OrderState, Price, Side, stateName, Time } from "./ui/parts.js";
import { timeValue } from "./ui/table.js";

/** @typedef {import("./ui/table.js").Column} Column */
/** @typedef {import("./types.js").Order} Order */
/** @typedef {import("./types.js").Fill} Fill */
/** @typedef {import("./types.js").Position} Position */

/** @type {Column} */
const ACCOUNT = { id: "account", label: "Account", width: "10ch", cell: (row) => row.account };

/** A column for the account, where there are several. */
export function accountColumn() {
  return accounts.value.length > 1 ? [ACCOUNT] : [];
}

/** How an order is priced, in words. @param {Order} order */
export function terms(order) {
  const at = [];
  if (order.stop_price) at.push(price(order.stop_price, order.symbol));
  if (order.limit_price) at.push(order.stop_price ? `limit ${price(order.limit_price, order.symbol)}` : price(order.limit_price, order.symbol));
  if (order.trail_percent) at.push(`trail ${order.trail_percent} %`);
  if (order.trail_amount) at.push(`trail ${price(order.trail_amount, order.symbol)}`);
  return `${words(order.order_type)}${at.length ? ` ${at.join(", ")}` : ""}`;
}

/** @type {Column[]} */
const ORDERS = [
  { id: "created", label: "Made", width: "17ch", cell: (/** @type {Order} */ row) => html`<${Time} at=${row.created} />`, value: (row) => timeValue(row.created) },
  { id: "symbol", label: "Symbol", width: "10ch", at: "a", cell: (/** @type {Order} */ row) => html`<${SymbolLink} symbol=${row.symbol} /> <span class="narrow"><${Side} side=${row.side} /> ${quantity(row.quantity)}</span>` },
  { id: "side", label: "Side", width: "7ch", cell: (/** @type {Order} */ row) => html`<${Side} side=${row.side} />` },
  { id: "filled_quantity", label: "Filled", num: true, width: "14ch", cell: (/** @type {Order} */ row) => html`${quantity(row.filled_quantity)}<span class="faint"> / ${quantity(row.quantity)}</span>` },
  { id: "terms", label: "Kind", width: "18ch", at: "c", value: terms, cell: (/** @type {Order} */ row) => html`<span class="narrow"><${Time} at=${row.created} short /> · </span>${terms(row)}` },
  { id: "state", label: "State", width: "15ch", at: "b", value: (/** @type {Order} */ row) => stateName(row.state), cell: (/** @type {Order} */ row) => html`<${OrderState} order=${row} />` },
  { id: "average_fill_price", label: "Average", num: true, width: "11ch", at: "d", cell: (/** @type {Order} */ row) => price(row.average_fill_price, row.symbol) },
  { id: "strategy", label: "Strategy", width: "12ch", cell: (/** @type {Order} */ row) => row.strategy },
  { id: "role", label: "Purpose", width: "12ch", cell: (/** @type {Order} */ row) => html`<span class="soft">${words(row.role)}</span>` },
  { id: "reason", label: "Why", cell: (/** @type {Order} */ row) => html`<span class="soft" title=${row.reason || row.tag}>${row.reason || row.tag}</span>` },
];

export function orderColumns() {
  return [...ORDERS.slice(0, 1), ...accountColumn(), ...ORDERS.slice(1)];
}

/** @param {Order} order */
export function orderLook(order) {
  if (order.state === "UNKNOWN") return "loud";
  return ["CANCELED", "EXPIRED", "NOT_SENT"].includes(order.state) ? "over" : "";
}

/** @type {Column[]} */
const FILLS = [
  { id: "time", label: "Time", width: "17ch", at: "c", cell: (/** @type {Fill} */ row) => html`<${Time} at=${row.time} /><span class="narrow"> · ${row.strategy}</span>`, value: (row) => timeValue(row.time) },
  { id: "symbol", label: "Symbol", width: "9ch", at: "a", cell: (/** @type {Fill} */ row) => html`<${SymbolLink} symbol=${row.symbol} /> <span class="narrow"><${Side} side=${row.side} /> ${quantity(row.quantity)}</span>` },
  { id: "side", label: "Side", width: "7ch", cell: (/** @type {Fill} */ row) => html`<${Side} side=${row.side} />` },
  { id: "quantity", label: "Quantity", num: true, width: "10ch", cell: (/** @type {Fill} */ row) => quantity(row.quantity) },
  { id: "price", label: "Price", num: true, width: "11ch", at: "b", cell: (/** @type {Fill} */ row) => price(row.price, row.symbol) },
  { id: "fees", label: "Fees", num: true, width: "9ch", at: "d", cell: (/** @type {Fill} */ row) => html`<span class="soft"><span class="narrow">fee </span>${money(row.fees)}</span>` },
  { id: "strategy", label: "Strategy", width: "11ch", cell: (/** @type {Fill} */ row) => row.strategy },
];

export function fillColumns() {
  return [...FILLS.slice(0, 1), ...accountColumn(), ...FILLS.slice(1)];
}

/** @param {Fill} fill */
export function fillKey(fill) {
  return `${fill.account} ${fill.execution_id}`;
}

/** How much of a position is protected, in words. @param {{position: Position}} props */
export function Protected({ position }) {
  const { protected: covered, quantity: held, unprotected_since: since } = position;
  if (covered === null || covered === undefined) return html`<span class="faint">not known</span>`;
  const text = sign(covered) === 0 ? "unprotected" : `${quantity(covered)} of ${quantity(held)}`;
  if (since) return html`<span class="badge bad">${text} ${span((engineNow(position.account) - millis(since)) / 1000)}</span>`;
  if (sign(covered) === 0) return html`<span class="badge hollow" title="Its entry asked for none">none asked</span>`;
  return compare(absolute(covered), absolute(held)) >= 0 ? html`<span class="badge good">protected</span>` : html`<span class="badge live">${text}</span>`;
}

/** @type {Column[]} */
const POSITIONS = [
  { id: "symbol", label: "Symbol", width: "9ch", at: "a", cell: (/** @type {Position} */ row) => html`<${SymbolLink} symbol=${row.symbol} /> <span class="narrow">${quantity(row.quantity)}</span>` },
  { id: "quantity", label: "Quantity", num: true, width: "11ch", cell: (/** @type {Position} */ row) => html`<span class=${row.quantity.startsWith("-") ? "down" : ""}>${quantity(row.quantity)}</span>` },
  { id: "average_price", label: "Cost a unit", num: true, wide: true, width: "11ch", at: "c", cell: (/** @type {Position} */ row) => html`<span class="narrow">from </span>${price(row.average_price, row.symbol)}` },
  { id: "last_price", label: "Last", num: true, width: "11ch", value: (/** @type {Position} */ row) => priceOf(row.account, row.symbol), cell: (/** @type {Position} */ row) => html`<${Price} value=${priceOf(row.account, row.symbol)} symbol=${row.symbol} />` },
  { id: "worth", label: "Worth", num: true, width: "13ch", cell: (/** @type {Position} */ row) => money(row.worth) },
  { id: "unrealised", label: "Open gain", num: true, width: "13ch", at: "b", cell: (/** @type {Position} */ row) => html`<${Gain} value=${row.unrealised}>${signed(row.unrealised)}<//>` },
  { id: "protected", label: "Protection", width: "20ch", at: "d", cell: (/** @type {Position} */ row) => html`<${Protected} position=${row} />` },
];

export function positionColumns() {
  return [...POSITIONS.slice(0, 1), ...accountColumn(), ...POSITIONS.slice(1)];
}

/** @param {Position} position */
export function positionKey(position) {
  return `${position.account} ${position.symbol}`;
}

/** @param {{order: Order}} props */
export function OrderLink({ order }) {
  return html`<${Link} to=${path("orders", order.client_order_id)} class="mono">${order.client_order_id}<//>`;
}
