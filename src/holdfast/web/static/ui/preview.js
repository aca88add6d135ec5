/** What risk says of an order now: asked again whenever the account or the market changes, and never shown of another order or state. */

import { send } from "../api.js";
import { effect, html, untracked, useEffect, useState } from "../lib.js";
import { absolute, compare, isNumber } from "../decimal.js";
import { money, price, quantity, span, words } from "../format.js";
import { accounts, changes, markets, now, unread } from "../store.js";
import { link } from "../stream.js";
import { TRADING } from "./parts.js";

const TYPING_MS = 350;
const AGAIN_MS = 1000; // so often at most
const AT_LEAST_MS = 10_000; // and at least
const OLD_S = 25; // an answer older than that says nothing any more
const SAID_S = 3;

/**
 * @typedef {object} Asked
 * @property {any} data what risk says of the order, or null while that isn't known
 * @property {string} error why it isn't
 * @property {number} at when it was said, in milliseconds
 * @property {string} bar why it can't be sent now, in words; empty when it may be
 */

const NOTHING = { data: /** @type {any} */ (null), error: "", at: 0, what: "", basis: "" };

/** What an answer rests on, of all that an account is: whether it trades, and whether anybody does it. The states of trading change with each order. @param {string} account */
function basisOf(account) {
  const found = accounts.value.find((each) => each.account === account);
  return found ? `${found.running ? "" : "not running, "}${nameOf(found.state)}` : "";
}

/** @param {string | null} state */
function nameOf(state) {
  return TRADING.has(state ?? "") ? "trading" : words(state);
}

/**
 * Ask what risk would say of an order, a moment after the last key and again with every change.
 * @param {string} account @param {any} body as the API takes it; null while it isn't written @returns {Asked}
 */
export function usePreview(account, body) {
  const [found, setFound] = useState(NOTHING);
  const what = body && account ? JSON.stringify([account, body]) : "";
  useEffect(() => {
    if (!what) return undefined;
    return keepAsking(account, body, (answer) => setFound({ ...answer, what }));
  }, [what]);
  const isOfThis = found.what === what;
  const { data, error, at, basis } = isOfThis ? found : NOTHING; // an answer to other figures says nothing of these
  const bar = what ? barOf(account, data, error, at, basis) : "";
  return { data: bar && data?.accepted !== false ? null : data, error, at, bar };
}

/** Why an order can't be sent now, whatever was answered. @param {string} account @param {any} data @param {string} error @param {number} at @param {string} basis */
function barOf(account, data, error, at, basis) {
  const is = accounts.value.find((each) => each.account === account);
  if (link.value === "lost" || unread.value) return "What risk would say is not known: nothing is heard of the account now.";
  if (is && !is.running) return `No engine trades ${account} now, so nothing can be ordered.`;
  if (error || !data) return error ? "" : "Risk is being asked.";
  if (basis !== basisOf(account)) return `${account} is ${nameOf(is?.state ?? null)} now; risk is asked again.`;
  return (now.value - at) / 1000 > OLD_S ? "What risk said is old; it is asked again." : "";
}

/** Ask until it is stopped. @param {string} account @param {any} body @param {(answer: {data: any, error: string, at: number, basis: string}) => void} tell */
function keepAsking(account, body, tell) {
  let isOver = false;
  let isAsking = false;
  let isWanted = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const ask = async () => {
    timer = undefined;
    isWanted = isAsking;
    if (isAsking || document.hidden) return;
    isAsking = true;
    const basis = untracked(() => basisOf(account));
    const answer = await send("POST", `/accounts/${encodeURIComponent(account)}/orders/preview`, body).then((data) => ({ data, error: "" }), (failed) => ({ data: null, error: failed.message }));
    isAsking = false;
    if (isOver) return;
    tell({ ...answer, at: Date.now(), basis: answer.data ? basisNow(answer.data, basis) : basis });
    if (isWanted) in_(AGAIN_MS);
  };
  const in_ = (/** @type {number} */ ms) => {
    timer ??= setTimeout(ask, ms);
  };
  in_(TYPING_MS);
  const every = setInterval(() => in_(0), AT_LEAST_MS);
  const stop = effect(() => {
    void [changes.value, markets.value, accounts.value];
    in_(AGAIN_MS);
  });
  return () => {
    isOver = true;
    clearTimeout(timer);
    clearInterval(every);
    stop();
  };
}

/** What the server's answer rests on: it may know of a halt before the stream tells of it. @param {any} data @param {string} before */
function basisNow(data, before) {
  return data.account_state ? nameOf(data.account_state) : before;
}

/** `wanted` is the quantity that was asked for, where it is one. @param {{of: Asked, symbol: string, wanted?: string, children?: any}} props */
export function Preview({ of, symbol, wanted, children }) {
  const { data, error, at, bar } = of;
  const age = (now.value - at) / 1000;
  return html`<div class="preview" aria-live="polite">
    ${error && html`<p class="down">${error}</p>`}
    ${bar && html`<p class="soft">${bar}</p>`}
    ${data && html`<dl class="facts">
      <dt>Risk says${age > SAID_S && html`<span class="faint"> ${span(age)} ago</span>`}</dt><dd>${data.accepted === false ? html`<span class="badge bad">refused</span>` : html`<span class="badge good">it may leave</span>`}</dd>
      ${data.quantity && html`<dt>Quantity</dt><dd>${quantity(data.quantity)}</dd>`}
      ${data.worth && html`<dt>Worth about</dt><dd>${money(data.worth)}</dd>`}
      ${data.price && html`<dt>Priced at</dt><dd>${price(data.price, symbol)}</dd>`}
      ${data.stop_loss && html`<dt>Its stop</dt><dd>${price(data.stop_loss, symbol)}${data.trails ? ", trailing" : ""}</dd>`}
      ${data.take_profit && html`<dt>Its target</dt><dd>${price(data.take_profit, symbol)}</dd>`}
      <dt>Held by hand then</dt><dd>${quantity(data.held_after)}</dd>
      <dt>Buying power then</dt><dd>${money(data.buying_power_after, 0)}</dd>
    </dl>${[why(data), data.text, ...(data.not_judged ?? [])].filter(Boolean).map((/** @type {string} */ text) => html`<p key=${text} class="soft">${text}</p>`)}`}
    ${data?.quantity && wanted && isNumber(wanted) && compare(absolute(data.quantity), wanted) < 0 && html`<p class="warned"><span class="badge warn">only ${quantity(data.quantity)} of ${quantity(wanted)}</span> So much leaves now; a limit or the account's state keeps the rest.</p>`}
    ${children}
  </div>`;
}

/** Why an order leaves from an account that takes no risk. @param {any} data */
function why(data) {
  const name = nameOf(data.account_state ?? "IDLE");
  if (!data.accepted || data.raises_risk || name === "trading") return "";
  return `The account is ${name.toUpperCase()}. This order only lowers what the account holds of it, all strategies together, so it may leave all the same.`;
}
