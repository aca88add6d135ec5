/** How numbers, times and words are shown. Numbers stay texts; a minus is a real one, and nothing known is a dash. */

import { fixed, isNumber, places, sign } from "./decimal.js";

/** @typedef {string | null | undefined} Text */

export const NOTHING = "–";
const MINUS = "−";
const GAP = ","; // between groups of three digits

/** @param {string} digits */
function grouped(digits) {
  const [whole, part] = digits.split(".");
  const groups = whole.replace("-", "").replace(/\B(?=(\d{3})+(?!\d))/g, GAP);
  return (whole.startsWith("-") ? MINUS : "") + groups + (part === undefined ? "" : `.${part}`);
}

/** An amount of money to the cent. @param {Text} value @param {number} [digits] */
export function money(value, digits = 2) {
  return isNumber(value) ? grouped(fixed(/** @type {string} */ (value), digits)) : NOTHING;
}

/** The same with its sign always. @param {Text} value @param {number} [digits] */
export function signed(value, digits = 2) {
  return (sign(value) > 0 ? "+" : "") + money(value, digits);
}

/** Units of a symbol, as exact as they are. @param {Text} value */
export function quantity(value) {
  return isNumber(value) ? grouped(fixed(/** @type {string} */ (value), places(/** @type {string} */ (value)))) : NOTHING;
}

/** @param {Text} value @param {number} [digits] */
export function percent(value, digits = 2) {
  return isNumber(value) ? `${signed(value, digits)} %` : NOTHING;
}

/** The most places a symbol's prices were seen with, so that its column keeps one width. @type {Map<string, number>} */
const PLACES = new Map();
const MOST_DIGITS = 6; // of a price, from its first that is not zero

/** A price with the digits of its symbol. @param {Text} value @param {string} [symbol] */
export function price(value, symbol = "") {
  if (!isNumber(value)) return NOTHING;
  const text = /** @type {string} */ (value);
  const own = Math.min(places(text), sensible(text)); // of a tiny price two places would show nothing
  return grouped(fixed(text, PLACES.get(symbol) ?? Math.max(2, own > 4 ? own : 0)));
}

/** Remember how exact a symbol's prices are: an average with endless digits makes none exacter than is sensible. @param {string} symbol @param {Text} value */
export function learnPlaces(symbol, value) {
  if (!isNumber(value)) return;
  const text = /** @type {string} */ (value);
  const seen = Math.min(places(text), sensible(text));
  if (seen > (PLACES.get(symbol) ?? 2)) PLACES.set(symbol, seen);
}

/** How many places a number of its size is shown with at most: 4 from one on, of smaller ones so many that six digits stand there. @param {string} value */
function sensible(value) {
  const [whole, part = ""] = fixed(value, 18).replace("-", "").split(".");
  if (BigInt(whole) > 9n) return 4;
  const zeros = whole === "0" ? part.length - part.replace(/^0+/, "").length : -1;
  return zeros + MOST_DIGITS;
}

/** How a number that moved is coloured; its sign says the same. @param {Text} value */
export function direction(value) {
  const way = sign(value);
  return way > 0 ? "up" : way < 0 ? "down" : "flat";
}

export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** @type {Map<string, Intl.DateTimeFormat>} */
const FORMATS = new Map();

/** @param {string} zone @param {Intl.DateTimeFormatOptions} options */
function formatOf(zone, options) {
  const key = zone + JSON.stringify(options);
  let found = FORMATS.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
    FORMATS.set(key, found);
  }
  return found;
}

const CLOCK = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = /** @type {const} */ ({ day: "2-digit", month: "short" });
const YEAR = /** @type {const} */ ({ day: "2-digit", month: "short", year: "numeric" });

/** @param {string | number | null | undefined} value @returns {number} milliseconds since 1970, or NaN */
export function millis(value) {
  return typeof value === "number" ? value : value ? Date.parse(value) : NaN;
}

/** 14:03:07 @param {string | number | null | undefined} value @param {string} [zone] */
export function clock(value, zone = ZONE) {
  const at = millis(value);
  return Number.isNaN(at) ? NOTHING : formatOf(zone, CLOCK).format(at);
}

/** 03 Nov @param {string | number | null | undefined} value @param {string} [zone] */
export function day(value, zone = ZONE) {
  const at = millis(value);
  return Number.isNaN(at) ? NOTHING : formatOf(zone, DAY).format(at);
}

/** 03 Nov 14:03:07 @param {string | number | null | undefined} value @param {string} [zone] */
export function moment(value, zone = ZONE) {
  return Number.isNaN(millis(value)) ? NOTHING : `${day(value, zone)} ${clock(value, zone)}`;
}

/** 03 Nov 2026 14:03:07 in a zone, for titles. @param {string | number | null | undefined} value @param {string} [zone] */
export function fully(value, zone = ZONE) {
  const at = millis(value);
  return Number.isNaN(at) ? "" : `${formatOf(zone, YEAR).format(at)} ${clock(value, zone)} ${zone}`;
}

/** What a zone is called for short. @param {string} zone @param {number} at milliseconds */
export function zoneName(zone, at) {
  for (const language of ["en-GB", "en-US"]) { // each has names for the zones of its own side of the sea
    const parts = new Intl.DateTimeFormat(language, { timeZone: zone, timeZoneName: "short" }).formatToParts(at);
    const name = parts.find((part) => part.type === "timeZoneName")?.value ?? zone;
    if (!/^GMT.|^UTC./.test(name) || language === "en-US") return name;
  }
  return zone;
}

const STEPS = /** @type {const} */ ([[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]);

/** A length of time in its two greatest units: 2 h 5 min. @param {number} seconds */
export function span(seconds) {
  if (!Number.isFinite(seconds)) return NOTHING;
  let left = Math.max(0, Math.round(seconds));
  if (left < 1) return "0 s";
  const parts = [];
  for (const [size, unit] of STEPS) {
    const count = Math.floor(left / size);
    if (count) parts.push(`${count} ${unit}`);
    left -= count * size;
    if (parts.length === 2 || (parts.length === 1 && !count)) break;
  }
  return parts.join(" ");
}

/** A latency: 0.4 ms, 12 ms, 1.25 s. @param {number | null | undefined} ms */
export function latency(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NOTHING;
  if (ms < 10) return `${ms ? ms.toFixed(1) : 0} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60000 ? `${(ms / 1000).toFixed(2)} s` : span(ms / 1000);
}

/** 3 orders, 1 order. @param {number} count @param {string} one @param {string} [many] */
export function count(count, one, many = `${one}s`) {
  return `${grouped(String(count))} ${count === 1 ? one : many}`;
}

/** TRAILING_STOP as trailing stop. @param {string | null | undefined} name */
export function words(name) {
  return (name ?? "").replaceAll("_", " ").toLowerCase();
}

/** PositionChanged as Position changed. @param {string} name */
export function title(name) {
  const spaced = name.replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " ").toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
