/** What a person can ask of an engine. Each says first what will happen, and is followed until the engine answered. */

import { get, may, send, uniqueKey } from "./api.js";
import { absolute, isNumber, sign } from "./decimal.js";
import { count, money, price, quantity, words } from "./format.js";
import { effect, html, useState } from "./lib.js";
import { accounts, commands, isChosen, isOpen, orders, positions, priceOf } from "./store.js";
import { Confirm, show } from "./ui/dialog.js";
import { toast } from "./ui/toast.js";
import { byCurrency, totalText } from "./ui/totals.js";

const ENDS = new Set(["done", "refused", "expired"]);
const ASK_MS = 1000;
const ASK_FOR_MS = 120_000;
const UNANSWERED_MS = 600_000;

/**
 * File a command, and show how far it is until it is over.
 * @param {string} what in words, for the message @param {string} method @param {string} path @param {any} [body]
 * @returns {Promise<any>} the first answer
 */
export async function file(what, method, path, body) {
  const answer = await sendOnce(method, path, body);
  if (answer?.command_id) follow(what, answer);
  else toast({ look: "good", title: what, text: answer?.text });
  return answer;
}

/** Keys of what was sent without an answer: nobody here knows whether it was filed. @type {Map<string, {key: string, at: number}>} */
const unanswered = new Map();

/** Send it; who asks for the same again since no answer came sends the same key, so nothing is done twice. @param {string} method @param {string} path @param {any} body */
async function sendOnce(method, path, body) {
  const what = JSON.stringify([method, path, body]);
  const before = unanswered.get(what);
  const key = before && Date.now() - before.at < UNANSWERED_MS ? before.key : uniqueKey();
  try {
    const answer = await send(method, path, body, key);
    unanswered.delete(what);
    return answer;
  } catch (error) {
    const { status } = /** @type {import("./api.js").ApiError} */ (error);
    if (status > 0 && status < 500) unanswered.delete(what); // it was refused
    else unanswered.set(what, { key, at: Date.now() });
    throw error;
  }
}

/** @param {string} what @param {import("./types.js").Outcome} first */
function follow(what, first) {
  const id = first.command_id;
  const said = (/** @type {any} */ outcome) => html`<span class="steps">${ENDS.has(outcome.status) ? "" : html`<span class="spin" />`}
    <span>command <span class="mono">${id.slice(0, 10)}</span> · ${outcome.status}</span></span>${outcome.text && html`<div>${outcome.text}</div>`}`;
  const change = toast({ title: what, text: said(first), stays: true });
  let isOver = false;
  const news = (/** @type {any} */ outcome) => {
    if (isOver || !outcome) return;
    isOver = ENDS.has(outcome.status);
    change({ title: what, text: said(outcome), stays: !isOver, look: !isOver ? "" : outcome.status === "done" ? "good" : "bad" });
  };
  const stop = effect(() => news(commands.value.get(id)));
  const began = Date.now();
  const timer = setInterval(async () => {
    if (isOver || Date.now() - began > ASK_FOR_MS) {
      clearInterval(timer);
      stop();
      if (!isOver) change({ look: "bad", title: what, text: "no engine has answered so far; it is kept in the journal until one does" });
      return;
    }
    await get(`/commands/${encodeURIComponent(id)}`).then(news, () => {});
  }, ASK_MS);
}

/** @param {string} account */
function workingIn(account) {
  return orders.value.filter((each) => each.account === account && isOpen(each));
}

/** @param {string} account */
function heldIn(account) {
  return positions.value.filter((each) => each.account === account);
}

/** What the positions are worth together, short ones without their sign. @param {import("./types.js").Position[]} held */
function worthOf(held) {
  return totalText(byCurrency(held, (each) => absolute(each.worth ?? each.cost), (each) => each.currency));
}

/** What halting or flattening an account will do, in figures. @param {string} account @param {boolean} closes @returns {[any, any][]} */
function consequences(account, closes) {
  const working = workingIn(account);
  const held = heldIn(account);
  const doubtful = working.filter((each) => each.state === "UNKNOWN").length;
  /** @type {[any, any][]} */
  const will = [[closes ? "working orders, to be canceled" : "working orders, which stay at the broker", working.length]];
  if (doubtful) will.push(["of them UNKNOWN: they may be at the broker", doubtful]);
  will.push([closes ? "positions, to be closed at the market" : "positions, which stay as they are", held.length]);
  if (held.length) will.push([closes ? "worth about, to be traded" : "worth about", worthOf(held)]);
  return will;
}

/** @param {string} account */
function at(account) {
  return `/accounts/${encodeURIComponent(account)}`;
}

/** The account that is meant where none is named: the one chosen, or the only one. */
export function meant() {
  const chosen = accounts.value.filter((each) => isChosen(each.account));
  return chosen.length === 1 ? chosen[0].account : null;
}

/** Ask which account, where there are several. @param {string} title @param {(account: string) => void} then */
export function withAccount(title, then) {
  const only = meant();
  if (only) return then(only);
  show((close) => html`<div><h2 id="dialog-title">${title}</h2><div class="stack">
    ${accounts.value.map((each) => html`<button key=${each.account} type="button" class="button" onClick=${() => (close(), then(each.account))}>${each.account}</button>`)}
  </div><div class="ends"><button type="button" class="button quiet" onClick=${close}>Cancel</button></div></div>`);
}

/** @param {string} account */
export function halt(account) {
  show(() => html`<${Confirm} title=${`Halt ${account}`} look="loud" confirm="Halt" word="halt" wantsReason
    text="No order that raises risk leaves any more, until somebody resumes it. Stops and other exits stay, and still do their work; entries at the broker stay there too: cancel them as well if they are not to fill."
    will=${consequences(account, false)} run=${(/** @type {string} */ reason) => file(`Halt ${account}`, "POST", `${at(account)}/halt`, { reason })} />`);
}

/** @param {string} account */
export function flatten(account) {
  show(() => html`<${Confirm} title=${`Flatten ${account}`} look="loud" confirm="Flatten" word="flatten" wantsReason
    text="Every working order is canceled, and every position is closed at the market. Then nothing that raises risk leaves until somebody resumes it."
    will=${consequences(account, true)} run=${(/** @type {string} */ reason) => file(`Flatten ${account}`, "POST", `${at(account)}/flatten`, { reason })} />`);
}

/** Whether an account takes no new risk, by a halt or by itself. @param {string} account */
function isBarred(account) {
  const state = accounts.value.find((each) => each.account === account)?.state;
  return state === "HALTED" || state === "PRESERVATION";
}

/** @param {string} account */
export function resume(account) {
  show(() => html`<${Confirm} title=${`Resume ${account}`} confirm="Resume" wantsReason text="Strategies may take risk again." over=${!isBarred(account) && `${account} trades already.`}
    run=${(/** @type {string} */ reason) => file(`Resume ${account}`, "POST", `${at(account)}/resume`, { reason })} />`);
}

/** @param {string} account */
export function preserve(account) {
  show(() => html`<${Confirm} title=${`Preserve ${account}`} confirm="Take no new risk" wantsReason
    text="No new risk is taken until somebody resumes it; what closes or protects a position still leaves. Positions are closed as the configuration says for PRESERVATION." will=${consequences(account, false).slice(-2)}
    run=${(/** @type {string} */ reason) => file(`Preserve ${account}`, "POST", `${at(account)}/preserve`, { reason })} />`);
}

/** @param {string} account */
export function cancelAll(account, symbol = "") {
  show(() => {
    const working = workingIn(account).filter((each) => !symbol || each.symbol === symbol);
    const stops = working.filter((each) => each.role !== "entry" && each.parent).length;
    return html`<${Confirm} title=${symbol ? `Cancel the orders in ${symbol}` : `Cancel every order of ${account}`} confirm="Cancel them" look="danger"
      will=${[["working orders", working.length], ...(stops ? [["of them protect a position", stops]] : [])]}
      run=${() => file(`Cancel ${count(working.length, "order")}`, "POST", `${at(account)}/cancel`, symbol ? { symbol } : {})} />`;
  });
}

/** An order as it is now. @param {import("./types.js").Order} order */
export function nowOf(order) {
  return orders.value.find((each) => each.client_order_id === order.client_order_id) ?? order;
}

/** @param {import("./types.js").Order} asked */
export function cancel(asked) {
  show(() => {
    const order = nowOf(asked);
    return html`<${Confirm} title=${`Cancel ${order.side} ${quantity(order.quantity)} ${order.symbol}`} confirm="Cancel the order" look="danger"
      text=${order.parent ? "It protects a position; without it that may stand unprotected." : undefined}
      over=${!isOpen(order) && `It is over: ${words(order.state)}. There is nothing left to cancel.`}
      will=${[["filled so far", `${quantity(order.filled_quantity)} of ${quantity(order.quantity)}`]]}
      run=${() => file(`Cancel ${order.symbol}`, "DELETE", `/orders/${encodeURIComponent(order.client_order_id)}`)} />`;
  });
}

/** A position as it is now; undefined once nothing of it is held. @param {import("./types.js").Position} position */
export function heldNow({ account, symbol }) {
  return positions.value.find((each) => each.account === account && each.symbol === symbol);
}

/** @param {import("./types.js").Position} asked */
export function close(asked) {
  show(() => {
    const held = heldNow(asked);
    const position = held ?? asked;
    return html`<${Confirm} title=${`Close ${position.symbol}`} confirm="Close at the market" look="danger"
      text="Orders that protect it are canceled first, then it is closed at the market." over=${!held && "It is closed already: nothing of it is held any more."}
      will=${[[position.quantity.startsWith("-") ? "to buy back" : "to sell", quantity(absolute(position.quantity))], ["worth about", money(position.worth ?? position.cost)]]}
      run=${() => file(`Close ${position.symbol}`, "POST", `${at(position.account)}/close`, { symbol: position.symbol })} />`;
  });
}

/** Whether a position has no stop at work, or less than it is to have. @param {import("./types.js").Position} position */
export function lacksStop({ protected: covered, unprotected_since: since }) {
  return Boolean(since) || (covered !== null && covered !== undefined && sign(covered) === 0);
}

/** @param {import("./types.js").Position} position */
export function protect(position) {
  show(() => html`<${Protect} asked=${position} />`);
}

/** A stop for a position that has none. @param {{asked: import("./types.js").Position}} props */
function Protect({ asked }) {
  const held = heldNow(asked);
  const { account, symbol, quantity: much, strategies } = held ?? asked;
  const holders = strategies.map((each) => each.strategy);
  const [stop, setStop] = useState("");
  const [strategy, setStrategy] = useState(holders[0] ?? "");
  const share = strategies.find((each) => each.strategy === strategy)?.quantity ?? much;
  const side = share.startsWith("-") ? "above" : "below";
  return html`<${Confirm} title=${`Protect ${symbol}`} confirm="Place the stop" isBarred=${!isNumber(stop)}
    text="A stop order is placed at the broker; it closes the position at the market once the price gets there." over=${!held && "It is closed already: there is nothing to protect."}
    will=${[["to be protected", quantity(absolute(share))], ["last price", price(priceOf(account, symbol), symbol)]]}
    run=${() => file(`Protect ${symbol}`, "POST", `${at(account)}/protect`, { symbol, stop_loss: stop.trim(), ...(strategy ? { strategy } : {}) })}>
    ${holders.length > 1 && html`<label class="field"><span>Of which strategy</span><select value=${strategy} onChange=${(/** @type {any} */ event) => setStrategy(event.target.value)}>
      ${holders.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}</select></label>`}
    <label class="field"><span>Stop-loss, ${side} the last price</span><input name="stop_loss" inputmode="decimal" autocomplete="off" data-first="" value=${stop} onInput=${(/** @type {any} */ event) => setStop(event.target.value)} /></label><//>`;
}

/** Make the books what the broker has. @param {string} account @param {any} compared the last comparison */
export function accept(account, compared) {
  const apart = compared.lines.filter((/** @type {any} */ each) => !each.agrees);
  show(() => html`<${Confirm} title=${`Take over what the broker has: ${account}`} confirm="Take it over" look="danger" word="accept" needsReason
    text="The books are made to agree with the broker, once all is at rest; each difference becomes a record of the journal. Look at the broker's own page first: what is wrong there is wrong here afterwards."
    will=${[...apart.map((/** @type {any} */ each) => [`${each.symbol}, now ${quantity(each.ours)}`, `becomes ${quantity(each.theirs)}`]), ["cash, by the last comparison", `${money(compared.cash)} here, ${money(compared.broker_cash)} there`]]}
    run=${(/** @type {string} */ reason) => file(`Take over what the broker has: ${account}`, "POST", `${at(account)}/reconcile`, { accept: true, reason })} />`);
}

/** @param {string} account */
export function reconcile(account) {
  show(() => html`<${Confirm} title=${`Compare ${account} with the broker`} confirm="Compare now"
    text="Orders, executions and positions are asked of the broker and compared with the books. Nothing is traded."
    run=${() => file(`Reconcile ${account}`, "POST", `${at(account)}/reconcile`, { reason: "asked on the page" })} />`);
}

/** Whether the buttons that ask something of an engine are shown. */
export function mayTrade() {
  return may("trade");
}

/** A price for a sentence. @param {string | null} value @param {string} symbol */
export function atPrice(value, symbol) {
  return value ? `at ${price(value, symbol)}` : "at the market";
}
