// Tokens, the effective configuration, and leaving in good order: for administrators.

import { ask, get, post } from "../api.js";
import { Ask, Failure, Panel, Rows, html, say, useRead, useState } from "../desk-parts.js";
import { time } from "../words.js";

export function Settings({ me }) {
  if (!me.roles.includes("admin") || me.accounts?.length) return html`<${Panel} title="You"><p>${me.name}, role ${me.role}${me.accounts?.length ? `, accounts ${me.accounts.join(", ")}` : ""}. fixbridge ${me.version}.</p><//>`;
  return html`<${Tokens} /><${Config} /><${Drain} />`;
}

function Tokens() {
  const tokens = useRead(() => get("/v1/tokens"), []);
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState(null);
  const [made, setMade] = useState(null);
  const [terms, setTerms] = useState({ name: "", role: "read", accounts: "" });
  const set = (name) => (event) => setTerms({ ...terms, [name]: event.target.value });
  const make = async () => {
    const accounts = terms.accounts.split(",").map((each) => each.trim()).filter(Boolean);
    setMade(await post("/v1/tokens", { name: terms.name, role: terms.role, accounts }));
    tokens.again();
  };
  return html`<${Panel} title="Tokens" className="half" actions=${html`<button onClick=${() => setMaking(true)}>New…</button>`}><${Failure} error=${tokens.error} />
      ${made && html`<p role="status">The secret of <strong>${made.name}</strong>, shown this once:</p><pre tabindex="0">${made.secret}</pre>`}
      <${Rows} short label="Tokens" rows=${tokens.value?.items || []} keyOf=${(row) => row.name} empty="No token yet" columns=${[
        { title: "Name", cell: (row) => row.name }, { title: "Role", cell: (row) => row.role }, { title: "Accounts", cell: (row) => (row.accounts || []).join(", ") || "all" }, { title: "Made", cell: (row) => row.created.slice(0, 10) },
        { title: "Until", cell: (row) => (row.expires ? `${row.expires.slice(0, 10)} ${time(row.expires)}` : "") }, { title: "", cell: (row) => html`<button onClick=${() => setRevoking(row)}>Revoke…</button>` },
      ]} /><//>
    <${Ask} open=${making} onClose=${() => setMaking(false)} onSubmit=${make} title="New token" submit="Make" ready=${terms.name}>
      <label>Name<input required pattern="[A-Za-z0-9._-]{1,32}" value=${terms.name} onInput=${set("name")} /></label>
      <label>Role<select value=${terms.role} onChange=${set("role")}>${["read", "trade", "risk", "admin", "feed"].map((each) => html`<option value=${each}>${each}</option>`)}</select></label>
      <label>Accounts, by commas; empty for all<input value=${terms.accounts} onInput=${set("accounts")} /></label><//>
    <${Ask} open=${!!revoking} onClose=${() => setRevoking(null)} title="Revoke ${revoking?.name}" submit="Revoke" danger
      onSubmit=${async () => { await ask("DELETE", `/v1/tokens/${encodeURIComponent(revoking.name)}`); say(`${revoking.name} is revoked`); tokens.again(); }}><p>Whoever holds it is locked out at once.</p><//>`;
}

function Config() {
  const { value, error } = useRead(() => get("/v1/config"), []);
  return html`<${Panel} title="Configuration in force" className="half"><${Failure} error=${error} />${value && html`<pre tabindex="0" role="region" aria-label="Configuration">${JSON.stringify(value, null, 1)}</pre>`}<//>`;
}

function Drain() {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  return html`<${Panel} title="Leave"><p class="row">Take no new orders, log sessions out, flush and end. <button class="danger" onClick=${() => setOpen(true)}>Drain…</button></p><//>
    <${Ask} open=${open} onClose=${() => setOpen(false)} title="Drain" submit="Drain" danger ready=${reason.trim()} onSubmit=${async () => { await post("/v1/drain", { reason }); say("Draining"); }}>
      <p>The daemon ends. Working orders stay at their brokers.</p><label>Reason<input required value=${reason} onInput=${(event) => setReason(event.target.value)} /></label><//>`;
}
