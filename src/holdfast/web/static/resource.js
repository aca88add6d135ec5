/** Views that the server makes: asked for when a page opens, and again when something has changed. */

import { get } from "./api.js";
import { signal, useEffect, useMemo } from "./lib.js";
import { changes, now } from "./store.js";

const AGAIN_MS = 2000;
const AT_LEAST_MS = 30_000; // some of what is shown changes with the time alone: what is overdue, what is stale
const AFTER_FAULT_MS = 4000;
const KEPT = 40;

/**
 * @typedef {object} Resource
 * @property {import("@preact/signals").Signal<any>} data what was last answered; null before
 * @property {import("@preact/signals").Signal<Error | null>} error of the last asking
 * @property {import("@preact/signals").Signal<number>} at when it was answered, in milliseconds; 0 before
 * @property {() => Promise<void>} load ask again
 */

/** @type {Map<string, Resource>} */
const known = new Map();

/** @param {string} path @param {Record<string, any>} parameters @returns {Resource} */
function make(path, parameters) {
  /** @type {Resource} */
  const made = { data: signal(null), error: signal(null), at: signal(0), load };
  /** @type {Promise<void> | null} */
  let asking = null;
  let isOld = false; // what is being answered may be from before the change for which it was asked again
  async function ask() {
    try {
      made.data.value = await get(path, parameters);
      made.error.value = null;
      made.at.value = Date.now();
    } catch (error) {
      made.error.value = /** @type {Error} */ (error);
    }
  }
  async function load() {
    isOld = asking !== null;
    if (asking) return asking;
    asking = ask();
    await asking;
    asking = null;
    if (isOld) await load();
  }
  return made;
}

/**
 * A view of the server. `every`: "change" asks again when the engine did something, a number after so many seconds, "once" not.
 * @param {string | null} path @param {Record<string, any>} [parameters] @param {"change" | "once" | number} [every]
 * @returns {Resource}
 */
export function useResource(path, parameters = {}, every = "change") {
  const key = path + JSON.stringify(parameters);
  const found = useMemo(() => {
    const made = known.get(key) ?? make(path ?? "", parameters);
    known.delete(key);
    known.set(key, made);
    if (known.size > KEPT) known.delete(/** @type {string} */ (known.keys().next().value));
    return made;
  }, [key]);
  useEffect(() => {
    if (!path) return undefined;
    void found.load();
    if (every === "once") return undefined;
    if (every === "change") return onChange(found);
    const timer = setInterval(() => void found.load(), every * 1000);
    return () => clearInterval(timer);
  }, [found, every]);
  return found;
}

/** Ask again when something changed, at most each two seconds; a tab that nobody looks at asks when somebody does. @param {Resource} found */
function onChange(found) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isOld = false;
  let known = changes.peek();
  const ask = () => {
    timer = undefined;
    isOld = document.hidden;
    if (!isOld) void found.load();
  };
  const in_ = (/** @type {number} */ ms) => {
    timer ??= setTimeout(ask, ms);
  };
  const stops = [
    changes.subscribe((count) => {
      if (count !== known) in_(AGAIN_MS);
      known = count;
    }),
    found.error.subscribe((error) => error && in_(AFTER_FAULT_MS)),
  ];
  const every = setInterval(ask, AT_LEAST_MS);
  const seen = () => isOld && ask();
  document.addEventListener("visibilitychange", seen);
  return () => {
    for (const stop of stops) stop();
    clearTimeout(timer);
    clearInterval(every);
    document.removeEventListener("visibilitychange", seen);
  };
}

/** Seconds since a view was answered. @param {Resource} found */
export function ageOfResource(found) {
  return found.at.value ? Math.max(0, now.value - found.at.value) / 1000 : NaN;
}
