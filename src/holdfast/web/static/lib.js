/** What the page is built of, under one roof: every other module imports it from here. */

import { h, render, Fragment } from "./vendor/preact.js";
import { useEffect, useLayoutEffect, useMemo, useRef, useState, useErrorBoundary } from "./vendor/preact-hooks.js";
import { signal, computed, effect, batch, untracked, useSignal, useComputed } from "./vendor/preact-signals.js";
import htm from "./vendor/htm.js";

/** A template of elements. Whatever is put in is text or an element, never markup. */
export const html = /** @type {(strings: TemplateStringsArray, ...values: any[]) => import("preact").VNode<any>} */ (
  htm.bind(h)
);

export {
  Fragment, batch, computed, effect, h, render, signal, untracked,
  useComputed, useEffect, useErrorBoundary, useLayoutEffect, useMemo, useRef, useSignal, useState,
};
