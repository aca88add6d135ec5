/** The order ticket: says what the order would do, and what would protect it, before it is sent. */

import { file, mayTrade } from "../actions.js";
import { html, useState } from "../lib.js";
import { money, price, quantity } from "../format.js";
import { isNumber } from "../decimal.js";
import { accountOf, accounts, isChosen, priceOf } from "../store.js";
import { Confirm, show } from "./dialog.js";
import { Choice } from "./parts.js";
import { Preview, usePreview } from "./preview.js";

const PRICES = [["limit", "Limit"], ["stop", "Stop"]];
const EXITS = [["stop_loss", "Stop-loss"], ["take_profit", "Take-profit"], ["trail_stop", "Trailing stop"], ["break_even", "Break-even at"], ["hold", "Hold at most"]];
/** @type {Record<string, string>} */
const HINTS = { limit: "market", stop: "at once", stop_loss: "none", take_profit: "none", trail_stop: "2.50 or 2%", break_even: "none", hold: "30m" };
const LASTS = /** @type {[string, string][]} */ ([["day", "Day"], ["gtc", "Until canceled"], ["ioc", "At once or not"], ["fok", "All at once or not"]]);

/** The body as the API takes it: empty fields are left out. @param {Record<string, string>} of @param {string} symbol */
function bodyOf(of, symbol) {
  const given = Object.entries(of).filter(([name, value]) => value.trim() && name !== "account" && name !== "amount" && name !== "unit");
  const amount = of.unit === "money" ? { notional: of.amount.trim() } : { quantity: of.amount.trim() };
  return { symbol, ...amount, ...Object.fromEntries(given.map(([name, value]) => [name, value.trim()])) };
}

/** @param {{symbol: string}} props */
export function Ticket({ symbol }) {
  const possible = accounts.value.filter((each) => isChosen(each.account));
  const [of, setOf] = useState(/** @type {Record<string, string>} */ ({ side: "buy", unit: "units", amount: "", tif: "day" }));
  const account = of.account ?? accountOf(symbol) ?? "";
  const set = (/** @type {string} */ name, /** @type {string} */ value) => setOf((before) => ({ ...before, [name]: value }));
  const preview = usePreview(account, of.amount.trim() ? bodyOf(of, symbol) : null);
  if (!mayTrade()) return html`<p class="hint">You may look, not trade.</p>`;
  const input = (/** @type {string[]} */ [name, label]) => html`<label class="field" key=${name}><span>${label}</span>
    <input inputmode=${name === "hold" || name === "trail_stop" ? "text" : "decimal"} name=${name} placeholder=${HINTS[name]} value=${of[name] ?? ""} autocomplete="off"
      onInput=${(/** @type {any} */ event) => set(name, event.target.value)} /></label>`;
  const isBare = !of.stop_loss && !of.trail_stop;
  const review = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (of.amount && !isBarred(preview)) show(() => html`<${ConfirmOrder} account=${account} of=${of} symbol=${symbol} isBare=${isBare} />`);
  };
  return html`<form class="ticket" onSubmit=${review} aria-label=${`Order in ${symbol}`}>
    <div class="line-up">
      <${Choice} label="Side" value=${of.side} of=${[["buy", "Buy"], ["sell", "Sell"]]} looks=${{ buy: "buy", sell: "sell" }} onPick=${(/** @type {string} */ side) => set("side", side)} />
      ${possible.length > 1 && html`<select aria-label="Account" value=${account} onChange=${(/** @type {any} */ event) => set("account", event.target.value)}>
        ${possible.map((each) => html`<option key=${each.account}>${each.account}</option>`)}</select>`}
      <span class="soft">last <b>${price(priceOf(account, symbol), symbol)}</b></span>
    </div>
    <div class="two-up">
      <label class="field"><span>${of.unit === "money" ? "Amount of money" : "Quantity"}</span>
        <input inputmode="decimal" name="amount" required value=${of.amount} placeholder="0" autocomplete="off" onInput=${(/** @type {any} */ event) => set("amount", event.target.value)} /></label>
      <label class="field"><span>Counted in</span><select value=${of.unit} onChange=${(/** @type {any} */ event) => set("unit", event.target.value)}>
        <option value="units">units</option><option value="money">money</option></select></label>
      ${PRICES.map(input)}
    </div>
    <label class="field"><span>Lasts</span><select name="tif" value=${of.tif} onChange=${(/** @type {any} */ event) => set("tif", event.target.value)}>
      ${LASTS.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select></label>
    <details open=${true}><summary>What protects it</summary><div class="two-up">${EXITS.map(input)}</div></details>
    <${Preview} of=${preview} symbol=${symbol} wanted=${bodyOf(of, symbol).quantity}>${isBare && html`<p class="warned"><span class="badge warn">nothing protects it</span> Name a stop-loss or a trailing stop, or watch it yourself.</p>`}<//>
    <button type="submit" class=${`button ${of.side}`} disabled=${!of.amount || isBarred(preview)}>Review ${of.side === "buy" ? "purchase" : "sale"}</button>
  </form>`;
}

/** Whether an order can't be sent: risk refuses it, or nobody knows whether it does. @param {import("./preview.js").Asked} preview */
function isBarred({ data, error, bar }) {
  return Boolean(bar || error) || data?.accepted === false;
}

/** The last look before an order is sent, which goes on asking: the account may halt while it is open. @param {{account: string, of: Record<string, string>, symbol: string, isBare: boolean}} props */
function ConfirmOrder({ account, of, symbol, isBare }) {
  const body = bodyOf(of, symbol);
  const preview = usePreview(account, body);
  const much = of.unit === "money" ? money(of.amount) : quantity(isNumber(of.amount) ? of.amount : null);
  const title = `${of.side === "buy" ? "Buy" : "Sell"} ${much} ${symbol}`;
  /** @type {[any, any][]} */
  const will = [["account", account], ["price", of.limit ? `limit ${of.limit}` : "market"]];
  if (of.stop) will.push(["begins to work at", of.stop]);
  will.push(["protected by", isBare ? "nothing" : [of.stop_loss && `stop ${of.stop_loss}`, of.trail_stop && `trailing ${of.trail_stop}`].filter(Boolean).join(", ")]);
  return html`<${Confirm} title=${title} will=${will} confirm=${of.side === "buy" ? "Buy" : "Sell"} look=${of.side} isBarred=${isBarred(preview)}
    run=${() => file(title, "POST", `/accounts/${encodeURIComponent(account)}/orders`, body)}><${Preview} of=${preview} symbol=${symbol} wanted=${body.quantity} /><//>`;
}
