/** Tables: real ones, of any length. Long ones draw only what is in sight, and stay where they are when rows come on top. */

import { html, signal, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib.js";
import { isNumber, compare } from "../decimal.js";
import { millis } from "../format.js";
import { toast } from "./toast.js";
import { Icon } from "./icons.js";

const LONG = 120; // rows from which on only those in sight are drawn
const BEYOND = 12; // rows drawn above and below
const phone = matchMedia("(max-width: 720px)");
const wide = matchMedia("(min-width: 1500px)");
/** Whether there is room for columns that can be done without; a phone has its own two lines. */
const isRoomy = signal(wide.matches || phone.matches);
for (const query of [wide, phone]) query.addEventListener("change", () => (isRoomy.value = wide.matches || phone.matches));

/**
 * @typedef {object} Column
 * @property {string} id
 * @property {string} label
 * @property {(row: any) => any} cell what is shown
 * @property {(row: any) => any} [value] what it is sorted by and copied as; without, the row's own field
 * @property {boolean} [num] right-aligned
 * @property {string} [width] as CSS
 * @property {"a" | "b" | "c" | "d"} [at] where it stands in the two lines of a phone
 * @property {boolean} [fixed] not to be sorted
 * @property {boolean} [wide] left out where there is little room
 */

/** The table that keys move in. @type {import("@preact/signals").Signal<{move: (by: number) => void, open: () => void} | null>} */
export const current = signal(/** @type {any} */ (null));

/** Where each table was when it was left, by name. @type {Map<string, number>} */
const places = new Map();

/** @param {Column} column @param {any} row */
function valueOf(column, row) {
  return column.value ? column.value(row) : row[column.id];
}

/** @param {any} a @param {any} b */
function order(a, b) {
  if (a === b) return 0;
  if (a === null || a === undefined || a === "") return 1;
  if (b === null || b === undefined || b === "") return -1;
  if (isNumber(a) && isNumber(b)) return compare(a, b);
  return a < b ? -1 : 1;
}

/** Text of a spreadsheet's cell. A formula is kept from being one. @param {any} value */
function csvCell(value) {
  const text = value === null || value === undefined ? "" : Array.isArray(value) ? value.join(" ") : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) && !isNumber(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Rows as CSV, with the columns' names above. @param {Column[]} columns @param {any[]} rows */
export function csv(columns, rows) {
  const lines = rows.map((row) => columns.map((column) => csvCell(valueOf(column, row))).join(","));
  return [columns.map((column) => csvCell(column.label || column.id)).join(","), ...lines].join("\n");
}

/** Puts rows on the clipboard. @param {{columns: Column[], rows: any[], name: string}} props */
export function CopyButton({ columns, rows, name }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(csv(columns, rows));
      toast({ look: "good", title: `${rows.length} rows copied as CSV` });
    } catch {
      toast({ look: "bad", title: "The browser refused the clipboard", text: "Use the download instead." });
    }
  };
  return html`<button type="button" class="button quiet icon small" title=${`Copy ${name} as CSV`} aria-label=${`Copy ${name} as CSV`} onClick=${copy}><${Icon} name="copy" /></button>`;
}

/** What is sorted by, and a way to change it. @param {Column[]} columns @param {any[]} rows @param {string} name */
function useSorted(columns, rows, name) {
  const [by, setBy] = useState(() => SORTED.get(name) ?? { id: "", down: false });
  const sorted = useMemo(() => {
    const column = columns.find((each) => each.id === by.id);
    if (!column) return rows;
    const keyed = rows.map((row) => /** @type {[any, any]} */ ([valueOf(column, row), row]));
    keyed.sort((a, b) => (by.down ? order(b[0], a[0]) : order(a[0], b[0])));
    return keyed.map((pair) => pair[1]);
  }, [rows, by, columns]);
  const sort = (/** @type {string} */ id) => {
    const next = by.id !== id ? { id, down: false } : by.down ? { id: "", down: false } : { id, down: true };
    SORTED.set(name, next);
    setBy(next);
  };
  return { sorted, by, sort };
}

/** @type {Map<string, {id: string, down: boolean}>} */
const SORTED = new Map();

/** The height of a row as the style says. */
function rowHeight() {
  return parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 30;
}

/**
 * @param {{name: string, columns: Column[], rows: any[], keyOf: (row: any) => string, onOpen?: (row: any) => void,
 *          lookOf?: (row: any) => string, empty: any, limit?: number, two?: boolean}} props
 */
export function Table({ name, columns: all, rows, keyOf, onOpen, lookOf, empty, two = true }) {
  const columns = useMemo(() => all.filter((column) => isRoomy.value || !column.wide), [all, isRoomy.value]);
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { sorted, by, sort } = useSorted(columns, rows, name);
  const isLong = sorted.length > LONG;
  const [view, setView] = useState({ top: 0, height: 800 });
  const [cursor, setCursor] = useState("");
  const [fresh, setFresh] = useState(0);
  useSteady(box, sorted, keyOf, setFresh, isLong);
  useRemembered(box, name, isLong, setView, setFresh);
  useKeys(box, sorted, keyOf, cursor, setCursor, onOpen);
  if (!rows.length) return html`<div class="table-box">${empty}</div>`;
  const height = rowHeight();
  const first = isLong ? Math.max(0, Math.floor(view.top / height) - BEYOND) : 0;
  const last = isLong ? Math.min(sorted.length, Math.ceil((view.top + view.height) / height) + BEYOND) : sorted.length;
  const up = () => {
    box.current?.scrollTo({ top: 0 });
    setFresh(0);
  };
  return html`<div class="table-box" ref=${box} tabIndex=${0} role="region" aria-label=${`${name}, scrollable`}>
    ${fresh > 0 && html`<div class="newer"><button type="button" class="button main-action small" onClick=${up}>${fresh} new ↑</button></div>`}
    <table class=${`list ${two ? "two" : ""}`} role="table" aria-label=${name} aria-rowcount=${sorted.length + 1}>
      <colgroup>${columns.map((column) => html`<col key=${column.id} style=${column.width ? { width: column.width } : undefined} />`)}</colgroup>
      <${Heads} columns=${columns} by=${by} sort=${sort} />
      <tbody role="rowgroup">
        ${first > 0 && html`<tr class="pad" key="above" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${first * height}px` }} /></tr>`}
        ${sorted.slice(first, last).map((row, at) => {
          const key = keyOf(row);
          return html`<${Row} key=${key} id=${key} row=${row} columns=${columns} index=${first + at + 2} onOpen=${onOpen}
            look=${`row ${lookOf?.(row) ?? ""} ${key === cursor ? "cursor" : ""}`} />`;
        })}
        ${last < sorted.length && html`<tr class="pad" key="below" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${(sorted.length - last) * height}px` }} /></tr>`}
      </tbody>
    </table>
  </div>`;
}

/** How a column's cells look; buttons are in sight however far the rest goes. @param {Column} column */
function lookOf_(column) {
  return column.num ? "num" : column.fixed && !column.label && column.width ? "acts" : "";
}

/** @param {{columns: Column[], by: {id: string, down: boolean}, sort: (id: string) => void}} props */
function Heads({ columns, by, sort }) {
  return html`<thead role="rowgroup"><tr role="row" aria-rowindex="1">
    ${columns.map((column) => {
      const direction = by.id === column.id ? (by.down ? "descending" : "ascending") : undefined;
      const mark = direction ? (by.down ? "↓" : "↑") : "";
      return html`<th key=${column.id} role="columnheader" scope="col" class=${lookOf_(column)} aria-sort=${direction}>
        ${column.fixed || !column.label ? html`<span class=${column.label ? "" : "hush"}>${column.label || column.id}</span>` : html`<button type="button" onClick=${() => sort(column.id)}><span class="clip">${column.label}</span>${mark}</button>`}
      </th>`;
    })}
  </tr></thead>`;
}

/** @param {{id: string, row: any, columns: Column[], index: number, look: string, onOpen?: (row: any) => void}} props */
function Row({ id, row, columns, index, look, onOpen }) {
  const open = (/** @type {MouseEvent} */ event) => {
    const inner = /** @type {HTMLElement} */ (event.target).closest("a, button, input, select");
    if (!inner && !getSelection()?.toString()) onOpen?.(row);
  };
  return html`<tr role="row" class=${look} aria-rowindex=${index} data-key=${id} data-opens=${onOpen ? "" : undefined} onClick=${onOpen && open}>
    ${columns.map((column) => html`<td key=${column.id} role="cell" class=${lookOf_(column)} data-at=${column.at}>${column.cell(row)}</td>`)}
  </tr>`;
}

/**
 * Keep the row on top where it is when others come above it, and count those.
 * @param {{current: HTMLDivElement | null}} box @param {any[]} sorted @param {(row: any) => string} keyOf
 * @param {(change: (count: number) => number) => void} setFresh @param {boolean} isLong
 */
function useSteady(box, sorted, keyOf, setFresh, isLong) {
  const before = useRef(/** @type {any[]} */ ([]));
  useLayoutEffect(() => {
    const element = box.current;
    const old = before.current;
    before.current = sorted;
    if (!element || !isLong || !old.length || old === sorted || element.scrollTop < 4) return;
    const height = rowHeight();
    const top = Math.floor(element.scrollTop / height);
    const anchor = old[Math.min(top, old.length - 1)];
    const key = keyOf(anchor);
    const at = sorted.findIndex((row) => keyOf(row) === key);
    const moved = at - Math.min(top, old.length - 1);
    if (at < 0 || !moved) return;
    element.scrollTop += moved * height;
    if (moved > 0 && sorted.length >= old.length) setFresh((count) => count + moved);
  }, [sorted]);
}

/**
 * Follow the scrolling, and begin where the table was left.
 * @param {{current: HTMLDivElement | null}} box @param {string} name @param {boolean} isLong
 * @param {(view: {top: number, height: number}) => void} setView @param {(count: number) => void} setFresh
 */
function useRemembered(box, name, isLong, setView, setFresh) {
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !isLong) return undefined;
    let isDue = false;
    const look = () => {
      isDue = false;
      setView({ top: element.scrollTop, height: element.clientHeight });
      if (element.scrollTop < 4) setFresh(0);
    };
    const moved = () => {
      places.set(name, element.scrollTop);
      if (!isDue) requestAnimationFrame(look);
      isDue = true;
    };
    element.scrollTop = places.get(name) ?? 0;
    look();
    element.addEventListener("scroll", moved, { passive: true });
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    phone.addEventListener("change", look);
    return () => {
      element.removeEventListener("scroll", moved);
      phone.removeEventListener("change", look);
      sizes.disconnect();
    };
  }, [isLong, name]);
}

/**
 * j and k move through the rows, Enter opens one.
 * @param {{current: HTMLDivElement | null}} box @param {any[]} sorted @param {(row: any) => string} keyOf
 * @param {string} cursor @param {(key: string) => void} setCursor @param {((row: any) => void) | undefined} onOpen
 */
function useKeys(box, sorted, keyOf, cursor, setCursor, onOpen) {
  const state = useRef({ sorted, cursor });
  state.current = { sorted, cursor };
  useEffect(() => {
    if (!onOpen) return undefined;
    const own = {
      move(/** @type {number} */ by) {
        const rows = state.current.sorted;
        const at = rows.findIndex((row) => keyOf(row) === state.current.cursor);
        const next = Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by));
        if (!rows[next]) return;
        setCursor(keyOf(rows[next]));
        reveal(box.current, next);
      },
      open() {
        const row = state.current.sorted.find((each) => keyOf(each) === state.current.cursor);
        if (row) onOpen(row);
      },
    };
    current.value = own;
    return () => {
      if (current.value === own) current.value = null;
    };
  }, [Boolean(onOpen)]);
}

/** @param {HTMLDivElement | null} box @param {number} at */
function reveal(box, at) {
  if (!box) return;
  const height = rowHeight();
  const top = at * height;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + 3 * height > box.scrollTop + box.clientHeight) box.scrollTop = top + 3 * height - box.clientHeight;
}

/** Milliseconds of a time, to sort by. @param {string | null} at */
export function timeValue(at) {
  return at ? millis(at) : null;
}
