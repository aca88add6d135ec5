/** Risk: of each limit how much is used, the fullest first. */

import { html, useMemo, useState } from "../lib.js";
import { isNumber } from "../decimal.js";
import { money, words } from "../format.js";
import { useResource } from "../resource.js";
import { chosen, isChosen, looked } from "../store.js";
import { Answer, Bar, Choice, Empty, PageHead, Panel, Time } from "../ui/parts.js";
import { Table } from "../ui/table.js";

/** @param {any} value @param {string | null} unit */
function amount(value, unit) {
  if (value === null || value === undefined) return "–";
  const text = isNumber(String(value)) ? money(String(value), Number.isInteger(Number(value)) ? 0 : 2) : String(value);
  return unit === "percent" ? html`${text}<span class="faint"> %</span>` : text;
}

/** @param {any} row @returns {number | null} */
function ratio(row) {
  return row.ratio === null || row.ratio === undefined ? null : Number(row.ratio);
}

/** @param {any} row */
function shareText(row) {
  const share = ratio(row);
  return share === null ? "–" : `${Math.round(share * 100)} %`;
}

/** @type {import("../ui/table.js").Column[]} */
const COLUMNS = [
  { id: "rule", label: "Limit", width: "26ch", at: "a", cell: (row) => html`<b>${words(row.rule)}</b>` },
  { id: "strategy", label: "Of", width: "18ch", at: "c", cell: (row) => html`${row.account}${row.strategy ? html`<span class="faint"> · ${row.strategy}</span>` : ""}${row.what ? html`<span class="faint"> · ${row.what}</span>` : ""}` },
  { id: "used", label: "Used", num: true, width: "17ch", cell: (row) => amount(row.used, row.unit) },
  { id: "limit", label: "Allowed", num: true, width: "17ch", at: "d", cell: (row) => html`<span class="narrow">${amount(row.used, null)} of </span>${amount(row.limit, row.unit)}` },
  { id: "share", label: "Share", num: true, width: "8ch", at: "b", value: ratio, cell: shareText },
  { id: "ratio", label: "", fixed: true, cell: (row) => html`<${Bar} ratio=${ratio(row)} />` },
];

export function Risk() {
  const found = useResource("/risk", {}, "change");
  const [which, setWhich] = useState("all");
  return html`<${PageHead} title="Risk" more=${html`<${Choice} label="Which limits" value=${which} of=${[["all", "All limits"], ["used", "In use"]]} onPick=${setWhich} />`} />
    <${Panel} title="Limits"><${Answer} of=${found} rows=${8}>${(/** @type {any} */ data) => html`<${Limits} items=${data.items} which=${which} />`}<//><//>
    <${Refusals} />`;
}

/** @param {{items: any[], which: string}} props */
function Limits({ items, which }) {
  const rows = useMemo(() => items.filter((each) => isChosen(each.account) && (which === "all" || (ratio(each) ?? 0) > 0)).sort((a, b) => (ratio(b) ?? -1) - (ratio(a) ?? -1)), [items, which, chosen.value]);
  return html`<${Table} name="Limits" columns=${COLUMNS} rows=${rows} keyOf=${(/** @type {any} */ row) => `${row.account} ${row.strategy} ${row.rule} ${row.what}`}
    empty=${html`<${Empty} title=${which === "used" ? "No limit is in use" : "No limit is set"}>Limits are set in the configuration, for an account or a strategy.<//>`} />`;
}

/** @type {import("../ui/table.js").Column[]} */
const REFUSALS = [
  { id: "rule", label: "Rule", width: "22ch", at: "a", cell: (row) => html`<b>${words(row.rule)}</b>` },
  { id: "account", label: "Account", width: "12ch", cell: (row) => row.account },
  { id: "count", label: "Times", num: true, width: "8ch", at: "b", cell: (row) => String(row.count) },
  { id: "strategy", label: "Last of", width: "20ch", cell: (row) => `${row.strategy} ${row.symbol}` },
  { id: "text", label: "In words", at: "c", cell: (row) => html`<span class="soft" title=${row.text}>${row.text}</span>` },
  { id: "time", label: "Last", width: "15ch", at: "d", cell: (row) => html`<${Time} at=${row.time} />` },
];

function Refusals() {
  const rows = looked.value.flatMap((account) => (account.refusals ?? []).map((each) => ({ ...each, account: account.account })));
  return html`<${Panel} title="Refused since the start"><${Table} name="Refused" columns=${REFUSALS} rows=${rows} keyOf=${(/** @type {any} */ row) => `${row.account} ${row.rule}`} empty=${html`<${Empty} title="Risk has refused nothing since the engine was started" />`} /><//>`;
}
