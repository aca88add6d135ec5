/** Addresses and pages: every page, order, symbol and time has an address that can be kept and shared. */

import { computed, html, signal } from "./lib.js";

const here = signal(location.pathname + location.search);

export const route = computed(() => {
  const url = new URL(here.value, location.origin);
  const parts = url.pathname.split("/").filter(Boolean).map(decoded);
  return { name: parts[0] ?? "", parts, params: Object.fromEntries(url.searchParams) };
});

/** A part of an address; one that is wrongly written stays as it is. @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

addEventListener("popstate", () => (here.value = location.pathname + location.search));

/** @param {string} to @param {{replace?: boolean}} [how] */
export function go(to, { replace = false } = {}) {
  if (to === here.value) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  here.value = to;
  if (!replace) document.getElementById("main")?.scrollTo(0, 0);
}

/** Set parameters of the page's own address; those without a value go. @param {Record<string, string | null | undefined>} changes */
export function setParams(changes) {
  const url = new URL(here.value, location.origin);
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  go(url.pathname + url.search, { replace: true });
}

/** An address of ours from its parts. @param {...string} parts */
export function path(...parts) {
  return "/" + parts.map(encodeURIComponent).join("/");
}

/** @param {MouseEvent} event */
function follow(event) {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = /** @type {HTMLAnchorElement} */ (event.currentTarget);
  event.preventDefault();
  event.stopPropagation();
  go(link.pathname + link.search);
}

/** A link within the page. Only addresses of our own are followed. @param {{to: string, children?: any, [more: string]: any}} props */
export function Link({ to, children, ...more }) {
  const own = to.startsWith("/") && !to.startsWith("//") ? to : "/";
  return html`<a href=${own} onClick=${follow} ...${more}>${children}</a>`;
}

/** @param {{symbol: string}} props */
export function SymbolLink({ symbol }) {
  return html`<${Link} to=${path("symbol", symbol)} class="symbol">${symbol}<//>`;
}
