/** Small lines over time: what an account is worth, how long things took. */

import uPlot from "../vendor/uplot.js";
import { html, useEffect, useLayoutEffect, useRef } from "../lib.js";
import { clock, day } from "../format.js";
import { colour, paint } from "../theme.js";

/**
 * @param {{label: string, times: number[], values: (number | null)[], height?: number, digits?: number, base?: number | null,
 *          more?: {label: string, values: (number | null)[]}[]}} props times in seconds; `base` is drawn across
 */
export function Line({ label, times, values, height = 130, digits = 0, base = null, more = [] }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const made = useRef(/** @type {any} */ (null));
  const look = paint();
  const shape = `${look} ${height} ${more.map((each) => each.label).join()}`;
  useLayoutEffect(() => {
    const element = /** @type {HTMLDivElement} */ (box.current);
    const width = element.clientWidth || 300;
    made.current = new uPlot(options({ label, width, height, digits, more, hasBase: base !== null }), table(times, values, base, more), element);
    const sizes = new ResizeObserver(() => made.current?.setSize({ width: element.clientWidth, height }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      made.current.destroy();
      made.current = null;
    };
  }, [shape, base !== null]);
  useEffect(() => made.current?.setData(table(times, values, base, more)), [times, values, base, more]);
  const known = values.filter((value) => value !== null);
  const text = known.length ? `${label}: from ${known[0]?.toFixed(digits)} to ${known.at(-1)?.toFixed(digits)}` : `${label}: no values yet`;
  return html`<div class="line-chart" ref=${box} role="img" aria-label=${text}></div>`;
}

/** @param {number[]} times @param {(number | null)[]} values @param {number | null} base @param {{values: (number | null)[]}[]} more @returns {any} */
function table(times, values, base, more) {
  return [times, values, ...(base === null ? [] : [times.map(() => base)]), ...more.map((each) => each.values)];
}

const SHORTEST_S = 600; // of a day that has just begun there is hardly a point, and no axis would fit

const LOOKS = ["--doubt", "--warn", "--good", "--down", "--soft"];

/** @param {{label: string, width: number, height: number, digits: number, more: {label: string}[], hasBase: boolean}} of @returns {any} */
function options({ label, width, height, digits, more, hasBase }) {
  const axis = { stroke: colour("--faint"), font: `11px ${getComputedStyle(document.body).fontFamily}`, ticks: { show: false } };
  const grid = { stroke: colour("--raised"), width: 1 };
  const accent = colour("--accent");
  const number = new Intl.NumberFormat("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const when = (/** @type {any} */ plot, /** @type {number[]} */ splits) => {
    const days = splits.length > 1 && splits[1] - splits[0] >= 86400;
    return splits.map((at) => (days ? day(at * 1000) : clock(at * 1000).slice(0, 5)));
  };
  return {
    scales: { x: { range: (/** @type {any} */ plot, /** @type {number} */ from, /** @type {number} */ to) => [from, Math.max(to, from + SHORTEST_S)] } },
    width, height, legend: { show: false }, cursor: { y: false, drag: { x: false, y: false } }, padding: [10, 6, 0, 0],
    series: [
      {},
      { label, stroke: accent, width: 1.6, fill: accent.replace(")", " / 10%)").replace("rgb(", "rgb(").replaceAll(",", " "), points: { show: false } },
      ...(hasBase ? [{ stroke: colour("--faint"), width: 1, dash: [4, 4], points: { show: false } }] : []),
      ...more.map((each, at) => ({ label: each.label, stroke: colour(LOOKS[at % LOOKS.length]), width: 1.4, points: { show: false } })),
    ],
    axes: [
      { ...axis, grid: { show: false }, values: when, size: 26, space: 70 },
      { ...axis, grid, side: 1, size: 66, space: 34, values: (/** @type {any} */ plot, /** @type {number[]} */ splits) => splits.map((at) => number.format(at)) },
    ],
  };
}
