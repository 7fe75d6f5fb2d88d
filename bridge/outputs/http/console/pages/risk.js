// Trading states, limits and how much of them is used, refusals, changes, halt, kill and resume.

import { ask, get, post } from "../api.js";
import { Ask, Failure, Meter, Panel, Rows, html, say, store, useEffect, useRead, useState, useStore } from "../desk-parts.js";
import { filter, useRoute } from "../route.js";
import { figure, time, word } from "../words.js";
import { utilisation } from "./desk.js";

export function Risk({ me }) {
  useStore();
  const { query } = useRoute();
  const controls = me.roles.includes("risk");
  const states = useRead(() => get("/v1/risk/states"), [], 2);
  const limits = useRead(() => get("/v1/risk/limits"), [], 10);
  const [acting, setActing] = useState(null);
  const [editing, setEditing] = useState(null);
  const again = () => { states.again(); limits.again(); };
  const text = (query.q || "").toLowerCase();
  const refused = new Map();
  for (const entry of store.entries) {
    if (entry.event.type !== "order_rejected" || entry.event.source === "broker") continue;
    const name = `${entry.event.rule || ""} ${entry.event.code}`.trim();
    const known = refused.get(name) || { name, count: 0, last: entry };
    refused.set(name, { ...known, count: known.count + 1 });
  }
  const changes = store.entries.filter((entry) => ["limit_changed", "trading_halted", "trading_resumed"].includes(entry.event.type));
  const rows = (limits.value?.items || []).filter((row) => !text || `${row.id} ${row.title}`.toLowerCase().includes(text));
  return html`
    ${query.kill && html`<${KillProgress} id=${query.kill} />`}
    <${Panel} title="Trading states" className="half" actions=${controls && html`<button onClick=${() => setActing({ verb: "halt" })}>Halt…</button>`}>
      <${Failure} error=${states.error} />
      <${Rows} short label="Scopes that are not active" rows=${states.value?.scopes || []} keyOf=${(row) => `${row.scope} ${row.name}`} empty="Everything is active" columns=${[
        { title: "Scope", cell: (row) => `${row.scope} ${row.name || ""}` }, { title: "State", cell: (row) => word(row.state), tone: () => "bad" },
        { title: "Who", cell: (row) => row.who }, { title: "Why", cell: (row) => row.reason },
        { title: "", cell: (row) => controls && html`<button onClick=${() => setActing({ verb: "resume", ...row })} disabled=${row.state === "locked"}>Resume…</button>` },
      ]} />
      <p>${(states.value?.accounts || []).map((row) => html`<span key=${row.account} class="badge ${row.state === "active" ? "good" : "bad"}">${row.account} ${word(row.state)}</span> `)}</p><//>
    <${Panel} title="Limits in use" className="half">${utilisation().slice(0, 24).map((limit) => html`<${Meter} key=${`${limit.account} ${limit.rule}`} name="${limit.rule} ${limit.account}" ratio=${limit.ratio}
      detail="${figure(limit.used, 2)} of ${figure(limit.limit, 2)}" />`)}${!utilisation().length && html`<p class="quiet">Nothing is used yet</p>`}<//>
    <${Panel} title="Limits"><${Failure} error=${limits.error} />
      <label>Filter<input data-filter type="search" value=${query.q || ""} onInput=${(event) => filter({ q: event.target.value })} /></label>
      <${Rows} label="Limits" rows=${rows} keyOf=${(row) => row.id} columns=${[
        { title: "Rule", cell: (row) => row.rule }, { title: "Scope", cell: (row) => `${row.scope} ${row.name || ""}` }, { title: "Value", number: true, cell: (row) => row.value },
        { title: "Unit", cell: (row) => row.unit || "" }, { title: "What", cell: (row) => row.title || "" }, { title: "From", cell: (row) => (row.who ? `${row.who}: ${row.reason}` : row.source || "") },
        { title: "", cell: (row) => controls && html`<button onClick=${() => setEditing(row)} aria-label="Change ${row.id}">Change…</button>` },
      ]} /><//>
    <${Panel} title="Last refusals by rule" className="half">
      <${Rows} short label="Refusals by rule" rows=${[...refused.values()].sort((a, b) => b.count - a.count)} keyOf=${(row) => row.name} empty="No refusal lately" columns=${[
        { title: "Rule", cell: (row) => row.name }, { title: "Count", number: true, cell: (row) => figure(row.count) },
        { title: "Last", cell: (row) => html`<a href="/entries/${row.last.seq}">${time(row.last.time)}</a>` }, { title: "Text", cell: (row) => row.last.event.text },
      ]} /><//>
    <${Panel} title="Changes" className="half">
      <${Rows} short label="Changes of limits and states" rows=${changes} keyOf=${(row) => row.seq} empty="No change lately" columns=${[
        { title: "Time", cell: (row) => html`<a href="/entries/${row.seq}">${time(row.time)}</a>` }, { title: "What", cell: (row) => word(row.event.type) },
        { title: "Where", cell: (row) => `${row.event.rule || ""} ${row.event.scope} ${row.event.name || ""}` }, { title: "To", cell: (row) => word(row.event.state ?? row.event.new ?? "configured") },
        { title: "Who", cell: (row) => row.event.who }, { title: "Why", cell: (row) => row.event.reason },
      ]} /><//>
    <${Act} acting=${acting} onClose=${() => setActing(null)} onDone=${again} />
    <${EditLimit} limit=${editing} onClose=${() => setEditing(null)} onDone=${again} />`;
}

const STATES = { halt: ["reduce_only", "cancel_only", "locked"], resume: ["active", "reduce_only", "cancel_only"] };

function Act({ acting, onClose, onDone }) {
  const [terms, setTerms] = useState({});
  useEffect(() => { if (acting) setTerms({ scope: acting.scope || "account", name: acting.name || [...store.accounts.keys()][0] || "", state: acting.verb === "halt" ? "cancel_only" : "active", reason: "" }); }, [acting]);
  const set = (name) => (event) => setTerms({ ...terms, [name]: event.target.value });
  const fixed = acting?.verb === "resume";
  const submit = async () => {
    await post(`/v1/risk/${acting.verb}`, { ...terms, name: terms.scope === "global" ? "" : terms.name });
    say(`${acting.verb} done`);
    onDone();
  };
  return html`<${Ask} open=${!!acting} onClose=${onClose} onSubmit=${submit} title=${acting ? word(acting.verb) : ""} submit=${acting ? word(acting.verb) : ""} danger ready=${terms.reason?.trim()}>
    <label>Scope<select value=${terms.scope} disabled=${fixed} onChange=${set("scope")}>${["global", "broker", "account", "strategy", "session", "symbol"].map((each) => html`<option value=${each}>${each}</option>`)}</select></label>
    ${terms.scope !== "global" && html`<label>Name<input required value=${terms.name} disabled=${fixed} onInput=${set("name")} /></label>`}
    <label>State<select value=${terms.state} onChange=${set("state")}>${(STATES[acting?.verb] || []).map((each) => html`<option value=${each}>${word(each)}</option>`)}</select></label>
    <label>Reason<input required value=${terms.reason} onInput=${set("reason")} /></label><//>`;
}

function EditLimit({ limit, onClose, onDone }) {
  const [value, setValue] = useState("");
  const [reason, setReason] = useState("");
  useEffect(() => { if (limit) { setValue(limit.value); setReason(""); } }, [limit]);
  const submit = async () => {
    const path = limit.id.split("/").map(encodeURIComponent).join("/");
    await ask("PATCH", `/v1/risk/limits/${path}`, { value, reason });
    say(`${limit.id} is ${value}`);
    onDone();
  };
  return html`<${Ask} open=${!!limit} onClose=${onClose} onSubmit=${submit} title="Limit ${limit?.id}" submit="Change" ready=${reason.trim()}>
    <p class="quiet">${limit?.title}. Tightening holds at once, loosening after the delay. Written as <code>25000</code>, <code>25000 warn</code> or <code>off</code>.</p>
    <label>Value<input required value=${value} onInput=${(event) => setValue(event.target.value)} /></label>
    <label>Reason<input required value=${reason} onInput=${(event) => setReason(event.target.value)} /></label><//>`;
}

function KillProgress({ id }) {
  const { value, error } = useRead(() => get(`/v1/risk/kills/${id}`), [id], 1);
  if (!value) return html`<section><${Failure} error=${error} /></section>`;
  const done = value.complete ? "killed, nothing left" : value.incomplete ? `incomplete: ${(value.left || []).length} left` : "under way";
  return html`<${Panel} title="Kill ${id}"><p class=${value.complete ? "good" : value.incomplete ? "bad" : "warn"} role="status"><strong>${done}</strong> · ${value.scope} ${value.name || ""} by ${value.who}: ${value.reason}</p>
    <ol class="timeline">${(value.steps || []).map((step) => html`<li key=${step.name + step.time}>${time(step.time)} ${step.name}${step.count === undefined ? "" : ` ${step.count}`} ${step.text || ""}</li>`)}</ol>
    ${(value.left || []).map((order) => html`<a key=${order} href="/orders/${order}">order ${order}</a> `)}<//>`;
}
