/** Questions to the server, and what is asked of an engine. */

import { signal } from "./lib.js";

const BASE = "/api/v1";
const PATIENCE_MS = 20_000;

/** Who is logged in; null until it is known, and the login page shows while `needed`. */
export const session = signal(
  /** @type {{name: string, role: string, permissions: string[], csrf: string, demo: boolean, totp: boolean} | null} */ (null),
);
export const loginNeeded = signal(false);

/** Which build this page is of: the folder its modules come from. */
export const BUILD = new URL(import.meta.url).pathname.split("/").at(-2) ?? "";

/** What went wrong, in the server's words. */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** @param {Response} response */
async function failure(response) {
  try {
    const { error } = await response.json();
    return new ApiError(response.status, error.code, error.message);
  } catch {
    return new ApiError(response.status, "failed", `the server answered ${response.status} ${response.statusText}`);
  }
}

/** @param {string} path @param {RequestInit} options */
async function ask(path, options) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(BASE + path, { credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE_MS), ...options });
  } catch {
    throw new ApiError(0, "unreachable", "the web process does not answer; start it with `holdfast web`, or look at its log");
  }
  if (response.ok) return response.status === 204 ? null : response.json();
  const error = await failure(response);
  if (response.status === 403 && session.value) void whoNow(); // somebody may have changed what one may do
  if (response.status === 401 && !options.method) loginNeeded.value = true; // of a write it may be a wrong password or code
  throw error;
}

/** Ask again who one is. */
async function whoNow() {
  const answer = await fetch(`${BASE}/me`, { credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => null);
  if (answer?.ok) session.value = await answer.json();
}

/** Parameters of a question; those without a value are left out. @param {Record<string, any>} [parameters] */
export function query(parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

/** @param {string} path @param {Record<string, any>} [parameters] @returns {Promise<any>} */
export function get(path, parameters) {
  return ask(path + query(parameters), { headers: { Accept: "application/json" } });
}

/** Write something. Who tries again gives the key of before. @param {string} method @param {string} path @param {any} [body] @param {string} [key] @returns {Promise<any>} */
export function send(method, path, body, key = uniqueKey()) {
  /** @type {Record<string, string>} */
  const headers = { "Idempotency-Key": key, Accept: "application/json" };
  if (session.value?.csrf) headers["X-CSRF-Token"] = session.value.csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return ask(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

/** A key no other write has. `randomUUID` is missing where the page isn't served securely. */
export function uniqueKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The address of a list as a download. @param {string} path @param {Record<string, any>} [parameters] */
export function download(path, parameters = {}, format = "csv") {
  return BASE + path + query({ ...parameters, format });
}

/** Where something of the API stands, for frames and links. @param {string} path */
export function address(path) {
  return BASE + path;
}

/** @param {string} permission */
export function may(permission) {
  return session.value?.permissions.includes(permission) ?? false;
}
