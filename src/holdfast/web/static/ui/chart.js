/** Candles, with what happened and what is asked for drawn into them. */

import {
  CandlestickSeries, ColorType, createChart, createSeriesMarkers, CrosshairMode, HistogramSeries, LineSeries, LineStyle,
} from "../vendor/lightweight-charts.js";
import { html, useEffect, useLayoutEffect, useRef } from "../lib.js";
import { clock, moment, ZONE } from "../format.js";
import { colour, paint } from "../theme.js";

/** @typedef {[number, number, number, number, number, number]} Candle time in seconds, open, high, low, close, volume */
/** @typedef {{time: number, side: string, text: string}} Mark */
/** @typedef {{price: number, title: string, look: "up" | "down" | "accent" | "soft", dashed?: boolean}} Level */
/** @typedef {{strategy: string, name: string, output: string, pane: string, points: [number, number][]}} Indicator */

const LINES = ["--accent", "--doubt", "--warn", "--good", "--soft"];
const DAY = 86400;
const NEAR = 10; // so many candles from the oldest, older ones are asked for

/** @param {number} seconds @param {string} timeframe */
function tick(seconds, timeframe) {
  const at = seconds * 1000;
  if (/Day|Week|Month/.test(timeframe)) return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: ZONE }).format(at);
  const short = clock(at).slice(0, 5);
  return short === "00:00" ? moment(at).slice(0, 6) : short;
}

/**
 * @param {{symbol: string, timeframe: string, bars: Candle[], marks: Mark[], levels: Level[], indicators: Indicator[], digits: number, onOldest: () => void}} props
 * `onOldest` is called when the oldest candles come into sight.
 */
export function Candles({ symbol, timeframe, bars, marks, levels, indicators, digits, onOldest }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const made = useRef(/** @type {any} */ (null));
  const look = paint();
  useLayoutEffect(() => {
    const element = /** @type {HTMLDivElement} */ (box.current);
    made.current = make(element, timeframe, digits);
    return () => {
      made.current.chart.remove();
      made.current = null;
    };
  }, [symbol, timeframe, digits, look]);
  useEffect(() => draw(made.current, bars), [bars, look, digits]);
  useEffect(() => {
    const scale = made.current.chart.timeScale();
    const moved = (/** @type {{from: number} | null} */ range) => range && range.from < NEAR && onOldest();
    scale.subscribeVisibleLogicalRangeChange(moved);
    return () => made.current && scale.unsubscribeVisibleLogicalRangeChange(moved);
  }, [onOldest, look, digits]);
  useEffect(() => made.current?.markers.setMarkers(marksOf(marks, bars)), [marks, bars, look, digits]);
  useEffect(() => drawLevels(made.current, levels), [levels, look, symbol, timeframe, digits]);
  useEffect(() => drawIndicators(made.current, indicators, bars), [indicators, look, symbol, timeframe, digits, bars.length]);
  const last = bars.at(-1);
  const label = last ? `Candles of ${symbol}, ${timeframe}; the last closed at ${last[4].toFixed(digits)}` : `Candles of ${symbol}`;
  return html`<div class="chart" ref=${box} role="group" aria-label=${label}></div>`;
}

/** @param {HTMLDivElement} element @param {string} timeframe @param {number} digits */
function make(element, timeframe, digits) {
  const chart = createChart(element, {
    autoSize: true,
    layout: {
      background: { type: ColorType.Solid, color: "transparent" }, textColor: colour("--soft"), fontSize: 11,
      fontFamily: getComputedStyle(document.body).fontFamily, attributionLogo: true, panes: { separatorColor: colour("--line") },
    },
    grid: { vertLines: { color: colour("--raised") }, horzLines: { color: colour("--raised") } },
    rightPriceScale: { borderColor: colour("--line"), scaleMargins: { top: 0.08, bottom: 0.2 } },
    timeScale: {
      borderColor: colour("--line"), timeVisible: true, secondsVisible: false, rightOffset: 4,
      tickMarkFormatter: (/** @type {any} */ time) => tick(time, timeframe),
    },
    crosshair: { mode: CrosshairMode.Normal },
    localization: { timeFormatter: (/** @type {any} */ time) => moment(time * 1000) },
  });
  for (const table of element.querySelectorAll("table")) table.setAttribute("role", "presentation"); // it is built of one
  const up = colour("--up");
  const down = colour("--down");
  const candles = chart.addSeries(CandlestickSeries, {
    upColor: colour("--up-back"), borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down,
    priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits },
  });
  const volume = chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
  chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.86, bottom: 0 } });
  return { chart, candles, volume, markers: createSeriesMarkers(candles, []), levels: [], lines: [], drawn: [] };
}

/** The last candle alone where no other changed. @param {any} made @param {Candle[]} bars */
function draw(made, bars) {
  if (!made) return;
  const { drawn } = made;
  const shade = [colour("--up-back"), colour("--down-back")];
  const candle = (/** @type {Candle} */ [time, open, high, low, close]) => ({ time, open, high, low, close });
  const column = (/** @type {Candle} */ [time, open, , , close, value]) => ({ time, value, color: shade[close >= open ? 0 : 1] });
  const isSame = drawn.length && drawn[0]?.[0] === bars[0]?.[0] && bars.length - drawn.length >= 0 && bars.length - drawn.length < 2;
  if (isSame) {
    for (const bar of bars.slice(drawn.length - 1)) {
      made.candles.update(candle(bar));
      made.volume.update(column(bar));
    }
  } else {
    made.candles.setData(bars.map(candle));
    made.volume.setData(bars.map(column));
    if (!drawn.length && bars.length > 160) made.chart.timeScale().setVisibleLogicalRange({ from: bars.length - 150, to: bars.length + 4 });
  }
  made.drawn = bars;
}

/** Executions by candle: an arrow each, below for a buy and above for a sale. @param {Mark[]} marks @param {Candle[]} bars */
function marksOf(marks, bars) {
  if (!bars.length) return [];
  const times = bars.map((bar) => bar[0]);
  const found = marks.filter((mark) => mark.time >= times[0]).map((mark) => ({
    time: before(times, mark.time),
    position: mark.side === "buy" ? "belowBar" : "aboveBar",
    shape: mark.side === "buy" ? "arrowUp" : "arrowDown",
    color: colour(mark.side === "buy" ? "--up" : "--down"),
    text: mark.text,
  }));
  return found.sort((a, b) => a.time - b.time);
}

/** The last of the times that isn't after one. @param {number[]} times @param {number} time */
function before(times, time) {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= time) low = middle;
    else high = middle - 1;
  }
  return times[low];
}

/** @param {any} made @param {Level[]} levels */
function drawLevels(made, levels) {
  if (!made) return;
  for (const line of made.levels) made.candles.removePriceLine(line);
  made.levels = levels.map((level) =>
    made.candles.createPriceLine({
      price: level.price, title: level.title, color: colour(`--${level.look}`), lineWidth: 1,
      lineStyle: level.dashed ? LineStyle.Dashed : LineStyle.Solid, axisLabelVisible: true,
    }),
  );
}

/** @param {any} made @param {Indicator[]} indicators @param {Candle[]} bars */
function drawIndicators(made, indicators, bars) {
  if (!made) return;
  for (const line of made.lines) made.chart.removeSeries(line);
  /** @type {Map<any, number>} */
  const panes = new Map();
  made.lines = indicators.map((each, at) => {
    const own = each.pane !== "price";
    const pane = `${each.strategy} ${each.name}`;
    if (own && !panes.has(pane)) panes.set(pane, panes.size + 1);
    const options = { color: colour(LINES[at % LINES.length]), lineWidth: 1, title: each.output === "value" ? each.name : `${each.name} ${each.output}`, priceLineVisible: false, lastValueVisible: own, crosshairMarkerVisible: false };
    const line = made.chart.addSeries(LineSeries, options, own ? panes.get(pane) : 0);
    line.setData(byBar(each.points, bars));
    return line;
  });
}

/** A strategy measures by its own timeframe: of each candle the last value in it. @param {[number, number][]} points @param {Candle[]} bars */
function byBar(points, bars) {
  if (!bars.length) return [];
  const times = bars.map((bar) => bar[0]);
  /** @type {Map<number, number | null>} */
  const found = new Map();
  for (const [time, value] of points) if (time >= times[0]) found.set(before(times, time), value);
  return [...found].map(([time, value]) => (value === null ? { time } : { time, value }));
}

/** Seconds of a timeframe: 5Min is 300. @param {string} timeframe */
export function secondsOf(timeframe) {
  const [, number, unit] = /^(\d+)(\w+)$/.exec(timeframe) ?? ["", "1", "Min"];
  /** @type {Record<string, number>} */
  const units = { Sec: 1, Min: 60, Hour: 3600, Day: DAY, Week: 7 * DAY };
  return Number(number) * (units[unit] ?? 60);
}
