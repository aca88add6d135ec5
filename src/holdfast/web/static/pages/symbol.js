/** A symbol: its candles with everything that concerns it drawn in, its position, and a ticket. */

import { cancelAll, close, lacksStop, mayTrade, protect } from "../actions.js";
import { get } from "../api.js";
import { html, useMemo, useRef, useState } from "../lib.js";
import { places } from "../decimal.js";
import { direction, millis, price, quantity, signed, span } from "../format.js";
import { fillColumns, fillKey, orderColumns, orderLook, Protected } from "../columns.js";
import { go, Link, path, route, setParams } from "../router.js";
import { useResource } from "../resource.js";
import { accountOf, chosen, engineNow, fills, isChosen, isOpen, markets, orders, positions, priceOf, prices } from "../store.js";
import { Candles, secondsOf } from "../ui/chart.js";
import { Choice, Empty, Gain, Loading, Panel, Trouble } from "../ui/parts.js";
import { knownSymbols } from "../ui/search.js";
import { Table } from "../ui/table.js";
import { Ticket } from "../ui/ticket.js";

const TIMEFRAMES = /** @type {[string, string][]} */ (["1Min", "5Min", "15Min", "1Hour", "1Day"].map((each) => [each, each.replace("Min", " min").replace("Hour", " h").replace("Day", " d")]));
const AGAIN_S = 3;
const PAGE = 600;
const MOST_BARS = 12_000;

/** @typedef {import("../ui/chart.js").Candle} Candle */

/** @param {{name: string}} props */
export function SymbolPage({ name }) {
  const symbols = knownSymbols();
  const symbol = name || symbols[0];
  if (!symbol) return html`<${Panel} title="Symbol"><${Empty} title="No symbol is known yet">Strategies name theirs in the configuration.<//><//>`;
  const timeframe = route.value.params.tf ?? "1Min";
  return html`<h1 class="hush">${symbol}</h1><${Strip} symbols=${symbols} symbol=${symbol} />
    <div class="symbol-page"><div class="stack"><${Chart} key=${`${symbol} ${timeframe}`} symbol=${symbol} timeframe=${timeframe} /><${Below} symbol=${symbol} /></div>
    <div class="stack side-column"><${Holding} symbol=${symbol} /><${Panel} title="Order ticket"><div class="body"><${Ticket} key=${symbol} symbol=${symbol} /></div><//></div></div>`;
}

/** @param {{symbols: string[], symbol: string}} props */
function Strip({ symbols, symbol }) {
  const shown = symbols.includes(symbol) ? symbols : [symbol, ...symbols];
  return html`<nav class="symbols" aria-label="Symbols">${shown.map((each) => html`<${Link} key=${each} to=${path("symbol", each)} aria-current=${each === symbol ? "page" : undefined}>
    <b>${each}</b> ${price(priceOf(accountOf(each), each) ?? prices.value[each], each)}<//>`)}</nav>`;
}

/** The candles, with those that came since, and older ones once they are wanted. @param {string} symbol @param {string} timeframe */
function useCandles(symbol, timeframe) {
  const account = accountOf(symbol);
  const { at } = route.value.params;
  const found = useResource(`/candles/${encodeURIComponent(symbol)}`, { account, timeframe, limit: PAGE, before: at }, at ? "once" : AGAIN_S);
  const kept = useRef(/** @type {Candle[]} */ ([]));
  const [older, setOlder] = useState(/** @type {Candle[]} */ ([]));
  const answered = found.data.value?.bars;
  const bars = useMemo(() => (kept.current = joined(older.length ? joined(older, kept.current) : kept.current, answered ?? [])), [answered, older]);
  const last = priceOf(account, symbol);
  const live = useMemo(() => (at ? bars : moved(bars, last, markets.value[account ?? ""]?.time ?? null, secondsOf(timeframe))), [bars, last, at]);
  const onOldest = useMemo(() => askOlder(`/candles/${encodeURIComponent(symbol)}`, { account, timeframe, limit: PAGE }, () => kept.current, setOlder), [symbol, timeframe, account]);
  return { found, bars: live, onOldest };
}

/** Gives what asks for older candles, one page at a time, until there are none. @param {string} path @param {Record<string, any>} parameters @param {() => Candle[]} known @param {(older: Candle[]) => void} take */
function askOlder(path, parameters, known, take) {
  let isBusy = false;
  return async () => {
    const [first] = known();
    if (isBusy || !first || known().length >= MOST_BARS) return;
    isBusy = true;
    const answer = await get(path, { ...parameters, before: first[0] }).catch(() => null); // who goes on scrolling asks again
    const older = (answer?.bars ?? []).filter((/** @type {Candle} */ bar) => bar[0] < first[0]);
    if (older.length) take(older);
    isBusy = answer !== null && !older.length; // it was the oldest: nothing more is asked
  };
}

/** Older candles with the newer over them. @param {Candle[]} old @param {Candle[]} newer */
function joined(old, newer) {
  if (!newer.length) return old;
  const first = newer[0][0];
  return [...old.filter((bar) => bar[0] < first), ...newer].slice(-MOST_BARS);
}

/** The last candle as the last price makes it. @param {Candle[]} bars @param {string | null} last @param {string | null} at @param {number} seconds */
function moved(bars, last, at, seconds) {
  const bar = bars.at(-1);
  if (!bar || last === null || at === null) return bars;
  const value = Number(last);
  const begins = Math.floor(millis(at) / 1000 / seconds) * seconds;
  const [time, open, high, low, , volume] = bar;
  if (begins < time || begins > time + 20 * seconds) return bars;
  if (begins === time) return [...bars.slice(0, -1), /** @type {Candle} */ ([time, open, Math.max(high, value), Math.min(low, value), value, volume])];
  return [...bars, /** @type {Candle} */ ([begins, value, value, value, value, 0])];
}

/** @param {{symbol: string, timeframe: string}} props */
function Chart({ symbol, timeframe }) {
  const { found, bars, onOldest } = useCandles(symbol, timeframe);
  const [isShown, setShown] = useState(true);
  const account = accountOf(symbol);
  const indicators = useResource(`/indicators/${encodeURIComponent(symbol)}`, { account }, isShown ? AGAIN_S : "once");
  const series = indicators.data.value?.series ?? [];
  const older = useResource("/fills", { symbol, limit: 1000 }, "once");
  const marks = useMemo(() => marksOf(symbol, older.data.value?.items ?? []), [fills.value, older.data.value, symbol, chosen.value]);
  const levels = useMemo(() => levelsOf(symbol), [orders.value, positions.value, symbol, chosen.value]);
  const lastPrice = priceOf(account, symbol);
  const digits = Math.max(2, lastPrice ? Math.min(8, places(lastPrice)) : 0);
  const last = bars.at(-1);
  const old = last && !route.value.params.at ? engineNow(account) / 1000 - last[0] - secondsOf(timeframe) : 0;
  const note = found.data.value?.source ?? "";
  return html`<${Panel} class="chart-panel" label=${`Chart of ${symbol}`} title=${html`${symbol} <span class="soft">${price(lastPrice, symbol)}</span>`} more=${html`
      ${series.length > 0 && html`<button type="button" class="button quiet small" aria-pressed=${isShown} onClick=${() => setShown(!isShown)}>${isShown ? "Hide" : "Show"} indicators</button>`}
      <${Choice} label="Timeframe" value=${timeframe} of=${TIMEFRAMES} onPick=${(/** @type {string} */ value) => setParams({ tf: value === "1Min" ? null : value })} />`}>
    ${found.error.value && !bars.length ? html`<${Trouble} error=${found.error.value} again=${found.load} />`
      : found.data.value === null ? html`<div class="chart"><${Loading} rows=${6} /></div>`
      : !bars.length ? html`<div class="chart"><${Empty} title="No candles yet">${note || "The feed has none for this timeframe."}<//></div>`
      : html`<${Candles} symbol=${symbol} timeframe=${timeframe} bars=${bars} marks=${marks} levels=${levels} indicators=${isShown ? series : []} digits=${digits} onOldest=${onOldest} />`}
    <div class="chart-foot faint"><span>${route.value.params.at ? html`up to a moment of before · <${Link} to=${path("symbol", symbol)}>to now<//>` : old > 5 * secondsOf(timeframe) ? html`<span class="badge warn">the last candle is ${span(old)} old</span>` : ""}</span><span class="clip">${note}</span></div>
  <//>`;
}

/** Every execution that is known, once. @param {string} symbol @param {import("../types.js").Fill[]} older @returns {import("../ui/chart.js").Mark[]} */
function marksOf(symbol, older) {
  const all = new Map([...older, ...fills.value].filter((each) => each.symbol === symbol && isChosen(each.account)).map((each) => [fillKey(each), each]));
  return [...all.values()].map((each) => ({ time: millis(each.time) / 1000, side: each.side, text: quantity(each.quantity) }));
}

/** What is asked for and what is held, as lines at their prices. @param {string} symbol @returns {import("../ui/chart.js").Level[]} */
function levelsOf(symbol) {
  /** @type {import("../ui/chart.js").Level[]} */
  const found = [];
  for (const each of orders.value) {
    if (each.symbol !== symbol || !isOpen(each) || !isChosen(each.account)) continue;
    const look = each.side === "buy" ? "up" : "down";
    const stops = each.stop_price && `${each.role === "entry" ? `${each.side} stop` : "stop"} ${quantity(each.quantity)}`;
    if (each.stop_price) found.push({ price: Number(each.stop_price), title: stops || "", look, dashed: true });
    if (each.limit_price) found.push({ price: Number(each.limit_price), title: `${each.role === "entry" ? each.side : "target"} ${quantity(each.quantity)}`, look });
  }
  for (const each of positions.value) {
    if (each.symbol === symbol && isChosen(each.account) && each.average_price) found.push({ price: Number(each.average_price), title: `held ${quantity(each.quantity)}`, look: "accent", dashed: true });
  }
  return found;
}

/** @param {{symbol: string}} props */
function Holding({ symbol }) {
  const held = positions.value.filter((each) => each.symbol === symbol && isChosen(each.account));
  if (!held.length) return html`<${Panel} title="Position"><div class="body soft">Nothing of ${symbol} is held.</div><//>`;
  return html`<${Panel} title="Position" more=${html`<${Protected} position=${held[0]} />`}>${held.map((each) => html`<div class="body" key=${each.account}>
    <dl class="facts"><dt>${each.account}</dt><dd class="strong">${quantity(each.quantity)}</dd>
      <dt>Cost a unit</dt><dd>${price(each.average_price, symbol)}</dd>
      <dt>Open gain</dt><dd><${Gain} value=${each.unrealised}>${signed(each.unrealised)}<//></dd>
      <dt>Realised</dt><dd class=${direction(each.realised)}>${signed(each.realised)}</dd>
      ${each.strategies.map((share) => [html`<dt key=${share.strategy} class="faint">${share.strategy}</dt>`, html`<dd key=${`${share.strategy} value`}>${quantity(share.quantity)}</dd>`])}</dl>
    ${mayTrade() && html`<div class="line-up acts-line"><button type="button" class="button danger small" onClick=${() => close(each)}>Close…</button>
      ${lacksStop(each) && html`<button type="button" class="button small" onClick=${() => protect(each)}>Protect…</button>`}
      <button type="button" class="button small" onClick=${() => cancelAll(each.account, symbol)}>Cancel its orders…</button></div>`}</div>`)}<//>`;
}

/** @param {{symbol: string}} props */
function Below({ symbol }) {
  const [tab, setTab] = useState("working");
  const working = orders.value.filter((each) => each.symbol === symbol && isOpen(each) && isChosen(each.account));
  const traded = fills.value.filter((each) => each.symbol === symbol && isChosen(each.account)).slice(0, 100);
  const open = (/** @type {any} */ row) => go(path("orders", row.client_order_id));
  const without = (/** @type {any[]} */ columns) => columns.filter((column) => !["symbol", "role"].includes(column.id));
  const onPhone = (/** @type {any[]} */ columns) => without(columns).map((column) => (column.id === "side" ? { ...column, at: "a" } : column));
  return html`<${Panel} label="Orders and fills" title=${html`<${Choice} label="Show" value=${tab} of=${[["working", `Working (${working.length})`], ["fills", "Fills"]]} onPick=${setTab} />`} more=${html`<${Link} to=${`/orders?symbol=${encodeURIComponent(symbol)}`}>all its orders<//>`}>
    ${tab === "working" ? html`<${Table} name=${`Working orders in ${symbol}`} columns=${onPhone(orderColumns())} rows=${working} keyOf=${(/** @type {any} */ row) => row.client_order_id} lookOf=${orderLook} onOpen=${open} empty=${html`<${Empty} title="No order works in ${symbol}" />`} />`
      : html`<${Table} name=${`Fills in ${symbol}`} columns=${onPhone(fillColumns())} rows=${traded} keyOf=${fillKey} onOpen=${open} empty=${html`<${Empty} title="Nothing of it has traded lately" />`} />`}<//>`;
}

