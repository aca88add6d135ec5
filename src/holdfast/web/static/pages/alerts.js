/** The alerts: what is wrong, whom it was told, who has taken it on; and what happened before. */

import { file, mayTrade } from "../actions.js";
import { download, get } from "../api.js";
import { html, useEffect, useState } from "../lib.js";
import { count, millis, moment, span, title } from "../format.js";
import { go, route, setParams } from "../router.js";
import { useResource } from "../resource.js";
import { accounts, isChosen, now } from "../store.js";
import { Answer, Choice, Empty, Loading, PageHead, Panel, Time, Trouble } from "../ui/parts.js";
import { Confirm, show } from "../ui/dialog.js";
import { Table } from "../ui/table.js";
import { toast } from "../ui/toast.js";

const EVERY_S = 3;
const SILENT_S = 60; // an observer notes each ten seconds that it looks
const SOUNDS = ["critical", "warning", "info"];
const STATES = ["open", "acknowledged", "silenced", "resolved"];

/** @typedef {{target: string, kind: string, state: string, created: string, ended: string | null}} Told */
/** @typedef {{id: number, rule: string, account: string, subject: string, level: string, state: string, text: string, opened: string, resolved: string | null, acknowledged: string | null, acknowledged_by: string, told: Told[]}} Alert */

/** @param {string} level */
function look(level) {
  return level === "critical" ? "bad" : level === "warning" ? "warn" : "hollow";
}

/** @type {Record<string, string>} */
const STATE_LOOKS = { open: "loud-plain", acknowledged: "live", silenced: "hollow", resolved: "good" };

/** @param {{of: Alert}} props */
function State({ of }) {
  return html`<span class=${`badge ${STATE_LOOKS[of.state] ?? ""}`} title=${of.acknowledged_by && `by ${of.acknowledged_by}`}>${of.state === "resolved" ? "over" : of.state}</span>`;
}

/** How long it has lasted, or lasted. @param {Alert} of */
function age(of) {
  return ((of.resolved ? millis(of.resolved) : now.value) - millis(of.opened)) / 1000;
}

/** What became of a message, in words. @type {Record<string, string>} */
const MESSAGES = { sent: "told", waiting: "waits", trying: "is sent", leaving: "is sent", failed: "not reached", unanswered: "perhaps told", merged: "told with others" };

/** Whom it was told, in a line. @param {Alert} of */
function toldText(of) {
  if (!of.told.length) return of.state === "silenced" ? "nobody: silenced" : "nobody";
  const last = new Map(of.told.map((each) => [each.target, each]));
  return [...last.values()].map((each) => `${each.target}: ${MESSAGES[each.state] ?? each.state} ${moment(each.ended ?? each.created)}`).join(", ");
}

/** Open ones first, of the same state the loudest first. @param {Alert[]} items */
function ordered(items) {
  const rank = (/** @type {Alert} */ each) => STATES.indexOf(each.state) * SOUNDS.length + SOUNDS.indexOf(each.level);
  return [...items].sort((a, b) => rank(a) - rank(b) || b.id - a.id);
}

/** Say that something was not done. @param {Error} error */
function failed(error) {
  toast({ look: "bad", title: "It was not done", text: error.message });
}

/** @param {Alert} of @param {() => Promise<void>} done */
function acknowledge(of, done) {
  return file(`Alert ${of.id} acknowledged`, "POST", `/alerts/${of.id}/acknowledge`).then(done);
}

/** @param {{rule: string, account: string}} of @param {string} duration */
function quiet(of, duration) {
  return file(duration === "0" ? `${title(of.rule)} is told again` : `${title(of.rule)} is silenced for ${duration}`, "POST", "/silences", { rule: of.rule, account: of.account, duration });
}

/** @param {Alert} of @param {() => Promise<void>} done */
function silence(of, done) {
  show(() => html`<${Silencing} of=${of} done=${done} />`);
}

/** @type {[string, string][]} */
const DURATIONS = [["30m", "30 minutes"], ["2h", "2 hours"], ["24h", "a day"]];

/** @param {{of: Alert, done: () => Promise<void>}} props */
function Silencing({ of, done }) {
  const [duration, setDuration] = useState("30m");
  return html`<${Confirm} title=${`Silence ${title(of.rule)}`} confirm="Silence it" run=${() => quiet(of, duration).then(done)}
    text=${`Nobody is told of this rule${of.account ? ` for ${of.account}` : ""} for so long. It is still found and kept; what lasts longer is told then.`}>
    <${Choice} label="For how long" value=${duration} of=${DURATIONS} onPick=${setDuration} /><//>`;
}

/** @param {Alert} of @param {() => Promise<void>} done */
function open(of, done) {
  show((close) => html`<${Whole} id=${of.id} close=${close} done=${done} />`);
}

/** One alert with its history. @param {{id: number, close: () => void, done: () => Promise<void>}} props */
function Whole({ id, close, done }) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [error, setError] = useState("");
  const load = () => get(`/alerts/${id}`).then(setFound, (/** @type {Error} */ failed) => setError(failed.message));
  useEffect(() => void load(), [id]);
  const of = /** @type {Alert | undefined} */ (found?.alert);
  const isOver = of?.state === "resolved";
  const take = () => of && acknowledge(of, done).then(load, (/** @type {Error} */ failed) => setError(failed.message));
  return html`<div class="alert-whole"><h2 id="dialog-title">${of ? title(of.rule) : "Alert"} <span class="faint">alert ${id}</span></h2>
    ${error && html`<${Trouble} error=${error} />`}${!of && !error && html`<${Loading} rows=${3} />`}
    ${of && html`<div class="line-up"><span class=${`badge ${look(of.level)}`}>${of.level}</span><${State} of=${of} /><span class="soft">${[of.account, of.subject].filter(Boolean).join(" · ")}</span></div>
      <p>${of.text}</p><p class="hint">The rule: ${found.tells || "this Holdfast doesn't know it"}.</p>
      <ol class="steps-list">${found.steps.map((/** @type {any} */ step, /** @type {number} */ at) => html`<li key=${at}><${Time} at=${step.time} /><span>${at ? step.text : "found"}</span></li>`)}</ol>`}
    <div class="ends">${of && mayTrade() && !isOver && html`<button type="button" class="button" onClick=${() => silence(of, done)}>Silence…</button>${!of.acknowledged && html`<button type="button" class="button main-action" onClick=${take}>Acknowledge</button>`}`}
      <button type="button" class="button" data-first="" onClick=${close}>Close</button></div></div>`;
}

/** @param {() => Promise<void>} done @returns {import("../ui/table.js").Column[]} */
function columns(done) {
  const acts = (/** @type {Alert} */ row) => row.state !== "resolved" && html`<span class="acts-cell">${!row.acknowledged && html`<button type="button" class="button small" onClick=${() => acknowledge(row, done).catch(failed)}>Acknowledge</button>`}<button type="button" class="button small quiet" onClick=${() => silence(row, done)}>Silence…</button></span>`;
  return [
    { id: "state", label: "State", width: "17ch", cell: (row) => html`<${State} of=${row} />`, value: (row) => STATES.indexOf(row.state) },
    { id: "level", label: "Severity", width: "13ch", at: "b", value: (row) => SOUNDS.indexOf(row.level), cell: (row) => html`<span class="narrow"><${State} of=${row} /> </span><span class=${`badge ${look(row.level)}`}>${row.level}</span>` },
    ...(accounts.value.length > 1 ? [{ id: "account", label: "Account", width: "13ch", cell: (/** @type {Alert} */ row) => row.account || html`<span class="faint">machine</span>` }] : []),
    { id: "rule", label: "Rule", width: "18ch", at: "a", cell: (row) => html`<b>${title(row.rule)}</b><span class="narrow soft"> ${row.account}</span>` },
    { id: "age", label: "Age", num: true, width: "13ch", at: "d", value: (row) => String(age(row)), cell: (row) => html`<span title=${moment(row.opened)}>${span(age(row))}</span>` },
    { id: "text", label: "What happened, and what to do", at: "c", cell: (row) => html`<span title=${row.text}>${row.text}</span>` },
    { id: "told", label: "Told", width: "30ch", wide: true, value: toldText, cell: (row) => html`<span class="soft" title=${toldText(row)}>${toldText(row)}</span>` },
    ...(mayTrade() ? [{ id: "acts", label: "", width: "25ch", fixed: true, cell: acts }] : []),
  ];
}

/** @type {[string, string][]} */
const SHOWN = [["", "Open"], ["all", "All"], ["news", "What happened"]];

export function Alerts() {
  const { show: shown = "" } = route.value.params;
  const list = shown === "news" ? "/news" : "/alerts";
  const parameters = shown === "" ? { lasting: true } : {};
  return html`<${PageHead} title="Alerts" more=${html`<${Choice} label="Which alerts" value=${shown} of=${SHOWN} onPick=${(/** @type {string} */ value) => setParams({ show: value })} /><a class="button small" href=${download(list, parameters)} download>CSV</a>`} />
    ${shown === "news" ? html`<${News} />` : html`<${Kept} key=${shown} parameters=${parameters} isAll=${shown === "all"} />`}`;
}

/** @param {{parameters: Record<string, any>, isAll: boolean}} props */
function Kept({ parameters, isAll }) {
  const found = useResource("/alerts", { ...parameters, limit: 1000 }, EVERY_S);
  return html`<${Watched} of=${found} /><${Silences} /><${Panel} grow label="Alerts"><${Answer} of=${found} rows=${10}>${(/** @type {any} */ data) => html`<${Table} name="Alerts" columns=${columns(found.load)}
    rows=${ordered(data.items.filter((/** @type {Alert} */ each) => !each.account || isChosen(each.account)))} keyOf=${(/** @type {Alert} */ row) => String(row.id)} lookOf=${(/** @type {Alert} */ row) => (row.state === "resolved" ? "over" : "")}
    onOpen=${(/** @type {Alert} */ row) => open(row, found.load)}
    empty=${html`<${Empty} title=${!data.looked ? "Nobody has looked" : isAll ? "There never was an alert" : "Nothing is wrong"}>What the rules find of orders, protection, limits, connections and the machine stands here.<//>`} />`}<//><//>`;
}

/** Whether somebody looks, and whom it would tell. @param {{of: import("../resource.js").Resource}} props */
function Watched({ of }) {
  const data = of.data.value;
  if (!data) return null;
  const silent = data.looked ? (now.value - millis(data.looked)) / 1000 : Infinity;
  if (silent > SILENT_S) return html`<div class="note warn" role="status" data-note="unwatched"><b>${data.looked ? `No observer has looked for ${span(silent)}.` : "No observer has looked so far."}</b>
    <span>Nothing new is found and nobody is told: start <span class="mono">holdfast observe</span>, or the engine with <span class="mono">holdfast run --observe</span>.</span></div>`;
  if (!data.targets.length) return html`<p class="hint">Nobody is told of alerts but here: no target is configured ([[alerts.targets]]).</p>`;
  return null;
}

/** What nobody is told of now. */
function Silences() {
  const found = useResource("/silences", {}, EVERY_S);
  const items = (found.data.value?.items ?? []).filter((/** @type {any} */ each) => !each.account || isChosen(each.account));
  const end = (/** @type {any} */ each) => quiet(each, "0").then(found.load).catch(failed);
  return items.length > 0 && html`<ul class="line-up silences" aria-label=${count(items.length, "silenced rule")}>${items.map((/** @type {any} */ each) => html`<li key=${`${each.rule} ${each.account}`} class="line-up"><span class="badge hollow">silenced</span>
    <span>${title(each.rule)}${each.account && accounts.value.length > 1 ? ` of ${each.account}` : ""} until <${Time} at=${each.until} /></span>${mayTrade() && html`<button type="button" class="button small" onClick=${() => end(each)}>Tell again</button>`}</li>`)}</ul>`;
}

/** @type {import("../ui/table.js").Column[]} */
const NEWS = [
  { id: "time", label: "Time", width: "17ch", at: "d", cell: (row) => html`<${Time} at=${row.time} />` },
  { id: "level", label: "Severity", width: "12ch", at: "b", cell: (row) => html`<span class=${`badge ${look(row.level)}`}>${row.level}</span>` },
  { id: "account", label: "Account", width: "12ch", cell: (row) => row.account },
  { id: "type", label: "What", width: "24ch", at: "a", cell: (row) => html`<b>${title(row.type)}</b>` },
  { id: "text", label: "In words", at: "c", cell: (row) => html`<span title=${row.text}>${row.text}</span>` },
];

/** What records tell, the newest first. */
function News() {
  const found = useResource("/news", { limit: 1000 }, "change");
  return html`<${Panel} grow label="What happened"><${Answer} of=${found} rows=${10}>${(/** @type {any} */ data) => html`<${Table} name="What happened" columns=${NEWS}
    rows=${data.items.filter((/** @type {any} */ each) => isChosen(each.account))} keyOf=${(/** @type {any} */ row) => `${row.account} ${row.sequence} ${row.type}`} onOpen=${(/** @type {any} */ row) => go(`/journal?account=${encodeURIComponent(row.account)}&after=${row.sequence - 1}`)}
    empty=${html`<${Empty} title="Nothing happened that people should hear of">What happens to orders, protection, limits and connections is told here.<//>`} />`}<//><//>`;
}
