/** The orders: every one there was, filtered at once, and never moving under the eye. */

import { download } from "../api.js";
import { html, useEffect, useMemo, useState } from "../lib.js";
import { count } from "../format.js";
import { orderColumns, orderLook } from "../columns.js";
import { go, path, route, setParams } from "../router.js";
import { chosen, haveAllOrders, isChosen, isOpen, loaded, orders, wantAllOrders } from "../store.js";
import { cancelAll, mayTrade, withAccount } from "../actions.js";
import { Icon } from "../ui/icons.js";
import { Choice, Empty, Loading, PageHead, Panel, Trouble } from "../ui/parts.js";
import { CopyButton, Table } from "../ui/table.js";

/** @type {[string, string][]} */
const SHOWS = [["", "All"], ["open", "Working"], ["filled", "Filled"], ["refused", "Refused"], ["unknown", "UNKNOWN"]];
const REFUSED = new Set(["REJECTED", "FAILED", "NOT_SENT"]);

/** @param {string} show @param {import("../types.js").Order} order */
function isShown(show, order) {
  if (show === "open") return isOpen(order);
  if (show === "filled") return order.filled_quantity !== "0";
  if (show === "refused") return REFUSED.has(order.state);
  return show === "unknown" ? order.state === "UNKNOWN" : true;
}

/** @param {import("../types.js").Order} order @param {string} text */
function says(order, text) {
  return [order.client_order_id, order.broker_order_id, order.symbol, order.strategy, order.reason, order.tag, order.role].some((each) => each?.toLowerCase().includes(text));
}

export function Orders() {
  const { show = "", symbol = "", strategy = "", text = "" } = route.value.params;
  const [error, setError] = useState("");
  const ask = () => wantAllOrders().catch((failed) => setError(failed.message));
  useEffect(() => void ask(), []);
  const rows = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    return orders.value.filter((each) => isChosen(each.account) && isShown(show, each) && (!symbol || each.symbol === symbol) && (!strategy || each.strategy === strategy) && (!wanted || says(each, wanted)));
  }, [orders.value, show, symbol, strategy, text, chosen.value]);
  const columns = useMemo(orderColumns, [chosen.value]);
  const symbols = useMemo(() => [...new Set(orders.value.map((each) => each.symbol))].sort(), [orders.value.length]);
  const strategies = useMemo(() => [...new Set(orders.value.map((each) => each.strategy))].sort(), [orders.value.length]);
  const isFiltered = Boolean(show || symbol || strategy || text);
  return html`<${PageHead} title="Orders" more=${html`
      ${mayTrade() && html`<button type="button" class="button danger small" onClick=${() => withAccount("Which account?", cancelAll)}>Cancel all…</button>`}
      <a class="button small" href=${download("/orders", { account: chosen.value, symbol, strategy, open: show === "open" ? true : "" })} download><${Icon} name="down" />CSV</a>
      <a class="button small wide" href=${download("/orders", { account: chosen.value, symbol, strategy }, "parquet")} download>Parquet</a>
      <a class="button small wide" href=${download("/fills", { account: chosen.value, symbol })} download><${Icon} name="down" />Fills</a>`}>
      <span class="soft" role="status">${haveAllOrders.value ? count(rows.length, "order") : ""}</span><//>
    <div class="filters" role="search" aria-label="Filter orders">
      <${Choice} label="Which orders" value=${show} of=${SHOWS} onPick=${(/** @type {string} */ value) => setParams({ show: value })} />
      <${Pick} label="Symbol" value=${symbol} of=${symbols} onPick=${(/** @type {string} */ value) => setParams({ symbol: value })} />
      <${Pick} label="Strategy" value=${strategy} of=${strategies} onPick=${(/** @type {string} */ value) => setParams({ strategy: value })} />
      <input type="search" aria-label="Text in an order" placeholder="id, reason, tag…" value=${text} onInput=${(/** @type {any} */ event) => setParams({ text: event.target.value })} />
    </div>
    ${error && html`<${Trouble} error=${error} again=${() => (setError(""), ask())} />`}
    <${Panel} grow label="Orders">
      ${loaded.value === "loading" || (!haveAllOrders.value && !error) ? html`<${Loading} rows=${14} />` : html`<${Table} name="Orders" columns=${columns} rows=${rows} keyOf=${keyOf} lookOf=${orderLook}
        onOpen=${(/** @type {any} */ row) => go(path("orders", row.client_order_id))}
        empty=${isFiltered ? html`<${Empty} title="No order is like that">Take a filter away to see more.<//>` : html`<${Empty} title="No order was made yet">Orders appear as soon as a strategy or a person asks for one.<//>`} />`}
    <//>
    <div class="under wide"><${CopyButton} columns=${columns} rows=${rows} name="orders" /><span class="faint"><kbd>j</kbd> <kbd>k</kbd> move · <kbd>Enter</kbd> opens</span></div>`;
}

/** @param {import("../types.js").Order} order */
function keyOf(order) {
  return order.client_order_id;
}

/** @param {{label: string, value: string, of: string[], onPick: (value: string) => void}} props */
export function Pick({ label, value, of, onPick }) {
  return html`<select aria-label=${label} value=${value} onChange=${(/** @type {any} */ event) => onPick(event.target.value)}>
    <option value="">${label}: all</option>${of.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}</select>`;
}
