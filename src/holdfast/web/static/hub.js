/** One stream of changes for all tabs of a browser: it lives in a shared worker, or where there is none in the tab that leads (leader.js). */

const STREAM = "/api/v1/stream";
const NAMES = ["change", "market", "beat", "reload"];
const LONGEST_WAIT_MS = 8000;
const SILENT_MS = 60_000; // a tab that says nothing for so long is gone
const DEAF_MS = 12_000; // a beat comes every 5 seconds: a stream that brings none is dead, whatever the browser says, as after a sleep
const LOOK_MS = 2000;

/** @typedef {{postMessage: (message: any) => void}} Listener */

export class Hub {
  constructor() {
    /** @type {Map<Listener, number>} */
    this.listeners = new Map();
    /** @type {EventSource | null} */
    this.source = null;
    this.lastId = "";
    this.isOpen = false;
    this.waitMs = 500;
    this.heardAt = Date.now();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.timers = [setInterval(() => this.forget(), SILENT_MS / 4), setInterval(() => this.listen(), LOOK_MS)];
  }

  /** A machine that slept finds its connection dead, and may not be told for minutes: go on from the last event by a new one. */
  listen() {
    if (!this.source || !this.isOpen || Date.now() - this.heardAt < DEAF_MS) return;
    this.isOpen = false;
    this.tell({ kind: "lost", refused: false });
    this.open(this.lastId);
  }

  /** @param {Listener} listener @param {{kind: string, after?: string}} message */
  hear(listener, message) {
    if (message.kind === "leave") {
      this.listeners.delete(listener);
      this.forget();
      return;
    }
    this.listeners.set(listener, Date.now());
    if (message.kind === "join") listener.postMessage({ kind: "joined", isOpen: this.isOpen });
    if (message.kind === "start" && !this.source) this.open(message.after ?? "");
    if (message.kind === "again") this.open("");
  }

  /** Open the stream after these records, as "demo=12,live=88"; without, from now on. @param {string} after */
  open(after) {
    clearTimeout(this.timer);
    this.source?.close();
    this.lastId = after || this.lastId;
    const source = new EventSource(STREAM + (this.lastId ? `?after=${encodeURIComponent(this.lastId)}` : ""));
    this.source = source;
    this.heardAt = Date.now();
    source.onopen = () => this.opened();
    source.onerror = () => this.lost(source);
    for (const name of NAMES) source.addEventListener(name, (event) => this.pass(name, /** @type {MessageEvent} */ (event)));
  }

  opened() {
    this.heardAt = Date.now();
    this.isOpen = true;
    this.waitMs = 500;
    this.tell({ kind: "open" });
  }

  /** The browser tries again by itself, unless the server refused. @param {EventSource} source */
  lost(source) {
    if (source !== this.source) return;
    this.isOpen = false;
    this.tell({ kind: "lost", refused: source.readyState === EventSource.CLOSED });
    source.close();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.listeners.size && this.open(this.lastId), this.waitMs);
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
  }

  /** @param {string} name @param {MessageEvent} event */
  pass(name, event) {
    this.heardAt = Date.now();
    if (event.lastEventId || name === "reload") this.lastId = event.lastEventId;
    this.tell({ kind: "event", name, data: event.data });
  }

  /** @param {any} message */
  tell(message) {
    for (const listener of this.listeners.keys()) listener.postMessage(message);
  }

  /** Drop tabs that are gone, and the stream with the last of them. */
  forget() {
    for (const [listener, heard] of this.listeners) if (Date.now() - heard > SILENT_MS) this.listeners.delete(listener);
    if (!this.listeners.size && this.source) this.close();
  }

  /** Let the stream go; whoever joins begins anew. */
  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.isOpen = false;
    this.lastId = "";
  }

  /** It is over for good. */
  end() {
    this.timers.forEach((each) => clearInterval(each));
    this.listeners.clear();
    this.close();
  }
}
