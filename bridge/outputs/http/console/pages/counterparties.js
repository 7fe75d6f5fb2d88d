// FIX sessions and brokers: how they are, and what an operator may do about it.

import { ask, get, post } from "../api.js";
import { Ask, Failure, Panel, Rows, html, say, store, useEffect, useRead, useState, useStore } from "../desk-parts.js";
import { figure, percent, time, word } from "../words.js";

export function Sessions({ me }) {
  useStore();
  const [acting, setActing] = useState(null);
  const admin = me.roles.includes("admin");
  return html`<${Panel} title="FIX sessions">
      <${Rows} label="FIX sessions" rows=${[...store.sessions.values()]} keyOf=${(row) => row.session_id} empty="No FIX session is configured" columns=${[
        { title: "Session", cell: (row) => row.session_id },
        { title: "State", cell: (row) => (row.up ? "logged on" : "logged out"), tone: (row) => (row.up ? "good" : row.in_hours ? "warn" : "") }, { title: "Hours", cell: (row) => (row.in_hours ? "in" : "out of") },
        { title: "Next in", number: true, cell: (row) => figure(row.next_in) }, { title: "Next out", number: true, cell: (row) => figure(row.next_out) }, { title: "Queue", number: true, cell: (row) => figure(row.queue) },
        { title: "Resends in", number: true, cell: (row) => figure(row.resends_in) }, { title: "out", number: true, cell: (row) => figure(row.resends_out) }, { title: "Disconnects", number: true, cell: (row) => figure(row.disconnects) },
        { title: "Logon", cell: (row) => time(row.logon_time) }, { title: "Last message", cell: (row) => time(row.last_received) }, { title: "Peer", cell: (row) => row.peer || "" }, { title: "Last reject", cell: (row) => row.last_reject || "" },
        { title: "", cell: (row) => admin && html`<span class="row"><button onClick=${() => setActing(["disconnect", row])} disabled=${!row.up}>Disconnect…</button>
          <button onClick=${() => setActing(["reset", row])} disabled=${row.up}>Reset…</button><button onClick=${() => setActing(["next-numbers", row])} disabled=${row.up}>Numbers…</button></span>` },
      ]} /><//><${Act} acting=${acting} onClose=${() => setActing(null)} />`;
}

function Act({ acting, onClose }) {
  const [verb, session] = acting || [];
  const [reason, setReason] = useState("");
  const [numbers, setNumbers] = useState({});
  useEffect(() => { setReason(""); setNumbers(session ? { next_in: session.next_in, next_out: session.next_out } : {}); }, [acting]);
  const submit = async () => {
    const body = verb === "next-numbers" ? { reason, next_in: Number(numbers.next_in), next_out: Number(numbers.next_out) } : { reason };
    await post(`/v1/sessions/${encodeURIComponent(session.session_id)}/${verb}`, body);
    say(`${session.session_id}: ${word(verb)} done`);
  };
  const number = (name, title) => html`<label>${title}<input type="number" min="1" required value=${numbers[name]} onInput=${(event) => setNumbers({ ...numbers, [name]: event.target.value })} /></label>`;
  return html`<${Ask} open=${!!acting} onClose=${onClose} onSubmit=${submit} title="${word(verb)} ${session?.session_id}" submit=${word(verb)} danger ready=${reason.trim()}>
    ${verb === "reset" && html`<p>Both sequence numbers become 1. Agree on it with the counterparty: what it has not received yet is lost to it.</p>`}
    ${verb === "next-numbers" && html`${number("next_in", "Next in, MsgSeqNum(34)")}${number("next_out", "Next out")}`}
    <label>Reason<input required value=${reason} onInput=${(event) => setReason(event.target.value)} /></label><//>`;
}

export function Brokers({ me }) {
  useStore();
  const runs = useRead(() => get("/v1/reconciliations"), [], 10);
  const [busy, setBusy] = useState("");
  const [error, setError] = useState(null);
  const reconcile = async (broker) => {
    setBusy(broker);
    setError(null);
    try {
      const answer = await ask("POST", `/v1/brokers/${encodeURIComponent(broker)}/reconcile`);
      say(`${broker}: ${answer.breaks || 0} breaks`);
      runs.again();
    } catch (failure) { setError(failure); } finally { setBusy(""); }
  };
  return html`<${Panel} title="Brokers"><${Failure} error=${error} />
      <${Rows} label="Brokers" rows=${[...store.brokers.values()]} keyOf=${(row) => row.broker} columns=${[
        { title: "Broker", cell: (row) => row.broker }, { title: "Mode", cell: (row) => row.mode }, { title: "State", cell: (row) => (row.ready ? "ready" : `not ready: ${row.unready}`), tone: (row) => (row.ready ? "good" : "bad") },
        { title: "Hours", cell: (row) => (row.in_hours ? "in" : "out of") }, { title: "Budget used", number: true, cell: (row) => percent(row.budget_ratio) },
        { title: "Snapshot age", cell: (row) => Object.entries(row.snapshot_age_s || {}).map(([account, age]) => `${account} ${age} s`).join(", ") },
        { title: "Breaks", cell: (row) => Object.entries(row.breaks || {}).map(([kind, count]) => `${count} ${word(kind)}`).join(", ") || "none", tone: (row) => (Object.keys(row.breaks || {}).length ? "bad" : "good") },
        { title: "Reconnects", number: true, cell: (row) => figure(row.reconnects) },
        { title: "", cell: (row) => me.roles.includes("risk") && html`<button onClick=${() => reconcile(row.broker)} disabled=${busy === row.broker}>Reconcile</button>` },
      ]} /><//>
    <${Panel} title="Comparisons"><${Failure} error=${runs.error} />
      <${Rows} label="Comparisons with brokers" rows=${runs.value?.items || []} keyOf=${(row) => row.seq} empty="Not compared yet" columns=${[
        { title: "Time", cell: (row) => html`<a href="/entries/${row.seq}">${time(row.time)}</a>` }, { title: "Broker", cell: (row) => row.broker }, { title: "Why", cell: (row) => word(row.trigger) },
        { title: "Orders", number: true, cell: (row) => figure(row.orders ?? 0) }, { title: "Executions", number: true, cell: (row) => figure(row.executions ?? 0) }, { title: "Positions", number: true, cell: (row) => figure(row.positions ?? 0) },
        { title: "Breaks", number: true, cell: (row) => figure(row.breaks ?? 0), tone: (row) => (row.breaks ? "bad" : "good") },
      ]} /><//>`;
}
