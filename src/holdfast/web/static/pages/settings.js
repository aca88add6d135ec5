/** The configuration in force, who may log in, and the keys of programs. */

import { BUILD, may, send, session } from "../api.js";
import { html, useState } from "../lib.js";
import { words, ZONE } from "../format.js";
import { Link, route } from "../router.js";
import { useResource } from "../resource.js";
import { theme } from "../theme.js";
import { Confirm, show } from "../ui/dialog.js";
import { Answer, Choice, Empty, PageHead, Panel, Time } from "../ui/parts.js";
import { Table } from "../ui/table.js";
import { toast } from "../ui/toast.js";
import { OwnLogin } from "./own_login.js";

const TABS = /** @type {[string, string][]} */ ([["settings", "Configuration"], ["users", "Users"], ["keys", "Keys"], ["me", "Your login"]]);

export function Settings() {
  const tab = route.value.name;
  return html`<${PageHead} title="Settings"><nav class="choice" aria-label="Settings">${TABS.map(([name, label]) => html`<${Link} key=${name} to=${`/${name}`} aria-current=${name === tab ? "page" : undefined}>${label}<//>`)}</nav><//>
    ${tab === "users" ? html`<${Users} />` : tab === "keys" ? html`<${Keys} />` : tab === "me" ? html`<${OwnLogin} />` : html`<${Configuration} />`}`;
}

function Configuration() {
  const found = useResource("/settings", {}, "once");
  return html`<div class="grid"><div class="w4 stack"><${Panel} title="This page"><div class="body stack">
      <label class="field"><span>Colours</span></label><${Choice} label="Colours" value=${theme.value} of=${[["auto", "As the system"], ["light", "Light"], ["dark", "Dark"]]} onPick=${(/** @type {string} */ value) => (theme.value = value)} />
      <dl class="facts"><dt>Logged in as</dt><dd>${session.value?.name ?? "–"} <span class="faint">${session.value?.role ?? ""}</span></dd><dt>Your zone</dt><dd>${ZONE}</dd><dt>Build</dt><dd class="mono">${BUILD}</dd></dl>
      <p class="hint">Charts by <a href="https://www.tradingview.com/" target="_blank" rel="noopener">TradingView</a> (lightweight-charts, Apache-2.0) and uPlot; Preact, htm and signals. All are served from here.</p></div><//></div>
    <div class="w8"><${Panel} title="Configuration in force" more=${html`<span class="faint">read-only; secrets are left out</span>`}><${Answer} of=${found} rows=${12}>${(/** @type {any} */ data) => html`<div class="body stack">${(data.changed ?? []).map((/** @type {any} */ one) => html`<p class="hint" key=${one.account}>Settings of <b>${one.account}</b> were changed while it ran, <${Time} at=${one.time} />, by ${one.source}: <span class="mono">${one.changes.join(", ")}</span> ${one.reason}</p>`)}${sections(data).map(([name, value]) => html`<section key=${name}><h3 class="mono">${name}</h3><pre class="config">${written(value)}</pre></section>`)}</div>`}<//><//></div></div>`;
}

/** @param {any} data @returns {[string, any][]} */
function sections(data) {
  const { as_of: _asOf, age_s: _age, ...rest } = data.settings ?? data;
  return Object.entries(rest).filter(([, value]) => value !== null && !(Array.isArray(value) && !value.length));
}

/** A value as the configuration would write it. @param {any} value @returns {string} */
function written(value) {
  if (Array.isArray(value) && value.every((each) => each && typeof each === "object")) return value.map(written).join("\n\n");
  if (!value || typeof value !== "object" || Array.isArray(value)) return JSON.stringify(value);
  return Object.entries(value).filter(([, each]) => each !== null).map(([name, each]) => `${name} = ${JSON.stringify(each)}`).join("\n");
}

/** @param {unknown} error */
function failed(error) {
  toast({ look: "bad", title: "It was not done", text: /** @type {Error} */ (error).message });
}

function Users() {
  const found = useResource(may("admin") ? "/users" : null, {}, 15);
  if (!may("admin")) return html`<${Panel} title="Users"><${Empty} title="Only an admin sees the users" /><//>`;
  const drop = (/** @type {any} */ row) => show(() => html`<${Confirm} title=${`Remove ${row.name}`} confirm="Remove" look="danger" word=${row.name} text="Their sessions, tokens and keys end at once." run=${async () => { await send("DELETE", `/users/${encodeURIComponent(row.name)}`); await found.load(); }} />`);
  const columns = [
    { id: "name", label: "Name", at: /** @type {"a"} */ ("a"), cell: (/** @type {any} */ row) => html`<b>${row.name}</b>` },
    { id: "role", label: "Role", width: "14ch", at: /** @type {"b"} */ ("b"), cell: (/** @type {any} */ row) => words(row.role) },
    { id: "totp", label: "Second factor", width: "16ch", cell: (/** @type {any} */ row) => (row.totp ? "yes" : "no") },
    { id: "created", label: "Since", width: "16ch", at: /** @type {"c"} */ ("c"), cell: (/** @type {any} */ row) => html`<${Time} at=${row.created} />` },
    { id: "remove", label: "", width: "12ch", fixed: true, cell: (/** @type {any} */ row) => html`<button type="button" class="button small danger" onClick=${() => drop(row)}>Remove…</button>` },
  ];
  return html`<div class="grid"><div class="w8"><${Panel} title="Users"><${Answer} of=${found}>${(/** @type {any} */ data) => html`<${Table} name="Users" columns=${columns} rows=${data.items} keyOf=${(/** @type {any} */ row) => row.name} empty=${html`<${Empty} title="There are no users">Whoever is on this machine is the admin. As soon as there is a user, everybody logs in.<//>`} />`}<//><//></div>
    <div class="w4"><${Panel} title="A new user">${found.data.value && html`<${NewUser} done=${found.load} isFirst=${!found.data.value.items.length} />`}<//></div></div>`;
}

/** @param {{done: () => Promise<void>, isFirst: boolean}} props */
function NewUser({ done, isFirst }) {
  const [of, setOf] = useState(/** @type {Record<string, string>} */ ({ name: "", password: "", role: isFirst ? "admin" : "viewer" }));
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => setOf({ ...of, [name]: event.target.value });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      await send("POST", "/users", of);
      if (isFirst) return location.reload(); // from now on everybody logs in
      setOf({ name: "", password: "", role: "viewer" });
      toast({ look: "good", title: `${of.name} may log in` });
      await done();
    } catch (error) {
      failed(error);
    }
  };
  return html`<form class="body stack" onSubmit=${submit}>
    ${isFirst && html`<p class="hint">The first has to be an admin. From then on everybody logs in, you too.</p>`}
    <label class="field"><span>Name</span><input name="name" required autocomplete="off" value=${of.name} onInput=${set("name")} /></label>
    <label class="field"><span>Password</span><input name="password" type="password" required minlength="12" autocomplete="new-password" value=${of.password} onInput=${set("password")} /><small>12 characters at least</small></label>
    <label class="field"><span>Role</span><select value=${of.role} onChange=${set("role")}><option value="viewer">viewer: may look</option><option value="trader">trader: may trade</option><option value="admin">admin: may do everything</option></select></label>
    <button type="submit" class="button main-action">Add</button></form>`;
}

function Keys() {
  const found = useResource("/keys", {}, 15);
  const drop = (/** @type {any} */ row) => show(() => html`<${Confirm} title=${`Revoke ${row.label}`} confirm="Revoke" look="danger" text="Programs that use it are refused from now on." run=${async () => { await send("DELETE", `/keys/${encodeURIComponent(row.prefix)}`); await found.load(); }} />`);
  const columns = [
    { id: "label", label: "Name", at: /** @type {"a"} */ ("a"), cell: (/** @type {any} */ row) => html`<b>${row.label}</b> <span class="mono faint">hf_${row.prefix}…</span>` },
    { id: "owner", label: "Of", width: "14ch", cell: (/** @type {any} */ row) => row.owner },
    { id: "scopes", label: "May", width: "20ch", at: /** @type {"b"} */ ("b"), cell: (/** @type {any} */ row) => (row.scopes ?? []).join(", ") },
    { id: "created", label: "Since", width: "16ch", at: /** @type {"c"} */ ("c"), cell: (/** @type {any} */ row) => html`<${Time} at=${row.created} />` },
    { id: "used", label: "Last used", width: "16ch", cell: (/** @type {any} */ row) => html`<${Time} at=${row.used} />` },
    { id: "revoke", label: "", width: "12ch", fixed: true, cell: (/** @type {any} */ row) => html`<button type="button" class="button small danger" onClick=${() => drop(row)}>Revoke…</button>` },
  ];
  return html`<div class="grid"><div class="w8"><${Panel} title="Keys of programs"><${Answer} of=${found}>${(/** @type {any} */ data) => html`<${Table} name="Keys" columns=${columns} rows=${data.items} keyOf=${(/** @type {any} */ row) => row.prefix} empty=${html`<${Empty} title="No program has a key">A key lets a program use the API without a login.<//>`} />`}<//><//></div>
    <div class="w4"><${Panel} title="A new key"><${NewKey} done=${found.load} /><//></div></div>`;
}

/** @param {{done: () => Promise<void>}} props */
function NewKey({ done }) {
  const [name, setName] = useState("");
  const [scope, setScope] = useState("read");
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const made = await send("POST", "/keys", { label: name, scopes: [scope] });
      setName("");
      await done();
      show((close) => html`<div><h2 id="dialog-title">Key ${name}</h2><p>It is shown this once. Keep it where secrets are kept.</p><pre class="secret" tabIndex=${0}>${made.secret}</pre><div class="ends"><button type="button" class="button main-action" data-first="" onClick=${close}>I have it</button></div></div>`);
    } catch (error) {
      failed(error);
    }
  };
  return html`<form class="body stack" onSubmit=${submit}><label class="field"><span>Name</span><input name="name" required autocomplete="off" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
    <label class="field"><span>It may</span><select value=${scope} onChange=${(/** @type {any} */ event) => setScope(event.target.value)}><option value="read">read: look</option><option value="trade">trade: ask for orders</option><option value="signal">signal: send signals of a strategy</option></select></label>
    <button type="submit" class="button main-action">Make a key</button></form>`;
}
