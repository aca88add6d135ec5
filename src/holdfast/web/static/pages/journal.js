/** The journal: every record, searched, and how far its chain is proven. */

import { address, download, get, may } from "../api.js";
import { html, useEffect, useState } from "../lib.js";
import { count, money, title } from "../format.js";
import { route, setParams } from "../router.js";
import { useResource } from "../resource.js";
import { accounts, chosen, isChosen, records } from "../store.js";
import { Answer, Empty, Loading, PageHead, Panel, Time, Trouble } from "../ui/parts.js";
import { Table } from "../ui/table.js";
import { show } from "../ui/dialog.js";
import { Pick } from "./orders.js";

const PAGE = 300;
const TYPING_MS = 300;

/** @type {import("../ui/table.js").Column[]} */
const COLUMNS = [
  { id: "sequence", label: "Record", num: true, width: "11ch", at: "d", cell: (row) => money(String(row.sequence), 0) },
  { id: "time", label: "Time", width: "17ch", at: "b", cell: (row) => html`<${Time} at=${row.time} />` },
  { id: "account", label: "Account", width: "11ch", cell: (row) => row.account },
  { id: "type", label: "Type", width: "24ch", at: "a", cell: (row) => html`<b>${title(row.type)}</b>` },
  { id: "text", label: "What happened", at: "c", cell: (row) => html`<span title=${row.text}>${row.text}</span>` },
];

export function Journal() {
  const { account = "", type = "", text = "", after = "" } = route.value.params;
  const isLive = !type && !text && !after && !account;
  const found = useResource("/audit/records", { account: account || chosen.value, type, text, after, limit: PAGE }, isLive ? "change" : "once");
  const [more, setMore] = useState(/** @type {any[]} */ ([]));
  const newer = records.value.filter((each) => isChosen(each.account) && each.sequence > lastOf(found.data.value?.as_of, each.account)).length;
  useEffect(() => setMore([]), [account, type, text, after]);
  const types = [...new Set([...(found.data.value?.items ?? []), ...records.value].map((each) => each.type))].sort();
  const rows = [...(found.data.value?.items ?? []), ...more].filter((each) => isChosen(each.account));
  const next = more.length ? more.at(-1).next : found.data.value?.next;
  const older = async () => {
    const answer = await get("/audit/records", { account: account || chosen.value, type, text, after: next, limit: PAGE });
    setMore([...more, ...answer.items.map((/** @type {any} */ each) => ({ ...each, next: answer.next }))]);
  };
  return html`<${PageHead} title="Journal" more=${html`<a class="button small" href=${download("/audit/records", { account, type, text })} download>CSV</a>${may("admin") && html`<a class="button small" href=${address("/audit/export")} title="Every record, signed: holdfast audit verify FILE checks it" download>Signed export</a>`}`}><${Chain} /><//>
    <div class="filters" role="search" aria-label="Filter records">
      ${accounts.value.length > 1 && html`<${Pick} label="Account" value=${account} of=${accounts.value.map((each) => each.account)} onPick=${(/** @type {string} */ value) => setParams({ account: value })} />`}
      <${Pick} label="Type" value=${type} of=${types} onPick=${(/** @type {string} */ value) => setParams({ type: value })} />
      <${Typed} label="Text in a record" value=${text} placeholder="an id, a symbol, a word…" onType=${(/** @type {string} */ value) => setParams({ text: value })} />
      ${!isLive && newer > 0 && html`<button type="button" class="button small" onClick=${found.load}>${count(newer, "newer record")} · look again</button>`}
      ${after && html`<button type="button" class="button small" onClick=${() => setParams({ after: null })}>from record ${Number(after) + 1} ✕</button>`}
    </div>
    <${Panel} grow label="Records">${found.data.value === null ? (found.error.value ? html`<${Trouble} error=${found.error.value} again=${found.load} />` : html`<${Loading} rows=${14} />`)
      : html`<${Table} name="Records" columns=${COLUMNS} rows=${rows} keyOf=${(/** @type {any} */ row) => `${row.account} ${row.sequence}`} onOpen=${open}
        empty=${html`<${Empty} title="No record is like that">${isLive ? "The journal is empty: no engine has begun." : "Take a filter away to see more."}<//>`} />`}
      ${next && html`<div class="under"><button type="button" class="button small" onClick=${older}>Older records</button></div>`}<//>`;
}

/** The last record of an account that an answer rests on. @param {Record<string, number> | undefined} asOf @param {string} account */
function lastOf(asOf, account) {
  return asOf?.[account] ?? Infinity;
}

/** A field that asks when one pauses. @param {{label: string, value: string, placeholder: string, onType: (value: string) => void}} props */
function Typed({ label, value, placeholder, onType }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => onType(text), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<input type="search" aria-label=${label} placeholder=${placeholder} value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} />`;
}

/** @param {any} record */
function open(record) {
  show((close) => html`<div class="record"><h2 id="dialog-title">${title(record.type)} <span class="faint">record ${record.sequence}</span></h2><p>${record.text}</p>
    <pre tabIndex=${0}>${JSON.stringify(record, null, 2)}</pre><div class="ends"><button type="button" class="button" data-first="" onClick=${close}>Close</button></div></div>`);
}

/** How far the chain of records is proven. */
function Chain() {
  const found = useResource("/audit/chain", {}, 5);
  return html`<${Answer} of=${found} rows=${1}>${(/** @type {any} */ data) => html`<span class="line-up">${(data.items ?? [data]).filter((/** @type {any} */ each) => !each.account || isChosen(each.account)).map((/** @type {any} */ each) => html`<${Link_} key=${each.account} of=${each} />`)}</span>`}<//>`;
}

/** @param {{of: any}} props */
function Link_({ of }) {
  const upTo = of.verified;
  const name = accounts.value.length > 1 ? `${of.account}: ` : "";
  if (of.problem) return html`<span class="badge loud-plain" title=${of.problem}>${name}chain broken after ${money(String(upTo), 0)}</span><span class="down">${of.problem}</span>`;
  const isWhole = upTo >= of.last;
  return html`<span class=${`badge ${isWhole ? "good" : "live"}`} title="Each record carries the hash of the one before.">${name}chain ${isWhole ? "verified" : "being verified,"} to ${money(String(upTo), 0)}${isWhole ? "" : ` of ${money(String(of.last), 0)}`}</span>`;
}
