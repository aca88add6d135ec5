/** Icons of our own, as strokes in a square of 24. */

import { html } from "../lib.js";

/** @type {Record<string, string>} */
const PATHS = {
  overview: "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z",
  symbol: "M6 4v3m0 8v4M4 7h4v8H4zM13 3v5m0 7v6M11 8h4v7h-4zM20 6v3m0 5v3M18 9h4v5h-4z",
  orders: "M5 6h14M5 12h14M5 18h9",
  positions: "M12 3l8 4v5c0 5-3.5 8-8 9-4.500-1-8-4-8-9V7z",
  strategies: "M4 17l5-6 4 3 7-9M15 5h5v5",
  risk: "M4 18a9 9 0 1 1 16 0M12 14l4-5M12 14h.01",
  unresolved: "M9 9a3 3 0 1 1 4.500 2.600c-1 .600-1.500 1.200-1.500 2.400M12 18h.01M3 12a9 9 0 1 0 18 0 9 9 0 0 0-18 0",
  pipeline: "M3 12h4m4 0h2m4 0h4M9 12m-2 0a2 2 0 1 0 4 0 2 2 0 1 0-4 0M15 12m-2 0a2 2 0 1 0 4 0 2 2 0 1 0-4 0",
  journal: "M6 3h11a2 2 0 0 1 2 2v16H7a2 2 0 0 1-2-2V4M5 18a2 2 0 0 1 2-2h12M9 8h6",
  alerts: "M6 10a6 6 0 1 1 12 0c0 5 2 6 2 7H4c0-1 2-2 2-7M10 20a2 2 0 0 0 4 0",
  backtests: "M4 12a8 8 0 1 0 3-6.200L4 8M4 4v4h4M12 8v4l3 2",
  settings: "M4 7h9m4 0h3M4 17h3m4 0h9M15 7m-2 0a2 2 0 1 0 4 0 2 2 0 1 0-4 0M9 17m-2 0a2 2 0 1 0 4 0 2 2 0 1 0-4 0",
  search: "M11 11m-6 0a6 6 0 1 0 12 0 6 6 0 1 0-12 0M20 20l-4.500-4.500",
  halt: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM9 9v6m6-6v6",
  sun: "M12 12m-4 0a4 4 0 1 0 8 0 4 4 0 1 0-8 0M12 3v1m0 16v1M3 12h1m16 0h1M5.600 5.600l.700.700m11.400 11.400l.700.700M18.400 5.600l-.700.700M6.300 17.700l-.700.700",
  moon: "M20 14.500A8 8 0 0 1 9.500 4 8 8 0 1 0 20 14.500",
  auto: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  down: "M12 4v11m-5-5l5 5 5-5M5 20h14",
  close: "M6 6l12 12M18 6L6 18",
  help: "M9 9a3 3 0 1 1 4.500 2.600c-1 .600-1.500 1.200-1.500 2.400M12 17h.01",
  user: "M12 8m-4 0a4 4 0 1 0 8 0 4 4 0 1 0-8 0M4 21c0-4 3.600-6 8-6s8 2 8 6",
};

/** @param {{name: string}} props */
export function Icon({ name }) {
  return html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}

/** The mark: a ring that holds a line. */
export function Mark() {
  return html`<svg viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="8" fill="#1f5fd0" />
    <path d="M9 8v16M23 8v16M9 16h14" stroke="#fff" stroke-width="3.4" stroke-linecap="round" fill="none" />
    <circle cx="16" cy="16" r="3.6" fill="#1f5fd0" stroke="#fff" stroke-width="2.6" />
  </svg>`;
}
