/** The login, with the second factor where one is set. */

import { send } from "../api.js";
import { html, useState } from "../lib.js";
import { Mark } from "../ui/icons.js";

/** @param {{done: () => void}} props */
export function Login({ done }) {
  const [of, setOf] = useState(/** @type {Record<string, string>} */ ({ name: "", password: "", code: "" }));
  const [needsCode, setNeedsCode] = useState(false);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => setOf({ ...of, [name]: event.target.value });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    try {
      await send("POST", "/login", { name: of.name, password: of.password, ...(of.code ? { code: of.code.replaceAll(" ", "") } : {}) });
      done();
    } catch (failed) {
      const { code, message } = /** @type {import("../api.js").ApiError} */ (failed);
      const wants = code === "code_needed";
      setNeedsCode(needsCode || wants);
      setError(wants && !needsCode ? "" : message);
      setBusy(false);
    }
  };
  return html`<main class="login"><form class="panel" onSubmit=${submit} aria-labelledby="login-title">
    <div class="login-mark"><${Mark} /></div><h1 id="login-title">Holdfast</h1>
    <label class="field"><span>Name</span><input name="username" required autocomplete="username" autocapitalize="none" spellcheck=${false} value=${of.name} onInput=${set("name")} /></label>
    <label class="field"><span>Password</span><input name="password" type="password" required autocomplete="current-password" value=${of.password} onInput=${set("password")} /></label>
    ${needsCode && html`<label class="field"><span>Code of your second factor</span><input name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9 ]{6,7}" required value=${of.code} onInput=${set("code")} ref=${(/** @type {any} */ input) => input && !of.code && input.focus()} /></label>`}
    ${error && html`<p class="trouble" role="alert">${error}</p>`}
    <button type="submit" class="button main-action" disabled=${busy}>${busy ? html`<span class="spin" />` : ""}Log in</button></form></main>`;
}
