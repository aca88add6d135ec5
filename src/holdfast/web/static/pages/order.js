/** One order: what it is, and its whole story with causes and latencies. */

import { cancel, file, mayTrade, nowOf } from "../actions.js";
import { html, useState } from "../lib.js";
import { clock, day, latency, money, price, quantity, title, words } from "../format.js";
import { terms } from "../columns.js";
import { Link, path, SymbolLink } from "../router.js";
import { useResource } from "../resource.js";
import { isOpen, orders } from "../store.js";
import { Confirm, show } from "../ui/dialog.js";
import { Answer, Empty, Loading, OrderState, PageHead, Panel, Side, Time, Trouble } from "../ui/parts.js";

/** @param {{id: string}} props */
export function OrderPage({ id }) {
  const found = useResource(path("orders", id), {}, "change");
  const trail = useResource(`${path("orders", id)}/trail`, {}, "change");
  const order = orders.value.find((each) => each.client_order_id === id) ?? found.data.value;
  const back = html`<${Link} to="/orders" class="button quiet small">← Orders<//>`;
  if (!order) return html`${back}<${Panel} title=${`Order ${id}`}>${found.error.value ? html`<${Trouble} error=${found.error.value} again=${found.load} />` : html`<${Loading} rows=${8} />`}<//>`;
  return html`<${PageHead} title=${html`<${Side} side=${order.side} /> ${quantity(order.quantity)} <${SymbolLink} symbol=${order.symbol} />`} more=${html`${back}
      ${order.state === "UNKNOWN" && mayTrade() && html`<button type="button" class="button small" onClick=${() => resolve(order)}>Say what became of it…</button>`}
      ${isOpen(order) && mayTrade() && html`<button type="button" class="button danger small" onClick=${() => cancel(order)}>Cancel…</button>`}`}><${OrderState} order=${order} /><//>
    ${order.state === "UNKNOWN" && html`<p class="trouble">It was sent, and no definite answer came: it may be at the broker, and it may not. The engine keeps asking, and lets no order of the same purpose leave meanwhile.</p>`}
    ${order.reason && html`<p class="reason"><span class="soft">Why: </span>${order.reason}</p>`}
    <div class="grid"><div class="w4"><${Terms} order=${order} /></div><div class="w8"><${Panel} title="What happened"><${Answer} of=${trail} rows=${8}>${(/** @type {any} */ data) => html`<${Timeline} records=${data.items ?? data} id=${id} />`}<//><//></div></div>`;
}

/** @param {{order: import("../types.js").Order}} props */
function Terms({ order }) {
  const at = (/** @type {import("../types.js").Text} */ value) => price(value, order.symbol);
  /** @type {[string, any][]} */
  const facts = [
    ["Kind", terms(order)], ["Lasts", order.time_in_force.toUpperCase()], ["Filled", `${quantity(order.filled_quantity)} of ${quantity(order.quantity)}`],
    ["Average price", at(order.average_fill_price)], ["Fees", money(order.fees)], ["Purpose", words(order.role)], ["Strategy", order.strategy],
    ["Account", order.account], ["Stop-loss", at(order.stop_loss)], ["Take-profit", at(order.take_profit)], ["Made", html`<${Time} at=${order.created} />`],
    ["Last heard of", html`<${Time} at=${order.updated} />`], ["Note", order.tag || "–"], ["Our id", html`<span class="mono">${order.client_order_id}</span>`],
    ["Broker's id", html`<span class="mono">${order.broker_order_id || "–"}</span>`],
  ];
  if (order.parent) facts.push(["Protects", html`<${Link} to=${path("orders", order.parent)} class="mono">${order.parent}<//>`]);
  return html`<${Panel} title="The order"><div class="body"><dl class="facts">${facts.map(([name, value]) => [html`<dt key=${name}>${name}</dt>`, html`<dd key=${`${name} value`}>${value}</dd>`])}</dl></div><//>`;
}

const LOOKS = /** @type {[RegExp, string][]} */ ([[/Refused|Rejected|Failed|Anomaly|NotSent/, "bad"], [/Unknown/, "loud"], [/Filled|Approved/, "good"], [/Released|Prepared|Accepted|Submitted/, "live"]]);

/** @param {{records: any[], id: string}} props */
function Timeline({ records, id }) {
  if (!records.length) return html`<${Empty} title="No record tells of it">It was made elsewhere.<//>`;
  const numbers = new Map(records.map((each) => [each.id, each.sequence]));
  return html`<ol class="timeline">${records.map((each, at) => {
    const ms = each.ms ?? each.after_ms ?? (at ? Date.parse(each.time) - Date.parse(records[at - 1].time) : null);
    const look = LOOKS.find(([pattern]) => pattern.test(each.type))?.[1] ?? "";
    const cause = numbers.get(each.causation_id);
    const about = JSON.stringify(each.body ?? {}).includes(id) ? "" : "aside";
    return html`<li key=${each.sequence} class=${about}><span class=${`dot ${look}`} aria-hidden="true" />
      <div class="spread"><span><b>${title(each.type)}</b> ${cause !== undefined && cause !== each.sequence && html`<span class="faint">caused by ${cause}</span>`}</span>
        <span class="faint nowrap">${at ? `+${latency(ms)} · ` : `${day(each.time)} `}${clock(each.time)}</span></div>
      <div>${each.text}</div>
      <details><summary class="faint">record ${each.sequence}</summary><pre>${JSON.stringify(each, null, 2)}</pre></details></li>`;
  })}</ol>`;
}

const OUTCOMES = /** @type {[string, string][]} */ ([["not_sent", "It never reached the broker"], ["canceled", "It was there, and is canceled"]]);

/** A person's word on an order that the engine can't resolve. @param {import("../types.js").Order} order */
export function resolve(order) {
  show(() => html`<${Resolve} order=${order} />`);
}

/** @param {{order: import("../types.js").Order}} props */
function Resolve({ order }) {
  const [outcome, setOutcome] = useState(OUTCOMES[0][0]);
  const { state } = nowOf(order);
  return html`<${Confirm} title=${`What became of ${order.side} ${quantity(order.quantity)} ${order.symbol}?`} confirm="It is so" look="danger" needsReason word="resolve"
    text="Look at the broker's own page first. Your word is kept in the journal, and the engine acts on it."
    over=${state !== "UNKNOWN" && `It is explained already: ${words(state)}. Your word is not needed any more.`}
    run=${(/** @type {string} */ reason) => file(`Resolve ${order.symbol}`, "POST", `${path("orders", order.client_order_id)}/resolve`, { outcome, reason })}>
    <label class="field"><span>Outcome</span><select value=${outcome} onChange=${(/** @type {any} */ event) => setOutcome(event.target.value)}>
      ${OUTCOMES.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select></label><//>`;
}

