/** One's own login: the password, and a second factor. */

import { get, send, session } from "../api.js";
import { html, useState } from "../lib.js";
import { show } from "../ui/dialog.js";
import { Empty, Panel } from "../ui/parts.js";
import { toast } from "../ui/toast.js";

export function OwnLogin() {
  if (!session.value?.csrf) return html`<${Panel} title="Your login"><${Empty} title="You did not log in">Whoever is on this machine may do everything while there are no users.<//><//>`;
  return html`<div class="grid"><div class="w6"><${Panel} title="Second factor"><${SecondFactor} /><//></div><div class="w6"><${Panel} title="Password"><${Password} /><//></div></div>`;
}

/** Who asks, as the server has it now. */
async function again() {
  session.value = await get("/me");
}

/** @param {{name: string, label: string, type?: string, more?: Record<string, any>, of: Record<string, string>, set: (of: Record<string, string>) => void}} props */
function Field({ name, label, type = "text", more = {}, of, set }) {
  return html`<label class="field"><span>${label}</span><input name=${name} type=${type} required value=${of[name] ?? ""} ...${more} onInput=${(/** @type {any} */ event) => set({ ...of, [name]: event.target.value })} /></label>`;
}

const CODE = { inputmode: "numeric", autocomplete: "one-time-code" };

/** A form that says what went wrong. @param {{run: () => Promise<void>, button: string, children?: any}} props */
function Form({ run, button, children }) {
  const [error, setError] = useState("");
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setError("");
    await run().catch((/** @type {Error} */ failed) => setError(failed.message));
  };
  return html`<form class="body stack" onSubmit=${submit}>${children}${error && html`<p class="trouble" role="alert">${error}</p>`}<button type="submit" class="button main-action">${button}</button></form>`;
}

function SecondFactor() {
  const [enrolled, setEnrolled] = useState(/** @type {{secret: string, uri: string} | null} */ (null));
  const [of, set] = useState(/** @type {Record<string, string>} */ ({}));
  if (session.value?.totp) {
    const remove = async () => {
      await send("POST", "/totp/remove", { password: of.password, code: of.code });
      set({});
      await again();
      toast({ look: "good", title: "The second factor is off" });
    };
    return html`<${Form} run=${remove} button="Turn it off"><p class="soft">It is on: a login needs a code of your telephone.</p>
      <${Field} name="password" label="Password" type="password" more=${{ autocomplete: "current-password" }} of=${of} set=${set} /><${Field} name="code" label="Code" more=${CODE} of=${of} set=${set} /><//>`;
  }
  if (!enrolled) {
    return html`<${Form} run=${async () => setEnrolled(await send("POST", "/totp"))} button="Begin"><p class="soft">It is off. With it a login needs a code of an application on your telephone as well.</p><//>`;
  }
  const confirm = async () => {
    const { recovery_codes: codes } = await send("POST", "/totp/confirm", { code: of.code });
    await again();
    show((close) => html`<div><h2 id="dialog-title">Recovery codes</h2><p>Each is good once in a code's place, should the telephone be gone. They are shown this once.</p>
      <pre class="secret" tabIndex=${0}>${codes.join("\n")}</pre><div class="ends"><button type="button" class="button main-action" data-first="" onClick=${close}>I have them</button></div></div>`);
  };
  return html`<${Form} run=${confirm} button="Turn it on"><p>Give this to the application on your telephone, then type the code that it shows.</p>
    <pre class="secret" tabIndex=${0}>${enrolled.secret}</pre><a href=${enrolled.uri.startsWith("otpauth:") ? enrolled.uri : "#"}>Open it in an application of this machine</a>
    <${Field} name="code" label="Code" more=${CODE} of=${of} set=${set} /><//>`;
}

function Password() {
  const [of, set] = useState(/** @type {Record<string, string>} */ ({}));
  const change = async () => {
    const body = { password: of.password, new_password: of.new_password, ...(session.value?.totp ? { code: of.code } : {}) };
    await send("POST", "/me/password", body);
    set({});
    await again();
    toast({ look: "good", title: "The password is changed", text: "Your other sessions have ended." });
  };
  return html`<${Form} run=${change} button="Change it"><${Field} name="password" label="Password so far" type="password" more=${{ autocomplete: "current-password" }} of=${of} set=${set} />
    <${Field} name="new_password" label="New password" type="password" more=${{ autocomplete: "new-password", minlength: 12 }} of=${of} set=${set} />
    ${session.value?.totp && html`<${Field} name="code" label="Code" more=${CODE} of=${of} set=${set} />`}<//>`;
}
