/** The backtests: what was saved, one beside the other, and the report of each. */

import { address } from "../api.js";
import { html, useMemo, useState } from "../lib.js";
import { isNumber } from "../decimal.js";
import { count, money, title } from "../format.js";
import { go, Link, path } from "../router.js";
import { useResource } from "../resource.js";
import { Answer, Empty, PageHead, Panel, Time } from "../ui/parts.js";
import { Table } from "../ui/table.js";

const MAIN = ["total_return_pct", "cagr_pct", "sharpe", "drawdown.max_pct", "trips.count"];
const MOST = 4; // compared at a time

/** @param {any} of @returns {Record<string, any>} */
function statistics(of) {
  return of.statistics ?? {};
}

/** drawdown.max_pct as Drawdown: max, % @param {string} name */
function heading(name) {
  return title(name.replace(/_ns$/, "").replace(".", ": ")).replace(/ pct$/, ", %");
}

/** @param {any} value @param {string} name */
function figure(value, name) {
  if (value === null || value === undefined) return "–";
  if (name.endsWith("_ns")) return html`<${Time} at=${Number(value) / 1e6} />`;
  const text = typeof value === "number" ? String(value) : value;
  return isNumber(text) ? money(text, Number.isInteger(Number(text)) ? 0 : 2) : typeof text === "object" ? JSON.stringify(text) : String(text);
}

export function Backtests() {
  const found = useResource("/backtests", {}, 30);
  const [chosen, setChosen] = useState(/** @type {string[]} */ ([]));
  return html`<${PageHead} title="Backtests"><span class="soft">saved with <code>holdfast backtest --save</code></span><//><${Answer} of=${found} rows=${6}>${(/** @type {any} */ data) => html`<div class="stack">
    <${Panel} label="Backtests"><${Saved} items=${data.items} chosen=${chosen} setChosen=${setChosen} /><//>
    ${chosen.length > 1 && html`<${Compare} items=${data.items.filter((/** @type {any} */ each) => chosen.includes(each.name))} />`}</div>`}<//>`;
}

/** @param {{items: any[], chosen: string[], setChosen: (names: string[]) => void}} props */
function Saved({ items, chosen, setChosen }) {
  const columns = useMemo(() => {
    const names = MAIN.filter((name) => items.some((each) => statistics(each)[name] !== undefined)).slice(0, 5);
    const toggle = (/** @type {string} */ name) => setChosen(chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name].slice(-MOST));
    return [
      { id: "compare", label: "", width: "5ch", fixed: true, cell: (/** @type {any} */ row) => html`<input type="checkbox" aria-label=${`Compare ${row.name}`} checked=${chosen.includes(row.name)} onChange=${() => toggle(row.name)} />` },
      { id: "name", label: "Name", at: /** @type {"a"} */ ("a"), cell: (/** @type {any} */ row) => html`<b>${row.name}</b>${row.error && html` <span class="badge bad" title=${row.error}>can't be read</span>`}` },
      { id: "created", label: "Saved", width: "16ch", at: /** @type {"c"} */ ("c"), cell: (/** @type {any} */ row) => html`<${Time} at=${row.saved} />` },
      ...names.map((name, at) => ({ id: name, label: heading(name), num: true, width: "20ch", at: at ? undefined : /** @type {"b"} */ ("b"), value: (/** @type {any} */ row) => statistics(row)[name], cell: (/** @type {any} */ row) => figure(statistics(row)[name], name) })),
    ];
  }, [items, chosen]);
  return html`<${Table} name="Backtests" columns=${columns} rows=${items} keyOf=${(/** @type {any} */ row) => row.name} onOpen=${(/** @type {any} */ row) => go(path("backtests", row.name))}
    empty=${html`<${Empty} title="No backtest is saved here">Run <code>holdfast backtest --save NAME</code>, and it appears.<//>`} />`;
}

/** @param {{items: any[]}} props */
function Compare({ items }) {
  const names = [...new Set(items.flatMap((each) => Object.keys(statistics(each))))];
  const columns = [{ id: "name", label: "Figure", width: "26ch", fixed: true, cell: (/** @type {any} */ row) => heading(row.name) },
    ...items.map((each) => ({ id: each.name, label: each.name, num: true, fixed: true, cell: (/** @type {any} */ row) => figure(statistics(each)[row.name], row.name), value: (/** @type {any} */ row) => statistics(each)[row.name] }))];
  return html`<${Panel} title=${`Compared: ${count(items.length, "backtest")}`}><${Table} name="Comparison" two=${false} columns=${columns} rows=${names.map((name) => ({ name }))} keyOf=${(/** @type {any} */ row) => row.name} empty="" /><//>`;
}

/** @param {{name: string}} props */
export function BacktestPage({ name }) {
  const found = useResource(path("backtests", name), {}, "once");
  const report = address(`${path("backtests", name)}/report`);
  return html`<${PageHead} title=${name} more=${html`<${Link} to="/backtests" class="button quiet small">← Backtests<//><a class="button small" href=${report} target="_blank" rel="noopener">Report alone</a>`} />
    <div class="backtest"><${Panel} title="Statistics" class="statistics"><${Answer} of=${found} rows=${10}>${(/** @type {any} */ data) => html`<div class="body"><dl class="facts">${Object.entries(statistics(data)).map(([key, value]) => [html`<dt key=${key}>${heading(key)}</dt>`, html`<dd key=${`${key} value`}>${figure(value, key)}</dd>`])}</dl></div>`}<//><//>
    <iframe class="report" title=${`Report of ${name}`} src=${report} sandbox="allow-scripts" referrerpolicy="no-referrer"></iframe></div>`;
}
