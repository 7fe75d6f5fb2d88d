// One screen: who is connected, what is near its limit, what we hold, what works, what filled, how fast.

import { get } from "../api.js";
import { Chart, Failure, Meter, Panel, Rows, html, store, useRead, useStore } from "../desk-parts.js";
import { figure, open, signed, time, tone, word } from "../words.js";
import { ORDER_COLUMNS } from "./orders.js";

export const STEP = 10;

export function Latency() {
  const read = () => Promise.all(["p50", "p99"].map((share) => get("/v1/series", { name: `recv_to_wire_${share}`, step: STEP })));
  const { value, error } = useRead(read, [], STEP);
  const failed = error && error.status === 404 ? null : error;
  if (!value) return html`<p class="quiet">No orders measured yet</p><${Failure} error=${failed} />`;
  const last = (series) => series.values.findLast((each) => each !== null);
  const [p50, p99] = value.map(last);
  return html`<p class="figure">p50 ${p50 === undefined ? "–" : `${p50.toFixed(2)} ms`} <span class="quiet">p99 ${p99 === undefined ? "–" : `${p99.toFixed(2)} ms`}</span></p>
    <${Chart} label="Time from an order's bytes to the broker's socket, p50 and p99, last hour" unit="ms" times=${value[0].times}
      lines=${[{ label: "p50", values: value[0].values }, { label: "p99", values: value[1].values }]} />`;
}

export const utilisation = () => [...store.risk.values()].filter((item) => item.rule).sort((a, b) => b.ratio - a.ratio);

export function Desk() {
  useStore();
  const working = [...store.orders.values()].filter(open).sort((a, b) => b.order_id - a.order_id);
  const fills = store.entries.filter((entry) => entry.event.type === "order_filled").slice(0, 50);
  const positions = [...store.positions.values()].filter((position) => position.qty !== "0");
  const limits = utilisation().slice(0, 8);
  const trading = [...store.risk.values()].filter((item) => item.state && item.state !== "active");
  const accounts = [...store.accounts.values()];
  return html`
    <${Panel} title="Sessions" className="third">
      <${Rows} short label="FIX sessions" rows=${[...store.sessions.values()]} keyOf=${(row) => row.session_id} empty="No FIX session is configured" columns=${[
        { title: "Session", cell: (row) => row.session_id },
        { title: "State", cell: (row) => (row.up ? "logged on" : row.in_hours ? "logged out" : "out of hours"), tone: (row) => (row.up ? "good" : row.in_hours ? "warn" : "") },
        { title: "In", number: true, cell: (row) => figure(row.next_in) }, { title: "Out", number: true, cell: (row) => figure(row.next_out) },
        { title: "Queue", number: true, cell: (row) => figure(row.queue) },
      ]} /><//>
    <${Panel} title="Limits in use" className="third">
      ${trading.map((item) => html`<p class="bad" key=${item.account}>${item.account} is ${word(item.state)}: ${item.scopes.map((scope) => `${scope.reason} (${scope.who})`).join("; ")}</p>`)}
      ${limits.map((limit) => html`<${Meter} key=${`${limit.account} ${limit.rule}`} name="${limit.rule} ${limit.account}" ratio=${limit.ratio} detail="${figure(limit.used, 2)} of ${figure(limit.limit, 2)}" />`)}
      ${!limits.length && html`<p class="quiet">Nothing is used yet</p>`}<//>
    <${Panel} title="Accounts" className="third">
      <${Rows} short label="Accounts" rows=${accounts} keyOf=${(row) => row.account} columns=${[
        { title: "Account", cell: (row) => row.account }, { title: "Equity", number: true, cell: (row) => figure(row.equity, 2) },
        { title: "Day", number: true, cell: (row) => signed(row.day_pnl, 2), tone: (row) => tone(row.day_pnl) },
        { title: "Fills", number: true, cell: (row) => figure(row.fills) }, { title: "Traded", number: true, cell: (row) => figure(row.traded, 0) },
      ]} /><//>
    <${Panel} title="Orders (${working.length} working)" className="wide" actions=${html`<a href="/orders">all</a>`}>
      <${Rows} short label="Working orders" rows=${working} keyOf=${(row) => row.order_id} columns=${ORDER_COLUMNS} empty="Nothing works" /><//>
    <${Panel} title="Acknowledgement" className="third"><${Latency} /><//>
    <${Panel} title="Positions" className="half" actions=${html`<a href="/positions">all</a>`}>
      <${Rows} short label="Positions" rows=${positions} keyOf=${(row) => `${row.account} ${row.symbol}`} empty="Flat" columns=${[
        { title: "Account", cell: (row) => row.account }, { title: "Symbol", cell: (row) => row.symbol },
        { title: "Qty", number: true, cell: (row) => figure(row.qty) }, { title: "Average", number: true, cell: (row) => figure(row.avg_px, 4) },
        { title: "Unrealised", number: true, cell: (row) => signed(row.unrealised, 2), tone: (row) => tone(row.unrealised) },
      ]} /><//>
    <${Panel} title="Last fills" className="half">
      <${Rows} short label="Last fills" rows=${fills} keyOf=${(row) => row.seq} empty="No fill lately" columns=${[
        { title: "Time", cell: (row) => html`<a href="/entries/${row.seq}">${time(row.time)}</a>` },
        { title: "Symbol", cell: (row) => row.order.symbol }, { title: "Side", cell: (row) => word(row.order.side) },
        { title: "Qty", number: true, cell: (row) => figure(row.event.last_qty) }, { title: "Price", number: true, cell: (row) => figure(row.event.last_px) },
        { title: "Cost", number: true, cell: (row) => (row.event.cost?.slippage_bps === undefined ? "–" : `${signed(row.event.cost.slippage_bps, 1)} bp`) },
        { title: "Order", cell: (row) => html`<a href="/orders/${row.order.order_id}">${row.order.cl_ord_id}</a>` },
      ]} /><//>`;
}
