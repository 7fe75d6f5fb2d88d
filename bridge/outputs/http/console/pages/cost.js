// What execution cost: tables by any dimension, the worst fills, and latency by stage and minute.

import { get } from "../api.js";
import { Chart, Failure, Panel, Rows, html, useRead } from "../desk-parts.js";
import { filter, useRoute } from "../route.js";
import { clock, figure, signed, time, word } from "../words.js";

const BY = ["broker,symbol", "broker", "symbol", "strategy", "side", "account", "liquidity", "day"];
const STAGES = ["risk", "journal", "recv_to_wire", "wire_to_ack", "exec_to_report"];

export function Cost() {
  const { query } = useRoute();
  const by = query.by || BY[0];
  const table = useRead(() => get("/v1/costs", { by }), [by], 15);
  return html`
    <${Panel} title="Cost against arrival"><${Failure} error=${table.error} />
      <label>By<select value=${by} onChange=${(event) => filter({ by: event.target.value })}>${BY.map((each) => html`<option value=${each}>${each.replace(",", " and ")}</option>`)}</select></label>
      <${Rows} label="Cost" rows=${table.value?.items || []} keyOf=${(row) => JSON.stringify(row.key)} empty="No execution yet" columns=${[
        ...by.split(",").map((name) => ({ title: name, cell: (row) => word(row.key[name]) || "none" })),
        { title: "Fills", number: true, cell: (row) => figure(row.fills) }, { title: "Orders", number: true, cell: (row) => figure(row.orders) }, { title: "Traded", number: true, cell: (row) => figure(row.traded, 0) },
        { title: "Slippage bp", number: true, cell: (row) => signed(row.slippage_bps, 2) }, { title: "Best", number: true, cell: (row) => signed(row.best_bps, 1) }, { title: "Worst", number: true, cell: (row) => signed(row.worst_bps, 1) },
        { title: "Eff. spread bp", number: true, cell: (row) => figure(row.effective_spread_bps, 2) }, { title: "Cost", number: true, cell: (row) => signed(row.cost, 2) }, { title: "Commission", number: true, cell: (row) => figure(row.commission, 2) },
        { title: "Measured", number: true, cell: (row) => `${row.measured} of ${row.fills}` },
      ]} /><p class="quiet">Cost is positive, weighted by traded value, over fills with a fresh quote at arrival.</p><//>
    <${Panel} title="Worst twenty fills" className="half">
      <${Rows} short label="Worst fills" rows=${table.value?.worst || []} keyOf=${(row) => row.exec_id} columns=${[
        { title: "Time", cell: (row) => html`<a href="/entries/${row.seq}">${time(row.time)}</a>` }, { title: "Symbol", cell: (row) => row.symbol }, { title: "Side", cell: (row) => word(row.side) },
        { title: "Qty", number: true, cell: (row) => figure(row.last_qty) }, { title: "Price", number: true, cell: (row) => figure(row.last_px) }, { title: "Slippage bp", number: true, cell: (row) => signed(row.cost?.slippage_bps, 2) },
        { title: "Order", cell: (row) => html`<a href="/orders/${row.order_id}">${row.cl_ord_id}</a>` },
      ]} /><//>
    <${Panel} title="Latency, p99 by stage" className="half"><${Heat} /><//>
    <${Panel} title="Flow" className="half"><${Flow} /><//>`;
}

function useSeries(names, step) {
  return useRead(() => Promise.all(names.map((name) => get("/v1/series", { name, step }).catch((error) => (error.status === 404 ? null : Promise.reject(error))))), [names.join()], step);
}

// Stage by minute: a table whose cells are shaded by what they say.
function Heat() {
  const { value, error } = useSeries(STAGES.map((stage) => `${stage}_p99`), 60);
  if (!value || !value.some(Boolean)) return html`<${Failure} error=${error} /><p class="quiet">Nothing measured yet</p>`;
  const times = value.find(Boolean).times.slice(-15);
  const shade = (ms) => (ms === null || ms === undefined ? "" : ms < 1 ? "good" : ms < 5 ? "" : ms < 50 ? "warn" : "bad");
  return html`<div class="scroll short" tabindex="0" role="region" aria-label="Latency by stage and minute"><table class="heat"><thead><tr><th scope="col">ms</th>${times.map((each) => html`<th key=${each} scope="col">${clock(new Date(each * 1000)).slice(0, 5)}</th>`)}</tr></thead>
    <tbody>${STAGES.map((stage, place) => value[place] && html`<tr key=${stage}><th scope="row">${word(stage)}</th>${value[place].values.slice(-15).map((ms, minute) => html`<td key=${minute} class=${shade(ms)}>${ms === null ? "·" : ms < 10 ? ms.toFixed(2) : ms.toFixed(0)}</td>`)}</tr>`)}</tbody></table></div>`;
}

function Flow() {
  const { value, error } = useSeries(["orders", "fills", "refusals"], 10);
  if (!value || !value[0]) return html`<${Failure} error=${error} />`;
  return html`<${Chart} label="Orders, fills and refusals a second, last hour" unit="/s" times=${value[0].times} lines=${["orders", "fills", "refusals"].map((label, place) => ({ label, values: value[place]?.values || [] }))} />`;
}
