/** Amounts of several accounts or positions, added up for each currency: there is no sum of euros and dollars. */

import { html } from "../lib.js";
import { sum } from "../decimal.js";
import { direction, money } from "../format.js";

/** @typedef {{currency: string, value: string | null}} Amount */

/** @template T @param {T[]} of @param {(each: T) => string | null | undefined} value @param {(each: T) => string | undefined} currency @returns {Amount[]} one for each currency, in their order */
export function byCurrency(of, value, currency) {
  /** @type {Map<string, T[]>} */
  const groups = new Map();
  for (const each of of) {
    const name = currency(each) ?? "";
    groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  const found = [...groups].map(([name, mine]) => ({ currency: name, value: sum(mine.map((each) => value(each) ?? null)) }));
  return found.length ? found.sort((a, b) => (a.currency < b.currency ? -1 : 1)) : [{ currency: "", value: null }];
}

/** The sum of one currency, or a line for each. @param {{of: Amount[], show?: (value: string | null) => any, isGain?: boolean}} props */
export function Total({ of, show = money, isGain = false }) {
  const look = (/** @type {Amount} */ each) => (isGain ? direction(each.value) : "");
  if (of.length === 1) return html`<span class=${look(of[0])}>${show(of[0].value)}</span>`;
  return html`<span class="several">${of.map((each) => html`<span key=${each.currency} class=${look(each)}>${show(each.value)} <span class="faint">${each.currency || "?"}</span></span>`)}</span>`;
}

/** The same as one text. @param {Amount[]} of @param {(value: string | null) => string} [show] */
export function totalText(of, show = money) {
  return of.map((each) => `${show(each.value)}${of.length > 1 ? ` ${each.currency}` : ""}`).join(" + ");
}
