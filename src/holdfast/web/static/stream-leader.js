/**
 * One stream for all tabs where there is no shared worker: the tab that has a lock of the browser leads, and passes everything on.
 *
 * A tab that closes, freezes or is hidden for a minute gives the lock up, and the next one leads. One that leads and says nothing, though it is
 * to give a sign of life every few seconds, has the lock taken from it.
 */

import { Hub } from "./hub.js";

const ALIVE_MS = 4000;
const DEAF_MS = 13_000; // so long without a sign of life of whoever leads

/** Whether this browser can do it: locks are there on secure addresses only. */
export function canLead() {
  return typeof BroadcastChannel !== "undefined" && Boolean(navigator.locks);
}

/** A tab among others. */
export class Led {
  /** @param {string} name what the tabs of one page have in common @param {(message: any) => void} said hears what a hub says to this tab */
  constructor(name, said) {
    this.name = name;
    this.said = said;
    this.id = Math.random().toString(36).slice(2);
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = (event) => this.heard(event.data);
    /** @type {Hub | null} */
    this.hub = null;
    /** @type {Map<string, {postMessage: (message: any) => void}>} */
    this.others = new Map();
    this.own = { postMessage: said };
    this.isIn = false; // whether this tab listens
    this.aliveAt = Date.now();
    /** @type {() => void} */
    this.release = () => {};
    /** @type {AbortController | null} */
    this.waits = null;
    setInterval(() => this.live(), ALIVE_MS);
    document.addEventListener("freeze", () => this.leave());
    document.addEventListener("resume", () => document.hidden || this.said({ kind: "again" }));
  }

  /** From this tab to the hub, wherever that is. @param {any} message */
  send(message) {
    if (message.kind === "leave") {
      this.pass(message);
      this.leave();
      return;
    }
    if (message.kind === "join" && !this.isIn) {
      this.isIn = true;
      this.aliveAt = Date.now();
      void this.stand(false);
    }
    this.pass(message);
  }

  /** @param {any} message */
  pass(message) {
    if (this.hub) this.hub.hear(this.own, message);
    else this.channel.postMessage({ to: "hub", from: this.id, message });
  }

  /** Lead, as soon as nobody else does; at once where who does is deaf. @param {boolean} steal */
  async stand(steal) {
    this.waits?.abort();
    const waits = (this.waits = new AbortController());
    try {
      const how = steal ? { steal: true } : { signal: waits.signal };
      await navigator.locks.request(this.name, how, () => new Promise((done) => this.lead(() => done(undefined))));
    } catch {
      // given up while waiting, or taken away
    }
    if (this.waits !== waits) return;
    this.yield();
    if (this.isIn && !waits.signal.aborted) {
      this.aliveAt = Date.now();
      void this.stand(false);
      this.said({ kind: "again" });
    }
  }

  /** @param {() => void} release */
  lead(release) {
    this.release = release;
    if (!this.isIn) return release();
    this.hub = new Hub();
    this.channel.postMessage({ to: "all", message: { kind: "again" } });
    this.said({ kind: "again" });
  }

  /** Lead no more. */
  yield() {
    this.hub?.end();
    this.hub = null;
    this.others.clear();
    this.release();
    this.release = () => {};
  }

  /** This tab listens no more, and so it can't lead. */
  leave() {
    this.isIn = false;
    this.waits?.abort();
    this.yield();
  }

  /** @param {{to: string, from?: string, message?: any}} letter */
  heard({ to, from, message }) {
    if (to === "hub" && this.hub && from) this.hub.hear(this.other(from), message);
    if (to !== this.id && to !== "all") return;
    this.aliveAt = Date.now();
    if (this.isIn && !this.hub && message.kind !== "alive") this.said(message);
  }

  /** @param {string} id */
  other(id) {
    const known = this.others.get(id) ?? { postMessage: (/** @type {any} */ message) => this.channel.postMessage({ to: id, message }) };
    this.others.set(id, known);
    return known;
  }

  /** Give a sign of life, or miss one. */
  live() {
    if (this.hub) this.channel.postMessage({ to: "all", message: { kind: "alive" } });
    else if (this.isIn && !document.hidden && Date.now() - this.aliveAt > DEAF_MS) {
      this.aliveAt = Date.now();
      void this.stand(true);
    }
  }
}
