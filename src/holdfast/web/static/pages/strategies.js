/** The strategies: what they do, what they were told, what they earn, and what bars them. */

import { file, mayTrade } from "../actions.js";
import { html, useState } from "../lib.js";
import { count, direction, money, quantity, signed, words } from "../format.js";
import { go, Link, path, SymbolLink } from "../router.js";
import { useResource } from "../resource.js";
import { accounts, isChosen } from "../store.js";
import { Confirm, show } from "../ui/dialog.js";
import { Answer, Empty, Figure, Gain, Loading, PageHead, Panel, Time, Trouble } from "../ui/parts.js";
import { Table } from "../ui/table.js";

/** A strategy's own fields and its status as one. @param {any} of @returns {any} */
function flat(of) {
  return { ...of, ...of.status };
}

/** @param {{of: any}} props */
function On({ of }) {
  return of.running ? html`<span class="badge good">on</span>` : html`<span class=${`badge ${of.stopped ? "bad" : "hollow"}`} title=${of.why}>${of.stopped ? "stopped" : "off"}</span>`;
}

/** @type {import("../ui/table.js").Column[]} */
const COLUMNS = [
  { id: "strategy", label: "Strategy", width: "14ch", at: "a", cell: (row) => html`<b>${row.strategy}</b>` },
  { id: "account", label: "Account", width: "11ch", at: "c", cell: (row) => row.account },
  { id: "running", label: "State", width: "11ch", at: "b", cell: (row) => html`<${On} of=${row} />` },
  { id: "symbols", label: "Symbols", width: "22ch", fixed: true, cell: (row) => html`<span class="soft">${row.symbols.join(" ")}</span>` },
  { id: "class_path", label: "Class", width: "20ch", cell: (row) => html`<span class="mono soft" title=${row.class_path}>${row.class_path.split(":").at(-1)}</span>` },
  { id: "unrealised", label: "Open gain", num: true, width: "13ch", cell: (row) => html`<${Gain} value=${row.unrealised}>${signed(row.unrealised)}<//>` },
  { id: "realised", label: "Realised", num: true, width: "13ch", at: "d", cell: (row) => html`<span class=${direction(row.realised)}>${signed(row.realised)}</span>` },
  { id: "fees", label: "Fees", num: true, width: "10ch", cell: (row) => money(row.fees) },
  { id: "fills", label: "Fills", num: true, width: "8ch", cell: (row) => money(String(row.fills), 0) },
  { id: "why", label: "Why not", cell: (row) => html`<span class="soft" title=${row.why}>${row.why}</span>` },
];

export function Strategies() {
  const found = useResource("/strategies", {}, "change");
  return html`<${PageHead} title="Strategies" /><${Panel} label="Strategies"><${Answer} of=${found}>${(/** @type {any} */ data) => html`<${Table} name="Strategies" columns=${COLUMNS}
    rows=${data.items.map(flat).filter((/** @type {any} */ each) => isChosen(each.account))} keyOf=${(/** @type {any} */ row) => `${row.account} ${row.strategy}`} onOpen=${(/** @type {any} */ row) => go(path("strategies", row.account, row.strategy))}
    empty=${html`<${Empty} title="No strategy is configured">A strategy is a section [[strategies]] of the configuration.<//>`} />`}<//><//>`;
}

/** @param {{account: string, strategy: string}} props */
export function StrategyPage({ account, strategy }) {
  const found = useResource(path("strategies", account, strategy), {}, "change");
  const of = found.data.value && flat(found.data.value);
  const back = html`<${Link} to="/strategies" class="button quiet small">← Strategies<//>`;
  if (!of) return html`${back}<${Panel} title=${strategy}>${found.error.value ? html`<${Trouble} error=${found.error.value} again=${found.load} />` : html`<${Loading} rows=${8} />`}<//>`;
  return html`<${PageHead} title=${strategy} more=${html`${back}${mayTrade() && html`<${Switch} of=${of} account=${account} strategy=${strategy} />`}`}><${On} of=${of} /><span class="soft">${account} · ${of.timeframe} · <span class="mono">${of.class_path}</span></span><//>
    ${!of.running && of.why && html`<p class="trouble">${of.why}</p>`}
    <div class="panel figures-panel"><div class="figures">
      <${Figure} label="Realised" value=${signed(of.realised)} class=${direction(of.realised)} /><${Figure} label="Open gain" value=${signed(of.unrealised)} class=${direction(of.unrealised)} />
      <${Figure} label="Fees" value=${money(of.fees)} /><${Figure} label="Fills" value=${of.fills ?? "–"} /></div></div>
    <div class="grid"><div class="w5 stack"><${Parameters} of=${of} account=${account} strategy=${strategy} /><${Positions} of=${of} /></div>
    <div class="w7 stack"><${Signals} of=${of} /><${Refused} of=${of} /></div></div>`;
}

/** @param {{of: any, account: string, strategy: string}} props */
function Switch({ of, account, strategy }) {
  const at = path("strategies", account, strategy);
  const stop = () => show(() => html`<${Stop} account=${account} strategy=${strategy} />`);
  const start = () => show(() => html`<${Confirm} title=${`Start ${strategy}`} confirm="Start it" wantsReason text="It warms up, and may ask for orders again." run=${(/** @type {string} */ reason) => file(`Start ${strategy}`, "POST", `${at}/start`, { reason })} />`);
  return of.running ? html`<button type="button" class="button danger small" onClick=${stop}>Stop…</button>` : html`<button type="button" class="button small" onClick=${start}>Start…</button>`;
}

/** What a strategy is now, for a dialog that stays open. @param {string} account @param {string} strategy @returns {any} */
function useStrategy(account, strategy) {
  const found = useResource(path("strategies", account, strategy), {}, "change");
  return found.data.value && flat(found.data.value);
}

/** @param {{account: string, strategy: string}} props */
function Stop({ account, strategy }) {
  const of = useStrategy(account, strategy);
  return html`<${Confirm} title=${`Stop ${strategy}`} confirm="Stop it" look="danger" wantsReason text="It gets no events any more and asks for nothing. Its positions and their protection stay."
    over=${of && !of.running && "It is stopped already."} will=${[["positions it holds", (of?.positions ?? []).length]]}
    run=${(/** @type {string} */ reason) => file(`Stop ${strategy}`, "POST", `${path("strategies", account, strategy)}/stop`, { reason })} />`;
}

/** The parameters with who changed them, whichever way the server tells. @param {any} of @returns {{name: string, value: any, by: string}[]} */
export function parametersOf(of) {
  return Object.entries(of.params ?? {}).map(([name, value]) => ({ name, value, by: "" }));
}

/** @param {{of: any, account: string, strategy: string}} props */
function Parameters({ of, account, strategy }) {
  const known = parametersOf(of);
  const change = () => show(() => html`<${Change} before=${known} account=${account} strategy=${strategy} />`);
  return html`<${Panel} title="Parameters" more=${mayTrade() && known.length > 0 && html`<button type="button" class="button small" onClick=${change}>Change…</button>`}><div class="body">
    ${known.length ? html`<dl class="facts">${known.map((each) => [html`<dt key=${each.name} class="mono">${each.name}</dt>`, html`<dd key=${`${each.name} value`}><b class="mono">${String(each.value)}</b>${each.by && html`<span class="faint"> · ${each.by}</span>`}</dd>`])}</dl>`
      : html`<p class="soft">It has none.</p>`}
    ${of.params_by && html`<p class="hint">Changed by ${of.params_by}${of.params_since ? html`, <${Time} at=${of.params_since} />` : ""}.</p>`}</div><//>`;
}

/** A text as the type that the parameter had. @param {string} text @param {any} before */
function typed(text, before) {
  if (typeof before === "boolean") return text === "true";
  if (typeof before === "number" && text.trim() !== "" && !Number.isNaN(Number(text))) return Number(text);
  return text;
}

/** What was written stays, all else is as it is now: somebody else may change it meanwhile. @param {{before: {name: string, value: any}[], account: string, strategy: string}} props */
function Change({ before, account, strategy }) {
  const of = useStrategy(account, strategy);
  const known = of ? parametersOf(of) : before;
  const [written, setWritten] = useState(/** @type {Record<string, string>} */ ({}));
  const changed = known.filter((each) => each.name in written && written[each.name] !== String(each.value));
  const params = Object.fromEntries(changed.map((each) => [each.name, typed(written[each.name], each.value)]));
  const field = (/** @type {{name: string, value: any}} */ each) => ({
    value: written[each.name] ?? String(each.value),
    [typeof each.value === "boolean" ? "onChange" : "onInput"]: (/** @type {any} */ event) => setWritten({ ...written, [each.name]: event.target.value }),
  });
  const run = async (/** @type {string} */ reason) => {
    if (!changed.length) throw new Error("Nothing is changed.");
    await file(`Parameters of ${strategy}`, "POST", `${path("strategies", account, strategy)}/parameters`, { params, reason });
  };
  return html`<${Confirm} title=${`Parameters of ${strategy}`} confirm=${`Change ${count(changed.length, "parameter")}`} wantsReason text="The change is a record of the journal, and holds after a restart as well." run=${run}>
    <div class="two-up">${known.map((each) => html`<label class="field" key=${each.name}><span class="mono">${each.name}</span>${typeof each.value === "boolean"
      ? html`<select ...${field(each)}><option>true</option><option>false</option></select>` : html`<input ...${field(each)} autocomplete="off" />`}
      ${changed.includes(each) && html`<small>now <span class="mono">${String(each.value)}</span></small>`}</label>`)}</div><//>`;
}

/** @param {{of: any}} props */
function Positions({ of }) {
  const held = of.positions ?? [];
  return html`<${Panel} title="Positions"><div class="body">${held.length ? html`<dl class="facts">${held.map((/** @type {any} */ each) => [html`<dt key=${each.symbol}><${SymbolLink} symbol=${each.symbol} /></dt>`,
    html`<dd key=${`${each.symbol} value`}>${quantity(each.quantity)} <span class="faint">at ${money(each.average_price)}</span></dd>`])}</dl>` : html`<p class="soft">It holds nothing.</p>`}</div><//>`;
}

/** @type {import("../ui/table.js").Column[]} */
const SIGNALS = [
  { id: "time", label: "Time", width: "17ch", at: "b", cell: (row) => html`<${Time} at=${row.time} />` },
  { id: "symbol", label: "Symbol", width: "9ch", at: "a", cell: (row) => html`<${SymbolLink} symbol=${row.symbol} />` },
  { id: "text", label: "In words", at: "c", cell: (row) => html`<span class="soft" title=${row.text}>${row.text}</span>` },
];

/** @param {{of: any}} props */
function Signals({ of }) {
  const rows = of.signals ?? [];
  return html`<${Panel} title="Last signals"><${Table} name="Last signals" columns=${SIGNALS} rows=${rows} keyOf=${(/** @type {any} */ row) => String(row.sequence)} empty=${html`<${Empty} title="No signal so far">It may be warming up, or see nothing to do.<//>`} /><//>`;
}

/** @type {import("../ui/table.js").Column[]} */
const REFUSALS = [
  { id: "rule", label: "Rule", width: "20ch", at: "a", cell: (row) => html`<b>${words(row.rule)}</b>` },
  { id: "count", label: "Times", num: true, width: "8ch", at: "b", cell: (row) => String(row.count ?? 1), value: (row) => row.count },
  { id: "text", label: "The last one", at: "c", fixed: true, cell: (row) => html`<span class="soft" title=${row.text}>${row.text}</span>` },
];

/** By rule, with the last one where the account's status still has it. @param {any} of */
function refusalsOf(of) {
  const last = accounts.value.find((each) => each.account === of.account)?.refusals ?? [];
  const text = (/** @type {string} */ rule) => last.find((each) => each.rule === rule && each.strategy === of.strategy)?.text ?? "";
  return Object.entries(of.refusals ?? {}).map(([rule, times]) => ({ rule, count: times, text: text(rule) })).sort((a, b) => b.count - a.count);
}

/** @param {{of: any}} props */
function Refused({ of }) {
  return html`<${Panel} title="Refused by risk"><${Table} name="Refusals" columns=${REFUSALS} rows=${refusalsOf(of)} keyOf=${(/** @type {any} */ row) => row.rule} empty=${html`<${Empty} title="Risk has refused it nothing" />`} /><//>`;
}
