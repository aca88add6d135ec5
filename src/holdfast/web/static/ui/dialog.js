/** Dialogs: the browser's own, which keep the focus and close with Esc. */

import { html, signal, useLayoutEffect, useRef, useState } from "../lib.js";

/** What is open: draws itself with a function that closes it. @type {import("@preact/signals").Signal<((close: () => void) => any) | null>} */
const open = signal(/** @type {any} */ (null));

/** @param {(close: () => void) => any} draw */
export function show(draw) {
  open.value = draw;
}

export function closeDialog() {
  open.value = null;
}

export function Dialogs() {
  const draw = open.value;
  return draw && html`<${Shown} draw=${draw} />`;
}

/** @param {{draw: (close: () => void) => any}} props */
function Shown({ draw }) {
  const at = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    at.current?.showModal();
    at.current?.querySelector(/** @type {"input"} */ ("[data-first]"))?.focus();
  }, []);
  const outside = (/** @type {MouseEvent} */ event) => event.target === at.current && closeDialog();
  return html`<dialog ref=${at} aria-labelledby="dialog-title" onClose=${closeDialog} onMouseDown=${outside}>${draw(closeDialog)}</dialog>`;
}

/**
 * Say what will happen, and ask. `word` has to be typed, where it is given.
 * @param {{title: string, text?: any, will?: [any, any][], word?: string, wantsReason?: boolean, needsReason?: boolean, confirm: string, look?: string,
 *          isBarred?: boolean, over?: string | false, children?: any, run: (reason: string) => Promise<void> | void}} props
 * Whatever may change while it is open has to be read in whoever draws it, so that it changes here too. `over` says why there is nothing left
 * to be asked; `isBarred`: what stands in it says why not now.
 */
export function Confirm({ title, text, will = [], word, needsReason = false, wantsReason = needsReason, confirm, look = "main-action", isBarred = false, over = false, children, run }) {
  const [typed, setTyped] = useState("");
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const isReady = (!word || typed.trim().toLowerCase() === word.toLowerCase()) && !busy && !isBarred && !over && !(needsReason && !reason.trim());
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!isReady) return;
    setBusy(true);
    try {
      await run(reason);
      closeDialog();
    } catch (failed) {
      setError(/** @type {Error} */ (failed).message);
      setBusy(false);
    }
  };
  return html`<form onSubmit=${submit}>
    <h2 id="dialog-title">${title}</h2>
    ${text && html`<p>${text}</p>`}
    ${will.length > 0 && html`<ul class="will">${will.map(([what, much], at) => html`<li key=${at}><span>${what}</span><span class="strong nowrap">${much}</span></li>`)}</ul>`}
    ${children}
    ${wantsReason && html`<label class="field"><span>Why (kept in the journal)</span>
      <input name="reason" value=${reason} autocomplete="off" data-first=${word ? undefined : ""} onInput=${(/** @type {any} */ event) => setReason(event.target.value)} /></label>`}
    ${word && html`<label class="field"><span>Type <b>${word}</b> to confirm</span>
      <input name="confirm" data-first="" value=${typed} autocomplete="off" autocapitalize="none" spellcheck=${false} onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} /></label>`}
    ${(error || over) && html`<div class="trouble" role="alert">${error || over}</div>`}
    <div class="ends">
      <button type="button" class="button" onClick=${closeDialog}>Cancel</button>
      <button type="submit" class=${`button ${look}`} disabled=${!isReady}>${busy ? html`<span class="spin" />` : ""}${confirm}</button>
    </div>
  </form>`;
}
