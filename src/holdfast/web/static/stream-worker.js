/** The shared worker: one hub for every tab of the browser. */

import { Hub } from "./hub.js";

const hub = new Hub();

/** @param {MessageEvent} event */
function connected(event) {
  const [port] = event.ports;
  port.onmessage = (message) => hub.hear(port, message.data);
}
self.addEventListener("connect", (event) => connected(/** @type {MessageEvent} */ (event)));
