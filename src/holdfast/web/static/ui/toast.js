/** Short messages at the edge, read out politely. */

import { html, signal } from "../lib.js";

const STAY_MS = 6000;
let count = 0;

/**
 * @typedef {{look?: "good" | "bad" | "", title: string, text?: any, stays?: boolean}} Toast
 */

const shown = signal(/** @type {(Toast & {id: number})[]} */ ([]));

/** Show a message. Gives a function that changes it. @param {Toast} message */
export function toast(message) {
  const id = ++count;
  shown.value = [...shown.value, { id, ...message }].slice(-4);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const later = (/** @type {Toast} */ of) => {
    clearTimeout(timer);
    if (!of.stays) timer = setTimeout(() => close(id), of.look === "bad" ? STAY_MS * 2 : STAY_MS);
  };
  later(message);
  return (/** @type {Toast} */ changed) => {
    shown.value = shown.value.map((each) => (each.id === id ? { id, ...changed } : each));
    later(changed);
  };
}

/** @param {number} id */
function close(id) {
  shown.value = shown.value.filter((each) => each.id !== id);
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.value.map((each) => html`<div key=${each.id} class=${`toast ${each.look ?? ""}`}>
      <div><span class="strong">${each.title}</span>${each.text && html`<div class="soft">${each.text}</div>`}</div>
      <button type="button" class="button quiet small" aria-label="Close" onClick=${() => close(each.id)}>✕</button>
    </div>`)}
  </div>`;
}
