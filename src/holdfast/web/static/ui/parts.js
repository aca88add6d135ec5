/** Small parts that every page is made of. */

import { html, useEffect, useRef } from "../lib.js";
import { clock, direction, fully, millis, moment, NOTHING, price, span, words, zoneName, ZONE } from "../format.js";
import { now } from "../store.js";

const FLASH_MS = 300;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {{title: any, more?: any, grow?: boolean, class?: string, label?: string, children?: any}} props */
export function Panel({ title, more, grow, class: name = "", label, children }) {
  return html`<section class=${`panel ${grow ? "grow" : ""} ${name}`} aria-label=${label ?? (typeof title === "string" ? title : undefined)}>
    ${(title || more) && html`<header><h2>${title}</h2>${more && html`<div class="push">${more}</div>`}</header>`}
    ${children}
  </section>`;
}

/** @param {{title: any, more?: any, children?: any}} props */
export function PageHead({ title, more, children }) {
  return html`<div class="page-head"><h1>${title}</h1>${children}${more && html`<div class="push">${more}</div>`}</div>`;
}

/** A value that lights up for a moment when it changes. @param {{value: any, children?: any, class?: string}} props */
export function Flash({ value, children, class: name }) {
  const at = useRef(/** @type {HTMLElement | null} */ (null));
  const before = useRef(value);
  useEffect(() => {
    if (before.current !== value && at.current && !calm.matches) {
      const rose = Number(value) >= Number(before.current);
      const colour = getComputedStyle(at.current).getPropertyValue(rose ? "--up-back" : "--down-back");
      at.current.animate([{ backgroundColor: colour }, { backgroundColor: "transparent" }], FLASH_MS);
    }
    before.current = value;
  }, [value]);
  return html`<span ref=${at} class=${name}>${children}</span>`;
}

/** @param {{value: string | null | undefined, symbol?: string}} props */
export function Price({ value, symbol }) {
  return html`<${Flash} value=${value}>${price(value, symbol)}<//>`;
}

/** A gain or a loss; its sign and its colour say the same. @param {{value: string | null | undefined, children: any}} props */
export function Gain({ value, children }) {
  return html`<${Flash} value=${value} class=${direction(value)}>${children}<//>`;
}

/** How long ago something was, by this machine's clock. @param {{seconds: number, from?: number}} props */
export function Age({ seconds, from = 30 }) {
  if (!Number.isFinite(seconds)) return html`<span class="faint">${NOTHING}</span>`;
  return html`<span class=${seconds > from ? "strong" : "faint"}>${seconds < 2 ? "now" : `${span(seconds)} ago`}</span>`;
}

/** A time, in full when one points at it. @param {{at: string | number | null | undefined, short?: boolean}} props */
export function Time({ at, short }) {
  if (Number.isNaN(millis(at))) return html`<span class="faint">${NOTHING}</span>`;
  return html`<time dateTime=${new Date(millis(at)).toISOString()} title=${`${fully(at)}\n${fully(at, "UTC")}`}>${short ? clock(at) : moment(at)}</time>`;
}

/** What an order's state is called, and how it looks. @type {Record<string, [string, string]>} */
const STATES = {
  PREPARED: ["prepared", "hollow"],
  RELEASED: ["sending", "live hollow"],
  SUBMITTED: ["working", "live"],
  PARTIALLY_FILLED: ["part filled", "live"],
  UNKNOWN: ["UNKNOWN", "loud"],
  FILLED: ["filled", "good"],
  CANCELED: ["canceled", "hollow"],
  EXPIRED: ["expired", "hollow"],
  REJECTED: ["rejected", "bad"],
  NOT_SENT: ["not sent", "warn"],
  FAILED: ["failed", "bad"],
};

/** @param {string} state */
export function stateName(state) {
  return STATES[state]?.[0] ?? words(state);
}

/** @param {{order: import("../types.js").Order}} props */
export function OrderState({ order }) {
  const [name, look] = STATES[order.state] ?? [words(order.state), ""];
  const asked = order.cancel_requested && ["SUBMITTED", "PARTIALLY_FILLED", "RELEASED"].includes(order.state);
  return html`<span class=${`badge ${look}`}>${asked ? "canceling" : name}</span>`;
}

/** @type {Record<string, string>} */
const ACCOUNT_LOOKS = { IDLE: "good", ANALYZING: "good", PENDING_ORDER: "good", PRESERVATION: "warn", HALTED: "bad", RECOVERING: "live" };

export const TRADING = new Set(["IDLE", "ANALYZING", "PENDING_ORDER"]);

/** @param {{account: import("../types.js").Account}} props */
export function AccountState({ account }) {
  if (account.state === null) return html`<span class="badge hollow">never started</span>`;
  if (!account.running) return html`<span class="badge bad">engine down</span>`;
  const name = TRADING.has(account.state) ? "trading" : words(account.state); // they change with each order, too fast to be read
  return html`<span class=${`badge ${ACCOUNT_LOOKS[account.state] ?? "live"}`}>${name}</span>`;
}

/** How the monitor's verdicts look, the worst first. @type {Record<string, string>} */
const VERDICTS = { critical: "bad", degraded: "warn", healthy: "good", idle: "hollow" };

/** @param {{level: string | undefined}} props */
export function Verdict({ level = "idle" }) {
  return html`<span class=${`badge ${VERDICTS[level] ?? ""}`}>${level}</span>`;
}

/** The stage with the worst verdict; undefined of none. @param {any[]} stages */
export function worst(stages) {
  return Object.keys(VERDICTS).map((level) => stages.find((each) => each.level === level)).find(Boolean);
}

/** @param {{side: string}} props */
export function Side({ side }) {
  return html`<span class=${`side ${side === "buy" ? "up" : "down"}`}>${side}</span>`;
}

/** One of several. @param {{label: string, value: string, of: [string, any][], onPick: (value: string) => void, looks?: Record<string, string>}} props */
export function Choice({ label, value, of, onPick, looks = {} }) {
  return html`<div class="choice" role="group" aria-label=${label}>
    ${of.map(([key, text]) => html`<button type="button" key=${key} class=${looks[key] ?? ""} aria-pressed=${key === value}
      onClick=${() => onPick(key)}>${text}</button>`)}
  </div>`;
}

/** @param {{label: string, value: any, more?: any, class?: string}} props */
export function Figure({ label, value, more, class: name = "" }) {
  return html`<div class="figure"><span class="label">${label}</span><span class=${`value ${name}`}>${value}</span>
    ${more !== undefined && html`<span class="more soft">${more}</span>`}</div>`;
}

/** @param {{title: string, children?: any}} props */
export function Empty({ title, children }) {
  return html`<div class="empty"><strong>${title}</strong>${children && html`<p>${children}</p>`}</div>`;
}

/** @param {{rows?: number}} props */
export function Loading({ rows = 4 }) {
  return html`<div class="bones" role="status"><span class="hush">loading</span>${Array.from({ length: rows }, (_, at) => html`<div class="bone" key=${at} aria-hidden="true" />`)}</div>`;
}

/** @param {{error: Error | string, again?: () => void}} props */
export function Trouble({ error, again }) {
  return html`<div class="trouble" role="alert"><span>${typeof error === "string" ? error : error.message}</span>
    ${again && html`<button type="button" class="button small" onClick=${again}>Try again</button>`}</div>`;
}

/**
 * What a view of the server shows while it is asked for, when that failed, and when it is old.
 * @param {{of: import("../resource.js").Resource, rows?: number, children: (data: any) => any}} props
 */
export function Answer({ of, rows, children }) {
  const { data, error, at, load } = of;
  if (data.value === null) return error.value ? html`<${Trouble} error=${error.value} again=${load} />` : html`<${Loading} rows=${rows} />`;
  return html`${error.value && html`<${Trouble} error=${`${error.value.message} · what is shown is from ${clock(at.value)}`} again=${load} />`}
    <div class=${`answer ${error.value ? "stale" : ""}`}>${children(data.value)}</div>`;
}

/** The time in the user's zone, and in the exchange's beside it. @param {{zone?: string | null, at: number}} props */
export function Clocks({ zone, at }) {
  const own = html`<span>${clock(at)} <span class="faint">${zoneName(ZONE, at)}</span></span>`;
  if (!zone || zoneName(zone, at) === zoneName(ZONE, at)) return own;
  return html`${own}<span class="soft">${clock(at, zone)} <span class="faint">${zoneName(zone, at)}</span></span>`;
}

/** Seconds until a time of an account, or NaN. @param {string | null | undefined} at @param {number} from milliseconds */
export function until(at, from) {
  return (millis(at) - from) / 1000;
}

/** A share of what is allowed. @param {{ratio: number | null}} props */
export function Bar({ ratio }) {
  const share = Math.max(0, Math.min(1, ratio ?? 0));
  const look = share >= 0.95 ? "bad" : share >= 0.75 ? "warn" : "";
  return html`<span class=${`bar ${look}`} aria-hidden="true"><i style=${{ width: `${share * 100}%` }} /></span>`;
}

/** Reads the clock, so that whatever it stands in is drawn again each second. */
export function useClock() {
  return now.value;
}
