/** This tab's end of the stream: joins it, keeps what arrives until the next frame, and leaves it while nobody looks. */

import { BUILD, get } from "./api.js";
import { batch, signal } from "./lib.js";
import { Hub } from "./hub.js";
import { canLead, Led } from "./stream-leader.js";

const HIDDEN_MS = 60_000;
const PING_MS = 20_000;
const QUIET_MS = 8000; // a beat comes every 5 seconds

/** How the stream stands: "connecting", "live", "lost" or "away" (hidden for a minute). */
export const link = signal("connecting");
/** When something was last heard, in milliseconds since 1970. */
export const heardAt = signal(Date.now());

/** @type {{send: (message: any) => void} | null} */
let hub = null;
/** @type {((name: string, data: any) => void)} */
let apply = () => {};
/** @type {() => Promise<string>} */
let snapshot = async () => "";
/** @type {{name: string, data: string}[]} */
let waiting = [];
let isReady = false; // the snapshot is there, so changes can be applied
let isDue = false;
let process = ""; // the web process that is heard
/** @type {ReturnType<typeof setTimeout> | undefined} */
let hidden;

/**
 * Join the stream. `load` asks for everything and gives the records it rests on; `change` is called with each event, in
 * batches of one frame.
 * @param {() => Promise<string>} load @param {(name: string, data: any) => void} change
 */
export function follow(load, change) {
  snapshot = load;
  apply = change;
  hub = connect();
  hub.send({ kind: "join" });
  setInterval(() => hub?.send({ kind: "here" }), PING_MS);
  setInterval(watch, 1000);
  document.addEventListener("visibilitychange", seen);
  addEventListener("pagehide", () => hub?.send({ kind: "leave" }));
  addEventListener("pageshow", (event) => event.persisted && hub?.send({ kind: "join" }));
}

/** @returns {{send: (message: any) => void}} */
function connect() {
  if (typeof SharedWorker === "undefined") return canLead() ? new Led(`holdfast ${BUILD}`, said) : inPage();
  try {
    const worker = new SharedWorker(new URL("./stream-worker.js", import.meta.url), { type: "module", name: `holdfast ${BUILD}` });
    worker.port.onmessage = (event) => said(event.data);
    return { send: (message) => worker.port.postMessage(message) };
  } catch {
    return inPage();
  }
}

/** Where there are neither shared workers nor locks, each tab has its own stream, which it closes when it is hidden. */
function inPage() {
  const own = new Hub();
  const listener = { postMessage: said };
  return { send: (/** @type {any} */ message) => own.hear(listener, message) };
}

/** @param {any} message */
function said(message) {
  if (message.kind === "joined") begin(message.isOpen);
  else if (message.kind === "open") becomes("live");
  else if (message.kind === "lost") lost(message.refused);
  else if (message.kind === "again") hub?.send({ kind: "join" }); // another tab leads now
  else if (message.kind === "event") arrived(message);
}

/** It broke off. Where the server refused it, this login may be over: then the page is to ask for another. @param {boolean} isRefused */
function lost(isRefused) {
  becomes("lost");
  if (isRefused) void get("/me").catch(() => {});
}

/** @param {boolean} isOpen */
async function begin(isOpen) {
  isReady = false;
  waiting = [];
  if (isOpen) becomes("live");
  for (;;) {
    try {
      const after = await snapshot();
      hub?.send({ kind: "start", after });
      break;
    } catch {
      becomes("lost");
      await new Promise((done) => setTimeout(done, 1500));
    }
  }
  isReady = true;
  due();
}

/** @param {string} state */
function becomes(state) {
  if (state === "live") heardAt.value = Date.now();
  link.value = state;
}

/** @param {{name: string, data: string}} event */
function arrived(event) {
  heardAt.value = Date.now();
  if (link.value !== "live") link.value = "live";
  if (event.name === "reload") {
    void begin(true);
    return;
  }
  if (event.name === "beat" && isAnother(JSON.parse(event.data).process)) void begin(true);
  waiting.push(event);
  due();
}

/** Whether another web process speaks than before: its journal may be another, whose records have the same numbers. @param {string} told */
function isAnother(told) {
  const before = process;
  process = told;
  return before !== "" && before !== told;
}

function due() {
  if (isDue || !isReady) return;
  isDue = true;
  if (document.hidden) setTimeout(flush, 500);
  else requestAnimationFrame(flush);
}

function flush() {
  isDue = false;
  const events = waiting;
  waiting = [];
  batch(() => {
    for (const event of events) apply(event.name, JSON.parse(event.data));
  });
}

/** A connection can be open and dead. */
function watch() {
  if (link.value === "live" && Date.now() - heardAt.value > QUIET_MS) link.value = "lost";
}

function seen() {
  clearTimeout(hidden);
  if (document.hidden) {
    hidden = setTimeout(() => {
      hub?.send({ kind: "leave" });
      link.value = "away";
    }, HIDDEN_MS);
  } else if (link.value === "away") {
    link.value = "connecting";
    hub?.send({ kind: "join" });
  }
}
