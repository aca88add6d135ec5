/** Exact decimals as texts, as the API gives them: "-12400.50". Nothing here is ever a floating point number. */

/**
 * @typedef {string | null | undefined} Text
 */

/**
 * A number as an integer and how many of its digits stand behind the point.
 * @param {string} text
 * @returns {[bigint, number]}
 */
function parse(text) {
  const [mantissa, exponent] = text.toLowerCase().split("e");
  const [whole, part = ""] = mantissa.split(".");
  let units = BigInt(whole.replace("+", "") + part || "0");
  let places = part.length - Number(exponent ?? 0);
  if (places < 0) [units, places] = [units * 10n ** BigInt(-places), 0];
  if (whole.startsWith("-") && units > 0n) units = -units;
  return [units, places];
}

/** @param {bigint} units @param {number} places */
function text(units, places) {
  const sign = units < 0n ? "-" : "";
  const digits = (units < 0n ? -units : units).toString().padStart(places + 1, "0");
  return sign + (places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits);
}

/** @param {string} a @param {string} b @returns {[bigint, bigint, number]} both in the same unit */
function aligned(a, b) {
  const [x, p] = parse(a);
  const [y, q] = parse(b);
  const places = Math.max(p, q);
  return [x * 10n ** BigInt(places - p), y * 10n ** BigInt(places - q), places];
}

/** Whether a text is a number. @param {unknown} value */
export function isNumber(value) {
  return typeof value === "string" && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value);
}

/** @param {string} a @param {string} b */
export function add(a, b) {
  const [x, y, places] = aligned(a, b);
  return text(x + y, places);
}

/** @param {string} a @param {string} b */
export function subtract(a, b) {
  const [x, y, places] = aligned(a, b);
  return text(x - y, places);
}

/** Below zero, zero or above, as a comes before, with or after b. @param {string} a @param {string} b */
export function compare(a, b) {
  const [x, y] = aligned(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** -1, 0 or 1. @param {Text} value */
export function sign(value) {
  if (!isNumber(value)) return 0;
  const [units] = parse(/** @type {string} */ (value));
  return units < 0n ? -1 : units > 0n ? 1 : 0;
}

/** @param {string} value */
export function absolute(value) {
  return value.startsWith("-") ? value.slice(1) : value;
}

/** The sum of those that are known; null when none is. @param {Text[]} values */
export function sum(values) {
  const known = /** @type {string[]} */ (values.filter(isNumber));
  return known.length ? known.reduce(add) : null;
}

/** Rounded half away from zero to so many places, which it always has. @param {string} value @param {number} digits */
export function fixed(value, digits) {
  const [units, places] = parse(value);
  if (places <= digits) return text(units * 10n ** BigInt(digits - places), digits);
  const scale = 10n ** BigInt(places - digits);
  const half = units < 0n ? -scale / 2n : scale / 2n;
  return text((units + half) / scale, digits);
}

/** How many digits stand behind the point, without zeros at the end. @param {string} value */
export function places(value) {
  const part = value.split(".")[1] ?? "";
  return part.replace(/0+$/, "").length;
}
