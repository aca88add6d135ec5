/** What is known now: filled by one reading of everything and kept by the stream of changes. */

import { BUILD, get, session } from "./api.js";
import { computed, signal } from "./lib.js";
import { learnPlaces, millis } from "./format.js";

/** @typedef {import("./types.js").Account} Account */
/** @typedef {import("./types.js").Order} Order */
/** @typedef {import("./types.js").Fill} Fill */
/** @typedef {import("./types.js").Position} Position */
/** @typedef {import("./types.js").Record_} Record_ */
/** @typedef {import("./types.js").Outcome} Outcome */

const MOST = 6000; // rows kept of orders and of fills
const MOST_RECORDS = 1000;

/** The time by this machine, once a second: what shows an age reads it. */
export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 1000);

export const accounts = signal(/** @type {Account[]} */ ([]));
export const orders = signal(/** @type {Order[]} */ ([]), { name: "orders" }); // the newest first
export const fills = signal(/** @type {Fill[]} */ ([]));
export const positions = signal(/** @type {Position[]} */ ([]));
export const records = signal(/** @type {Record_[]} */ ([]));
export const commands = signal(/** @type {Map<string, Outcome>} */ (new Map()));
export const prices = signal(/** @type {Record<string, string>} */ ({}));
/** Of each account its engine's own time, which a made-up or replayed market runs faster (ISO 8601), and the last prices of its feed. */
export const markets = signal(/** @type {Record<string, {time: string | null, prices: Record<string, string>}>} */ ({}));
/** "loading", "ready" or the words of an error. */
export const loaded = signal("loading");
/** Why the web process can't read the journal now; empty while it can. */
export const unread = signal("");
/** Accounts whose engine runs and stands still: for how many seconds. */
export const silent = signal(/** @type {Record<string, number>} */ ({}));
/** Counts what has changed: whatever asks the server for its own view asks again when it moved. */
export const changes = signal(0);
/** Whether all orders were asked for, and not only those that are open. */
export const haveAllOrders = signal(false);
/** Ages by account when they were last told, and when that was. */
const told = signal({ at: Date.now(), ages: /** @type {Record<string, number>} */ ({}) });

/** Which account is looked at; "" is all. */
export const chosen = signal("");

/** The accounts that are looked at. */
export const looked = computed(() => accounts.value.filter((each) => isChosen(each.account)));

/** The account whose feed carries a symbol, as far as strategies say; otherwise the first. @param {string} symbol */
export function accountOf(symbol) {
  const of = looked.value;
  return (of.find((each) => each.strategies.some((one) => one.symbols.includes(symbol))) ?? of[0])?.account;
}

/** @param {string} account */
export function isChosen(account) {
  return !chosen.value || chosen.value === account;
}

/** Seconds since an account's engine last wrote something. @param {string} account */
export function ageOf(account) {
  const { at, ages } = told.value;
  return account in ages ? ages[account] + Math.max(0, now.value - at) / 1000 : NaN;
}

/** Accounts that have been started, and have no engine now. */
export const down = computed(() => accounts.value.filter((each) => !each.running && each.state !== null));

const LIVE = new Set(["PREPARED", "RELEASED", "SUBMITTED", "PARTIALLY_FILLED", "UNKNOWN"]);

/** Whether it may still trade. @param {Order} order */
export function isOpen(order) {
  return LIVE.has(order.state);
}

/** The id from which the stream goes on: of each account the oldest record that a list rests on. @param {(Record<string, number> | undefined)[]} found */
function restsOn(found) {
  /** @type {Record<string, number>} */
  const oldest = {};
  for (const asOf of found) {
    for (const [account, sequence] of Object.entries(asOf ?? {})) {
      oldest[account] = Math.min(oldest[account] ?? Infinity, sequence);
    }
  }
  return Object.entries(oldest).map(([account, sequence]) => `${encodeURIComponent(account)}=${sequence}`).join(",");
}

/** Ask for everything that each page needs. Gives the records that the answers rest on, as the stream takes them. */
export async function load() {
  try {
    const wanted = haveAllOrders.value ? { limit: 5000 } : { open: true, limit: 5000 };
    const [of, held, working, traded] = await Promise.all([
      get("/accounts"), get("/positions"), get("/orders", wanted), get("/fills", { limit: 200 }),
    ]);
    accounts.value = of.items;
    positions.value = held.items;
    [records.value, prices.value, markets.value] = [[], {}, {}]; // it may be another journal than before
    orders.value = "open" in wanted && haveAllOrders.value ? merged(orders.value, working.items) : working.items; // all were asked for meanwhile
    fills.value = traded.items;
    for (const each of /** @type {Position[]} */ (held.items)) {
      if (each.last_price) prices.value = { ...prices.value, [each.symbol]: each.last_price };
    }
    for (const each of /** @type {Fill[]} */ (traded.items)) learnPlaces(each.symbol, each.price);
    tell(of.age_s ?? Object.fromEntries(accounts.value.map((each) => [each.account, each.last_write_age_s ?? 0])));
    loaded.value = "ready";
    changes.value++;
    return restsOn([of.as_of, held.as_of, working.as_of, traded.as_of]);
  } catch (error) {
    if (loaded.value !== "ready") loaded.value = error instanceof Error ? error.message : String(error);
    throw error;
  }
}

/** Ask for the orders that are over as well, once. */
export async function wantAllOrders() {
  if (haveAllOrders.value) return;
  const found = await get("/orders", { limit: 5000 });
  orders.value = merged(found.items, orders.value);
  haveAllOrders.value = true;
}

/** @param {Record<string, number>} ages */
function tell(ages) {
  told.value = { at: Date.now(), ages: { ...told.value.ages, ...ages } };
}

/** Take a change from the stream. @param {string} name @param {any} data */
export function apply(name, data) {
  if (name === "change") change(data);
  else if (name === "market") market(data);
  else if (name === "beat") beat(data);
}

/** @param {any} data */
function change(data) {
  unread.value = "";
  if (data.accounts?.length) accounts.value = replaced(accounts.value, data.accounts);
  if (data.orders?.length) orders.value = merged(orders.value, data.orders);
  if (data.fills?.length) traded(data.fills);
  if (data.positions) held(data.positions);
  if (data.records?.length) records.value = [...data.records.toReversed(), ...records.value].slice(0, MOST_RECORDS);
  if (data.commands?.length) answered(data.commands);
  /** @type {Record<string, number>} */
  const wrote = {};
  for (const each of data.records ?? []) wrote[each.account] = 0;
  for (const each of data.accounts ?? []) if (each.last_write_age_s !== null) wrote[each.account] = each.last_write_age_s;
  tell(wrote);
  changes.value++;
}

/** @param {Account[]} old @param {Account[]} changed */
function replaced(old, changed) {
  const by = new Map(changed.map((each) => [each.account, each]));
  const kept = old.map((each) => by.get(each.account) ?? each);
  const known = new Set(old.map((each) => each.account));
  return [...kept, ...changed.filter((each) => !known.has(each.account))];
}

/** Orders with those that changed in their place and new ones on top; what is older than what is known changes nothing. @param {Order[]} old @param {Order[]} changed */
export function merged(old, changed) {
  const by = new Map(changed.map((each) => [each.client_order_id, each]));
  const kept = old.map((each) => {
    const newer = by.get(each.client_order_id);
    by.delete(each.client_order_id);
    return newer && newer.updated >= each.updated ? newer : each;
  });
  if (!by.size) return kept;
  const fresh = [...by.values()].sort((a, b) => (a.created < b.created ? 1 : -1));
  return [...fresh, ...kept].slice(0, MOST);
}

/** @param {Fill[]} changed */
function traded(changed) {
  const known = new Set(fills.value.slice(0, 1000).map((each) => each.account + each.execution_id));
  const fresh = changed.filter((each) => !known.has(each.account + each.execution_id));
  fresh.sort((a, b) => (a.time < b.time ? 1 : -1));
  for (const each of fresh) learnPlaces(each.symbol, each.price);
  fills.value = [...fresh, ...fills.value].slice(0, MOST);
}

/** Positions come without what needs a price; that stays as it was until it is asked for again. @param {Record<string, Position[]>} changed */
function held(changed) {
  const before = new Map(positions.value.map((each) => [`${each.account} ${each.symbol}`, each]));
  const kept = Object.values(changed).flat().map((each) => ({ ...before.get(`${each.account} ${each.symbol}`), ...each }));
  positions.value = [...positions.value.filter((each) => !(each.account in changed)), ...kept];
  revalue();
}

const REVALUE_MS = 1500;
let isRevaluing = false;

/** Ask what positions are worth, at most so often. */
function revalue() {
  if (isRevaluing || !positions.value.length) return;
  isRevaluing = true;
  setTimeout(async () => {
    const found = await get("/positions").catch(() => null);
    isRevaluing = false;
    if (found) positions.value = found.items;
  }, REVALUE_MS);
}

/** @param {Outcome[]} changed */
function answered(changed) {
  const known = new Map(commands.value);
  for (const each of changed) known.set(each.command_id, each);
  commands.value = known;
}

/** @param {any} data */
function market(data) {
  if (!data.prices) return;
  for (const [symbol, value] of Object.entries(data.prices)) learnPlaces(symbol, value);
  prices.value = { ...prices.value, ...data.prices };
  for (const [account, { time, symbols, prices: own }] of Object.entries(/** @type {Record<string, any>} */ (data.accounts ?? {}))) {
    const its = Object.fromEntries(symbols.map((/** @type {string} */ each) => [each, own?.[each] ?? data.prices[each]]));
    markets.value = { ...markets.value, [account]: { time, prices: its } };
  }
  if (!document.hidden) revalue();
}

const RELOADED = "holdfast.reloaded";

/** @param {any} data */
function beat(data) {
  unread.value = data.error ?? "";
  silent.value = data.silent_s ?? {};
  if (data.age_s) tell(data.age_s);
  if (data.running) {
    const differs = accounts.value.some((each) => each.account in data.running && data.running[each.account] !== each.running);
    if (differs) accounts.value = accounts.value.map((each) => ({ ...each, running: data.running[each.account] ?? each.running }));
  }
  if (data.build && data.build !== BUILD && sessionStorage.getItem(RELOADED) !== data.build) {
    sessionStorage.setItem(RELOADED, data.build);
    location.reload();
  }
}

/** The time by the engine of an account, in milliseconds: that of its market where it is known. Accounts' clocks differ. @param {string | undefined} account */
export function engineNow(account) {
  const told = accounts.value.find((each) => each.account === account)?.market_time;
  return Math.max(millis(markets.value[account ?? ""]?.time) || 0, millis(told) || 0) || now.value;
}

/** Whether it is the demo: its bar is shown, and the engine can be crashed. */
export const isDemo = computed(() => session.value?.demo ?? false);

/** What a symbol trades at now on the feed of an account; null when nobody said. @param {string | undefined} account @param {string} symbol */
export function priceOf(account, symbol) {
  const own = markets.value[account ?? ""]?.prices[symbol];
  return own ?? positions.value.find((each) => each.account === account && each.symbol === symbol)?.last_price ?? null;
}
