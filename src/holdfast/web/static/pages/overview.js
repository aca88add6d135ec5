/** The overview: what needs a person first, then how things stand. */

import { html, useMemo } from "../lib.js";
import { subtract } from "../decimal.js";
import { count, direction, millis, money, percent, signed, span, title } from "../format.js";
import { fillColumns, fillKey, positionColumns, positionKey } from "../columns.js";
import { go, Link, path } from "../router.js";
import { useResource } from "../resource.js";
import { ageOf, down, engineNow, fills, isChosen, isOpen, loaded, looked, orders, positions, silent, unread } from "../store.js";
import { link } from "../stream.js";
import { AccountState, Age, Answer, Empty, Figure, Flash, Loading, Panel, Time, Trouble, Verdict, worst } from "../ui/parts.js";
import { Line } from "../ui/line.js";
import { Table } from "../ui/table.js";
import { byCurrency, Total, totalText } from "../ui/totals.js";

const LAST_FILLS = 12;
const STAGES = ["market data", "signals", "risk", "orders", "fills", "portfolio"];

export function Overview() {
  if (loaded.value === "loading") return html`<div class="grid"><div class="panel w12"><${Loading} rows=${2} /></div><div class="panel w8"><${Loading} rows=${8} /></div><div class="panel w4"><${Loading} rows=${8} /></div></div>`;
  if (loaded.value !== "ready") return html`<${Panel} title="Overview"><${Trouble} error=${loaded.value} /><//>`;
  if (!looked.value.length) return html`<${Panel} title="Overview"><${Empty} title="No account is configured">An account is a section [[accounts]] of the configuration.<//><//>`;
  return html`<h1 class="hush">Overview</h1><${Attention} />
    <div class="grid level"><${Equity} /><${Accounts} /></div>
    <${Pipeline} />
    <div class="grid"><${Held} /><${Traded} /></div>`;
}

/** Where to look for what needs a person. @param {{kind: string, link: string, account: string}} of */
function pageOf({ kind, link, account }) {
  if (kind === "unknown_order") return link ? path("orders", link) : "/unresolved";
  if (kind === "unprotected" || kind === "stale") return link ? path("symbol", link) : "/positions";
  if (kind === "strategy") return link ? path("strategies", account, link) : "/strategies";
  if (kind === "alerts") return "/alerts";
  if (kind === "books" || kind === "external_order") return "/unresolved";
  return kind === "limit" ? "/risk" : "/journal";
}

function Attention() {
  const found = useResource("/attention", {}, "change");
  const told = (found.data.value?.items ?? []).filter((/** @type {any} */ each) => !each.account || isChosen(each.account)); // the machine has no account
  const items = [...downNow(told), ...told];
  const isQuiet = found.data.value !== null && !items.length;
  if (isQuiet && !found.error.value && (link.value === "lost" || unread.value || Object.keys(silent.value).some(isChosen))) return html`<section class="panel quiet-note" aria-label="What needs you"><span class="badge warn">not known now</span>
    <span class="soft">Nothing needed you when something was last heard.</span></section>`;
  if (isQuiet && !found.error.value) return html`<section class="panel quiet-note" aria-label="What needs you"><span class="badge good">nothing needs you</span>
    <span class="soft">No unresolved order, no unprotected position, no alarm.</span></section>`;
  return html`<${Panel} title="What needs you" more=${items.length > 0 && html`<span class=${`number ${items.some((/** @type {any} */ each) => each.level === "critical") ? "bad" : "warn"}`}>${items.length}</span>`}>
    <${Answer} of=${found} rows=${2}>${() => html`<ul class="needs">${items.map((/** @type {any} */ each, /** @type {number} */ at) => html`<li key=${at}>
      <span class=${`badge ${each.level === "critical" ? "loud-plain" : "warn"}`}>${each.level}</span>
      <div><${Link} to=${pageOf(each)} class="strong">${each.title}<//><div class="soft">${each.text}</div></div>
      <span class="faint nowrap">${each.account}${each.since ? ` · ${span((engineNow(each.account) - millis(each.since)) / 1000)}` : ""}</span></li>`)}</ul>`}<//>
  <//>`;
}

/** Engines that are down, where the server's own list is from before. @param {any[]} told */
function downNow(told) {
  const known = new Set(told.filter((each) => each.kind === "engine").map((each) => each.account));
  const gone = down.value.filter((each) => isChosen(each.account) && !known.has(each.account));
  return gone.map((each) => ({ level: "critical", account: each.account, kind: "engine", title: "the engine is down", text: each.ended ?? "nobody runs it now", since: null, link: "" }));
}

/** An amount without its cents. @param {string | null} value */
function whole(value) {
  return money(value, 0);
}

function Equity() {
  const of = looked.value;
  const only = of.length === 1 ? of[0] : null;
  const total = (/** @type {(each: import("../types.js").Account) => import("../types.js").Text | undefined} */ value) => byCurrency(of, value, (each) => each.currency);
  const equity = total((each) => each.equity);
  const isOne = equity.length === 1;
  return html`<${Panel} title=${only ? "Equity today" : "Equity of all accounts"} class="w8" more=${only?.valued && html`<span class="faint wide">valued ${span((engineNow(only.account) - millis(only.valued)) / 1000)} ago by the market's time</span>`}>
    <div class="body stack">
      <div class="figures">
        <${Figure} label=${isOne && equity[0].currency ? `Equity, ${equity[0].currency}` : "Equity"} value=${isOne ? html`<${Flash} value=${equity[0].value}>${money(equity[0].value)}<//>` : html`<${Total} of=${equity} />`} />
        <${Figure} label="Today" value=${html`<${Total} of=${total((each) => each.day_pnl)} show=${signed} isGain />`} more=${only ? percent(only.day_pnl_pct ?? null) : undefined} />
        <${Figure} label="Open gain" value=${html`<${Total} of=${total((each) => each.unrealised)} show=${signed} isGain />`} />
        <${Figure} label="Exposure" value=${html`<${Total} of=${total((each) => each.gross_exposure)} show=${whole} />`} more=${count(positions.value.filter((each) => isChosen(each.account)).length, "position")} />
        <${Figure} label="Cash" value=${html`<${Total} of=${total((each) => each.cash)} show=${whole} />`} more=${`fees ${totalText(total((each) => each.fees))}`} />
      </div>
      ${only ? html`<${Curve} of=${only} height=${170} />` : of.map((each) => html`<div key=${each.account}><div class="spread soft"><span>${each.account}</span><span>${money(each.equity)} ${isOne ? "" : each.currency} · <span class=${direction(each.day_pnl)}>${signed(each.day_pnl)}</span></span></div><${Curve} of=${each} height=${110} /></div>`)}
    </div><//>`;
}

/** @param {{of: import("../types.js").Account, height: number}} props */
function Curve({ of, height }) {
  const { account } = of;
  const found = useResource(`/accounts/${encodeURIComponent(account)}/performance`, {}, "change");
  const curve = found.data.value?.curve ?? [];
  const { times, values } = useMemo(() => today(curve), [curve]);
  if (found.data.value === null) return found.error.value ? html`<p class="hint">The line can't be drawn: ${found.error.value.message}</p>` : html`<${Loading} rows=${3} />`;
  if (times.length < 2) return html`<p class="hint">A line appears with the second valuation: one is made at every fill and every hour.</p>`;
  return html`<${Line} label=${`Equity of ${account}`} times=${times} values=${values} base=${of.equity && of.day_pnl ? Number(subtract(of.equity, of.day_pnl)) : values[0]} height=${height} />`;
}

const APART_MS = 4 * 3600_000; // so long without a valuation is a night
const DAY_MS = 24 * 3600_000;

/** The points of the last trading day that has any. @param {{time: string, equity: string}[]} curve */
function today(curve) {
  let first = curve.length - 1;
  const end = millis(curve.at(-1)?.time);
  while (first > 0 && millis(curve[first].time) - millis(curve[first - 1].time) < APART_MS && end - millis(curve[first - 1].time) < DAY_MS) first--;
  const points = curve.slice(Math.max(0, first));
  return { times: points.map((each) => millis(each.time) / 1000), values: points.map((each) => Number(each.equity)) };
}

function Accounts() {
  return html`<${Panel} title="Accounts" class="w4"><ul class="accounts-list">${looked.value.map((each) => {
    const working = orders.value.filter((order) => order.account === each.account && isOpen(order)).length;
    return html`<li key=${each.account}>
      <div class="spread"><b>${each.account}</b><${AccountState} account=${each} /></div>
      <dl class="facts">
        <dt>Broker</dt><dd>${each.broker ?? "–"}</dd>
        <dt>Feed</dt><dd>${each.feed ?? "–"}${each.stale?.length ? html` <span class="badge warn">${count(each.stale.length, "symbol")} stale</span>` : ""}</dd>
        <dt>Working orders</dt><dd><${Link} to="/orders?show=open">${working}<//></dd>
        <dt>Last written</dt><dd><${Age} seconds=${ageOf(each.account)} /></dd>
        <dt>Records</dt><dd>${money(String(each.last_record ?? 0), 0)}</dd>
      </dl>
      <ul class="strategy-list">${each.strategies.map((strategy) => html`<li key=${strategy.strategy}>
        <${Link} to=${path("strategies", each.account, strategy.strategy)}>${strategy.strategy}<//>
        ${strategy.running ? html`<span class="badge good">on</span>` : html`<span class="badge warn" title=${strategy.why}>off</span>`}
        <span class="faint clip">${strategy.symbols.join(" ")}</span></li>`)}</ul></li>`;
  })}</ul><//>`;
}

function Pipeline() {
  const found = useResource("/pipeline", {}, 5);
  const stages = (found.data.value?.items ?? []).filter((/** @type {any} */ each) => isChosen(each.account));
  return html`<${Panel} title="Pipeline" more=${html`<${Link} to="/pipeline">by account<//>`}>
    <${Answer} of=${found} rows=${2}>${() => html`<ol class="strip" tabIndex=${0} aria-label="Stages">${STAGES.map((stage) => {
      const own = stages.filter((/** @type {any} */ each) => each.stage === stage);
      const it = worst(own);
      const last = own.filter((/** @type {any} */ each) => each.time).sort((/** @type {any} */ a, /** @type {any} */ b) => (a.time < b.time ? 1 : -1))[0];
      return html`<li key=${stage} class=${last ? "" : "faint"}><span class="stage">${title(stage)}</span>
        ${it && html`<span class="nowrap"><${Verdict} level=${it.level} /></span>`}
        <span class="faint">${last ? `${span(last.age_s)} ago` : "none yet"}</span>
        <span class="soft two-lines" title=${it?.reason}>${it && ["critical", "degraded"].includes(it.level) ? it.reason : last?.text}</span></li>`;
    })}</ol>`}<//><//>`;
}

function Held() {
  const held = positions.value.filter((each) => isChosen(each.account));
  const columns = positionColumns().filter((column) => looked.value.length < 2 || column.id !== "average_price").map((column) => (column.id === "worth" ? { ...column, wide: true } : column));
  return html`<${Panel} title="Open positions" class="w7" more=${html`<${Link} to="/positions">all<//>`}>
    <${Table} name="Open positions" columns=${columns} rows=${held} keyOf=${positionKey} onOpen=${(/** @type {any} */ row) => go(path("symbol", row.symbol))}
      empty=${html`<${Empty} title="Nothing is held">A position appears as soon as something fills.<//>`} /><//>`;
}

function Traded() {
  const last = fills.value.filter((each) => isChosen(each.account)).slice(0, LAST_FILLS);
  const columns = fillColumns().filter((column) => !["fees", "account"].includes(column.id)).map((column) => (column.id === "time" ? { ...column, width: "11ch", cell: (/** @type {any} */ row) => html`<${Time} at=${row.time} short />` } : column.id === "strategy" ? { ...column, wide: true } : column));
  return html`<${Panel} title="Last fills" class="w5" more=${html`<${Link} to="/orders?show=filled">orders<//>`}>
    <${Table} name="Last fills" columns=${columns} rows=${last} keyOf=${fillKey} onOpen=${(/** @type {any} */ row) => go(path("orders", row.client_order_id))}
      empty=${html`<${Empty} title="Nothing has traded yet">Fills appear here as the broker tells them.<//>`} /><//>`;
}

