// The blotter, the ticket, and everything that happened to one order.

import { ask, get, nextId, post } from "../api.js";
import { Ask, Failure, Panel, Rows, html, onEntry, say, store, useEffect, useRead, useState, useStore, watchQuotes } from "../desk-parts.js";
import { filter, go, useRoute } from "../route.js";
import { STATUS_TONE, TAGS, figure, open, signed, time, word } from "../words.js";

export const ORDER_COLUMNS = [
  { title: "Time", cell: (row) => html`<a href="/orders/${row.order_id}">${time(row.received)}</a>` },
  { title: "Account", cell: (row) => row.account }, { title: "Symbol", cell: (row) => row.symbol },
  { title: "Side", cell: (row) => word(row.side) }, { title: "Type", cell: (row) => `${word(row.ord_type)} ${row.time_in_force}` },
  { title: "Qty", number: true, cell: (row) => figure(row.order_qty ?? row.cash_order_qty) },
  { title: "Price", number: true, cell: (row) => figure(row.price ?? row.stop_px) },
  { title: "Filled", number: true, cell: (row) => figure(row.cum_qty) }, { title: "Average", number: true, cell: (row) => (row.cum_qty === "0" ? "–" : figure(row.avg_px, 4)) },
  { title: "Status", cell: (row) => (row.unknown ? `${word(row.ord_status)}, outcome unknown` : word(row.ord_status)), tone: (row) => (row.unknown ? "bad" : STATUS_TONE[row.ord_status] || "") },
  { title: "Session", cell: (row) => row.session_id || "external" }, { title: "ClOrdID", cell: (row) => row.cl_ord_id },
];

export function Orders({ me }) {
  useStore();
  const { query } = useRoute();
  const [changing, setChanging] = useState(null);
  const [sweeping, setSweeping] = useState(false);
  const status = query.status || "all";
  const text = (query.q || "").toLowerCase();
  const trades = me.roles.includes("trade");
  const rows = [...store.orders.values()].filter((row) =>
    (status === "all" || open(row) === (status === "open")) && (!query.account || row.account === query.account)
    && (!text || `${row.symbol} ${row.cl_ord_id} ${row.session_id} ${row.order_id} ${row.ord_status} ${row.strategy || ""} ${row.side}`.toLowerCase().includes(text)))
    .sort((a, b) => b.order_id - a.order_id);
  const columns = trades ? [...ORDER_COLUMNS, { title: "", cell: (row) => open(row) && html`<span class="row">
    <button onClick=${() => setChanging(row)} aria-label="Replace order ${row.order_id}">Replace</button>
    <button onClick=${() => cancel(row)} disabled=${!!row.pending_cancel} aria-label="Cancel order ${row.order_id}">Cancel</button></span>` }] : ORDER_COLUMNS;
  return html`
    ${trades && html`<${Ticket} me=${me} />`}
    <${Panel} title="Orders (${figure(rows.length)})" actions=${trades && html`<button onClick=${() => setSweeping(true)}>Cancel all…</button>`}>
      <div class="row">
        <label>Filter<input data-filter type="search" placeholder="symbol, id, session, status" value=${query.q || ""} onInput=${(event) => filter({ q: event.target.value })} /></label>
        <label>Show<select value=${status} onChange=${(event) => filter({ status: event.target.value === "all" ? "" : event.target.value })}>
          <option value="all">all</option><option value="open">working</option><option value="closed">ended</option></select></label>
        <label>Account<select value=${query.account || ""} onChange=${(event) => filter({ account: event.target.value })}>
          <option value="">all</option>${[...store.accounts.keys()].map((each) => html`<option value=${each}>${each}</option>`)}</select></label>
      </div>
      <${Rows} label="Orders" rows=${rows} keyOf=${(row) => row.order_id} columns=${columns} empty="No order matches" /><//>
    <${Replace} order=${changing} onClose=${() => setChanging(null)} />
    <${Ask} open=${sweeping} onClose=${() => setSweeping(false)} title="Cancel all" submit="Cancel all" danger
      onSubmit=${async () => { const answer = await post("/v1/orders/cancel-all", { cl_ord_id: nextId(), ...(query.account ? { account: query.account } : {}) }); say(`${answer.count} cancels asked for`); }}>
      <p>Cancels every working order${query.account ? ` of account ${query.account}` : ""}, whoever entered it.</p><//>`;
}

async function cancel(order) {
  try {
    await ask("DELETE", `/v1/orders/${order.order_id}?${new URLSearchParams({ cl_ord_id: nextId() })}`);
    say(`Cancel of order ${order.order_id} asked for`);
  } catch (failure) {
    say(`Cancel refused: ${failure.message}`);
  }
}

function Replace({ order, onClose }) {
  const [terms, setTerms] = useState({});
  useEffect(() => setTerms(order ? { order_qty: order.order_qty, price: order.price, stop_px: order.stop_px } : {}), [order?.order_id]);
  const field = (name, title) => terms[name] !== undefined && html`<label>${title}<input inputmode="decimal" value=${terms[name]} onInput=${(event) => setTerms({ ...terms, [name]: event.target.value })} /></label>`;
  const submit = async () => {
    const changed = Object.fromEntries(Object.entries(terms).filter(([name, value]) => value !== undefined && value !== order[name]));
    await ask("PATCH", `/v1/orders/${order.order_id}`, { cl_ord_id: nextId(), ...changed }, { "if-match": `"${order.last_seq}"` });
    say(`Replace of order ${order.order_id} asked for`);
  };
  return html`<${Ask} open=${!!order} onClose=${onClose} onSubmit=${submit} title="Replace order ${order?.order_id}" submit="Replace">
    <p class="quiet">${order && `${word(order.side)} ${order.symbol}, ${figure(order.cum_qty)} filled`}. The quantity is the new total.</p>
    ${field("order_qty", "Quantity")}${field("price", "Price")}${field("stop_px", "Stop price")}<//>`;
}

const BLANK = { symbol: "", side: "buy", ord_type: "limit", order_qty: "", price: "", stop_px: "", time_in_force: "day", account: "" };

export function Ticket({ me }) {
  const [terms, setTerms] = useState(BLANK);
  const [verdict, setVerdict] = useState(null);
  const [error, setError] = useState(null);
  const [asking, setAsking] = useState(false);
  const [typed, setTyped] = useState("");
  const accounts = [...store.accounts.keys()];
  const account = terms.account || accounts[0] || "";
  useEffect(() => { watchQuotes([terms.symbol]); return () => watchQuotes([]); }, [terms.symbol]);
  const set = (name) => (event) => { setTerms({ ...terms, [name]: event.target.value }); setVerdict(null); setError(null); };
  const priced = terms.ord_type === "limit" || terms.ord_type === "stop_limit";
  const stopped = terms.ord_type === "stop" || terms.ord_type === "stop_limit";
  const body = () => ({
    cl_ord_id: nextId(), account, symbol: terms.symbol.trim(), side: terms.side, ord_type: terms.ord_type, order_qty: terms.order_qty.trim(),
    time_in_force: terms.time_in_force, ...(priced ? { price: terms.price.trim() } : {}), ...(stopped ? { stop_px: terms.stop_px.trim() } : {}),
  });
  const tryOut = async (event) => {
    event.preventDefault();
    setError(null);
    try { setVerdict(await post("/v1/orders?dry_run=true", body())); } catch (failure) { setError(failure); }
  };
  const enter = async () => {
    const order = await post("/v1/orders", body(), { prefer: "wait=2" });
    say(`Order ${order.order_id} ${word(order.ord_status)}`);
    setTyped("");
    setVerdict(null);
    go("/orders", true);
  };
  const send = async (event) => {
    event.preventDefault();
    setError(null);
    if (me.mode === "live") { setAsking(true); return; }
    try { await enter(); } catch (failure) { setError(failure); }
  };
  const market = store.quotes.get(terms.symbol);
  const failed = verdict && verdict.rules.filter((rule) => rule.outcome === "refuse" || rule.outcome === "warn");
  return html`<${Panel} title="Ticket">
    <form class="fields" onSubmit=${send}>
      <label>Account<select value=${account} onChange=${set("account")}>${accounts.map((each) => html`<option value=${each}>${each}</option>`)}</select></label>
      <label>Symbol<input required value=${terms.symbol} onInput=${(event) => { event.target.value = event.target.value.toUpperCase(); set("symbol")(event); }} autocomplete="off" /></label>
      <label>Side<select value=${terms.side} onChange=${set("side")}><option value="buy">buy</option><option value="sell">sell</option><option value="sell_short">sell short</option></select></label>
      <label>Type<select value=${terms.ord_type} onChange=${set("ord_type")}>${["market", "limit", "stop", "stop_limit"].map((each) => html`<option value=${each}>${word(each)}</option>`)}</select></label>
      <label>Quantity<input required inputmode="decimal" value=${terms.order_qty} onInput=${set("order_qty")} /></label>
      ${priced && html`<label>Price<input required inputmode="decimal" value=${terms.price} onInput=${set("price")} /></label>`}
      ${stopped && html`<label>Stop price<input required inputmode="decimal" value=${terms.stop_px} onInput=${set("stop_px")} /></label>`}
      <label>In force<select value=${terms.time_in_force} onChange=${set("time_in_force")}>${["day", "gtc", "ioc", "fok"].map((each) => html`<option value=${each}>${each}</option>`)}</select></label>
      <button type="button" onClick=${tryOut}>Dry run</button><button class="primary" type="submit">Send ${word(terms.side)}</button>
    </form>
    ${market?.quote && html`<p class="quiet">${terms.symbol} bid ${figure(market.quote.bid_px)} × ${figure(market.quote.bid_sz)}, ask ${figure(market.quote.ask_px)} × ${figure(market.quote.ask_sz)}</p>`}
    <${Failure} error=${error} />
    ${verdict && html`<p class=${verdict.passed ? "good" : "bad"} role="status">${verdict.passed ? "Would pass" : `Would be refused: ${verdict.code}`} ${verdict.passed ? "" : verdict.text}</p>
      <${Rows} short label="What each rule says" rows=${verdict.rules.filter((rule) => rule.limit !== undefined || failed.includes(rule))} keyOf=${(rule) => rule.rule + rule.name} columns=${[
        { title: "Rule", cell: (rule) => `${rule.rule} ${rule.name}` }, { title: "Says", cell: (rule) => rule.outcome, tone: (rule) => (rule.outcome === "refuse" ? "bad" : rule.outcome === "warn" ? "warn" : "good") },
        { title: "Value", number: true, cell: (rule) => figure(rule.value, 4) }, { title: "Limit", number: true, cell: (rule) => figure(rule.limit, 4) }, { title: "Headroom", number: true, cell: (rule) => figure(rule.headroom, 4) },
      ]} />`}
    <${Ask} open=${asking} onClose=${() => setAsking(false)} onSubmit=${enter} title="Send to the market" submit="Send" danger ready=${typed === account}>
      <p>${word(terms.side)} ${terms.order_qty} ${terms.symbol} with real money.</p><label>Type ${account} to go on<input value=${typed} onInput=${(event) => setTyped(event.target.value)} /></label><//><//>`;
}

const BAD = new Set(["order_rejected", "cancel_rejected", "duplicate_refused", "outcome_unknown"]);
const GOOD = new Set(["order_filled", "order_accepted", "order_replaced"]);

const TAGGED = ["arrival", "timing", "cost"]; // parts whose fields have tags of their own

export function pairs(value, skip = ["type", "order_id"]) {
  return Object.entries(value).flatMap(([name, each]) => {
    if (skip.includes(name)) return [];
    if (each && typeof each === "object" && !Array.isArray(each))
      return pairs(each, []).map(([inner, tag, text]) => (TAGGED.includes(name) ? [inner, tag, text] : [`${name} ${inner}`, undefined, text]));
    const text = Array.isArray(each) ? each.map((one) => (typeof one === "object" ? JSON.stringify(one) : one)).join(", ") : String(each);
    return [[name, TAGS[name], text]];
  });
}

export function Timeline({ entries }) {
  return html`<ol class="timeline">${entries.map((entry) => html`<li key=${entry.seq} class=${BAD.has(entry.event.type) ? "bad" : GOOD.has(entry.event.type) ? "good" : ""}>
    <div class="row between"><strong>${word(entry.event.type)}</strong><span class="quiet">${time(entry.time)} · <a href="/entries/${entry.seq}">entry ${figure(entry.seq)}</a>${entry.order ? ` · ${word(entry.order.ord_status)}` : ""}</span></div>
    <div class="pairs">${pairs(entry.event).map(([name, tag, text]) => html`<span key=${name}><span class="quiet">${word(name)}${tag ? `(${tag})` : ""}</span> <b>${text}</b></span>`)}</div></li>`)}</ol>`;
}

async function everything(id) {
  const found = [];
  let after = 0;
  for (;;) {
    const page = await get(`/v1/orders/${id}/entries`, { after, limit: 500 });
    found.push(...page.items);
    if (!page.items.length || page.next <= after) return found;
    after = page.next;
  }
}

export function OrderPage({ id, me }) {
  useStore();
  const [changing, setChanging] = useState(null);
  const { value, error, again } = useRead(() => Promise.all([get(`/v1/orders/${id}`), everything(id)]), [id]);
  const live = store.orders.get(id);
  useEffect(() => onEntry((entry) => entry.order?.order_id === id && again()), [id]);
  useEffect(() => { if (live && value && live.last_seq > value[0].last_seq) again(); }, [live?.last_seq]);
  if (!value) return html`<section><${Failure} error=${error} />${!error && html`<p class="quiet">Reading …</p>`}</section>`;
  const [read, entries] = value;
  const order = live && live.last_seq >= read.last_seq ? live : read;
  const costs = entries.filter((entry) => entry.event.cost).map((entry) => entry.event.cost);
  const last = costs.at(-1) || {};
  return html`
    <${Panel} title="Order ${id}" actions=${me.roles.includes("trade") && open(order) && html`<span class="row">
        <button onClick=${() => setChanging(order)}>Replace</button><button onClick=${() => cancel(order)} disabled=${!!order.pending_cancel}>Cancel</button></span>`}>
      <p class="figure">${word(order.side)} ${figure(order.order_qty ?? order.cash_order_qty)} ${order.symbol} ${order.price ? `@ ${figure(order.price)}` : word(order.ord_type)}
        <span class="badge ${STATUS_TONE[order.ord_status] || ""}">${word(order.ord_status)}</span></p>
      ${order.unknown && html`<p class="bad" role="alert">The outcome of its ${order.unknown} is unknown: the broker is being asked.</p>`}
      <div class="pairs">${pairs(order, ["arrival"]).map(([name, tag, text]) => html`<span key=${name}><span class="quiet">${word(name)}${tag ? `(${tag})` : ""}</span> <b>${text}</b></span>`)}</div><//>
    <${Panel} title="What happened" className="wide"><${Timeline} entries=${entries} /><//>
    <${Panel} title="Cost" className="third">
      ${costs.length ? html`<table><tbody>${[["arrival mid", last.arrival_mid], ["order slippage", last.order_slippage_bps, "bp"], ["effective spread", last.effective_spread_bps, "bp"], ["shortfall", last.shortfall_bps, "bp"]]
        .map(([name, amount, unit]) => html`<tr key=${name}><td>${name}</td><td class="number">${amount === undefined ? "–" : unit ? `${signed(amount, 2)} ${unit}` : figure(amount)}</td></tr>`)}</tbody></table>` : html`<p class="quiet">No fill yet</p>`}<//>
    <${Replace} order=${changing} onClose=${() => setChanging(null)} />`;
}
