/** The way from a tick to a profit: of each account and stage the monitor's verdict, why, what to do, and the last event. */

import { html } from "../lib.js";
import { count, latency, NOTHING, span, title } from "../format.js";
import { Link } from "../router.js";
import { useResource } from "../resource.js";
import { isChosen, looked } from "../store.js";
import { Answer, Empty, PageHead, Panel, Time, Verdict, worst } from "../ui/parts.js";

const EVERY_S = 5; // silence makes no change that one could wait for

export function PipelinePage() {
  const found = useResource("/pipeline", {}, EVERY_S);
  return html`<${PageHead} title="Pipeline"><span class="soft">whether data still becomes orders, fills and a portfolio</span><//><${Answer} of=${found} rows=${10}>${(/** @type {any} */ data) => html`<div class="stack">
    ${looked.value.map((account) => html`<${One} key=${account.account} name=${account.account} broker=${account.broker} commits=${account.commits} stages=${(data.items ?? []).filter((/** @type {any} */ each) => each.account === account.account)} />`)}
    ${!looked.value.filter((each) => isChosen(each.account)).length && html`<${Empty} title="No account is configured" />`}</div>`}<//>`;
}

/** @param {{name: string, broker: string | null, stages: any[], commits: import("../types.js").Commits | null | undefined}} props */
function One({ name, broker, stages, commits }) {
  const way = stages.find((each) => each.way_p50_s !== null);
  return html`<${Panel} title=${html`${name} <span class="faint">${broker ?? ""}</span> <${Verdict} level=${worst(stages)?.level} />`} label=${`Pipeline of ${name}`}
    more=${way && html`<span class="faint nowrap">market event to fill ${times(way.way_p50_s, way.way_p95_s, way.way_p99_s)}</span>`}>
    <ol class="stages">${stages.map((each) => html`<${Stage} key=${each.stage} of=${each} name=${name} />`)}</ol>${commits && html`<p class="hint body">${journal(commits)}</p>`}<//>`;
}

/** How the engine's commits are, in a line. @param {import("../types.js").Commits} of */
function journal(of) {
  const waits = /** @type {[number, string][]} */ ([[of.waited, "waited for a lock"], [of.lock_waits, "gave up a lock"], [of.deadlocks, "met a deadlock"]]);
  const slow = of.slow ? [`${count(of.slow, "slow statement")}, the slowest ${of.slowest} ${latency(of.slowest_s * 1000)}`] : [];
  const rest = [...slow, ...waits.filter(([number]) => number).map(([number, what]) => `${number} ${what}`)];
  return html`Journal: ${count(of.count, "commit")} since the start${of.p50_s === null ? "" : html`, p50 ${latency(of.p50_s * 1000)}, p99 ${latency((of.p99_s ?? 0) * 1000)}`}, ${of.records} records and ${(of.bytes / 1000).toFixed(1)} kB each${rest.length ? html` · <span class="down">${rest.join("; ")}</span>` : "; none slow, no wait for a lock"}.`;
}

/** @param {{of: any, name: string}} props */
function Stage({ of, name }) {
  return html`<li class=${of.time ? "" : "never"}>
    <b>${title(of.stage)}</b>
    <${Verdict} level=${of.level} />
    <span class="why"><span>${of.reason}</span>${of.next_step && html`<span class="soft">${of.next_step}</span>`}</span>
    <span class="soft last"><span>${of.time ? html`<${Time} at=${of.time} /> · ${span(of.age_s)} ago` : "none yet"}</span><span class="faint two-lines" title=${of.text}>${of.text}</span></span>
    <span class="faint nowrap num">${of.per_minute ? `${of.per_minute} a minute` : ""}${of.step_p50_s === null ? "" : html`<br />${times(of.step_p50_s, of.step_p95_s, of.step_p99_s)}`}</span>
    ${of.sequence ? html`<${Link} class="faint" to=${`/journal?account=${encodeURIComponent(name)}&after=${of.sequence - 1}`}>record ${of.sequence}<//>` : html`<span />`}</li>`;
}

/** Three quantiles of a duration in seconds. @param {number | null} p50 @param {number | null} p95 @param {number | null} p99 */
function times(p50, p95, p99) {
  if (p50 === null || p95 === null || p99 === null) return NOTHING;
  return html`<span title="p50, p95, p99">${latency(p50 * 1000)} / ${latency(p95 * 1000)} / ${latency(p99 * 1000)}</span>`;
}
